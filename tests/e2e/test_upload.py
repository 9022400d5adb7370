"""`POST /api/upload`: a ZIP of DICOM files, with a verdict for each file in it."""

import io
import zipfile

import pytest

from support import part10, stow, synth
from support.server import MIB, PeakWatch, Server

ZIP = {"Content-Type": "application/zip"}


def image(study: int, number: int, **kw) -> bytes:
    return synth.file(synth.with_pixels(synth.instance(study, 1, number), **kw))


def zipped(files: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def upload(server, content, headers=None):
    return server.request("POST", "/api/upload", content, ZIP | (headers or {}))


def lines(answer) -> dict[str, str]:
    return {line["file"]: line["verdict"] for line in answer.json()["files"]}


def counts(answer) -> tuple:
    return tuple(answer.json()[key] for key in ("stored", "same", "versions", "leftOut", "refused"))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_disc(server, method):
    images = {f"DICOM/S1/IM{n:03}": image(1, n) for n in range(1, 13)}
    directory = part10.file("1.2.840.10008.1.3.10", synth.uid(31, 9), part10.EXPLICIT_LE, part10.element(0x00041130, "CS", b"DISC"))
    others = {"README.TXT": b"hello", "viewer/run.exe": bytes(5_000), "DICOMDIR": directory, "empty": b""}
    broken = {"DICOM/S1/BROKEN": image(1, 99)[:-100], "../../escape": image(2, 1)}
    first = upload(server, zipped(images | others | broken, method))
    assert first.status == 202 and counts(first) == (13, 0, 0, 4, 1), first.body
    assert lines(first) == dict.fromkeys(others, "left-out") | {"DICOM/S1/BROKEN": "refused"}
    assert first.json()["whole"] is True
    found = server.json("studies")
    assert sorted(first.json()["studies"]) == sorted(s["00081190"]["Value"][0] for s in found)
    assert len(server.json("instances")) == 13
    for n in (1, 12):
        url = f"/dicom-web/studies/{synth.uid(1)}/series/{synth.uid(1, 1)}/instances/{synth.uid(1, 1, n)}"
        answer = server.get(url, "application/dicom; transfer-syntax=*")
        assert part10.split(answer.body).dataset == part10.split(images[f"DICOM/S1/IM{n:03}"]).dataset

    again = upload(server, zipped(images))
    assert again.status == 200 and counts(again) == (0, 12, 0, 0, 0) and again.json()["files"] == []
    other = upload(server, zipped({"IM": image(1, 1, seed=5)}))
    assert other.status == 200 and counts(other) == (0, 0, 1, 0, 0) and lines(other) == {"IM": "version"}
    assert server.metric("overread_stored_instances_total", door="zip", outcome="same") == 12


REFUSED = [
    ("nothing", b"", 409),
    ("text", b"hello, this is no ZIP", 400),
    ("a DICOM file", image(9, 1), 400),
    ("an empty ZIP", zipped({}), 409),
    ("no DICOM in it", zipped({"a.txt": b"a" * 500, "b/c.pdf": b"%PDF-1.4"}), 409),
    ("a ZIP in a ZIP", zipped({"more.zip": zipped({"IM": image(9, 2)})}), 409),
    ("cut short", zipped({f"IM{n}": image(9, n) for n in range(10)})[:-3_000], 409),
    ("a bomb", zipped({"bomb.dcm": bytes(64 * MIB)}), 409),
    ("too many entries", zipped({f"{n}": b"" for n in range(10_001)}), 409),
    ("a password", zipped({"IM": image(9, 3)}).replace(b"\x00\x00\x08\x00", b"\x01\x00\x08\x00"), 409),
]


@pytest.mark.parametrize("content, status", [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_no_zip_of_images(shared_server, content, status):
    answer = upload(shared_server, content)
    assert answer.status == status, answer.body[:500]
    assert shared_server.request("GET", "/healthz").status == 200
    if answer.status == 409:
        assert counts(answer)[:3] == (0, 0, 0)


def test_long_names_are_cut(shared_server):
    answer = upload(shared_server, zipped({f"{n}-" + "x" * 60_000: b"no image" for n in range(50)}))
    assert answer.status == 409 and counts(answer)[3] == 50
    assert all(len(name) <= 256 for name in lines(answer)) and len(answer.body) < 50 * 600


HEADS = [
    ({"Content-Type": "application/zip"}, 200),
    ({"Content-Type": "application/x-zip-compressed"}, 200),
    ({"Content-Type": "Application/ZIP"}, 200),
    ({"Content-Type": "application/dicom"}, 415),
    ({"Content-Type": "multipart/form-data; boundary=B"}, 415),
    ({"Content-Type": ""}, 415),
    ({"Content-Encoding": "gzip"}, 415),
]


@pytest.mark.parametrize("headers, status", HEADS)
def test_heads(shared_server, headers, status):
    content = zipped({"IM": image(8, 1)})
    assert upload(shared_server, content, headers).status == status


@pytest.mark.parametrize("method, status", [("GET", 405), ("PUT", 405), ("DELETE", 405), ("OPTIONS", 204)])
def test_methods(shared_server, method, status):
    answer = shared_server.request(method, "/api/upload")
    assert answer.status == status and answer.headers["allow"] == "POST, OPTIONS"


def test_a_large_zip_takes_no_memory(server):
    """200 MB, 2 instances of 100: neither the ZIP nor an instance is held whole."""
    made = [synth.simple(3, 1, n, 100_000_000) for n in range(2)]
    big = {f"IM{n}": part10.file(synth.CT, sop, part10.EXPLICIT_LE, data) for n, (sop, data) in enumerate(made)}
    content = zipped(big, zipfile.ZIP_STORED)
    with PeakWatch(server) as watch:
        answer = upload(server, content)
    assert answer.status == 200 and counts(answer)[0] == 2, answer.body
    assert watch.peak < 64 * MIB, watch.peak


def test_over_the_limit(tmp_path):
    with Server(tmp_path / "data", config="[limits]\nrequest_bytes = 100_000\ninstance_bytes = 100_000\n") as server:
        content = zipped({f"IM{n}": image(4, n) for n in range(200)}, zipfile.ZIP_STORED)
        assert len(content) > 200_000
        assert upload(server, content).status == 413
        chunks = (content[at : at + 10_000] for at in range(0, len(content), 10_000))
        assert server.request("POST", "/api/upload", chunks, ZIP).status == 413
        assert server.json("instances") == []
