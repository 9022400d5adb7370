"""Access tokens of identity providers: a real one's, and forged ones.

Checklist rows: AUTH-001, AUTH-002, AUTH-003, AUTH-004, AUTH-005, AUTH-006, AUTH-008, AUTH-011, AUTH-012.
"""

import re
import socket
import time

import pytest

from support import stow, synth
from support.providers import AUDIENCE, Providers
from support.server import Server, run

JSON = "application/dicom+json"
STUDY = f"studies/{synth.uid(1)}"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def command(server, *arguments, code: int = 0) -> str:
    done = run(arguments[0], "--data", server.data, *arguments[1:])
    assert done.returncode == code, (arguments, done)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    port = free_port()
    with Providers(f"http://127.0.0.1:{port}") as providers:
        flags = ["--http", f"127.0.0.1:{port}"]
        with Server(tmp_path_factory.mktemp("oidc") / "data", flags=flags, config=config(providers)) as server:
            known(server, "portal", "portal", providers.real)
            known(server, "viewer", "reader", providers.forger)
            yield server, providers


def config(providers) -> str:
    return '[http]\ntls = false\n[dimse]\ntls_listen = "off"\n' + "".join(
        f'[[oidc]]\nissuer = "{issuer}"\naudience = "{AUDIENCE}"\ninsecure_loopback = true\n'
        for issuer in (providers.real, providers.forger))


def known(server, name: str, role: str, issuer: str) -> None:
    """A service that is the provider's subject of the same name."""
    command(server, "token", "add", name, "--role", role, "--on", "custodian:local")
    command(server, "account", "link", name, "--kind", "token", "--issuer", issuer, "--subject", name)


def ask(server, token, method="GET", path="studies", body=None, **headers):
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return server.request(method, path, body, {"Accept": JSON, "Authorization": f"Bearer {token}", **named})


def put(server, token, study=1):
    return ask(server, token, "POST", body=stow.body([synth.file(synth.instance(study))]), Content_Type=stow.content_type())


def challenge(answer) -> dict:
    value = answer.headers["WWW-Authenticate"]
    assert value.startswith('Bearer realm="overread"'), value
    return dict(re.findall(r'(\w+)="([^"]*)"', value))


def test_auth_002_a_real_providers_tokens_narrow_what_their_holder_may_do(world):
    server, providers = world
    storing, searching = providers.granted("RAD-108"), providers.granted("RAD-129")
    assert put(server, storing).status == 200
    assert ask(server, searching).status == 200
    for token, method, path, wanted in [
        (storing, "GET", "studies", "RAD-129"), (storing, "GET", f"{STUDY}/metadata", "RAD-107"),
        (searching, "GET", f"{STUDY}/metadata", "RAD-107"), (searching, "POST", "studies", "RAD-108"),
    ]:
        answer = put(server, token) if method == "POST" else ask(server, token, method, path)
        assert answer.status == 403, (method, path, answer)
        said = challenge(answer)
        assert said["error"] == "insufficient_scope" and said["scope"] == wanted, said
    reading = providers.granted("RAD-107")
    assert ask(server, reading, path=f"{STUDY}/metadata").status == 200
    # What the holder may not do at all is no matter of the scope.
    whole = providers.token(scope="system/ImagingStudy.cruds")
    answer = ask(server, whole, "DELETE", STUDY)
    assert answer.status == 403 and "WWW-Authenticate" not in answer.headers, answer


@pytest.mark.parametrize("kind", ["RS256", "PS256", "ES256", "EdDSA"])
def test_auth_005_algorithms(world, kind):
    server, providers = world
    for typ in ("at+jwt", "JWT"):
        assert ask(server, providers.token(kind, {"typ": typ})).status == 200


CLAIMS = {
    "expired": (dict(exp=-90), 401), "expired within the skew": (dict(exp=-30), 200), "begins later": (dict(nbf=90), 401),
    "begins within the skew": (dict(nbf=30), 200), "issued later": (dict(iat=90), 401), "issued within the skew": (dict(iat=30), 200),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_auth_003_clocks(world, name):
    server, providers = world
    changes, status = CLAIMS[name]
    answer = ask(server, providers.token(**{claim: int(time.time()) + seconds for claim, seconds in changes.items()}))
    assert answer.status == status, answer
    if status == 401:
        assert challenge(answer)["error"] == "invalid_token"


WRONG = {
    "auth 003 another issuer": dict(iss="https://evil.example"),
    "auth 003 another audience": dict(aud="https://other.example"),
    "auth 003 no audience": dict(aud=None),
    "auth 003 no end": dict(exp=None),
    "auth 003 no subject": dict(sub=None),
    "auth 003 no client": dict(client_id=None),
    "auth 003 no scope": dict(scope=None),
    "auth 004 none": dict(by="nobody", header={"alg": "none"}),
    "auth 004 HMAC with the public key": dict(by="public RS256", header={"alg": "HS256", "kid": "RS256"}),
    "auth 004 another algorithm than the key's": dict(header={"alg": "RS256"}),
    "auth 004 another key of the provider": dict(header={"kid": "RS256"}),
    "auth 004 an unknown key": dict(header={"kid": "nobody's"}),
    "auth 004 a path as key": dict(header={"kid": "../../../../dev/null"}),
    "auth 004 critical members": dict(header={"crit": ["exp"]}),
    "auth 004 another type": dict(header={"typ": "logout+jwt"}),
    "auth 006 bound to a patient": dict(patient="7"),
    "auth 006 a patient's scope": dict(scope="patient/ImagingStudy.rs"),
    "auth 006 bound by consent": dict(extensions={"ihe_bppc": {"patient_id": "7"}}),
    "auth 011 an ID token": dict(nonce="n", header={"typ": "JWT"}),
    "bound to a key": dict(cnf={"jkt": "x"}),
}


@pytest.mark.parametrize("name", WRONG)
def test_tokens_that_are_wrong(world, name):
    server, providers = world
    answer = ask(server, providers.token(**WRONG[name]))
    assert answer.status == 401, answer
    said = challenge(answer)
    assert said["error"] == "invalid_token" and said["error_description"], said


def test_auth_004_where_a_key_is_found_is_not_the_tokens_to_say(world):
    """A key that is not published, and a header that says where it would be: nobody looks there."""
    server, providers = world
    providers.control("key", kid="hidden", kind="ES256", hidden=True)
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(0)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/keys"
        for member in ("jku", "x5u"):
            token = providers.token("hidden", {"alg": "ES256", member: url})
            assert ask(server, token).status == 401
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_auth_001_what_is_no_token(world):
    server, providers = world
    good = providers.token()
    for token in ["a.b.c", "..", good[:-2] + "AA", good + "A" * 9_000, good.replace(".", "..", 1)]:
        answer = ask(server, token)
        assert answer.status == 401 and challenge(answer)["error"] == "invalid_token", (token[:40], answer)
    nothing = server.request("GET", "studies", headers={"Accept": JSON})
    assert nothing.status == 401 and nothing.headers["WWW-Authenticate"] == 'Bearer realm="overread"'
    # AUTH-012: a token in the address, alone and beside a good one.
    assert server.get(f"studies?access_token={good}", JSON).status == 401
    assert ask(server, good, path=f"studies?access_token={good}").status == 400
    connection = server.connection()
    connection.putrequest("GET", "/dicom-web/studies")
    for _ in range(2):
        connection.putheader("Authorization", f"Bearer {good}")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


def test_auth_008_keys_change_and_the_provider_goes_away(world, tmp_path):
    """With a server of its own, which has asked nothing yet."""
    _, providers = world
    with Server(tmp_path / "data", flags=[], config=config(providers)) as server:
        known(server, "viewer", "reader", providers.forger)
        assert ask(server, providers.token()).status == 204
        providers.control("key", kid="second", kind="EdDSA")
        before = len(providers.control("asked"))
        assert ask(server, providers.token("second", {"alg": "EdDSA"})).status == 204, "a new key is looked for"
        for name in range(5):
            assert ask(server, providers.token(header={"kid": f"made up {name}"})).status == 401
        assert len(providers.control("asked")) - before == 2, "metadata and keys once a minute, whatever keys are named"
        providers.control("away", is_=True)
        try:
            assert ask(server, providers.token("second", {"alg": "EdDSA"})).status == 204, "keys outlive an outage"
            server.stop()
            server.start()
            answer = ask(server, providers.token())
            assert answer.status == 503 and answer.headers["Retry-After"], answer
        finally:
            providers.control("away", is_=False)


def test_a_link_that_is_taken_back_counts_no_more(world):
    server, providers = world
    stranger = ask(server, providers.token(sub="stranger"))
    assert stranger.status == 401 and "linked to nobody" in challenge(stranger)["error_description"]
    link = ("viewer", "--kind", "token", "--issuer", providers.forger, "--subject", "second-viewer")
    command(server, "account", "link", *link)
    token = providers.token(sub="second-viewer")
    assert ask(server, token).status == 200
    assert "second-viewer of" in command(server, "token", "list")
    taken = command(server, "account", "link", "portal", *link[1:], code=1)
    assert "linked" in taken
    command(server, "account", "unlink", *link)
    assert ask(server, token).status == 401
    command(server, "account", "unlink", *link, code=1)
    listed = run("audit", "export", "--json", "--data", server.data)
    assert listed.returncode == 0, listed
    told = listed.stdout
    assert "second-viewer" in told and providers.forger in told and "stranger of" in told
    assert token not in told and token not in server.log()
