"""The page of the audit: what it shows equals the trail, only whoever runs everything sees it, and every use is a row."""

import html
import json
import re
import sqlite3
from urllib.parse import urlencode

import pytest

from support import stow, synth
from support.browser import step, visit
from support.server import Server, run
from test_audit import rows
from test_pages import CONFIG, FORM, come_in, token

STUDIES = 120


def put(server, number: int, secret: str) -> None:
    headers = {"Content-Type": stow.content_type(), "Accept": "application/dicom+json", "Authorization": f"Bearer {secret}"}
    one = synth.with_pixels(synth.instance(number))
    one.PatientID = f"P{number % 3}"
    assert server.request("POST", "/dicom-web/studies", stow.body([synth.file(one)]), headers).status == 200


def command(server, *arguments) -> str:
    done = run(*arguments, "--data", server.data)
    assert done.returncode == 0, done
    return done.stdout


class Visitor:
    def __init__(self, server, secret: str):
        self.server = server
        entered = server.request("POST", "/sign-in", urlencode({"token": secret}).encode(), FORM)
        self.cookie = entered.headers["Set-Cookie"].split(";")[0]

    def ask(self, method: str, path: str, **form):
        return self.server.request(method, path, urlencode(form).encode() or None, {"Cookie": self.cookie, **FORM})

    def found(self, **form) -> list[dict[str, str]]:
        answer = self.ask("POST", "/audit", **form)
        assert answer.status == 200, answer
        body = answer.body.decode().split("<tbody>")[-1].split("</tbody>")[0]
        cells = [re.findall(r'<t[hd](?: scope="row"| data-label="(\w+)")[^>]*>(.*?)</t[hd]>', one, re.S) for one in body.split("<tr>")[1:]]
        return [{label or "Time": html.unescape(re.sub("<[^>]+>", "", text)).strip() for label, text in row} for row in cells]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("audit") / "data", flags=[], config=CONFIG) as server:
        for number in range(1, STUDIES + 1):
            put(server, number, token(server))
        yield server


def test_it_shows_what_the_trail_has(server):
    """Newest first, page by page without a gap; by patient, study, person and day; the use itself is a row (AUD-015)."""
    root = Visitor(server, token(server))
    first = root.found()
    assert len(first) == 100 and first[0]["What"].startswith("read the audit pages")
    second = root.ask("POST", "/audit").body.decode()
    behind = re.search(r'name="behind" value="([\d.]+)"', second)[1]
    older = root.found(behind=behind)
    numbers = [int(row["Entry"].replace(",", "")) for row in older]
    assert numbers == sorted(numbers, reverse=True) and len(older) > 20 and numbers[0] == int(behind.split(".")[1]) - 1
    kept = rows(server.data)
    of_patient = [row for row in kept if row["event"].get("patient", {}).get("id") == "P1"]
    assert [row["Entry"] for row in root.found(patient="P1")] == [str(row["sequence"]) for row in of_patient[::-1]] and len(of_patient) == STUDIES // 3
    one = root.found(study=synth.uid(7))
    assert [row["What"].split(" ")[0] for row in one] == ["stored"] and one[0]["On"] == synth.uid(7) and one[0]["From"] == "127.0.0.1"
    who = one[0]["Who"]
    assert who.startswith("token:") and len(root.found(who=who)) == 100
    day = one[0]["Time"][:10]
    assert len(root.found(**{"from": day, "to": day, "study": synth.uid(7)})) == 1
    assert root.found(**{"to": "2001-01-01"}) == [] == root.found(patient="P")
    for wrong in ({"study": "x"}, {"from": "4.12.2026"}, {"who": "root"}):
        assert root.ask("POST", "/audit", **wrong).status == 422
    used = [row["event"]["detail"] for row in rows(server.data) if row["event"]["what"] == "log-used" and row["event"]["service"] == "pages"]
    assert "rows were looked at: patient P1" in used and f"rows were looked at: study {synth.uid(7)}" in used


def test_an_export_is_what_the_command_gives(server):
    root = Visitor(server, token(server))
    for form, like in (("fhir", "fhir"), ("dicom", "dicom")):
        got = root.ask("POST", "/audit/export", form=form, patient="P2")
        assert got.status == 200 and got.headers["Content-Disposition"].startswith("attachment")
        lines = got.body.decode().splitlines()
        assert lines == command(server, "audit", "export", "--form", like, "--of", "P2").splitlines() and len(lines) == STUDIES // 3
    everything = root.ask("POST", "/audit/export", form="fhir").body.decode().splitlines()
    assert all(json.loads(line)["resourceType"] == "AuditEvent" for line in everything) and len(everything) > STUDIES


def test_only_whoever_runs_everything_sees_it(server):
    """An administrator of one custodian, a coordinator, a reader, and whoever came by a link: as if it were not there."""
    put(server, 900, token(server))
    for name, role, on in (("one-house", "administrator", "custodian:alpha"), ("desk", "coordinator", "everything"), ("eyes", "reader", "everything")):
        secret = json.loads(command(server, "token", "add", name, "--custodian", "alpha", "--json"))["token"]
        command(server, "account", "grant", name, "--kind", "token", "--role", role, "--on", on)
        other = Visitor(server, secret)
        assert 'href="/audit"' not in other.ask("GET", "/").body.decode()
        absent = other.ask("GET", "/audit")
        for method, path in (("POST", "/audit"), ("POST", "/audit/verify"), ("POST", "/audit/export")):
            answer = other.ask(method, path, patient="P1")
            assert answer.status == 404 == absent.status and "P1" not in answer.body.decode(), (name, path)
    for method, path in (("GET", "/audit"), ("POST", "/audit"), ("POST", "/audit/verify"), ("POST", "/audit/export")):
        assert server.request(method, path, b"", FORM).headers["Location"] == "/", "nobody is asked who it is"


def test_the_chain_is_walked_and_what_is_wrong_is_said(tmp_path):
    with Server(tmp_path / "data", flags=[], config=CONFIG) as server:
        root = Visitor(server, token(server))
        assert "not verified since" in root.ask("GET", "/audit").body.decode()
        put(server, 1, token(server))
        assert root.ask("POST", "/audit/verify").headers["Location"] == "/audit"
        said = root.ask("GET", "/audit").body.decode()
        assert re.search(r"Chain verified up to \d{4}-\d\d-\d\d \d\d:\d\d UTC, \d+ entries", said), said[:3_000]
        with sqlite3.connect(server.data / "audit.db", timeout=20) as trail:
            trail.execute("""UPDATE trail SET event = CAST(replace(CAST(event AS TEXT), '"P1"', '"P2"') AS BLOB) WHERE what = 'store'""")
        trail.close()
        root.ask("POST", "/audit/verify")
        assert re.search(r"The trail is not as it was written: row \d+ was changed", root.ask("GET", "/audit").body.decode())


def test_keys_go_to_pages_until_they_are_switched_off(server, tmp_path):
    """ui.md 7: off in fields, listed by ?, switched off in the account for good (WCAG 2.1.4)."""
    at = "document.title"
    steps = [*come_in(server), step("key", name="g"), step("key", name="a"), step("wait", script=f"{at}.startsWith('Audit')"),
             step("key", name="/"), step("run", script="document.activeElement.id"), step("key", name="g"), step("key", name="s"),
             step("run", script=at), step("open", url=f"{server.origin}/"), step("key", name="/"), step("wait", script=f"{at}.startsWith('Studies')"),
             step("key", name="?"), step("wait", script="document.getElementById('keys').open"), step("key", name="Escape"),
             step("wait", script="!document.getElementById('keys').open"),
             step("open", url=f"{server.origin}/account"), step("click", text="Switch keys off"), step("wait", text="Switch keys on"),
             step("key", name="g"), step("key", name="a"), step("run", script=f"[{at}, document.getElementById('keys')]"),
             step("click", text="Switch keys on"), step("wait", text="Switch keys off"), step("key", name="g"), step("key", name="i"),
             step("wait", script=f"{at}.startsWith('Studies')")]
    visited = visit(tmp_path, steps, width=1280, height=900)
    assert not visited.error and not visited.violations and not visited.errors, (visited.error, visited.violations, visited.errors, visited.text)
    assert [one for one in visited.found if one is not None] == ["from", "Audit – Overread", ["Account – Overread", None]]
