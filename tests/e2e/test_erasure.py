"""Legal holds keep, retention removes by class, erasures leave nothing that names what went (SOP-019, R14)."""

import json
import os
import subprocess
import time

import pytest

from support import disk, part10, stow, synth, wire
from support.server import Server, binary, run
from test_delete import delete, path, put, status
from test_storms import faketime

ALPHA = '[http]\ntls = false\n\n[storage]\npurge_after_seconds = 0\n\n[[dimse.peers]]\naet = "ALPHA"\ncustodian = "alpha"\n'


class Guarded(Server):
    """With custodians: AE title ALPHA stores for one, the administrator's token for the other."""

    def __init__(self, data, config: str = ALPHA, env: dict | None = None):
        super().__init__(data, flags=["--dimse-tls", "off"], config=config, env=env)

    def request(self, method, path, body=None, headers=None, timeout=60):
        token = (self.data / "administrator.token").read_text().strip()
        return super().request(method, path, body, {"Authorization": f"Bearer {token}"} | (headers or {}), timeout)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    with Guarded(tmp_path_factory.mktemp("held") / "data") as server:
        yield server


def overread(server, *arguments, code: int = 0) -> str:
    done = run(*arguments, "--data", server.data)
    assert done.returncode == code, (arguments, done)
    return done.stdout


def hold(server, *arguments, code: int = 0) -> str:
    done = run("hold", "--data", server.data, *arguments)
    assert done.returncode == code, (arguments, done)
    return done.stdout


def add(server, *on) -> int:
    return json.loads(hold(server, "add", *on, "--reason", "lawsuit", "--json"))["hold"]


def by_alpha(server, data) -> None:
    with wire.Association(server.dimse, [(data.SOPClassUID, [part10.EXPLICIT_LE])], calling="ALPHA") as peer:
        assert peer.store(1, data.SOPClassUID, data.SOPInstanceUID, synth.encode(data)) == 0


def refused(server, what: str, number: int, **query) -> None:
    answer = delete(server, what, **query)
    assert answer.status == 409 and answer.type == "application/problem+json", answer
    assert f"hold {number} " in answer.json()["detail"] and b"lawsuit" not in answer.body


def test_a_hold_on_a_study_refuses_each_level_and_nothing_else(held):
    data = synth.with_pixels(synth.instance(1))
    put(held, data)
    by_alpha(held, data)
    number = add(held, "--study", data.StudyInstanceUID)
    for level in ("study", "series", "instance"):
        refused(held, path(data, level), number, custodian="local")
    # Reading and storing go on.
    more = synth.instance(1, 1, 2)
    put(held, more)
    assert (status(held, path(data, "instance")), status(held, path(more, "instance"))) == (200, 200)
    # The other custodian's is not held.
    assert delete(held, path(data, "study"), custodian="alpha").status == 204
    refused(held, path(data, "study"), number)
    assert f"hold {number} on study" in hold(held, "release", number, "--reason", "settled")
    hold(held, "release", number, code=1)
    hold(held, "release", 9_999, code=1)
    assert delete(held, path(data, "study")).status == 204


def test_a_hold_on_a_patient_finds_each_of_their_studies(held):
    plain = synth.instance(11, PatientID="HELD", IssuerOfPatientID="CLINIC")
    other = synth.instance(12, PatientID="HELD", IssuerOfPatientID="ELSEWHERE")
    mixed = [synth.instance(13, 1, 1, PatientID="FREE"), synth.instance(13, 1, 2, PatientID="HELD", IssuerOfPatientID="CLINIC")]
    unknown = [synth.instance(14, 1, 1, PatientID=""), synth.instance(14, 1, 2, PatientID="HELD", IssuerOfPatientID="CLINIC")]
    free = synth.instance(15, PatientID="FREE")
    for one in (plain, other, *mixed, *unknown, free):
        put(held, one)
    by_alpha(held, plain)
    number = add(held, "--patient", "HELD", "--issuer", "CLINIC")
    for one in (plain, mixed[0], unknown[0]):
        refused(held, path(one, "study"), number, custodian="local")
    refused(held, path(mixed[0], "instance"), number)
    for one, query in ((other, {}), (free, {}), (plain, {"custodian": "alpha"})):
        assert delete(held, path(one, "study"), **query).status == 204
    any_issuer = add(held, "--patient", "FREE")
    refused(held, path(mixed[0], "study"), any_issuer)
    for one in (number, any_issuer):
        hold(held, "release", one)
    for one in (plain, mixed[0], unknown[0]):
        assert delete(held, path(one, "study")).status == 204


def test_holds_are_listed_kept_and_audited(held):
    number = add(held, "--patient", "SECRET-ID")
    case = add(held, "--case", "C7")
    listed = {one["hold"]: one for one in map(json.loads, hold(held, "list", "--json").splitlines())}
    assert listed[number]["on"] == {"patient": "SECRET-ID", "issuer": None, "custodian": "local"} and listed[case]["on"] == {"case": "C7"}
    assert listed[number]["by"] == "console:console" and listed[number]["reason"] == "lawsuit"
    hold(held, "release", case)
    assert case not in {json.loads(line)["hold"] for line in hold(held, "list", "--json").splitlines()}
    assert {json.loads(line)["hold"]: line for line in hold(held, "list", "--all", "--json").splitlines()}[case]
    assert f"{number}  patient SECRET-ID, held by local" in hold(held, "list")
    told = [row["detail"] for row in rows(held.data, "overread hold")]
    assert f"legal hold {number} made on a patient of local: lawsuit" in told
    assert f"legal hold {case} released on case C7" in told
    assert "SECRET-ID" not in held.log()
    hold(held, "release", number)


def test_a_hold_survives_a_rebuild_and_is_in_a_backup(tmp_path):
    data = synth.instance(1)
    with Guarded(tmp_path / "data", config=ALPHA) as server:
        put(server, data)
        number = add(server, "--study", data.StudyInstanceUID)
        assert run("backup", "--data", server.data, tmp_path / "backup").returncode == 0
    for name in ["overread.db", "overread.db-wal", "overread.db-shm"]:
        (tmp_path / "data" / name).unlink(missing_ok=True)
    assert run("rebuild", "--data", tmp_path / "data").returncode == 0
    for folder in (tmp_path / "data", tmp_path / "backup"):
        with Guarded(folder, config=ALPHA) as server:
            refused(server, path(data, "study"), number)
            hold(server, "release", number)
            assert delete(server, path(data, "study")).status == 204


NAME, ID, MARKER = "CANARYBIRD^Jane", "CANARY-4711", b"PIXELCANARYPIXELCANARYPIXELCANARY"


def canary(study: int, number: int = 1, marker: bytes = MARKER, **attributes):
    data = synth.with_pixels(synth.instance(study, 1, number, PatientName=NAME, PatientID=ID, **attributes), 64, 64)
    data.PixelData = (marker * 500)[:len(data.PixelData)]
    return data


def found(folder, *words) -> list[str]:
    """Files with one of these words in their bytes or their names; the audit trail keeps what it was told."""
    hits = []
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        held = file.read_bytes() if file.is_file() and not file.is_symlink() and not name.startswith("audit.") else b""
        hits += [f"{word} in {name}" for word in words
                 if (word if isinstance(word, bytes) else word.encode()).lower() in held.lower() or str(word) in name]
    return hits


def erase(server, *what, code: int = 0, yes: bool = True) -> dict:
    done = run("erase", "--data", getattr(server, "data", server), *what, "--reason", "asked for by the patient", *(["--yes"] if yes else []), "--json")
    assert done.returncode == code, done
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return lines[-1] if lines else {"why": done.stderr}


def rows(data, service: str = "overread erase") -> list[dict]:
    told = run("audit", "export", "--data", data, "--json").stdout
    events = [json.loads(line)["event"] for line in told.splitlines()]
    return [event for event in events if event["service"] == service]


def test_no_byte_of_a_patient_is_left(tmp_path):
    """R14, SOP-019: raw bytes of every file, but for the audit trail."""
    whole = [canary(61), canary(61, 2), canary(62)]
    other_version = canary(61, marker=b"OTHERCANARYOTHER")
    shared, stays = canary(63), synth.with_pixels(synth.instance(63, 1, 2, PatientID="STAYS"))
    deleted, damaged = canary(64), canary(65)
    plain = synth.with_pixels(synth.instance(66, PatientID="STAYS"))
    words = ["CANARY", *(synth.uid(study) for study in (61, 62, 64, 65))]
    backup = tmp_path / "backup"
    with Guarded(tmp_path / "data", config=ALPHA) as server:
        put(server, *whole, shared, stays, damaged, plain)
        for one in (other_version, canary(67)):
            assert stow.post(server, [synth.file(one, part10.EXPLICIT_LE)]).status in (200, 202)
        put(server, deleted)
        assert delete(server, path(deleted, "study"), reason="CANARYBIRD did not want it").status == 204
        assert server.get(path(whole[0], "instance") + "/rendered", "image/jpeg").status == 200
        item = {"00081150": {"vr": "UI", "Value": [synth.CT]}, "00081155": {"vr": "UI", "Value": [whole[0].SOPInstanceUID]}}
        asked = server.request("POST", "commitment-requests/2.25.61", json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode(),
                               {"Content-Type": "application/dicom+json", "Accept": "application/dicom+json"})
        assert asked.status in (200, 202), asked
        hold(server, "release", add(server, "--patient", ID))
        overread(server, "token", "add", "viewer", "--role", "reader", "--on", f"holding:local/{synth.uid(61)}")
        wait_until(lambda: not disk.spooled(server.data), "all is placed")
        (file,) = (server.data / "studies" / synth.uid(65)).rglob("*.dcm")
        held = bytearray(file.read_bytes())
        held[-5] ^= 1
        file.write_bytes(held)
        assert server.get(path(damaged, "instance") + "/frames/1", 'multipart/related; type="application/octet-stream"').status == 500
        wait_until(lambda: list((server.data / "quarantine").glob("*.dcm")), "it is in quarantine")
        (server.data / "quarantine" / "01ARZ3NDEKTSV4RRFFQ69G5FAV.dcm").write_bytes(synth.file(canary(68))[:-900])
        (server.data / "overread.db.before-rebuild").write_bytes(b"CANARY")
        assert run("backup", "--data", server.data, backup).returncode == 0
        assert found(server.data, *words) and found(backup, *words)
        (server.data / "notes.txt").write_text("somebody's own")

        done = erase(server, "--patient", ID)
        # 61 with two versions of the first, 62, the patient's one of 63, 65 and 67.
        assert (done["command"], done["studies"], done["versions"]) == ("erase", 5, 7), done
        erase(server, "--study", synth.uid(64))
        assert found(server.data, *words) == []
        # What is not theirs is there, the other's instance of the same study, too.
        assert (status(server, path(stays, "instance")), status(server, path(plain, "study"))) == (200, 200)
        for one in (*whole, shared, deleted, damaged):
            assert status(server, path(one, "instance")) == 404, "as if it had never been"
        assert [one["00100020"]["Value"] for one in server.json("studies?includefield=all")] == [["STAYS"], ["STAYS"]]
        told = [row for row in rows(server.data) if f"erasure {done['erasure']}: " in row["detail"]]
        assert len(told) == 5 and all(row["outcome"] == "success" and row["what"] == "delete" for row in told)
        assert all(done["digest"] in row["detail"] and "7 versions of 5 studies in all" in row["detail"] for row in told)
        assert all("asked for by the patient" in row["detail"] and row["who"]["door"] == "console" for row in told)
        assert {row["patient"]["id"] for row in told} == {ID} and all(not row["patient"].get("name") for row in told)
        # The next backup into the same folder forgets, too.
        assert run("backup", "--data", server.data, backup).returncode == 0
        assert found(backup, *words) == []
        log = server.log()
        assert "CANARY" not in log
    assert run("verify", "--data", tmp_path / "data").returncode == 0
    assert found(tmp_path / "data", *words) == []
    for name in ["overread.db", "overread.db-wal", "overread.db-shm"]:
        (tmp_path / "data" / name).unlink(missing_ok=True)
    assert run("rebuild", "--data", tmp_path / "data").returncode == 0
    for folder in (tmp_path / "data", backup):
        with Guarded(folder, config=ALPHA) as server:
            assert sorted(one["0020000D"]["Value"][0] for one in server.json("studies")) == [synth.uid(63), synth.uid(66)]
            # It may come again, as new: an erasure does not forbid.
            put(server, whole[0])
            assert status(server, path(whole[0], "instance")) == 200
        assert run("verify", "--data", folder).returncode == 0


def wait_until(holds, what: str, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def test_a_file_that_was_put_back_stays_out(tmp_path):
    """From an old backup, say: a rebuild knows it by its number."""
    data = canary(71)
    with Guarded(tmp_path / "data", config=ALPHA) as server:
        put(server, data, synth.instance(72))
        wait_until(lambda: not disk.spooled(server.data), "all is placed")
        (file,) = (server.data / "studies" / synth.uid(71)).rglob("*.dcm")
        kept = file.read_bytes()
        erase(server, "--study", synth.uid(71))
        assert not file.exists() and not file.parent.parent.exists()
    file.parent.mkdir(parents=True)
    file.write_bytes(kept)
    for name in ["overread.db", "overread.db-wal", "overread.db-shm"]:
        (tmp_path / "data" / name).unlink(missing_ok=True)
    assert run("rebuild", "--data", tmp_path / "data").returncode == 0
    with Guarded(tmp_path / "data", config=ALPHA) as server:
        assert [one["0020000D"]["Value"][0] for one in server.json("studies")] == [synth.uid(72)]


def test_of_two_custodians_one(held):
    data = canary(81)
    put(held, data)
    by_alpha(held, data)
    assert "custodian" in erase(held, "--study", data.StudyInstanceUID, code=1)["why"]
    assert "custodian" in erase(held, "--patient", ID, code=1)["why"]
    done = erase(held, "--patient", ID, "--custodian", "alpha")
    assert (done["studies"], done["versions"]) == (1, 1)
    assert status(held, path(data, "study")) == 200
    assert held.get(path(data, "study") + "/metadata?custodian=alpha", "application/dicom+json").status == 404
    assert erase(held, "--study", data.StudyInstanceUID, "--custodian", "alpha", code=1)["why"]
    erase(held, "--study", data.StudyInstanceUID)
    assert status(held, path(data, "study")) == 404
    assert found(held.data, data.StudyInstanceUID) == []


def test_what_is_not_clear_is_not_erased(held):
    one, other = canary(91, IssuerOfPatientID="ONE"), canary(92, IssuerOfPatientID="OTHER")
    put(held, one, other)
    assert "\"ONE\", \"OTHER\"" in erase(held, "--patient", ID, code=1)["why"]
    assert "--yes" in erase(held, "--patient", ID, "--issuer", "ONE", code=2, yes=False)["why"]
    assert [status(held, path(data, "study")) for data in (one, other)] == [200, 200]
    number = add(held, "--study", one.StudyInstanceUID)
    assert f"hold {number} " in erase(held, "--patient", ID, "--issuer", "ONE", code=1)["why"]
    assert f"hold {number} " in erase(held, "--study", one.StudyInstanceUID, code=1)["why"]
    assert [row["outcome"] for row in rows(held.data)][-1] == "minor"
    hold(held, "release", number)
    assert erase(held, "--patient", ID, "--issuer", "ONE")["versions"] == 1
    assert erase(held, "--patient", ID)["versions"] == 1
    assert erase(held, "--patient", "NOBODY", code=1)["why"]
    assert erase(held, "--case", "C99", code=1)["why"]


def test_without_a_server_and_killed_on_the_way(tmp_path):
    """kill -9 while it erases: what was ordered is gone from every answer at the next start, and soon from the disk."""
    many = [canary(study, IssuerOfPatientID="X") for study in range(101, 141)]
    with Guarded(tmp_path / "data", config=ALPHA) as server:
        put(server, *many, synth.instance(150))
        wait_until(lambda: not disk.spooled(server.data), "all is placed")
    # Without a server.
    assert erase(tmp_path / "data", "--study", many[0].StudyInstanceUID)["versions"] == 1
    server = Guarded(tmp_path / "data", config=ALPHA)
    with server:
        command = subprocess.Popen([binary(), "erase", "--data", server.data, "--patient", ID, "--reason", "asked", "--yes"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        removed = server.data / "removed"
        wait_until(lambda: list(removed.glob("*.erasing.json")) or command.poll() is not None, "it is ordered")
        server.kill()
        command.communicate(timeout=30)
        server.process = None
    with server:
        assert [one["0020000D"]["Value"][0] for one in server.json("studies")] == [synth.uid(150)]
        wait_until(lambda: not list(removed.glob("*.erasing.json")), "it is carried out")
        assert len(list(removed.glob("*.erased.json"))) == 2
        assert found(server.data, "CANARY", *(one.StudyInstanceUID for one in many)) == []
        assert len([row for row in rows(server.data) if "39 versions of 39 studies in all" in row["detail"]]) >= 39
    assert run("verify", "--data", tmp_path / "data").returncode == 0


RULES = """
[retention]
rules = [
  { class = "own", custodian = "local", after = "never" },
  { class = "foreign copy", custodian = "alpha", after = "%s" },
]
"""


def test_what_expired_goes_a_hold_stays(tmp_path):
    """SOP-019: by class, beside a plan that removes nothing, on record, and never under a hold."""
    gone, kept, own = canary(161), canary(162), canary(163)
    with Guarded(tmp_path / "data", config=ALPHA) as server:
        put(server, own)
        by_alpha(server, gone)
        by_alpha(server, kept)
        number = add(server, "--study", kept.StudyInstanceUID, "--custodian", "alpha")
    rules = tmp_path / "rules.toml"
    for after, due, later in (("0 days", 1, 0), ("90 days", 0, 1), ("never", 0, 0)):
        rules.write_text(ALPHA + RULES % after)
        done = run("retention", "plan", "--config", rules, "--data", tmp_path / "data", "--json")
        *items, summary = map(json.loads, done.stdout.splitlines())
        held = 0 if after == "never" else 1
        assert done.returncode == 0 and (summary["due"], summary["later"], summary["held"]) == (due, later, held), done
        assert [item["what"] for item in items] == ([f"alpha/{gone.StudyInstanceUID}", f"alpha/{kept.StudyInstanceUID}"] if held else [])
        assert all('class "foreign copy"' in item["why"] for item in items)
    with Guarded(tmp_path / "data", config=ALPHA + RULES % "0 days") as server:
        wait_until(lambda: status(server, path(gone, "study")) == 410, "what expired goes")
        assert [status(server, path(one, "study")) for one in (kept, own)] == [200, 200]
        (row,) = rows(server.data, "retention")
        assert (row["what"], row["outcome"], row["study"], row["custodian"]) == ("delete", "success", gone.StudyInstanceUID, "alpha")
        assert row["detail"] == '113039 DCM Data Retention Policy Expired: class "foreign copy"' and row["patient"]["id"] == ID
        assert row["who"]["door"] == "server"
        wait_until(lambda: not list((server.data / "studies").glob(f"{gone.StudyInstanceUID}/*/*")), "its bytes go")
        assert f"kept by legal hold {number}" in overread(server, "retention", "plan", "--config", rules.parent / "data.toml")
    assert run("verify", "--data", tmp_path / "data").returncode == 0


def test_a_clock_that_jumps_removes_nothing(tmp_path):
    """R10: years ahead, everything would be due; a person has to say that the clock is right."""
    library = faketime()
    assert library, "no libfaketime: tests/run tools"
    ahead = {"LD_PRELOAD": library, "FAKETIME": "+400d", "DONT_FAKE_MONOTONIC": "1"}
    data = canary(171)
    server = Guarded(tmp_path / "data", config=ALPHA + RULES % "90 days")
    with server:
        by_alpha(server, data)
    with Guarded(tmp_path / "data", config=server.config, env=ahead) as jumped:
        wait_until(lambda: rows(jumped.data, "retention"), "the audit is told")
        (row,) = rows(jumped.data, "retention")
        assert row["what"] == "alarm" and "trust-clock" in row["detail"], row
        assert status(jumped, path(data, "study")) == 200
        assert jumped.metric("overread_retention_clock_ahead_seconds") > 390 * 86_400
    # With the clock right again nothing is to be said.
    with Guarded(tmp_path / "data", config=server.config) as right:
        assert status(right, path(data, "study")) == 200
        assert right.metric("overread_retention_clock_ahead_seconds") == 0
    trusted = run("retention", "trust-clock", "--data", tmp_path / "data", env={**os.environ, **ahead})
    assert trusted.returncode == 0, trusted
    with Guarded(tmp_path / "data", config=server.config, env=ahead) as jumped:
        wait_until(lambda: status(jumped, path(data, "study")) == 410, "a clock that is vouched for is believed")
