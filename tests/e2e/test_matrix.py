"""The authorisation matrix: every route and DIMSE service, method, role, and {own, foreign, absent, deleted}.

The rows come from the server's own description. A route without an expectation here fails, so none is forgotten.
What is foreign must be told from what never was by nothing: not status, not body, not a count.
Checklist rows of the area Authorisation: AUTH-001, AUTH-002, AUTH-006, AUTH-012, AUTH-013.
"""

import io
import json
import re
import zipfile
from dataclasses import dataclass, field

import pytest
from pydicom._uid_dict import UID_dictionary

from support import stow, synth, wire
from support.server import Server, run
from test_tls import authority, context  # noqa: F401

CONFIG = "[http]\ntls = false\n\n[[dimse.peers]]\naet = \"LISTED\"\ncustodian = \"alpha\"\n"
JSON = "application/dicom+json"
LIST_LINKS, MAKE_LINK, WITHDRAW = "list links", "make a link", "withdraw"
OPEN, SEARCH, READ, STORE, DELETE, ASK, RESULT, ADMINISTER = "open", "search", "read", "store", "delete", "ask", "result", "administer"

# What is held: study number, by whom.
SAME, OTHER, MINE, THEIRS, GONE, THEIRS_GONE, DOOMED, ABSENT = range(1, 9)
# What is stored is held by whoever stores from then on, so each row of that kind has studies to itself.
TO_STORE = range(100, 130)
STUDIES = "/dicom-web/studies"
LEVELS = ["{study}", "{study}/series/{series}", "{study}/series/{series}/instances/{instance}"]
EXPECTED = {
    **{("get", path): OPEN for path in ("/healthz", "/readyz", "/docs", "/docs/", "/docs/openapi.json", "/docs/openapi.yaml",
                                        "/docs/application.wadl")},
    ("options", "/dicom-web/"): OPEN, ("options", "/wado"): OPEN,
    ("get", "/metrics"): ADMINISTER,
    **{("get", path): SEARCH for path in (STUDIES, "/dicom-web/series", "/dicom-web/instances")},
    **{("get", f"{STUDIES}/{{study}}{below}"): SEARCH for below in ("/series", "/instances", "/series/{series}/instances")},
    **{("get", f"{STUDIES}/{level}{what}"): READ for level in LEVELS
       for what in ("", "/metadata", "/bulkdata", "/pixeldata", "/rendered", "/thumbnail")},
    **{("get", f"{STUDIES}/{LEVELS[2]}/{what}"): READ
       for what in ("frames/{frames}", "frames/{frames}/rendered", "frames/{frames}/thumbnail", "bulkdata/{attribute}")},
    ("get", "/wado"): READ,
    **{("delete", f"{STUDIES}/{level}"): DELETE for level in LEVELS},
    ("post", STUDIES): STORE, ("post", f"{STUDIES}/{{study}}"): STORE, ("post", "/api/upload"): STORE,
    ("get", "/api/links"): LIST_LINKS, ("post", "/api/links"): MAKE_LINK, ("delete", "/api/links/{link}"): WITHDRAW,
    ("post", "/dicom-web/commitment-requests/{transaction}"): ASK,
    ("get", "/dicom-web/commitment-requests/{transaction}"): RESULT,
}
LINKS = {LIST_LINKS, MAKE_LINK, WITHDRAW}
# What a role may do, beside what is open.
MAY = {
    "administrator": {SEARCH, READ, STORE, DELETE, ASK, RESULT, ADMINISTER} | LINKS,
    "coordinator": {SEARCH, READ, STORE, ASK, RESULT} | LINKS, "centre": {SEARCH, READ, STORE, ASK, RESULT} | LINKS,
    "portal": {SEARCH, READ, STORE, ASK, RESULT} | LINKS,
    "reader": {SEARCH, READ, ASK, RESULT}, "physician": {SEARCH, READ, ASK, RESULT},
    "nobody": set(), "anonymous": set(),
    # Who came by a link has a session, which counts for reading only.
    "share": {SEARCH, READ, RESULT}, "upload link": {RESULT},
}


def data(study: int, seed: int = 0):
    return synth.with_pixels(synth.instance(study), seed=seed)


@dataclass
class World:
    server: Server
    tokens: dict = field(default_factory=dict)
    cookies: dict = field(default_factory=dict)
    transactions: int = 0
    stored: int = 0

    def headers(self, role: str, **more) -> dict:
        if role in self.cookies:
            return {"Cookie": self.cookies[role]} | more
        token = self.tokens.get(role)
        return ({"Authorization": f"Bearer {token}"} if token else {}) | more

    def ask(self, role: str, method: str, path: str, body=None, **headers):
        return self.server.request(method.upper(), path, body, self.headers(role, **{k.replace("_", "-"): v for k, v in headers.items()}))

    def put(self, role: str, *held) -> None:
        body = stow.body([synth.file(one) for one in held])
        answer = self.ask(role, "post", STUDIES, body, Content_Type=stow.content_type(), Accept=JSON)
        assert answer.status == 200, answer

    def transaction(self) -> str:
        self.transactions += 1
        return f"2.25.{7_000_000 + self.transactions}"


def command(server, *arguments, code: int = 0):
    done = run(arguments[0], "--data", server.data, *arguments[1:])
    assert done.returncode == code, (arguments, done)
    return done.stdout


def token(server, name: str, custodian: str, *grants: tuple[str, str]) -> str:
    made = command(server, "token", "add", name, "--custodian", custodian, "--json")
    for role, on in grants:
        command(server, "account", "grant", name, "--kind", "token", "--role", role, "--on", on)
    return json.loads(made)["token"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("matrix") / "data", flags=["--dimse-tls", "off"], config=CONFIG) as server:
        world = World(server)
        alpha, beta = "custodian:alpha", "custodian:beta"
        # Custodian by custodian, so that who deletes deletes the holding that is meant.
        world.tokens["of alpha"] = token(server, "of alpha", "alpha", ("administrator", alpha))
        world.tokens["of beta"] = token(server, "of beta", "beta", ("administrator", beta))
        world.put("of alpha", *(data(study) for study in (SAME, OTHER, MINE, GONE, DOOMED)))
        world.put("of beta", data(SAME), data(OTHER, seed=1), *(data(study) for study in (THEIRS, THEIRS_GONE, *TO_STORE)))
        for who, study in (("of alpha", GONE), ("of beta", THEIRS_GONE)):
            assert world.ask(who, "delete", f"{STUDIES}/{synth.uid(study)}").status == 204
        world.tokens["administrator"] = world.tokens["of alpha"]
        world.tokens["server"] = (server.data / "administrator.token").read_text().strip()
        for role in ("coordinator", "centre", "portal"):
            world.tokens[role] = token(server, role, "alpha", (role, alpha))
        for role in ("reader", "physician"):
            held = [(role, f"holding:alpha/{synth.uid(study)}") for study in (SAME, OTHER, MINE, GONE, DOOMED)]
            world.tokens[role] = token(server, role, "alpha", *held)
        world.tokens["nobody"] = token(server, "nobody", "alpha")
        shown = [{"study": synth.uid(study), "custodian": "alpha"} for study in (SAME, OTHER, MINE, DOOMED)]
        for role, wanted in (("share", {"kind": "share", "studies": shown}), ("upload link", {"kind": "upload"})):
            made = world.ask("coordinator", "post", "/api/links", json.dumps(wanted | {"label": role, "code": False}).encode())
            entered = server.request("POST", "/s", f"token={made.json()['url'].split('#')[1]}".encode(),
                                     {"Content-Type": "application/x-www-form-urlencoded"})
            world.cookies[role] = entered.headers["Set-Cookie"].split(";")[0]
        yield world


def routes(server) -> list[tuple[str, str]]:
    described = server.get("/docs/openapi.json").json()["paths"]
    return [(method, path) for path, methods in described.items() for method in methods if method != "parameters"]


def test_every_route_has_an_expectation(world):
    """A route that the table does not know is one that nobody thought about."""
    served = set(routes(world.server))
    assert served - EXPECTED.keys() == set() and len(served) >= 40, served - EXPECTED.keys()


def at(path: str, study: int, transaction: str = "") -> str:
    """The route for a study's first instance."""
    values = {"study": synth.uid(study), "series": synth.uid(study, 1), "instance": synth.uid(study, 1, 1), "frames": "1",
              "attribute": "7FE00010", "transaction": transaction, "link": "99999"}
    path = path.format(**values)
    if path == "/wado":
        path += f"?requestType=WADO&studyUID={values['study']}&seriesUID={values['series']}&objectUID={values['instance']}"
    return path


def shape(answer) -> tuple:
    """What an answer tells, but for the names that were asked for."""
    body = re.sub(rb"2\.25\.[0-9.]+", b"UID", answer.body)
    shown = {k.lower(): re.sub(r"2\.25\.[0-9.]+", "UID", v) for k, v in answer.headers.items()}
    # What every answer has of its own.
    for name in ("date", "x-request-id", "server-timing", "age"):
        shown.pop(name, None)
    body = re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}", b"ID", body)
    return answer.status, body, tuple(sorted(shown.items()))


def upload(study: int, seed: int = 0) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.dcm", synth.file(data(study, seed)))
    return packed.getvalue()


def request(world: World, role: str, method: str, path: str, study: int):
    """One request of the matrix."""
    kind = EXPECTED[method, path]
    if kind == STORE and path == "/api/upload":
        return world.ask(role, method, path, upload(study), Content_Type="application/zip", Accept="application/json")
    if kind == STORE:
        body = stow.body([synth.file(data(study))])
        return world.ask(role, method, at(path, study), body, Content_Type=stow.content_type(), Accept=JSON)
    if kind == MAKE_LINK:
        body = json.dumps({"kind": "share", "label": "x", "code": False, "studies": [{"study": synth.uid(study)}]}).encode()
        return world.ask(role, method, path, body, Content_Type="application/json")
    if kind == ASK:
        item = {"00081150": {"vr": "UI", "Value": [synth.CT]}, "00081155": {"vr": "UI", "Value": [synth.uid(study, 1, 1)]}}
        body = json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode()
        return world.ask(role, method, at(path, study, world.transaction()), body, Content_Type=JSON, Accept=JSON)
    if kind == RESULT:
        return world.ask(role, method, at(path, study, "2.25.8"), Accept=JSON)
    return world.ask(role, method, at(path, study), Accept="*/*")


@pytest.mark.parametrize("role", MAY)
def test_the_matrix(world, role):
    """AUTH-001, AUTH-002, AUTH-006: each row of each role."""
    wrong, rows = [], 0
    for method, path in routes(world.server):
        kind = EXPECTED[method, path]
        own, foreign, absent = MINE, THEIRS, ABSENT
        if kind == STORE:
            foreign = TO_STORE[world.stored]
            absent = foreign + 100
            world.stored += STORE in MAY[role]
        elif kind == DELETE:
            own = None
        found = {}
        for what, study in (("own", own), ("foreign", foreign), ("absent", absent), ("deleted", GONE), ("foreign deleted", THEIRS_GONE)):
            if study is None or kind == STORE and what.endswith("deleted"):
                continue
            rows += 1
            found[what] = request(world, role, method, path, study)
            if kind == STORE and study != own and STORE in MAY[role]:
                assert world.ask("of alpha", "delete", f"{STUDIES}/{synth.uid(study)}").status == 204
        for what, answer in found.items():
            status = expected(role, kind, what)
            if answer.status not in status:
                wrong.append((method, path, what, answer.status, sorted(status)))
        if shape(found["foreign"]) != shape(found["absent"]):
            wrong.append((method, path, "foreign is told from absent", shape(found["foreign"]), shape(found["absent"])))
        if "foreign deleted" in found and kind != RESULT and shape(found["foreign deleted"]) != shape(found["absent"]):
            wrong.append((method, path, "a foreign deletion shows", shape(found["foreign deleted"]), shape(found["absent"])))
    assert not wrong, "\n".join(map(str, wrong))
    assert rows >= 180, rows


# What a cookie does not count for.
UNSAFE = {STORE, DELETE, ASK, MAKE_LINK, WITHDRAW}


def expected(role: str, kind: str, what: str) -> set[int]:
    if kind == OPEN:
        return {200, 204, 307, 308}
    if role == "anonymous":
        return {401}
    if role in ("share", "upload link") and kind in UNSAFE:
        return {401}
    if kind == LIST_LINKS and kind in MAY[role]:
        return {200}
    if kind == WITHDRAW and kind in MAY[role]:
        return {404}
    if kind == MAKE_LINK and kind in MAY[role]:
        return {201} if what == "own" else {404}
    # Metrics are of the whole server: who administers one custodian does not see them.
    if kind == ADMINISTER or kind not in MAY[role]:
        return {403}
    if kind == STORE:
        return {200}
    if kind == SEARCH:
        return {200, 204, 404, 410} if what != "own" else {200}
    if kind == RESULT:
        return {404}
    if kind == ASK:
        return {200, 202}
    if what == "own":
        return {200}
    # No link shows what was deleted before it was made.
    if role == "share":
        return {404}
    return {410} if what == "deleted" else {404}


def test_only_who_runs_the_server_sees_its_metrics(world):
    assert world.ask("server", "get", "/metrics").status == 200


@pytest.mark.parametrize("role", [role for role, may in MAY.items() if SEARCH in may])
def test_neither_sees_counts_or_is_told_of_the_others(world, role):
    """AUTH-006: two custodians with the same study, the same and other bytes."""
    own = {synth.uid(study) for study in (SAME, OTHER, MINE, DOOMED)}
    for path in ("", "?limit=100", "?PatientName=Synth*", "?00080061=CT", f"?StudyInstanceUID={synth.uid(THEIRS)},{synth.uid(MINE)}"):
        found = world.ask(role, "get", STUDIES + path, Accept=JSON)
        got = {one["0020000D"]["Value"][0] for one in found.json()}
        assert got == (own if "StudyInstanceUID" not in path else {synth.uid(MINE)}), (path, got)
        assert "Warning" not in found.headers, found.headers
    first = world.ask(role, "get", f"{STUDIES}?limit=1", Accept=JSON)
    assert len(first.json()) == 1 and str(len(own) - 1) in first.headers.get("Warning", "1 3"), first.headers
    for study in (SAME, OTHER):
        counted = world.ask(role, "get", f"{STUDIES}?StudyInstanceUID={synth.uid(study)}&includefield=all", Accept=JSON).json()
        assert [one["00201208"]["Value"] for one in counted] == [[1]]
        files = stow.split_multipart(*(lambda a: (a.headers["Content-Type"], a.body))(
            world.ask(role, "get", at(f"{STUDIES}/{{study}}", study), Accept='multipart/related; type="application/dicom"')))
        assert len(files) == 1 and data(study).PixelData in files[0].body
    # Naming the other custodian opens nothing.
    for study in (SAME, OTHER, THEIRS):
        named = world.ask(role, "get", at(f"{STUDIES}/{{study}}/metadata", study) + "?custodian=beta", Accept=JSON)
        never = world.ask(role, "get", at(f"{STUDIES}/{{study}}/metadata", ABSENT) + "?custodian=beta", Accept=JSON)
        assert shape(named) == shape(never), (study, named)


def test_commitment_is_for_what_one_reaches(world):
    for role in ("centre", "reader"):
        answers = {study: request(world, role, "post", "/dicom-web/commitment-requests/{transaction}", study) for study in (MINE, THEIRS, ABSENT)}
        assert answers[MINE].status == 200 and "00081198" not in answers[MINE].json(), answers[MINE].body
        assert shape(answers[THEIRS]) == shape(answers[ABSENT]) and "00081198" in answers[THEIRS].json()


def test_deleting_is_within_reach(world):
    """Who administers one custodian deletes there, and the same study of the other stays."""
    assert world.ask("of alpha", "delete", f"{STUDIES}/{synth.uid(THEIRS)}").status == 404
    assert world.ask("of beta", "get", f"{STUDIES}/{synth.uid(THEIRS)}/metadata", Accept=JSON).status == 200
    world.put("of beta", data(DOOMED))
    assert world.ask("of alpha", "delete", f"{STUDIES}/{synth.uid(DOOMED)}").status == 204
    for role, status in (("of alpha", 410), ("reader", 410), ("of beta", 200)):
        assert world.ask(role, "get", f"{STUDIES}/{synth.uid(DOOMED)}/metadata", Accept=JSON).status == status, role
    world.put("of alpha", data(DOOMED))
    assert world.ask("of beta", "delete", f"{STUDIES}/{synth.uid(DOOMED)}").status == 204


def test_a_change_counts_from_the_next_request(world):
    """Beside the running server, without a word to it."""
    server = world.server
    world.tokens["new"] = token(server, "new", "alpha", ("reader", f"holding:beta/{synth.uid(THEIRS)}"))

    def status(study: int = THEIRS) -> int:
        return world.ask("new", "get", f"{STUDIES}/{synth.uid(study)}/metadata", Accept=JSON).status

    grant = ["account", "grant", "new", "--kind", "token", "--role", "reader", "--on"]
    assert (status(), status(MINE)) == (200, 404)
    command(server, *grant, f"holding:alpha/{synth.uid(MINE)}")
    assert (status(), status(MINE)) == (200, 200)
    command(server, *grant, f"holding:alpha/{synth.uid(MINE)}", "--until", "2026-01-01")
    assert (status(), status(MINE)) == (200, 404), "expired"
    command(server, "account", "revoke", "new", "--kind", "token", "--role", "reader", "--on", f"holding:beta/{synth.uid(THEIRS)}")
    assert status() == 403, "no right is left"
    command(server, "account", "revoke", "new", "--kind", "token", "--role", "reader", "--on", "everything", code=1)
    command(server, *grant, "everything")
    old = world.tokens["new"]
    world.tokens["new"] = json.loads(command(server, "token", "rotate", "new", "--json"))["token"]
    assert status() == 200
    world.tokens["new"], new = old, world.tokens["new"]
    assert status() == 200, "both count while one takes the other's place"
    world.tokens["new"] = json.loads(command(server, "token", "rotate", "new", "--overlap-hours", "0", "--json"))["token"]
    last, world.tokens["new"] = world.tokens["new"], new
    assert status() == 401
    world.tokens["new"] = last
    assert status() == 200
    listed = [json.loads(line) for line in command(server, "token", "list", "--json").splitlines()]
    assert last not in str(listed) and [one for one in listed if one["name"] == "new"][0]["grants"][0]["role"] == "reader"
    command(server, "token", "revoke", "new")
    assert status() == 401
    assert last not in server.log() and old not in server.log()


def test_two_authorization_headers(world):
    """Neither is chosen."""
    connection = world.server.connection()
    connection.putrequest("GET", STUDIES)
    for role in ("reader", "of beta"):
        connection.putheader("Authorization", f"Bearer {world.tokens[role]}")
    connection.endheaders()
    assert connection.getresponse().status == 400


EXPLICIT = "1.2.840.10008.1.2.1"
# What a title is to the server, how it calls, and whether it is let in.
CALLERS = [
    ("LISTED", None, True), ("LISTED", "client", True), ("OPEN", None, True), ("OPEN", "client", True), ("BOUND", "client", True),
    # Whoever has not the certificate of a bound title is nobody.
    ("BOUND", None, False), ("BOUND", "server", False), ("STRANGER", None, False), ("STRANGER", "client", False),
]


@pytest.fixture(scope="module")
def entity(tmp_path_factory, authority):  # noqa: F811
    """A server for DIMSE over TLS with titles that are configured, registered, and bound to a certificate."""
    config = CONFIG + f"""
[tls]
certificate_file = "{authority['server'][0]}"
key_file = "{authority['server'][1]}"
client_ca_file = "{authority['ours'][0]}"
client_certificates = "optional"
"""
    with Server(tmp_path_factory.mktemp("titles") / "data", flags=["--dimse-tls", "127.0.0.1:0"], config=config,
                wanted=("http", "dimse", "dimse-tls")) as server:
        world = World(server)
        for name in ("alpha", "beta"):
            world.tokens[f"of {name}"] = token(server, f"of {name}", name, ("administrator", f"custodian:{name}"))
        command(server, "aet", "add", "OPEN", "--custodian", "alpha")
        command(server, "aet", "add", "BOUND", "--custodian", "alpha", "--certificate", authority["client"][0])
        command(server, "account", "grant", "BOUND", "--kind", "aet", "--role", "centre", "--on", "custodian:alpha")
        world.put("of alpha", data(MINE), data(GONE))
        world.put("of beta", data(THEIRS))
        assert world.ask("of alpha", "delete", f"{STUDIES}/{synth.uid(GONE)}").status == 204
        yield world


def classes() -> list[str]:
    """Every SOP Class that there is a name for: storage, query, retrieve, worklist, commitment, printing and all others."""
    return [uid for uid, entry in UID_dictionary.items() if entry[1] in ("SOP Class", "Meta SOP Class", "Service Class")]


def call(entity, authority, title, certificate, contexts):  # noqa: F811
    tls = context(certificate=authority[certificate] if certificate else None)
    return wire.Association(entity.server.dimse_tls, contexts, calling=title, tls=tls)


@pytest.mark.parametrize("title,certificate,is_let_in", CALLERS)
def test_services_of_a_title(entity, authority, title, certificate, is_let_in):  # noqa: F811
    """AUTH-012: of all services a title has only those that the matrix has rows for; without its certificate none."""
    offered = classes()
    assert len(offered) > 250
    accepted = set()
    for start in range(0, len(offered), 120):
        contexts = [(uid, [wire.IMPLICIT_LE]) for uid in offered[start:start + 120]]
        if not is_let_in:
            with pytest.raises(wire.Refused) as refused:
                call(entity, authority, title, certificate, contexts)
            assert refused.value.fields == (1, 1, 3)
            continue
        with call(entity, authority, title, certificate, contexts) as association:
            accepted |= {uid for uid, _ in contexts if association.context_for(uid, wire.IMPLICIT_LE)}
    others = {UID_dictionary[uid][0] for uid in accepted if uid != wire.VERIFICATION and "Storage" not in UID_dictionary[uid][0]}
    assert not others, f"served: give them rows in this matrix: {others}"
    commitment = {uid for uid in accepted if "Commitment" in UID_dictionary[uid][0]}
    assert not commitment, commitment
    assert (wire.VERIFICATION in accepted) == is_let_in and (synth.CT in accepted) == is_let_in


@pytest.mark.parametrize("title,certificate", [(title, certificate) for title, certificate, is_let_in in CALLERS if is_let_in])
def test_stores_of_a_title(entity, authority, title, certificate):  # noqa: F811
    """AUTH-002, AUTH-006: own, foreign, absent and deleted are answered alike, and what is stored is the title's custodian's alone."""
    before = entity.ask("of beta", "get", STUDIES, Accept=JSON).body
    answers = {}
    for what, study in (("own", MINE), ("foreign", THEIRS), ("absent", ABSENT), ("deleted", GONE)):
        one = data(study)
        with call(entity, authority, title, certificate, [(wire.VERIFICATION, [wire.IMPLICIT_LE]), (synth.CT, [EXPLICIT])]) as association:
            number = association.context_for(synth.CT, EXPLICIT)
            association.message += 1
            association.send_command(number, wire.store_request(synth.CT, one.SOPInstanceUID, association.message))
            association.send_data(number, synth.encode(one))
            answers[what] = {tag: value for tag, value in association.response().items() if tag != 0x1000}
        held = entity.ask("of alpha", "get", f"{STUDIES}/{synth.uid(study)}/metadata", Accept=JSON)
        assert held.status == 200 and len(held.json()) == 1, (what, held)
    assert answers["absent"][0x0900] == b"\0\0" and set(map(str, answers.values())) == {str(answers["absent"])}, answers
    assert entity.ask("of beta", "get", STUDIES, Accept=JSON).body == before
    for study in (ABSENT, GONE, MINE):
        assert entity.ask("of beta", "get", f"{STUDIES}/{synth.uid(study)}/metadata", Accept=JSON).status == 404, study
    for study in (THEIRS, ABSENT, GONE):
        assert entity.ask("of alpha", "delete", f"{STUDIES}/{synth.uid(study)}").status == 204, study
    assert entity.ask("of beta", "get", f"{STUDIES}/{synth.uid(THEIRS)}/metadata", Accept=JSON).status == 200


def test_a_title_that_is_removed_is_nobody(world):
    """From the next association on."""
    server, one = world.server, data(20)
    command(server, "aet", "add", "CENTRE", "--custodian", "beta")
    assert wire.store_one(server.dimse, one.SOPClassUID, one.SOPInstanceUID, EXPLICIT, synth.encode(one), calling="CENTRE") == 0
    url = f"{STUDIES}/{one.StudyInstanceUID}/metadata"
    assert world.ask("of beta", "get", url, Accept=JSON).status == 200
    assert world.ask("centre", "get", url, Accept=JSON).status == 404
    command(server, "aet", "remove", "CENTRE")
    with pytest.raises(wire.Refused) as refused:
        wire.store_one(server.dimse, one.SOPClassUID, one.SOPInstanceUID, EXPLICIT, synth.encode(one), calling="CENTRE")
    assert refused.value.fields == (1, 1, 3)


def test_secrets_are_no_arguments(world):
    """A password comes by a file or standard input, is judged, and is nowhere to be read."""
    server = world.server
    command(server, "account", "add", "dr.miller")
    file = server.data.parent / "password"
    for text, code in (("short", 1), ("password1234", 1), ("four strange little words", 0)):
        file.write_text(text + "\n")
        command(server, "account", "password", "dr.miller", "--file", file, code=code)
    assert b"four strange" not in (server.data / "access.db").read_bytes()
    command(server, "account", "password", "nobody.here", "--file", file, code=1)
    command(server, "account", "add", "dr.miller", code=1)
    command(server, "account", "grant", "dr.miller", "--role", "root", "--on", "everything", code=2)


def test_who_is_known_is_in_the_backup(world, tmp_path):
    command(world.server, "backup", tmp_path / "copy")
    listed = run("token", "--data", tmp_path / "copy", "list", "--json")
    assert {"centre", "reader"} <= {json.loads(line)["name"] for line in listed.stdout.splitlines()}, listed
