"""Access tokens of identity providers, a real one's and forged ones; signing in with them on the pages.

Checklist rows: AUTH-001, AUTH-002, AUTH-003, AUTH-004, AUTH-005, AUTH-006, AUTH-008, AUTH-010, AUTH-011, AUTH-012.
"""

import re
import socket
import time

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from support import stow, synth
from support.browser import step, visit
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
        folder = tmp_path_factory.mktemp("oidc")
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text("another secret of some length\n")
        with Server(folder / "data", flags=flags, config=config(providers, secret)) as server:
            known(server, "portal", "portal", providers.real)
            known(server, "viewer", "reader", providers.forger)
            command(server, "account", "add", "dr.miller")
            command(server, "account", "grant", "dr.miller", "--role", "reader", "--on", "custodian:local")
            for issuer in (providers.real, providers.forger):
                command(server, "account", "link", "dr.miller", "--issuer", issuer, "--subject", "miller")
            yield server, providers


def config(providers, secret=None) -> str:
    text = '[http]\ntls = false\n[dimse]\ntls_listen = "off"\n'
    for issuer, label in ((providers.real, "Clinic"), (providers.forger, "Forgers")):
        text += f'[[oidc]]\nissuer = "{issuer}"\naudience = "{AUDIENCE}"\ninsecure_loopback = true\n'
        if secret:
            text += f'login = true\nlabel = "{label}"\nclient_id = "overread"\nclient_secret_file = "{secret}"\n'
    return text


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


def exported(server) -> str:
    listed = run("audit", "export", "--json", "--data", server.data)
    assert listed.returncode == 0, listed
    return listed.stdout


def test_auth_010_a_person_signs_in_with_a_real_provider_and_out(world, tmp_path):
    """Chromium, and no script of ours: the way back from another site, whose cookie must not be Strict, and on from there."""
    server, providers = world
    visited = visit(tmp_path, [
        step("open", url=f"{server.origin}/"), step("click", text="Sign in with Clinic"), step("wait", selector="input[name=login]"),
        step("type", selector="input[name=login]", text="miller"), step("type", selector="input[name=password]", text="x"), step("key", name="Enter"),
        step("wait", text="Authorize"), step("click", selector="button[type=submit]"),
        step("wait", text="Where it listens"), step("run", script="document.cookie"), step("run", script="location.href"),
        step("click", selector=".sign-out button"), step("wait", text="You are signed out here"), step("click", text="Sign out of Clinic"),
        step("wait", selector="button[name=logout]"), step("click", selector="button[name=logout]"), step("wait", text="Sign in with Clinic"),
    ])
    assert not visited.error, (visited.error, visited.text, visited.requests[-5:])
    assert not visited.violations, visited.violations
    assert visited.found[9] == "" and visited.found[10] == f"{server.origin}/", "no cookie for scripts, no code in the address"
    assert f"as miller of {providers.real}" in exported(server)


def test_auth_010_who_is_linked_to_no_account_is_told_so(world, tmp_path):
    server, providers = world
    visited = visit(tmp_path, [
        step("open", url=f"{server.origin}/"), step("click", text="Sign in with Clinic"), step("wait", selector="input[name=login]"),
        step("type", selector="input[name=login]", text="stranger"), step("type", selector="input[name=password]", text="x"), step("key", name="Enter"),
        step("wait", text="Authorize"), step("click", selector="button[type=submit]"), step("wait", text="no account here"),
    ])
    assert not visited.error, (visited.error, visited.text)
    assert f"stranger of {providers.real}" in exported(server)


class Login:
    """A login as far as the provider's page, as a browser holds it."""

    def __init__(self, server, provider: int):
        self.server = server
        answer = server.request("GET", f"/sign-in/with/{provider}")
        assert answer.status == 303, answer
        self.asked = {name: value for name, (value,) in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
        self.set_cookie = answer.headers["Set-Cookie"]
        self.cookie = self.set_cookie.split(";")[0]

    def back(self, cookie=None, **query):
        return self.server.request("GET", "/sign-in/callback?" + urlencode(query), headers={"Cookie": cookie if cookie is not None else self.cookie})


def test_auth_010_what_is_asked(world):
    server, _ = world
    one, other = Login(server, 0), Login(server, 0)
    assert one.asked["code_challenge_method"] == "S256" and len(one.asked["code_challenge"]) == 43 and one.asked["response_type"] == "code"
    assert one.asked["redirect_uri"] == f"{server.origin}/sign-in/callback" and one.asked["client_id"] == "overread"
    for name in ("state", "nonce", "code_challenge"):
        assert one.asked[name] != other.asked[name]
    assert "HttpOnly" in one.set_cookie and "SameSite=Lax" in one.set_cookie and "Max-Age=600" in one.set_cookie
    assert server.request("GET", "/sign-in/with/7").headers["Location"] == "/"


def test_auth_010_answers_that_do_not_count(world):
    server, providers = world
    real = {"iss": providers.real, "code": "made-up"}
    for name, status, answer in [
        ("no state", 400, lambda login: login.back(**real)),
        ("another state", 400, lambda login: login.back(**real, state="x" * 64)),
        ("another browser", 400, lambda login: login.back(cookie="", **real, state=login.asked["state"])),
        ("another login's browser", 400, lambda login: login.back(cookie=Login(server, 0).cookie, **real, state=login.asked["state"])),
        ("declined", 403, lambda login: login.back(error="access_denied", state=login.asked["state"])),
        ("another issuer", 502, lambda login: login.back(iss=providers.forger, code="c", state=login.asked["state"])),
        ("no issuer, of a provider that names itself", 502, lambda login: login.back(code="c", state=login.asked["state"])),
        ("a code of nobody", 502, lambda login: login.back(**real, state=login.asked["state"])),
    ]:
        login = Login(server, 0)
        found = answer(login)
        assert found.status == status and "overread=" not in str(found.headers.get_all("Set-Cookie")), (name, found)
    again = login.back(**real, state=login.asked["state"])
    assert again.status == 400, "a state counts once"


def test_auth_010_id_tokens(world):
    """The forger redeems any code with what it is told to."""
    server, providers = world
    wrong = {"another nonce": dict(nonce="n"), "no nonce": dict(nonce=None), "another audience": dict(aud="viewer"), "another party": dict(azp="viewer"),
             "two audiences": dict(aud=["overread", "viewer"]), "expired": dict(exp=int(time.time()) - 90), "another issuer": dict(iss=providers.real),
             "another access token": dict(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "by HMAC": dict(by="public RS256", header={"alg": "HS256", "kid": "RS256", "typ": "JWT"}),
             "an access token": dict(header={"typ": "at+jwt"})}
    for name, changes in {**wrong, "a good one": {}}.items():
        login = Login(server, 1)
        said = dict(header={"typ": "JWT"}, sub="miller", aud="overread", nonce=login.asked["nonce"], jti=None, scope=None, client_id=None) | changes
        providers.control("answer", access_token="a", token_type="Bearer", id_token=providers.token(**said))
        found = login.back(code="c", state=login.asked["state"])
        assert found.status == (502 if name in wrong else 200), (name, found)
    session = next(line for line in found.headers.get_all("Set-Cookie") if line.startswith("overread="))
    assert "SameSite=Strict" in session and "HttpOnly" in session
    cookie = {"Cookie": session.split(";")[0]}
    assert b'http-equiv="refresh"' in found.body and server.request("GET", "/studies", headers=cookie).status == 200
    # Taking the link back ends the session at the next request.
    link = ("dr.miller", "--issuer", providers.forger, "--subject", "miller")
    command(server, "account", "unlink", *link)
    assert server.request("GET", "/studies", headers=cookie).status != 200
    command(server, "account", "link", *link)
