"""Storage commitment over HTTP (PS3.18 13): a yes is said only after the bytes were read again."""

import json
import time

import pytest
from pydicom.dataset import Dataset

from support import stow, synth
from support.server import Server, run
from test_delete import delete, note, path, put

JSON = "application/dicom+json"
NO_SUCH, CONFLICT, PROCESSING = 0x0112, 0x0119, 0x0110


def flat(*wanted) -> dict:
    """The request for (SOP Class, SOP Instance) pairs."""
    items = [{"00081150": {"vr": "UI", "Value": [c]}, "00081155": {"vr": "UI", "Value": [i]}} for c, i in wanted]
    return {"00081199": {"vr": "SQ", "Value": items}}


def of(*held) -> dict:
    return flat(*((one.SOPClassUID, one.SOPInstanceUID) for one in held))


def ask(server, transaction: str, request, accept: str = JSON, kind: str = JSON):
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return server.request("POST", f"commitment-requests/{transaction}", body, {"Content-Type": kind, "Accept": accept})


def result(server, transaction: str, seconds: float = 30):
    """The result, once it is there."""
    until = time.monotonic() + seconds
    while True:
        answer = server.get(f"commitment-requests/{transaction}", JSON)
        if answer.status != 202:
            assert answer.status == 200, answer
            return answer.json()
        assert int(answer.headers["Retry-After"]) > 0 and answer.body == b""
        assert time.monotonic() < until, "still pending"
        time.sleep(0.1)


def said(module: dict) -> tuple[set, dict]:
    """What is committed, and why the others are not."""
    committed = {one["00081155"]["Value"][0] for one in module.get("00081199", {}).get("Value", [])}
    failed = {one["00081155"]["Value"][0]: one["00081197"]["Value"][0] for one in module.get("00081198", {}).get("Value", [])}
    return committed, failed


def test_dimse_044_046_each_is_committed_or_says_why_not(server):
    held = [synth.with_pixels(synth.instance(1, 1, number)) for number in (1, 2, 3)]
    put(server, *held)
    unknown = synth.uid(9, 9, 9)
    request = flat(*((one.SOPClassUID, one.SOPInstanceUID) for one in held[:2]), (synth.MR, held[2].SOPInstanceUID), (synth.CT, unknown))
    answer = ask(server, "2.25.1", request)
    assert answer.status in (200, 202), answer
    module = result(server, "2.25.1")
    committed, failed = said(module)
    assert committed == {held[0].SOPInstanceUID, held[1].SOPInstanceUID}
    assert failed == {held[2].SOPInstanceUID: CONFLICT, unknown: NO_SUCH}
    assert module["00081195"]["Value"] == ["2.25.1"]
    # The union of both is what was asked for, as it was asked for.
    asked = {(i["00081150"]["Value"][0], i["00081155"]["Value"][0]) for i in request["00081199"]["Value"]}
    found = [(i["00081150"]["Value"][0], i["00081155"]["Value"][0]) for tag in ("00081199", "00081198") for i in module[tag]["Value"]]
    assert set(found) == asked and len(found) == len(asked)
    assert Dataset.from_json(module).ReferencedSOPSequence[0].ReferencedSOPClassUID == synth.CT
    # A Transaction UID is used once, and its result can be had again.
    assert ask(server, "2.25.1", request).status == 409
    assert result(server, "2.25.1") == module
    assert server.get("commitment-requests/2.25.2", JSON).status == 404
    xml = server.get("commitment-requests/2.25.1", "application/dicom+xml")
    assert xml.type == "application/dicom+xml" and held[0].SOPInstanceUID.encode() in xml.body


def test_by_studies(server):
    held = [synth.instance(1, 1, 1), synth.instance(1, 1, 2), synth.instance(1, 2, 1)]
    put(server, *held)
    instance = lambda uid: {"00081155": {"vr": "UI", "Value": [uid]}}
    classes = lambda uids: {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": [synth.CT]},
                                                  "0008114A": {"vr": "SQ", "Value": [instance(uid) for uid in uids]}}]}
    series = lambda uid, uids: {"0020000E": {"vr": "UI", "Value": [uid]}, "00081112": classes(uids)}
    studies = lambda listed: {"00081110": {"vr": "SQ", "Value": [
        {"0020000D": {"vr": "UI", "Value": [synth.uid(1)]}, "00081115": {"vr": "SQ", "Value": listed}}]}}
    whole = studies([series(synth.uid(1, 1), [one.SOPInstanceUID for one in held[:2]]), series(synth.uid(1, 2), [held[2].SOPInstanceUID])])
    ask(server, "2.25.10", whole)
    assert result(server, "2.25.10")["00081110"] == whole["00081110"]
    # An instance that is said to be where it is not does not exist there.
    ask(server, "2.25.11", studies([series(synth.uid(1, 2), [held[0].SOPInstanceUID])]))
    module = result(server, "2.25.11")
    assert "00081110" not in module and f"{NO_SUCH}" in json.dumps(module["0008119B"])


@pytest.mark.parametrize("body, kind, status", [
    (b"{}", JSON, 400), (b"no json", JSON, 400), (b"[]", JSON, 400), (b"", JSON, 400), (b"[" * 50_000, JSON, 400),
    (json.dumps(flat((synth.CT, "1.2.x"))).encode(), JSON, 400), (json.dumps(flat((synth.CT, "1.2"), (synth.CT, "1.2"))).encode(), JSON, 400),
    (json.dumps(flat(*((synth.CT, f"1.2.{n}") for n in range(10_001)))).encode(), JSON, 413),
    (b" " * (9 << 20), JSON, 413), (json.dumps(flat((synth.CT, "1.2"))).encode(), "text/plain", 415),
    (json.dumps(flat((synth.CT, "1.2")) | {"00081195": {"vr": "UI", "Value": ["2.25.99"]}}).encode(), JSON, 400),
])
def test_what_is_no_request(shared_server, body, kind, status):
    answer = ask(shared_server, "2.25.20", body, kind=kind)
    assert answer.status == status, answer
    assert shared_server.get("commitment-requests/2.25.20", JSON).status == 404, "what was refused is not kept"
    assert shared_server.request("DELETE", "commitment-requests/2.25.20").status == 405
    assert shared_server.get("commitment-requests/2.25.x", JSON).status == 400


def test_dimse_047_r6_a_flipped_bit_is_found_and_heals(tmp_path):
    """Nothing is committed that is not what was stored; the instance is out of service until the same bytes come again."""
    good, bad = (synth.with_pixels(synth.instance(1, 1, number), rows=256, columns=256, seed=number) for number in (1, 2))
    with Server(tmp_path / "data") as server:
        put(server, good, bad)
    file = tmp_path / "data/studies" / bad.StudyInstanceUID / bad.SeriesInstanceUID / f"{bad.SOPInstanceUID}.dcm"
    with file.open("r+b") as out:
        out.seek(file.stat().st_size - 1_000)
        byte = out.read(1)[0]
        out.seek(-1, 1)
        out.write(bytes([byte ^ 0x10]))
    with Server(tmp_path / "data") as server:
        ask(server, "2.25.30", of(good, bad))
        assert said(result(server, "2.25.30")) == ({good.SOPInstanceUID}, {bad.SOPInstanceUID: PROCESSING})
        for below in ["", "/frames/1"]:
            assert server.get(path(bad, "instance") + below).status == 500
        # Its metadata never came from the file.
        assert server.get(path(bad, "instance") + "/metadata", JSON).status == 200
        assert not file.exists()
        notes = list((tmp_path / "data/quarantine").glob("*.txt"))
        assert len(notes) == 1 and "digest" in notes[0].read_text()
        verified = run("verify", "--data", tmp_path / "data")
        assert verified.returncode != 0 and bad.SOPInstanceUID in verified.stdout
        put(server, bad)
        assert server.get(path(bad, "instance") + "/frames/1").status == 200
        ask(server, "2.25.31", of(good, bad))
        assert said(result(server, "2.25.31")) == ({good.SOPInstanceUID, bad.SOPInstanceUID}, {})
    assert run("verify", "--data", tmp_path / "data").returncode == 0
    assert file.exists()


def test_r6_a_read_takes_a_damaged_instance_out_of_service(tmp_path):
    bad = synth.with_pixels(synth.instance(1), rows=256, columns=256)
    with Server(tmp_path / "data") as server:
        put(server, bad)
    (file,) = (tmp_path / "data/studies").rglob("*.dcm")
    content = bytearray(file.read_bytes())
    content[-5_000] ^= 1
    file.write_bytes(content)
    with Server(tmp_path / "data") as server:
        assert server.get(path(bad, "instance")).status == 500
        until = time.monotonic() + 20
        while file.exists():
            assert time.monotonic() < until, "it stays in service"
            time.sleep(0.05)
        assert server.get(path(bad, "instance")).status == 500
        assert len(list((tmp_path / "data/quarantine").glob("*.dcm"))) == 1


def test_deleted_and_rejected_instances_are_not_committed(server):
    held = [synth.instance(1, 1, number) for number in (1, 2, 3)]
    put(server, *held, note("113037", [held[1]]))
    assert delete(server, path(held[0], "instance")).status == 204
    ask(server, "2.25.40", of(*held))
    assert said(result(server, "2.25.40")) == ({held[2].SOPInstanceUID}, {one.SOPInstanceUID: NO_SUCH for one in held[:2]})


def test_dimse_045_a_killed_server_goes_on(tmp_path):
    held = [synth.with_pixels(synth.instance(1, 1, number), rows=512, columns=512, seed=number) for number in range(1, 41)]
    server = Server(tmp_path / "data")
    with server:
        put(server, *held)
        status = ask(server, "2.25.50", of(*held)).status
        assert status in (200, 202)
        second = ask(server, "2.25.51", of(held[0])).status
        assert second in (200, 202)
        server.kill()
        server.process = None
    server.start()
    try:
        assert said(result(server, "2.25.50")) == ({one.SOPInstanceUID for one in held}, {})
        assert said(result(server, "2.25.51"))[1] == {}
        assert ask(server, "2.25.50", of(*held)).status == 409
    finally:
        server.stop()
