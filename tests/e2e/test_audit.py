"""The audit trail: everything that is done is in it once, nothing in it can be changed unnoticed, and a collector gets all of it."""

import base64
import json
import random
import re
import shutil
import sqlite3
import ssl
import subprocess
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from xml.etree import ElementTree

import pytest

from support import part10, stow, synth, wire
from support.server import Server, run

DONE, INCOMPLETE = 0, 3
ACTIONS, CONNECTIONS, STUDIES = 10_000, 4, 40
TOKENS = "[http]\ntls = false\n"


def token_server(data, more: str = "", **options) -> Server:
    """A server that asks for a token, on plain HTTP."""
    return Server(data, flags=["--dimse-tls", "off"], config=TOKENS + more, **options)


class Client:
    """One connection with the administrator's token."""

    def __init__(self, server, token: str | None = None):
        self.connection = HTTPConnection(*server.http, timeout=30)
        self.token = (server.data / "administrator.token").read_text().strip() if token is None else token

    def ask(self, method: str, path: str, body=None, accept="*/*", **headers) -> int:
        named = {"Accept": accept} | {k.replace("_", "-"): v for k, v in headers.items()}
        if self.token:
            named["Authorization"] = f"Bearer {self.token}"
        self.connection.request(method, f"/dicom-web/{path}", body, named)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def post(self, parts) -> int:
        return self.ask("POST", "studies", stow.body(parts), "application/dicom+json", Content_Type=stow.content_type())


def rows(data, *choice) -> list[dict]:
    """What the trail says, by the command."""
    done = run("audit", "export", "--json", "--data", data, *choice)
    assert done.returncode == DONE, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def name(what) -> str:
    return what if isinstance(what, str) else "-".join(next(iter(what.items())))


def key(row) -> tuple:
    event = row["event"]
    return name(event["what"]), event["service"], event["outcome"], event.get("study", "")


def test_rows_name_their_request(tmp_path):
    """A client's own name for its request, or one that we make, stands in the answer and in the row: at DICOMweb, on the
    pages, and where somebody is turned away. The log has none of a client's own choice."""
    def entities(row) -> list[str]:
        return [one["what"]["identifier"]["value"] for one in row.get("entity", []) if one["type"]["code"] == "XrequestId"]

    with token_server(tmp_path / "data", env={"RUST_LOG": "debug"}) as server:
        named = {"Authorization": f"Bearer {(server.data / 'administrator.token').read_text().strip()}"}
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        asked = [("GET", "/dicom-web/studies", None, named), ("GET", "/dicom-web/series", None, {"Authorization": "Bearer 0"}),
                 ("POST", "/sign-in", b"name=nobody&password=guess", form)]
        given = [server.request(method, path, body, headers | {"X-Request-Id": f"JANE-{n}"}).headers["X-Request-Id"]
                 for n, (method, path, body, headers) in enumerate(asked)]
        assert given == ["JANE-0", "JANE-1", "JANE-2"]
        made = [server.request("GET", f"/dicom-web/studies?limit={n}", None, named | more).headers["X-Request-Id"]
                for n, more in enumerate(({}, {}, {"X-Request-Id": "no word"}, {"X-Request-Id": "x" * 129}))]
        assert len(set(made)) == 4 and all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", one) for one in made)
    told = {row["event"]["who"].get("request") for row in rows(tmp_path / "data")}
    assert told == {None, *given, *made}
    exported = run("audit", "export", "--form", "fhir", "--data", tmp_path / "data").stdout
    assert {value for line in exported.splitlines() for value in entities(json.loads(line))} == {*given, *made}
    assert "JANE" not in server.log()
    assert run("audit", "verify", "--data", tmp_path / "data").returncode == DONE


class Driver(threading.Thread):
    """Does its share of the actions, and keeps the journal: how often each was done, and to how many instances."""

    def __init__(self, server, number: int, actions: int, studies: list[str]):
        super().__init__()
        self.server, self.number, self.actions, self.studies = server, number, actions, studies
        self.random = random.Random(number)
        self.times, self.instances, self.failure = Counter(), Counter(), None
        self.made = 0

    def run(self):
        try:
            self.client, self.nobody, self.forger = (Client(self.server, t) for t in (None, "", "0" * 64))
            self.peer = None
            kinds = [self.search, self.metadata, self.instance, self.frame, self.frame, self.study, self.absent, self.malformed,
                     self.nobody_asks, self.forged, self.restored, self.one_new, self.half_good, self.by_dimse, self.deleted]
            weights = [18, 15, 12, 12, 12, 6, 5, 3, 3, 3, 2, 3, 2, 3, 1]
            for kind in self.random.choices(kinds, weights, k=self.actions):
                kind()
            if self.peer:
                self.peer.release()
                self.peer.close()
        except Exception as error:  # told by the test
            self.failure = error
            raise

    def did(self, what, service, outcome="success", study="", instances=0):
        self.times[what, service, outcome, study] += 1
        self.instances[what, service, outcome, study] += instances

    def held(self) -> tuple[str, str]:
        study = self.random.choice(self.studies)
        number = int(study.rsplit(".", 1)[1])
        return study, f"studies/{study}/series/{synth.uid(number, 1)}/instances/{synth.uid(number, 1, 1)}"

    def fresh(self):
        """A new instance of a study of its own."""
        self.made += 1
        return synth.with_pixels(synth.instance(100_000 * (self.number + 1) + self.made, 1, 1), 8, 8)

    def search(self):
        assert self.client.ask("GET", f"studies?PatientID=S{self.random.randrange(99)}&limit=3") in (200, 204)
        self.did("query", "QIDO-RS studies")

    def metadata(self):
        study, path = self.held()
        assert self.client.ask("GET", f"{path}/metadata") == 200
        self.did("view", "WADO-RS metadata", study=study)

    def instance(self):
        study, path = self.held()
        assert self.client.ask("GET", path) == 200
        self.did("retrieve", "WADO-RS instances", study=study, instances=1)

    def study(self):
        study, _ = self.held()
        assert self.client.ask("GET", f"studies/{study}") == 200
        self.did("retrieve", "WADO-RS instances", study=study, instances=2)

    def frame(self):
        study, path = self.held()
        assert self.client.ask("GET", f"{path}/frames/1") == 200
        self.did("retrieve", "WADO-RS frames", study=study, instances=1)

    def absent(self):
        assert self.client.ask("GET", "studies/1.2.3") == 404
        self.did("retrieve", "WADO-RS instances", "minor", "1.2.3")

    def malformed(self):
        assert self.client.ask("GET", "studies?limit=-1") == 400
        self.did("query", "QIDO-RS studies", "minor")

    def nobody_asks(self):
        assert self.nobody.ask("GET", "studies") == 401
        self.did("login", "HTTP", "minor")

    def forged(self):
        assert self.forger.ask("GET", "studies") == 401
        self.did("login", "HTTP", "serious")

    def stored(self, data, change="new", service="STOW-RS"):
        self.did(f"store-{change}", service, study=str(data.StudyInstanceUID), instances=1)

    def one_new(self):
        data = self.fresh()
        assert self.client.post([synth.file(data)]) == 200
        self.stored(data)
        return data

    def restored(self):
        """AUD-006: held already, and then with other bytes."""
        data = self.one_new()
        assert self.client.post([synth.file(data)]) == 200
        self.stored(data, "held")
        data.StudyDescription = "other bytes"
        assert self.client.post([synth.file(data)]) == 202
        self.stored(data, "altered")

    def half_good(self):
        """AUD-004: one message for what is kept, one for what is not."""
        data = self.fresh()
        assert self.client.post([synth.file(data), synth.file(self.fresh())[:-20]]) == 202
        self.stored(data)
        self.did("store-new", "STOW-RS", "minor")

    def by_dimse(self):
        data = self.fresh()
        self.peer = self.peer or wire.Association(self.server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], calling="STORESCU")
        assert self.peer.store(1, synth.CT, str(data.SOPInstanceUID), synth.encode(data)) == 0
        self.stored(data, service="C-STORE")

    def deleted(self):
        """AUD-012."""
        data = self.one_new()
        assert self.client.ask("DELETE", f"studies/{data.StudyInstanceUID}?reason=a%20test") == 204
        self.did("delete", "DICOMweb DELETE", study=str(data.StudyInstanceUID), instances=1)


@pytest.fixture(scope="module")
def run_of_many(tmp_path_factory):
    """10,000 mixed actions over several connections: the data folder, and the journal."""
    data = tmp_path_factory.mktemp("audit") / "data"
    with token_server(data) as server:
        client = Client(server)
        numbers = range(1, STUDIES + 1)
        held = [synth.with_pixels(synth.instance(n, 1, k), 16, 16) for n in numbers for k in (1, 2)]
        assert client.post([synth.file(one) for one in held]) == 200
        drivers = [Driver(server, n, ACTIONS // CONNECTIONS, [synth.uid(n) for n in numbers]) for n in range(CONNECTIONS)]
        began = time.monotonic()
        for driver in drivers:
            driver.start()
        for driver in drivers:
            driver.join()
        took = time.monotonic() - began
        assert not [d.failure for d in drivers if d.failure]
        print(f"{ACTIONS} actions in {took:.1f} s")
    times, instances = sum((d.times for d in drivers), Counter()), sum((d.instances for d in drivers), Counter())
    for one in held:
        instances["store-new", "STOW-RS", "success", str(one.StudyInstanceUID)] += 1
    for n in numbers:
        times["store-new", "STOW-RS", "success", synth.uid(n)] += 1
    return data, times, instances


def of_clients(rows: list[dict]) -> list[dict]:
    return [row for row in rows if row["event"]["who"]["door"] not in ("server", "console")]


def test_the_journal_equals_the_audit(run_of_many):
    """AUD-003 to AUD-012: each action is there, none twice, and nothing else."""
    data, times, instances = run_of_many
    all_rows = rows(data)
    assert [row["sequence"] for row in all_rows] == list(range(1, len(all_rows) + 1))
    found, counted = Counter(), Counter()
    for row in of_clients(all_rows):
        found[key(row)] += row["times"]
        counted[key(row)] += sum(row["event"].get("classes", {}).values())
    assert found == times
    assert +counted == +instances
    assert sum(times.values()) >= ACTIONS
    ours = Counter(name(row["event"]["what"]) for row in all_rows if row["event"]["who"]["door"] == "server")
    assert (ours["start"], ours["stop"]) == (1, 1) and ours["recording-started"] >= 1, ours
    for row in all_rows:
        event = row["event"]
        if event.get("study") and event["outcome"] == "success":
            assert event["patient"] == {"id": "S" + event["study"].rsplit(".", 1)[1], "name": "Synthetic^Patient"}, event
        if event["outcome"] != "success":
            assert "patient" not in event, "who was refused learns no name, nor does the trail say one"
    assert {row["event"]["detail"] for row in all_rows if row["event"]["what"] == "delete"} == {"a test"}


def test_accesses_of_one_patient(run_of_many):
    """The patient's own right to know."""
    data, times, _ = run_of_many
    study = synth.uid(7)
    wanted = sum(n for (what, _, outcome, of), n in times.items() if of == study and outcome == "success")
    done = run("audit", "patient", "S7", "--json", "--data", data)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["event"]["study"] for row in found} == {study}
    assert sum(row["times"] for row in found) == wanted > 0
    words = run("audit", "patient", "S7", "--data", data).stdout.splitlines()
    assert len(words) == len(found) and all("token:administrator from 127.0.0.1: " in line for line in words), words[:3]
    assert run("audit", "patient", "nobody", "--data", data).stdout == ""


def test_what_can_be_asked_of_it(run_of_many):
    data, *_ = run_of_many
    assert {row["event"]["study"] for row in rows(data, "--study", synth.uid(3))} == {synth.uid(3)}
    assert {row["event"]["service"] for row in rows(data, "--principal", "aet:STORESCU")} == {"C-STORE"}
    assert rows(data, "--until", "2020-01-01") == []
    wrong = run("audit", "export", "--since", "yesterday", "--data", data)
    assert wrong.returncode == 1 and "2026-01-15" in wrong.stderr
    none = run("audit", "verify", "--data", data.parent / "nothing")
    assert none.returncode == 1 and "no audit trail" in none.stderr


TAMPERING = {
    "nothing": ("", DONE, None),
    "changed": ("UPDATE trail SET event = CAST(replace(CAST(event AS TEXT), '127.0.0.1', '127.0.0.9') AS BLOB) WHERE sequence = 500", INCOMPLETE,
                "row 500 was changed"),
    "moved": ("UPDATE trail SET at = at - 60000 WHERE sequence = 500", INCOMPLETE, "a column of row 500 was changed"),
    "removed": ("DELETE FROM trail WHERE sequence = 500", INCOMPLETE, "row 500 was removed"),
    "swapped": ("CREATE TEMP TABLE t AS SELECT * FROM trail WHERE sequence IN (400, 600);"
                "UPDATE trail SET (at, what, principal, study, patient, event, hash) = (SELECT at, what, principal, study, patient, event, hash"
                " FROM t WHERE t.sequence = 1000 - trail.sequence) WHERE sequence IN (400, 600)", INCOMPLETE, "rows 400 and 600 were swapped"),
    "cut": ("DELETE FROM trail WHERE sequence > 500", INCOMPLETE, "the trail was cut: it ends at row 500"),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_found(run_of_many, tmp_path, how):
    """One row changed, removed or swapped in a copy."""
    script, code, told = TAMPERING[how]
    folder = tmp_path / "copy"
    shutil.copytree(run_of_many[0], folder, ignore=shutil.ignore_patterns("studies", "spool", "control.sock"))
    with sqlite3.connect(folder / "audit.db") as trail:
        trail.executescript(script)
    trail.close()
    done = run("audit", "verify", "--json", "--data", folder)
    report = json.loads(done.stdout)
    assert done.returncode == code, done.stdout + done.stderr
    if told is None:
        assert report["problem"] is None and report["sound"] > 1_000
        head = report["head"]
        # The head that was kept elsewhere is still in the longer trail.
        assert run("audit", "verify", "--head", head, "--data", folder).returncode == DONE
        other = head[:-1] + ("0" if head[-1] != "0" else "1")
        assert run("audit", "verify", "--head", other, "--data", folder).returncode == INCOMPLETE
    else:
        assert told in report["problem"], report
        assert told in run("audit", "verify", "--data", folder).stdout, "looking does not change what is found"


# PS3.15 A.5.1: children in their order, as pattern over their names; attributes that must be there.
CHILDREN = {
    "AuditMessage": r"EventIdentification (ActiveParticipant )+AuditSourceIdentification (ParticipantObjectIdentification )*",
    "EventIdentification": r"EventID (EventTypeCode )*(EventOutcomeDescription )?",
    "ActiveParticipant": r"(RoleIDCode )*(MediaIdentifier )?",
    "AuditSourceIdentification": r"(AuditSourceTypeCode )*",
    "ParticipantObjectIdentification": r"ParticipantObjectIDTypeCode (ParticipantObjectName |ParticipantObjectQuery )(ParticipantObjectDetail )*"
                                       r"(ParticipantObjectDescription )*",
    "ParticipantObjectDescription": r"(MPPS )*(Accession )*(SOPClass )*(ParticipantObjectContainsStudy )?(Encrypted )?(Anonymized )?",
}
CODED = {"csd-code", "codeSystemName", "originalText"}
MANDATORY = {
    "EventIdentification": {"EventActionCode", "EventDateTime", "EventOutcomeIndicator"},
    "EventID": CODED, "EventTypeCode": CODED, "RoleIDCode": CODED, "ParticipantObjectIDTypeCode": CODED,
    "ActiveParticipant": {"UserID", "UserIsRequestor"},
    "AuditSourceIdentification": {"AuditSourceID"},
    "AuditSourceTypeCode": {"csd-code"},
    "ParticipantObjectIdentification": {"ParticipantObjectID", "ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole"},
    "ParticipantObjectDetail": {"type", "value"},
    "SOPClass": {"UID", "NumberOfInstances"},
}
# What each event must name beside whoever took part: study and patient where there is one.
OBJECTS = {"110101": {"12"}, "110112": {"110181"}, "110113": {"110182"}}


def check_message(text: str) -> str:
    """One message by the rules of the schema; its EventID."""
    message = ElementTree.fromstring(text)
    for element in message.iter():
        children = "".join(f"{child.tag} " for child in element)
        assert re.fullmatch(CHILDREN.get(element.tag, ""), children), (element.tag, children)
        assert MANDATORY.get(element.tag, set()) <= element.attrib.keys(), (element.tag, element.attrib)
    event = message.find("EventIdentification")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.get("EventDateTime")), "AUD-002: with a zone"
    assert event.get("EventActionCode") in "CRUDE" and event.get("EventOutcomeIndicator") in ("0", "4", "8", "12")
    for participant in message.iter("ActiveParticipant"):
        assert participant.get("UserIsRequestor") in ("true", "false")
        assert participant.get("NetworkAccessPointTypeCode") in (None, "1", "2")
    for encoded in [d.get("value") for d in message.iter("ParticipantObjectDetail")] + [q.text or "" for q in message.iter("ParticipantObjectQuery")]:
        base64.b64decode(encoded, validate=True)
    kinds = [one.find("ParticipantObjectIDTypeCode").get("csd-code") for one in message.iter("ParticipantObjectIdentification")]
    assert kinds.count("2") <= 1, "AUD-003: one patient a message"
    id_ = event.find("EventID").get("csd-code")
    if id_ in ("110103", "110104", "110105", "110107"):
        assert kinds[0] == "110180" and (event.get("EventOutcomeIndicator") != "0" or kinds == ["110180", "2"]), text
    assert OBJECTS.get(id_, set()) <= set(kinds), text
    return id_


def test_messages_are_as_the_schema_says(run_of_many, tmp_path):
    """AUD-001, AUD-008 to AUD-011, AUD-015."""
    data, *_ = run_of_many
    out = tmp_path / "messages.xml"
    assert run("audit", "export", "--output", out, "--data", data).returncode == DONE
    seen = Counter(check_message(line) for line in out.read_text().splitlines())
    assert seen.keys() == {"110100", "110101", "110103", "110104", "110105", "110112", "110113", "110114"}, seen
    again = run("audit", "export", "--output", out, "--data", data)
    assert again.returncode == 1, "nothing is overwritten"
    resources = run("audit", "export", "--form", "fhir", "--data", data).stdout.splitlines()
    assert len(resources) >= sum(seen.values())
    for line in resources:
        resource = json.loads(line)
        assert resource["resourceType"] == "AuditEvent" and resource["agent"] and resource["source"]["observer"]
        assert [agent["requestor"] for agent in resource["agent"]].count(True) == 1, resource


def test_commands_and_the_configuration(tmp_path):
    """AUD-013, AUD-014: import, send, backup, rebuild, a changed configuration; with and without a server."""
    data, files, copy = tmp_path / "data", tmp_path / "files", tmp_path / "copy"
    files.mkdir()
    for number in (1, 2):
        (files / f"{number}.dcm").write_bytes(synth.file(synth.with_pixels(synth.instance(50, 1, number))))
    (files / "note.txt").write_text("hello")
    assert run("import", "--data", data, files).returncode == DONE
    with token_server(data) as server:
        assert run("import", "--data", data, files).returncode == DONE
        assert run("verify", "--data", data).returncode == DONE
        assert run("backup", "--data", data, copy).returncode == DONE
        to = f"STORE@127.0.0.1:{server.dimse[1]}"
        # The server sends to itself and knows no such AE title.
        run("send", "--data", data, "--study", synth.uid(50), "--to", to)
        assert rows(data)[-1]["event"]["what"] == "log-used", "beside the server"
        forged = Client(server, "0" * 64)
        forged.ask("GET", "studies")
    with token_server(data, "[limits]\nsearch_results = 7\n") as server:
        assert Client(server).ask("GET", "studies") == 200
    assert run("rebuild", "--data", data).returncode == DONE
    told = rows(data)
    of = lambda what: [r["event"] for r in told if name(r["event"]["what"]) == what]  # noqa: E731
    imports = [r for r in told if r["event"]["what"] == "import"]
    assert sum(sum(r["event"]["classes"].values()) for r in imports) == 4
    assert {r["event"]["patient"]["id"] for r in imports} == {"S50"}
    copied = [(e["other"], e["outcome"], e.get("detail", "")) for e in of("export") if e["service"] == "overread backup"]
    assert copied == [(str(copy), "success", "begins"), (str(copy), "success", "")], copied
    assert {e["service"] for e in of("start")} == {"overread serve", "overread verify", "overread rebuild"}
    (changed,) = of("configuration")
    assert changed["detail"].endswith("changed in: limits")
    (refused,) = {(e["who"]["door"], e["outcome"]) for e in of("node-authentication")}
    assert refused == ("aet", "serious")
    assert run("audit", "verify", "--data", data).returncode == DONE
    # The copy holds the trail up to the backup, and goes on as a data folder.
    report = json.loads(run("audit", "verify", "--json", "--data", copy).stdout)
    assert report["problem"] is None and report["alarms"] == 0
    with token_server(copy) as server:
        assert Client(server).ask("GET", "studies") == 200
    assert len(rows(copy)) > report["sound"]
    # No secret is in either.
    secret = (data / "administrator.token").read_text().strip().encode()
    for file in ("audit.db", "audit.db-wal"):
        assert not (data / file).exists() or secret not in (data / file).read_bytes(), "AUD-019"


def test_nothing_is_done_that_cannot_be_recorded(tmp_path):
    """The database is locked: requests go on until the queue is full, are refused then, and go on again; no row is missing."""
    data = tmp_path / "data"
    with token_server(data) as server:
        client = Client(server)
        assert client.ask("GET", "studies") == 204
        lock = sqlite3.connect(data / "audit.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        done, text = 0, "x" * 12_000
        while (status := client.ask("GET", f"studies?StudyDescription={text}")) == 204:
            done += 1
            assert done < 5_000, "there is no limit"
        assert status == 503 and done > 1_000
        with wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], calling="STORESCU") as peer:
            one = synth.with_pixels(synth.instance(60, 1, 1), 8, 8)
            assert peer.store(1, synth.CT, str(one.SOPInstanceUID), synth.encode(one)) == 0xA700
        lock.execute("ROLLBACK")
        lock.close()
        until = time.monotonic() + 30
        while (status := client.ask("GET", "studies")) == 503 and time.monotonic() < until:
            pass
        assert status == 204
    found = [row["event"] for row in rows(data)]
    assert sum(event["what"] == "query" and len(event["query"]) > 12_000 for event in found) == done
    assert [e["outcome"] for e in found if e["service"] == "C-STORE"] == ["serious"]


def test_pages_and_handshakes(tmp_path):
    """AUD-010, AUD-014, TLS-007: who signs in and looks at pages; a peer that speaks no TLS."""
    data = tmp_path / "data"
    server = Server(data, flags=["--dimse-tls", "127.0.0.1:0"], config=TOKENS, wanted=("http", "dimse", "dimse-tls"))
    with server:
        assert Client(server).post([synth.file(synth.with_pixels(synth.instance(70, 1, 1), 8, 8))]) == 200
        token = (data / "administrator.token").read_text().strip()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert server.request("POST", "/sign-in", "token=wrong", form).status == 422
        signed_in = server.request("POST", "/sign-in", f"token={token}", form)
        cookie = {"Cookie": signed_in.headers["Set-Cookie"].split(";")[0]}
        assert server.request("GET", "/studies", headers=cookie).status == 200
        assert server.request("POST", "/studies", "name=Synthetic", form | cookie).status == 200
        assert server.request("GET", "/studies/%32" + synth.uid(70)[1:], headers=cookie).status == 200
        assert server.request("GET", f"/studies/{synth.uid(71)}", headers=cookie).status == 404
        server.request("GET", "/studies")  # sent to sign in: nothing was seen
        server.request("POST", "/sign-out", "", form | cookie)
        with wire.Wire(server.dimse_tls) as peer:
            peer.sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while peer.sock.recv(4_096):
                pass
    told = [row["event"] for row in rows(data)]
    of = lambda service: [(e["what"], e["outcome"], e["who"]["name"]) for e in told if e["service"] == service]  # noqa: E731
    who = "administrator"
    assert of("pages") == [
        ("login", "serious", "nobody"), ("login", "success", who), ("query", "success", who), ("query", "success", who),
        ("view", "success", who), ("view", "minor", who), ("logout", "success", who)]
    (seen,) = [e for e in told if e["service"] == "pages" and e["what"] == "view" and e["outcome"] == "success"]
    assert (seen["study"], seen["patient"]["id"]) == (synth.uid(70), "S70")
    assert "name=Synthetic" in [e.get("query") for e in told if e["service"] == "pages"]
    assert of("DIMSE over TLS") == [("node-authentication", "serious", "nobody")]


class Collector(threading.Thread):
    """A syslog collector over TLS: takes frames apart by their octet count."""

    def __init__(self, listener, certificate):
        super().__init__(daemon=True)
        self.listener, self.messages, self.changed = listener, [], threading.Condition()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificate)

    def run(self):
        self.listener.listen()
        while True:
            try:
                stream = self.context.wrap_socket(self.listener.accept()[0], server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            threading.Thread(target=self.take, args=(stream,), daemon=True).start()

    def take(self, stream):
        with stream, stream.makefile("rb") as wire:
            try:
                while length := self.length(wire):
                    message = wire.read(length)
                    if len(message) < length:
                        return
                    with self.changed:
                        self.messages.append(message.decode())
                        self.changed.notify_all()
            except OSError:
                return

    @staticmethod
    def length(wire) -> int | None:
        digits = b""
        while (byte := wire.read(1)) not in (b"", b" "):
            assert byte.isdigit(), byte
            digits += byte
        return int(digits) if digits else None

    def xml(self) -> list[str]:
        return [message.split(" ", 7)[7] for message in self.messages]

    def wait_for(self, wanted: list[str], seconds: float = 60):
        with self.changed:
            assert self.changed.wait_for(lambda: set(wanted) <= set(self.xml()), seconds), (len(wanted), len(self.messages))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    home = tmp_path_factory.mktemp("collector")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", home / "key", "-out", home / "pem", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"],
                   check=True, capture_output=True)
    return home / "pem", home / "key"


def test_a_collector_gets_everything(tmp_path, certificate):
    """AUD-017, AUD-018: down at first, through a kill of the server, and a search as long as they get."""
    import socket
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))  # not listening: it is down
    port = listener.getsockname()[1]
    shipping = f'[audit.syslog]\nserver = "127.0.0.1:{port}"\ntls_name = "localhost"\nca_file = "{certificate[0]}"\n'
    data = tmp_path / "data"
    server = token_server(data, shipping)
    server.start()
    try:
        client = Client(server)
        for number in range(300):
            assert client.ask("GET", f"studies?PatientID=A{number}") == 204
        assert client.ask("GET", "studies?PatientName=" + "%C3%BC" * 2_600) in (200, 204, 400)
        written = [row["sequence"] for row in rows(data)]
        server.kill()
        collector = Collector(listener, certificate)
        collector.start()
        server.start()
        exported = run("audit", "export", "--data", data).stdout.splitlines()
        assert len(exported) > len(written) > 300
        collector.wait_for(exported)
        client = Client(server)
        for number in range(50):
            assert client.ask("GET", f"studies?PatientID=B{number}") == 204
        exported = run("audit", "export", "--data", data).stdout.splitlines()
        collector.wait_for(exported)
        assert max(map(len, collector.messages)) > 16_384
        for message in collector.messages:
            assert re.match(r"<85>1 \d{4}-\d\d-\d\dT[\d:.]{12}Z [!-~]+ overread \d+ DICOM\+RFC3881 - <AuditMessage>", message), message[:200]
        server.stop()
        assert run("audit", "verify", "--data", data).returncode == DONE
        exported = run("audit", "export", "--data", data).stdout.splitlines()
        # What the end of the last run left is shipped by the next.
        server.start()
        collector.wait_for(exported)
    finally:
        server.stop()
        listener.close()
