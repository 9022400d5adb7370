"""DELETE at three levels and rejection notes: gone from every door at once, never half, on record."""

import contextlib
import json
import os
import random
import socket
import subprocess
import threading
import time
from http.client import IncompleteRead
from urllib.parse import quote

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset

from support import disk, part10, stow, synth
from support.server import AET, Server, run

KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
QUALITY, SAFETY, WORKLIST, RETENTION = "113001", "113037", "113038", "113039"
CYCLES = int(os.environ.get("OVERREAD_DELETE_CYCLES", 6))
AT_ONCE = "[storage]\npurge_after_seconds = 0\n"


def put(server, *data) -> None:
    answer = stow.post(server, [synth.file(one) for one in data])
    assert answer.status == 200, answer.answer


def path(data, level: str) -> str:
    study = f"studies/{data.StudyInstanceUID}"
    series = f"{study}/series/{data.SeriesInstanceUID}"
    return {"study": study, "series": series, "instance": f"{series}/instances/{data.SOPInstanceUID}"}[level]


def delete(server, what: str, **query):
    text = "&".join(f"{k}={quote(v)}" for k, v in query.items())
    return server.request("DELETE", what + (f"?{text}" if text else ""))


def status(server, what: str) -> int:
    return server.get(f"{what}/metadata", "application/dicom+json").status


def uids(server, what: str) -> list[str]:
    return sorted(one["00080018"]["Value"][0] for one in server.json(what))


def code(value: str, scheme: str = "DCM", meaning: str = "a title") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def note(title: str, rejected: list, number: int = 1, series: int = 90) -> Dataset:
    """A key object selection in the study of what it rejects (PS3.3 C.17.6)."""
    first = rejected[0]
    data = synth.instance(int(str(first.StudyInstanceUID).split(".")[-1]), series, number, KEY_OBJECTS, Modality="KO")
    data.ConceptNameCodeSequence = [code(title)]
    data.ValueType, data.ContinuityOfContent = "CONTAINER", "SEPARATE"
    references = []
    for one in rejected:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
        references.append(item)
    of_series = Dataset()
    of_series.SeriesInstanceUID, of_series.ReferencedSOPSequence = first.SeriesInstanceUID, references
    of_study = Dataset()
    of_study.StudyInstanceUID, of_study.ReferencedSeriesSequence = first.StudyInstanceUID, [of_series]
    data.CurrentRequestedProcedureEvidenceSequence = [of_study]
    return data


@pytest.mark.parametrize("level, left", [("study", []), ("series", [(2, 1)]), ("instance", [(1, 2), (2, 1)])])
def test_wado_037_gone_from_every_door_at_once(tmp_path, level, left):
    held = {(series, number): synth.with_pixels(synth.instance(1, series, number)) for series, number in [(1, 1), (1, 2), (2, 1)]}
    other = synth.with_pixels(synth.instance(2, 1, 1))
    with Server(tmp_path / "data", config=AT_ONCE) as server:
        put(server, *held.values(), other)
        gone = held[1, 1]
        answer = delete(server, path(gone, level), reason="sent by mistake")
        assert (answer.status, answer.body) == (204, b"")
        for resource in ["", "/metadata"]:
            assert server.get(path(gone, level) + resource).status == 410
        for below in ["/metadata", "/frames/1", "/bulkdata/7FE00010", ""]:
            assert server.get(path(gone, "instance") + below).status == 410, below
        assert delete(server, path(gone, level)).status == 410
        expected = sorted(held[one].SOPInstanceUID for one in left)
        # QIDO-008: counts are those of what is left.
        assert uids(server, f"{path(gone, 'study')}/instances") == expected
        studies = {one["0020000D"]["Value"][0]: one for one in server.json("studies")}
        assert set(studies) == {other.StudyInstanceUID} | ({gone.StudyInstanceUID} if left else set())
        if left:
            found = studies[gone.StudyInstanceUID]
            assert found["00201208"]["Value"] == [len(left)]
            assert found["00201206"]["Value"] == [len({series for series, _ in left})]
        page = server.get("/studies", "text/html").body.decode()
        assert (gone.StudyInstanceUID in page) == bool(left)
        # The bytes go behind the answer (R14).
        until = time.monotonic() + 20
        while len(disk.placed(server.data)) + disk.spooled(server.data) > len(left) + 1:
            assert time.monotonic() < until, "deleted bytes stay"
            time.sleep(0.05)
        assert status(server, path(other, "study")) == 200
        # An explicit deletion does not forbid: it may come again, as new.
        put(server, gone)
        assert status(server, path(gone, "instance")) == 200
    said = run("verify", "--data", tmp_path / "data", "--json")
    assert said.returncode == 0, said.stdout + said.stderr


def test_a_record_without_patient_data_stays(server, tmp_path):
    data = synth.instance(1, PatientName="Secret^Name", PatientID="SECRET-ID")
    put(server, data)
    assert delete(server, path(data, "study"), reason="asked for by the patient").status == 204
    (record,) = (tmp_path / "data/removed").iterdir()
    text = record.read_text()
    head, instance, end = map(json.loads, text.splitlines())
    assert head["principal"].startswith("loopback:") and head["source"] == "127.0.0.1"
    assert head["reason"] == "asked for by the patient" and head["study"] == data.StudyInstanceUID
    assert (instance["instance"], end["instances"]) == (data.SOPInstanceUID, 1)
    assert "Secret" not in text and "SECRET" not in text
    assert record.stat().st_mode & 0o077 == 0


def test_what_is_refused(server):
    data = synth.instance(1)
    put(server, data)
    for what, query, expected in [
        (f"studies/{synth.uid(77)}", "", 404), (path(data, "study") + "/series/1.2.3", "", 404),
        ("studies/1.2.x", "", 400), (path(data, "study"), "?custodian=NOBODY", 400), (path(data, "study"), "?custodian=elsewhere", 404),
        (path(data, "instance"), "?version=1", 400), (path(data, "study"), "?StudyDate=20240101", 400),
        ("studies", "", 405), (path(data, "study") + "/metadata", "", 405), (path(data, "study") + "/instances", "", 405),
    ]:
        answer = server.request("DELETE", what + query)
        assert answer.status == expected, (what, query, answer.status, answer.body)
    assert status(server, path(data, "instance")) == 200
    allow = server.request("DELETE", path(data, "study") + "/metadata").headers["Allow"]
    assert "DELETE" not in allow
    assert "DELETE" in server.request("PUT", path(data, "series")).headers["Allow"]


def test_dicomweb_client_deletes(server):
    held = [synth.instance(1, 1, 1), synth.instance(1, 1, 2), synth.instance(1, 2, 1), synth.instance(1, 3, 1)]
    put(server, *held)
    client = DICOMwebClient(server.base)
    client.delete_instance(held[0].StudyInstanceUID, held[0].SeriesInstanceUID, held[0].SOPInstanceUID)
    assert uids(server, "instances") == sorted(one.SOPInstanceUID for one in held[1:])
    client.delete_series(held[2].StudyInstanceUID, held[2].SeriesInstanceUID)
    assert uids(server, "instances") == sorted([held[1].SOPInstanceUID, held[3].SOPInstanceUID])
    client.delete_study(held[0].StudyInstanceUID)
    assert server.json("instances") == []


def test_a_rebuild_and_a_backup_keep_deletions(tmp_path):
    stays, goes = synth.with_pixels(synth.instance(1)), synth.with_pixels(synth.instance(2))
    backup = tmp_path / "backup"
    with Server(tmp_path / "data") as server:
        put(server, stays, goes)
        assert run("backup", "--data", tmp_path / "data", backup).returncode == 0
        assert delete(server, path(goes, "study")).status == 204
        before = server.json("studies?includefield=all")
        # What an earlier backup had of it goes with the next.
        assert run("backup", "--data", tmp_path / "data", backup).returncode == 0
    assert len(list((backup / "studies").rglob("*.dcm"))) == 1
    for name in ["overread.db", "overread.db-wal", "overread.db-shm"]:
        (tmp_path / "data" / name).unlink(missing_ok=True)
    assert run("rebuild", "--data", tmp_path / "data").returncode == 0
    for folder in [tmp_path / "data", backup]:
        with Server(folder) as server:
            after = server.json("studies?includefield=all")
            assert [strip(one) for one in after] == [strip(one) for one in before]
            assert (status(server, path(stays, "study")), status(server, path(goes, "study"))) == (200, 410)
        assert run("verify", "--data", folder).returncode == 0


def strip(result: dict) -> dict:
    """Without the URL, which has the port."""
    return {tag: value for tag, value in result.items() if tag != "00081190"}


@pytest.mark.parametrize("title", [QUALITY, SAFETY, WORKLIST, RETENTION])
@pytest.mark.parametrize("note_first", [False, True])
def test_qido_041_sop_016_rejection_notes_hide(server, title, note_first):
    held = [synth.with_pixels(synth.instance(1, 1, number)) for number in (1, 2, 3)]
    rejects = note(title, held[:2])
    for one in [rejects, *held] if note_first else [*held, rejects]:
        put(server, one)
    seen = [] if title == RETENTION else [rejects.SOPInstanceUID]
    assert uids(server, f"{path(held[0], 'study')}/instances") == sorted([held[2].SOPInstanceUID, *seen])
    (found,) = server.json("studies")
    assert found["00201208"]["Value"] == [1 + len(seen)]
    assert ("KO" in found["00080061"]["Value"]) == bool(seen)
    for one in held[:2]:
        for resource in ["", "/metadata", "/frames/1"]:
            assert server.get(path(one, "instance") + resource).status == 410
        assert server.get(path(one, "instance") + "/metadata?version=1").status == 410
    assert status(server, path(rejects, "instance")) == (200 if seen else 410)
    metadata = server.json(f"{path(held[0], 'series')}/metadata")
    assert [one["00080018"]["Value"][0] for one in metadata] == [held[2].SOPInstanceUID]
    # What was rejected and comes again stays rejected.
    put(server, held[0])
    assert status(server, path(held[0], "instance")) == 410
    # A note that is deleted rejects nothing any more.
    assert delete(server, path(rejects, "instance")).status == 204
    assert uids(server, f"{path(held[0], 'study')}/instances") == sorted(one.SOPInstanceUID for one in held)


def test_a_note_by_dimse_rejects_too(server, tmp_path):
    held = [synth.with_pixels(synth.instance(1, 1, number)) for number in (1, 2)]
    put(server, *held)
    file = tmp_path / "note.dcm"
    file.write_bytes(synth.file(note(SAFETY, held[:1])))
    host, port = server.dimse
    sent = subprocess.run(["storescu", "-v", "-R", "-aec", AET, host, str(port), str(file)], capture_output=True, text=True, timeout=60)
    assert sent.returncode == 0 and "(Success)" in sent.stdout + sent.stderr, sent.stdout + sent.stderr
    assert [status(server, path(one, "instance")) for one in held] == [410, 200]


def test_quality_is_shown_when_the_configuration_says_so(tmp_path):
    held = [synth.instance(1, 1, number) for number in (1, 2)]
    with Server(tmp_path / "data", config='[storage]\nrejection_notes = ["113037", "113038", "113039"]\n') as server:
        put(server, *held, note(QUALITY, held[:1]), note(WORKLIST, held[1:], number=2))
        assert [status(server, path(one, "instance")) for one in held] == [200, 410]


def test_other_key_objects_reject_nothing(server):
    held = synth.instance(1, 1, 1)
    put(server, held, note("113000", [held]), note("113004", [held], number=2))
    assert status(server, path(held, "instance")) == 200


def test_a_rejection_survives_a_rebuild(tmp_path):
    wrong = synth.instance(1, 1, 1, PatientName="Wrong^Patient", PatientID="WRONG")
    right = synth.instance(1, 1, 2, PatientName="Right^Patient", PatientID="RIGHT")
    with Server(tmp_path / "data") as server:
        put(server, wrong)
        put(server, right)
        put(server, note(WORKLIST, [wrong]))
        before = [strip(one) for one in server.json("studies?includefield=all")]
        # The study is that of the patient who is left.
        assert before[0]["00100020"]["Value"] == ["RIGHT"]
    for name in ["overread.db", "overread.db-wal", "overread.db-shm"]:
        (tmp_path / "data" / name).unlink(missing_ok=True)
    assert run("rebuild", "--data", tmp_path / "data").returncode == 0
    with Server(tmp_path / "data") as server:
        assert [strip(one) for one in server.json("studies?includefield=all")] == before
        assert status(server, path(wrong, "instance")) == 410


def test_r14_killed_while_it_deletes_it_is_whole_or_gone(tmp_path):
    """kill -9 in a loop of deletions: each study is there with all its instances, or gone; what was answered is gone."""
    chance, per_study, studies = random.Random(14), 6, 40
    server = Server(tmp_path / "data", config=AT_ONCE)
    for cycle in range(CYCLES):
        first = 1_000 + cycle * studies
        answered, began = set(), threading.Event()
        with server:
            for number in range(first, first + studies):
                put(server, *(synth.instance(number, 1, one) for one in range(1, per_study + 1)))

            def deleting():
                for number in range(first, first + studies):
                    try:
                        done = delete(server, f"studies/{synth.uid(number)}")
                    except OSError:
                        return
                    assert done.status == 204
                    answered.add(number)
                    began.set()

            thread = threading.Thread(target=deleting)
            thread.start()
            assert began.wait(30)
            time.sleep(chance.random() * 0.25)
            server.kill()
            thread.join(30)
            server.process = None
        server.start()
        for number in range(first, first + studies):
            found = len(server.json(f"studies/{synth.uid(number)}/instances"))
            known = status(server, f"studies/{synth.uid(number)}")
            assert (found, known) in [(0, 410), (per_study, 200)], f"cycle {cycle}: study {number} is half there"
            assert number not in answered or known == 410, f"cycle {cycle}: study {number} came back"
        server.stop()
        server.process = None
    said = run("verify", "--data", tmp_path / "data", "--json")
    assert said.returncode == 0, said.stdout + said.stderr


PARTS, VALUES = 'multipart/related; type="application/dicom"; transfer-syntax=*', 'multipart/related; type="application/octet-stream"'


@contextlib.contextmanager
def being_given(folder, below: str, accept: str):
    """A server, and its answer of a study of 160 instances, of which most waits in the server for the reader."""
    words = random.Random(below)
    with Server(folder / "data") as server:
        files = []
        for number in range(160):
            uid, data = synth.simple(7, 1, number, 400_000)
            data += part10.element(0x7FE10010, "LO", b"OVERREAD") + part10.element(0x7FE11001, "UT", words.randbytes(30_000).hex().encode())
            files.append(part10.file(synth.CT, uid, part10.EXPLICIT_LE, data))
        for at in range(0, len(files), 40):
            assert stow.post(server, files[at : at + 40]).status == 200
        connection = server.connection()
        # What lies in the sockets was given already: they hold little.
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        connection.request("GET", f"/dicom-web/studies/{synth.uid(7)}{below}", headers={"Accept": accept})
        answer = connection.getresponse()
        assert answer.status == 200
        yield server, answer, answer.read(1_000)
        connection.close()


@pytest.mark.parametrize("below, accept", [("", PARTS), ("/bulkdata", VALUES), ("/metadata", "application/dicom+json"),
                                           ("/metadata", 'multipart/related; type="application/dicom+xml"')], ids=str)
def test_a_study_deleted_while_it_is_given_does_not_look_whole(tmp_path, below, accept):
    """What has gone breaks the answer off: no reader may take a part of a study for all of it."""
    with being_given(tmp_path, below, accept) as (server, answer, _):
        assert server.request("DELETE", f"studies/{synth.uid(7)}").status == 204
        with pytest.raises(IncompleteRead):
            answer.read()


@pytest.mark.parametrize("below, accept", [("", PARTS), ("/bulkdata", VALUES)], ids=str)
@pytest.mark.parametrize("gone", [0, 159])
def test_a_study_that_changes_while_it_is_given(tmp_path, below, accept, gone):
    """It is given as it was when it was counted: what comes meanwhile stands for nothing that goes."""
    with being_given(tmp_path, below, accept) as (server, answer, begun):
        uid, data = synth.simple(7, 1, 200, 1_000)
        assert stow.post(server, [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)]).status == 200
        assert server.request("DELETE", f"studies/{synth.uid(7)}/series/{synth.uid(7, 1)}/instances/{synth.uid(7, 1, gone)}").status == 204
        if gone:
            with pytest.raises(IncompleteRead):
                answer.read()
            return
        whole = begun + answer.read()
        # A value of the text and one of the pixel data each, or the instance.
        assert [whole.count(f"/instances/{synth.uid(7, 1, number)}".encode() + (b"\r\n" if not below else b"/")) > 0 for number in range(160)] == [True] * 160
        assert uid.encode() not in whole
