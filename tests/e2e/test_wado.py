"""WADO-RS: media types and their negotiation, parts, ranges, conditional requests, frames, metadata, errors."""

import io
import json
import socket

import jpeg_ls
import numpy as np
import pytest
from PIL import Image

from support import jsonmodel, part10, stow, synth
from support.server import MIB, PeakWatch, Server

DICOM, OCTETS, JSON = "application/dicom", "application/octet-stream", "application/dicom+json"
JPEG_LS, JPEG, EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.50", part10.EXPLICIT_LE, part10.IMPLICIT_LE
LOSSLESS, PART_2, HTJ2K = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.201"


def related(kind: str, syntax: str = "") -> str:
    return f'multipart/related; type="{kind}"' + (f"; transfer-syntax={syntax}" if syntax else "")


def as_jpeg_ls(frame) -> bytes:
    return bytes(jpeg_ls.encode_array(frame))


def as_jpeg(frame) -> bytes:
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "JPEG", quality=90)
    return out.getvalue()


class Held:
    """A study of known content: an explicit, an implicit, a multi-frame, a lossless and a lossy instance."""

    def __init__(self):
        self.explicit = synth.with_pixels(synth.instance(1, 1, 1))
        self.implicit = synth.with_pixels(synth.instance(1, 1, 2))
        self.frames = synth.with_pixels(synth.instance(1, 2, 3), rows=5, columns=7, frames=4, bits=8)
        self.bits = synth.with_pixels(synth.instance(1, 2, 4), rows=5, columns=5, frames=3, bits=1)
        self.text = synth.instance(1, 3, 5, "1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
        self.streams = {}
        self.lossless = self.encapsulated(synth.instance(2, 1, 6), 1, as_jpeg_ls)
        self.lossy = self.encapsulated(synth.instance(3, 1, 7), 2, as_jpeg)
        self.files = {
            "explicit": synth.file(self.explicit), "implicit": synth.file(self.implicit, IMPLICIT), "frames": synth.file(self.frames),
            "bits": synth.file(self.bits), "text": synth.file(self.text), "lossless": synth.file(self.lossless, JPEG_LS),
            "lossy": synth.file(self.lossy, JPEG),
        }

    def encapsulated(self, data, fragments, encode):
        synth.with_pixels(data, frames=3, bits=8)
        frames = np.frombuffer(data.PixelData, np.uint8).reshape(3, 32, 32)
        self.streams[encode] = [encode(frame) for frame in frames]
        data.PixelData = synth.encapsulated(self.streams[encode], fragments, True)
        data["PixelData"].is_undefined_length = True
        return data

    def url(self, name: str, rest: str = "") -> str:
        data = getattr(self, name)
        return f"studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}{rest}"

    def dataset(self, name: str) -> bytes:
        return part10.split(self.files[name]).dataset


HELD = Held()
STUDY, SERIES = f"studies/{synth.uid(1)}", f"studies/{synth.uid(1)}/series/{synth.uid(1, 1)}"
RESOURCES = {
    "study": STUDY, "series": SERIES, "instance": HELD.url("explicit"), "implicit": HELD.url("implicit"), "text": HELD.url("text"),
    "lossless": HELD.url("lossless"), "lossy": HELD.url("lossy"), "metadata": HELD.url("explicit", "/metadata"),
    "frame": HELD.url("frames", "/frames/2"), "frames": HELD.url("frames", "/frames/1,3"), "bit frame": HELD.url("bits", "/frames/2"),
    "lossless frame": HELD.url("lossless", "/frames/2"), "lossy frame": HELD.url("lossy", "/frames/2"),
    "pixels": HELD.url("explicit", "/bulkdata/7FE00010"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("wado") / "data") as running:
        for content in HELD.files.values():
            assert stow.post(running, [content]).status == 200
        yield running
        assert running.process.poll() is None, running.log()[-4000:]


NEGOTIATION = [
    # resource, Accept, status, media type of the answer or its first part, transfer syntax of the first part
    ("instance", "*/*", 200, DICOM, EXPLICIT),  # WADO-007, WADO-017
    ("instance", None, 200, DICOM, EXPLICIT),
    ("instance", related(DICOM), 200, DICOM, EXPLICIT),
    ("instance", "multipart/related; type=application/dicom", 200, DICOM, EXPLICIT),
    ("instance", "Multipart/Related; Type=Application/DICOM", 200, DICOM, EXPLICIT),
    ("instance", related(DICOM, "*"), 200, DICOM, EXPLICIT),  # WADO-020
    ("instance", related(DICOM, EXPLICIT), 200, DICOM, EXPLICIT),  # WADO-021
    ("instance", related(DICOM, f'"{EXPLICIT}"'), 200, DICOM, EXPLICIT),
    ("instance", related(DICOM, IMPLICIT), 406, None, None),  # WADO-022
    ("instance", related(DICOM, part10.EXPLICIT_BE), 406, None, None),
    ("instance", related(DICOM, HTJ2K), 406, None, None),
    ("instance", related(DICOM, JPEG_LS), 200, DICOM, JPEG_LS),
    ("instance", DICOM, 200, DICOM, EXPLICIT),
    ("instance", "multipart/related", 200, DICOM, EXPLICIT),
    ("instance", "multipart/*", 200, DICOM, EXPLICIT),
    ("instance", "application/x-foo", 406, None, None),  # WADO-016
    ("instance", "application/x-foo, */*;q=0.1", 200, DICOM, EXPLICIT),
    ("instance", "garbage///, " + related(DICOM), 200, DICOM, EXPLICIT),
    ("instance", related(DICOM) + ";q=0", 406, None, None),
    ("instance", f"{related(DICOM, HTJ2K)}, {related(DICOM, EXPLICIT)};q=0.5", 200, DICOM, EXPLICIT),  # WADO-015
    ("instance", "application/dicom, image/jpeg", 400, None, None),  # WADO-013
    ("instance", "image/png", 406, None, None),
    ("instance", JSON, 406, None, None),
    ("implicit", related(DICOM), 200, DICOM, EXPLICIT),  # WADO-019
    ("implicit", related(DICOM, "*"), 200, DICOM, IMPLICIT),
    ("implicit", DICOM, 200, DICOM, EXPLICIT),
    ("implicit", f"{DICOM}; transfer-syntax=*", 200, DICOM, IMPLICIT),
    ("text", related(DICOM), 200, DICOM, EXPLICIT),
    ("lossless", related(DICOM), 200, DICOM, EXPLICIT),
    ("lossless", "*/*", 200, DICOM, EXPLICIT),
    ("lossless", related(DICOM, LOSSLESS), 200, DICOM, LOSSLESS),
    ("lossless", related(DICOM, "*"), 200, DICOM, JPEG_LS),
    ("lossless", related(DICOM, JPEG_LS), 200, DICOM, JPEG_LS),
    ("lossy", related(DICOM), 200, DICOM, JPEG),
    ("lossy", related(DICOM, JPEG), 200, DICOM, JPEG),
    ("lossy", related(DICOM, EXPLICIT), 200, DICOM, EXPLICIT),
    ("study", "*/*", 200, DICOM, EXPLICIT),
    ("study", DICOM, 406, None, None),  # WADO-009
    ("series", f"{DICOM}; transfer-syntax=*", 406, None, None),
    ("series", f"{DICOM}, */*", 200, DICOM, EXPLICIT),
    ("metadata", "*/*", 200, JSON, None),  # WADO-010
    ("metadata", None, 200, JSON, None),
    ("metadata", JSON, 200, JSON, None),
    ("metadata", "application/json", 200, JSON, None),
    ("metadata", "application/*", 200, JSON, None),
    ("metadata", "text/html", 406, None, None),
    ("metadata", related(DICOM), 406, None, None),
    ("frame", "*/*", 200, OCTETS, EXPLICIT),
    ("frame", related(OCTETS), 200, OCTETS, EXPLICIT),
    ("frame", related(OCTETS, "*"), 200, OCTETS, EXPLICIT),
    ("frame", OCTETS, 200, OCTETS, EXPLICIT),
    ("frame", related("image/jpeg"), 200, "image/jpeg", LOSSLESS),
    ("frame", related("image/jphc"), 406, None, None),
    ("frames", OCTETS, 406, None, None),
    ("frames", related(OCTETS), 200, OCTETS, EXPLICIT),
    ("lossless frame", related("image/jls"), 200, "image/jls", JPEG_LS),
    ("lossless frame", related("image/x-jls"), 200, "image/jls", JPEG_LS),  # WADO-024
    ("lossless frame", related("image/*"), 200, "image/jls", JPEG_LS),  # WADO-018
    ("lossless frame", related("image/jls", JPEG_LS), 200, "image/jls", JPEG_LS),
    ("lossless frame", related("image/jls", "1.2.840.10008.1.2.4.81"), 406, None, None),
    ("lossless frame", "image/jls", 200, "image/jls", JPEG_LS),
    ("lossless frame", related("image/jpeg"), 200, "image/jpeg", LOSSLESS),
    ("lossless frame", "*/*", 200, OCTETS, EXPLICIT),
    ("lossy frame", "*/*", 200, OCTETS, EXPLICIT),
    ("lossy frame", OCTETS, 200, OCTETS, EXPLICIT),
    ("lossy frame", related("image/jpeg", JPEG), 200, "image/jpeg", JPEG),
    ("lossy frame", related("image/jpeg"), 200, "image/jpeg", LOSSLESS),  # WADO-025: without transfer-syntax it means .4.70
    ("pixels", "*/*", 200, OCTETS, EXPLICIT),
    ("pixels", related(OCTETS), 200, OCTETS, EXPLICIT),
    ("pixels", OCTETS, 200, OCTETS, EXPLICIT),
]


@pytest.mark.parametrize("resource, accept, status, kind, syntax", NEGOTIATION, ids=lambda v: str(v))
def test_negotiation(server, resource, accept, status, kind, syntax):
    answer = server.get(RESOURCES[resource], accept)
    assert answer.status == status, answer
    if status != 200:
        assert answer.type and answer.body, "an error says why"
        if status == 406:
            assert b"application/" in answer.body or b"image/" in answer.body, "406 lists what there is"
        return
    assert ("Content-Length" in answer.headers) != (answer.headers.get("Transfer-Encoding") == "chunked")  # WADO-054
    assert "accept" in answer.headers["Vary"].lower()
    multipart = answer.type.startswith("multipart/related")
    first = answer.parts()[0] if multipart else stow.Part({"content-type": answer.type}, answer.body)
    assert first.type.split(";")[0] == kind
    if multipart:
        assert f'type="{kind}"' in answer.type
    if syntax:
        assert first.syntax == syntax  # WADO-023
    if kind == DICOM:
        assert part10.split(first.body).syntax == syntax


ACCEPT_PARAMETER = [
    # resource, accept parameter, Accept header, status, kind
    ("instance", "application/dicom", "*/*", 200, DICOM),  # WADO-014
    ("instance", 'multipart/related;type="application/dicom"', "*/*", 200, DICOM),
    ("implicit", 'multipart/related;type="application/dicom";transfer-syntax=*', "*/*", 200, DICOM),
    ("instance", "application/x-foo", "*/*", 200, DICOM),
    ("metadata", "application/dicom+json", "*/*", 200, JSON),
]


@pytest.mark.parametrize("resource, parameter, accept, status, kind", ACCEPT_PARAMETER, ids=lambda v: str(v))
def test_the_accept_parameter_comes_first(server, resource, parameter, accept, status, kind):
    from urllib.parse import quote
    answer = server.get(f"{RESOURCES[resource]}?accept={quote(parameter)}", accept)
    assert answer.status == status, answer
    first = answer.parts()[0].type if answer.type.startswith("multipart") else answer.type
    assert first.startswith(kind)


def test_every_level_gives_its_instances(server):
    """WADO-001."""
    want = {name: HELD.dataset(name) for name in ("explicit", "implicit", "frames", "bits", "text")}
    for path, names in ((STUDY, want), (SERIES, ("explicit", "implicit")), (HELD.url("frames"), ("frames",))):
        parts = server.get(path, related(DICOM, "*")).parts()
        assert sorted(part10.split(p.body).dataset for p in parts) == sorted(want[n] for n in names)


def test_a_study_with_what_cannot_be_given(tmp_path):
    """Table 10.4.3-1: 206 and a Warning when some instances are left out; 406 when all are."""
    with Server(tmp_path / "data") as server:
        plain, pressed = synth.with_pixels(synth.instance(9, 1, 1)), HELD.encapsulated(synth.instance(9, 1, 2), 1, as_jpeg_ls)
        stow.post(server, [synth.file(plain), synth.file(pressed, PART_2)])
        some = server.get(f"studies/{synth.uid(9)}", related(DICOM))
        assert some.status == 206 and len(some.parts()) == 1, some
        assert some.headers["Warning"].startswith("299 "), some.headers
        whole = server.get(f"studies/{synth.uid(9)}", related(DICOM, "*"))
        assert whole.status == 200 and len(whole.parts()) == 2 and "Warning" not in whole.headers


def test_a_study_of_which_some_can_be_made(tmp_path):
    """Whether an instance can be given in another syntax may depend on its image: JPEG-LS has no single bits."""
    with Server(tmp_path / "data") as server:
        plain, bits = synth.with_pixels(synth.instance(9, 1, 1)), synth.with_pixels(synth.instance(9, 1, 2), 5, 5, frames=3, bits=1)
        stow.post(server, [synth.file(plain), synth.file(bits)])
        some = server.get(f"studies/{synth.uid(9)}", related(DICOM, JPEG_LS))
        assert some.status == 206 and "1 instances are left out" in some.headers["Warning"], some
        assert [part10.split(p.body).syntax for p in some.parts()] == [JPEG_LS]
        either = server.get(f"studies/{synth.uid(9)}", f"{related(DICOM, JPEG_LS)}, {related(OCTETS)};q=0.5")
        assert either.status == 200 and {p.type.split(";")[0] for p in either.parts()} == {OCTETS}, either
        assert len(either.parts()) == 2


def test_metadata_at_each_level(server):
    """WADO-002, JSON-014, WADO-033."""
    for path, count in ((STUDY, 5), (SERIES, 2), (HELD.url("explicit"), 1)):
        found = jsonmodel.load(server.get(path + "/metadata", JSON).body)
        assert isinstance(found, list) and len(found) == count
        for one in found:
            assert not [t for t in one if t.startswith("0002") or t.endswith("0000")]
    assert len({o["00080018"]["Value"][0] for o in jsonmodel.load(server.get(STUDY + "/metadata").body)}) == 5


FRAME_LISTS = [
    # list, status, the frames that come
    ("1", 200, [1]), ("4", 200, [4]), ("1,2,3,4", 200, [1, 2, 3, 4]), ("1%2C3", 200, [1, 3]),
    ("3,1", 200, [3, 1]), ("2,2", 200, [2, 2]),  # WADO-031
    ("0", 400, None), ("-1", 400, None), ("abc", 400, None), ("1,,2", 400, None), ("1,", 400, None), ("", 404, None), ("+1", 400, None),
    ("18446744073709551616", 400, None), ("1.0", 400, None), ("%00", 400, None),  # WADO-032
    ("5", 404, None), ("1,999", 404, None), ("4294967295", 404, None), (",".join(["1"] * 8_000), 400, None),
]


@pytest.mark.parametrize("numbers, status, frames", FRAME_LISTS, ids=[f[0][:30] for f in FRAME_LISTS])
def test_frame_lists(server, numbers, status, frames):
    answer = server.get(HELD.url("frames", f"/frames/{numbers}"), related(OCTETS))
    assert answer.status == status or not numbers and answer.status in (400, 404), answer
    if frames:
        pixels = HELD.frames.PixelData
        assert [p.body for p in answer.parts()] == [pixels[(n - 1) * 35 : n * 35] for n in frames]  # WADO-029
        assert [int(p.location.rsplit("/", 1)[1]) for p in answer.parts()] == frames


def test_frames_of_one_bit(server):
    """WADO-030: 25 bits a frame, each from bit 0."""
    whole = int.from_bytes(HELD.bits.PixelData, "little")
    parts = server.get(HELD.url("bits", "/frames/1,2,3"), related(OCTETS)).parts()
    assert [p.body for p in parts] == [(whole >> 25 * n & (1 << 25) - 1).to_bytes(4, "little") for n in range(3)]


def test_compressed_frames_are_codestreams(server):
    """WADO-027, WADO-028: no item heads; the fragments of a frame are joined."""
    for name, kind, syntax, encode in (("lossless", "image/jls", JPEG_LS, as_jpeg_ls), ("lossy", "image/jpeg", JPEG, as_jpeg)):
        parts = server.get(HELD.url(name, "/frames/1,2,3"), related(kind, syntax)).parts()
        assert [p.body.rstrip(b"\0") for p in parts] == HELD.streams[encode]
    assert server.get(HELD.url("text", "/frames/1"), related(OCTETS)).status == 404


def test_bulk_data(server):
    """WADO-005, WADO-036, WADO-039."""
    (meta,) = server.json(HELD.url("explicit", "/metadata"))
    uri = meta["7FE00010"]["BulkDataURI"]
    assert uri == f"{server.base}/{HELD.url('explicit', '/bulkdata/7FE00010')}"
    path = uri.removeprefix(server.origin)
    (part,) = server.get(path, related(OCTETS)).parts()
    assert part.body == HELD.explicit.PixelData and part.location == uri
    assert server.get(path, OCTETS).body == HELD.explicit.PixelData
    for absent in ("7FE00011", "00100010", "nonsense", "7FE00010/0/00080018", "../metadata"):
        assert server.get(HELD.url("explicit", f"/bulkdata/{absent}"), "*/*").status in (400, 404), absent


SIZE = len(HELD.explicit.PixelData)
RANGES = [
    # Range, status, bytes
    ("bytes=0-99", 206, slice(0, 100)), ("bytes=100-", 206, slice(100, None)), ("bytes=-10", 206, slice(-10, None)),
    (f"bytes={SIZE - 1}-", 206, slice(-1, None)), (f"bytes=0-{SIZE * 9}", 206, slice(0, None)), ("bytes=0-0", 206, slice(0, 1)),
    (f"bytes={SIZE}-", 416, None), ("bytes=-0", 416, None),
    ("bytes=9-3", 200, slice(None)), ("lines=1-2", 200, slice(None)), ("bytes=x-y", 200, slice(None)),
    ("bytes=0-18446744073709551616", {200, 206}, slice(None)),
    ("bytes=" + ",".join(f"{n}-{n}" for n in range(2_000)), {200, 416}, slice(None)),
]


@pytest.mark.parametrize("range_, status, part", RANGES, ids=[r[0][:30] for r in RANGES])
def test_ranges(server, range_, status, part):
    """WADO-039, RFC 9110 14."""
    answer = server.get(RESOURCES["pixels"], OCTETS, Range=range_)
    assert answer.status in (status if isinstance(status, set) else {status}), answer
    if answer.status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    elif part is not None:
        want = HELD.explicit.PixelData[part]
        assert answer.body == want and int(answer.headers["Content-Length"]) == len(want)
    if answer.status == 206:
        start = part.indices(SIZE)[0]
        assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(want) - 1}/{SIZE}"


CONDITIONAL = ["instance", "metadata", "frame", "pixels", "study", "series"]


@pytest.mark.parametrize("name", CONDITIONAL)
def test_unchanged(server, name):
    """WADO-040."""
    first = server.get(RESOURCES[name], "*/*")
    tag = first.headers.get("ETag")
    if name in ("study", "series") and tag is None:
        return  # only single resources must carry one
    assert tag and tag.startswith('"'), first.headers
    same = server.get(RESOURCES[name], "*/*", If_None_Match=tag)
    assert same.status == 304 and not same.body and same.headers["ETag"] == tag
    assert server.get(RESOURCES[name], "*/*", If_None_Match=f'"other", {tag}').status == 304
    assert server.get(RESOURCES[name], "*/*", If_None_Match='"other"').status == 200
    assert server.get(RESOURCES[name], "*/*", If_None_Match="*").status == 304


def test_an_etag_is_of_one_representation(server):
    tags = {server.get(RESOURCES["implicit"], accept).headers["ETag"] for accept in (related(DICOM), related(DICOM, "*"))}
    assert len(tags) == 2


def test_head(server):
    for name in ("instance", "metadata", "frame", "pixels"):
        whole = server.get(RESOURCES[name], "*/*")
        head = server.request("HEAD", RESOURCES[name], headers={"Accept": "*/*"})
        assert (head.status, head.body) == (200, b"") and head.type.split(";")[0] == whole.type.split(";")[0]


WRONG_PATHS = [
    # path, status: WADO-038, WADO-041
    (f"studies/{synth.uid(999)}", {404}), (f"studies/{synth.uid(999)}/metadata", {404}),
    (f"{STUDY}/series/{synth.uid(999)}", {404}), (f"{SERIES}/instances/{synth.uid(999)}", {404}),
    (f"{SERIES}/instances/{HELD.frames.SOPInstanceUID}", {404}),
    (f"studies/{synth.uid(2)}/series/{synth.uid(1, 1)}", {404}),
    ("studies/abc", {400, 404}), ("studies/1..2", {400, 404}), ("studies/1.", {400, 404}), ("studies/.1", {400, 404}),
    ("studies/" + "1" * 65, {400, 404}), ("studies/" + "1" * 64, {404}), ("studies/1.02.3", {404}), ("studies/%31.2", {404}),
    ("studies/..%2F..%2Fetc%2Fpasswd", {400, 404}), ("studies/1.2%00", {400, 404}), ("studies/1.2%0d%0aX: y", {400, 404}),
    ("studies/1.2\\3", {400, 404}), ("studies/%ff", {400, 404}), ("studies//series", {400, 404}), (f"{STUDY}/", {400, 404}),
    (f"{STUDY}/nonsense", {404}), ("nonsense", {404}), ("/", {200, 404}), ("/dicom-webx/studies", {404}), ("/../etc/passwd", {400, 404}),
    ("studies/<script>alert(1)</script>", {400, 404}),
]


@pytest.mark.parametrize("path, statuses", WRONG_PATHS, ids=[p[0][:50] for p in WRONG_PATHS])
def test_wrong_paths(server, path, statuses):
    target = path if path.startswith("/") else f"/dicom-web/{path}"
    with socket.create_connection(server.http, timeout=10) as peer:
        peer.sendall(f"GET {target.replace(' ', '%20')} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while more := peer.recv(65_536):
            got += more
    status = int(got.split(b" ", 2)[1])
    assert status in statuses, got[:400]
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"<script>" not in body, "what was asked is not echoed as markup"
    assert b"\r\nX: y" not in head


def test_errors_are_problem_documents(server):
    for path, accept in ((f"studies/{synth.uid(999)}", "*/*"), (HELD.url("frames", "/frames/0"), "*/*"), (RESOURCES["instance"], "text/html")):
        answer = server.get(path, accept)
        assert answer.status >= 400 and answer.type.startswith("application/problem+json"), answer
        problem = json.loads(answer.body)
        assert problem["status"] == answer.status and problem["title"] and answer.headers["X-Content-Type-Options"] == "nosniff"


def test_answers_are_private(server):
    for name in ("instance", "metadata", "frame"):
        answer = server.get(RESOURCES[name], "*/*")
        assert "private" in answer.headers["Cache-Control"] and answer.headers["X-Content-Type-Options"] == "nosniff"


def test_rendering_is_not_pretended(server):
    """WADO-055: the thumbnail resources are all there or none."""
    statuses = {server.get(f"{p}/thumbnail", "image/jpeg").status for p in (STUDY, SERIES, HELD.url("explicit"), HELD.url("frames", "/frames/1"))}
    assert len(statuses) == 1 and statuses <= {200, 404, 406}


def test_a_slow_reader_costs_nothing(tmp_path):
    """A client that does not read holds no more of a big answer than a window's worth."""
    with Server(tmp_path / "data") as server:
        sop, data = synth.simple(8, 1, 1, 60 * MIB)
        assert stow.post(server, [part10.file(synth.CT, sop, EXPLICIT, data)]).status == 200
        before = server.memory()
        with PeakWatch(server) as watch:
            peers = []
            for _ in range(20):
                peer = socket.create_connection(server.http)
                peer.sendall(f"GET /dicom-web/studies/{synth.uid(8)} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n".encode())
                peers.append(peer)
            import time
            time.sleep(1)
            assert server.get("/healthz").status == 200
        [p.close() for p in peers]
        assert watch.peak - before < 64 * MIB, f"{(watch.peak - before) / MIB:.0f} MiB"
