"""STOW-RS with metadata and bulk data in parts of their own, as DICOM JSON and as Native DICOM Model XML."""

import io
import json
import re
import socket
import struct
import threading
import zlib

import numpy
import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image, ImageSequence
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.filebase import DicomBytesIO

from support import nativexml, part10, stow, synth
from support.server import MIB, PeakWatch

JSON, XML, OCTETS = "application/dicom+json", "application/dicom+xml", "application/octet-stream"
CANNOT, MISMATCH, OTHER_STUDY, NO_CLASS, NO_SYNTAX, RESOURCES = 0xC000, 0xA900, 0xA901, 0x0122, 0xC122, 0xA700
ANY = 'application/dicom; transfer-syntax=*'
numbers = iter(range(1, 100_000))


def fresh(study: int = 7_000, **kw) -> Dataset:
    """A data set that nobody has seen."""
    return synth.instance(study, 1, next(numbers), **kw)


def model(data: Dataset, uris: dict | None = None) -> dict:
    """pydicom's JSON of a data set, with the attributes named in `uris` as BulkDataURI."""
    uris = {pydicom.datadict.tag_for_keyword(k): uri for k, uri in (uris or {}).items()}
    whole = {}
    for element in data:
        tag = f"{int(element.tag):08X}"
        whole[tag] = {"vr": element.VR, "BulkDataURI": uris[element.tag]} if element.tag in uris else element.to_json_dict(None, 10**9)
    return whole


def metadata(models: list[dict], form: str) -> list[tuple[str, bytes]]:
    """The metadata parts."""
    if form == JSON:
        return [(f"Content-Type: {JSON}\r\n", json.dumps(models).encode())]
    return [(f"Content-Type: {XML}\r\n", nativexml.write(one)) for one in models]


def bulk(location: str, content: bytes, media: str | None = OCTETS, length: bool = False) -> tuple[str, bytes]:
    head = f"Content-Location: {location}\r\n" + (f"Content-Type: {media}\r\n" if media else "")
    return head + (f"Content-Length: {len(content)}\r\n" if length else ""), content


def post(server, models, parts=(), form=JSON, study=None, accept=JSON, **kw):
    content = stow.body([*metadata(models, form), *parts]) if isinstance(models, list) else models
    return stow.post(server, None, study, {"Content-Type": stow.content_type(form), "Accept": accept}, content, **kw)


def path(data: Dataset) -> str:
    return f"studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}"


def fetch(server, data: Dataset) -> tuple[part10.Part10, Dataset]:
    """The stored file, its bytes apart and read by pydicom."""
    answer = server.get(path(data), ANY)
    assert answer.status == 200, answer
    return part10.split(answer.body), pydicom.dcmread(DicomBytesIO(answer.body))


def with_pixels(data: Dataset | None = None, **kw) -> Dataset:
    return synth.with_pixels(data or fresh(), seed=next(numbers), **kw)


forms = pytest.mark.parametrize("form", [JSON, XML])


@forms
def test_metadata_and_bulk_data(shared_server, form):
    """STOW-002, STOW-003, STOW-004, STOW-010, STOW-029, STOW-038: two instances of one study, each with a part."""
    some = [with_pixels(), with_pixels(bits=8, rows=3, columns=3)]
    models = [model(d, {"PixelData": f"bulk/{n}"}) for n, d in enumerate(some)]
    result = post(shared_server, models, [bulk(f"bulk/{n}", d.PixelData) for n, d in enumerate(some)], form)
    assert (result.status, result.stored) == (200, {d.SOPInstanceUID: None for d in some}), result.answer
    assert result.answer.headers["Location"] == f"{shared_server.base}/studies/{some[0].StudyInstanceUID}"
    for data in some:
        file, back = fetch(shared_server, data)
        assert file.syntax == part10.EXPLICIT_LE and file.meta[0x00020003].decode().strip("\0") == data.SOPInstanceUID
        assert back == data and back.PixelData == data.PixelData


@forms
def test_without_bulk_data(shared_server, form):
    """JSON-004, JSON-005, JSON-015, JSON-016: everything in the metadata, padded to even lengths."""
    data = fresh(PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", ImageType=["bar", "", "foo"], PatientComments=" a\\b",
                 OtherPatientNames=["C^D", "A^B"], SliceThickness="1.50", RescaleSlope=0.1)
    data.add_new(0x00090010, "LO", "ODD"), data.add_new(0x00090011, "LO", "SECOND OWNER")
    data.add_new(0x00091001, "SH", "x"), data.add_new(0x00091101, "OB", b"\0\1\2\3"), data.add_new(0x00091102, "FD", [0.1, 1e-310])
    data.ReferencedStudySequence = [Dataset(), Dataset()]
    data.ReferencedStudySequence[1].ReferencedSOPInstanceUID = "1.2.3"
    data.ReferencedStudySequence[1].PatientName = "Ärger"
    data.FrameIncrementPointer = [0x00181063, 0x7FE00010]
    assert post(shared_server, [model(data)], form=form).status == 200
    file, back = fetch(shared_server, data)
    data.SpecificCharacterSet = "ISO_IR 192"
    assert len(file.dataset) % 2 == 0
    assert back == data, [(a, b) for a, b in zip(back, data) if a != b]
    assert shared_server.json(path(data) + "/metadata")[0]["00080005"]["Value"] == ["ISO_IR 192"]


@forms
def test_bulk_data_in_any_order(shared_server, form):
    """STOW-030: parts are matched by their address alone, before, between and behind each other; one may serve several."""
    some = [with_pixels() for _ in range(3)]
    for data in some:
        data.RedPaletteColorLookupTableData = bytes(range(200)) * 2_000
        data["RedPaletteColorLookupTableData"].VR = "OW"
    models = [model(d, {"PixelData": f"cid:{n}", "RedPaletteColorLookupTableData": "https://example.org/shared?a=b"}) for n, d in enumerate(some)]
    parts = [bulk("cid:2", some[2].PixelData), (f"Content-Id: <0>\r\nContent-Type: {OCTETS}\r\n", some[0].PixelData),
             bulk("https://example.org/shared?a=b", some[0].RedPaletteColorLookupTableData), bulk("cid:1", some[1].PixelData, None)]
    result = post(shared_server, models, parts, form)
    assert (result.status, len(result.stored)) == (200, 3), result.answer
    for data in some:
        assert fetch(shared_server, data)[1] == data


def test_bytes_of_parts_are_kept(shared_server):
    """STOW-042: line ends, hyphens and what looks like a boundary are bytes like others; with and without a length."""
    for length in (True, False):
        data = fresh()
        data.EncapsulatedDocument = b"\r\n--" + stow.BOUNDARY.encode()[:-1] + b"\r\n\r\n--\r\n" + bytes(range(256)) * 3_000 + b"\r\n"
        assert post(shared_server, [model(data, {"EncapsulatedDocument": "x"})], [bulk("x", data.EncapsulatedDocument, length=length)]).status == 200
        assert fetch(shared_server, data)[1].EncapsulatedDocument == data.EncapsulatedDocument


def test_a_study_of_its_own(shared_server):
    """STOW-005: only what belongs to another study fails, whatever of it came."""
    here, there = with_pixels(fresh(7_001)), with_pixels(fresh(7_002))
    models = [model(there, {"PixelData": "a"}), model(here, {"PixelData": "b"})]
    result = post(shared_server, models, [bulk("a", there.PixelData), bulk("b", here.PixelData)], study=here.StudyInstanceUID)
    assert (result.status, result.stored, result.failed) == (202, {here.SOPInstanceUID: None}, {there.SOPInstanceUID: OTHER_STUDY}), result.answer
    result = post(shared_server, [model(fresh(7_002))], study=here.StudyInstanceUID)
    assert (result.status, result.reasons()) == (409, {OTHER_STUDY})


def without(data: Dataset, *keywords) -> Dataset:
    for keyword in keywords:
        delattr(data, keyword)
    return data


UNFIT = [
    # what is wrong, how the model is changed, the failure
    ("group 0002", lambda m: {"00020010": {"vr": "UI", "Value": ["1.2.840.10008.1.2.1"]}} | m, CANNOT),  # STOW-029
    ("a backslash in LO", lambda m: m | {"00100020": {"vr": "LO", "Value": ["a\\b"]}}, CANNOT),  # JSON-017
    ("bad base64", lambda m: m | {"00282000": {"vr": "OB", "InlineBinary": "A*=="}}, CANNOT),
    ("a number out of range", lambda m: m | {"00280010": {"vr": "US", "Value": [70000]}}, CANNOT),
    ("an unknown VR", lambda m: m | {"00100020": {"vr": "ZZ", "Value": ["a"]}}, CANNOT),
    ("no part", lambda m: m | {"7FE00010": {"vr": "OW", "BulkDataURI": "nowhere"}}, CANNOT),
    ("a class that is not stored", lambda m: m | {"00080016": {"vr": "UI", "Value": ["1.2.840.10008.1.1"]}}, NO_CLASS),
]


@forms
@pytest.mark.parametrize("name, change, reason", UNFIT, ids=[u[0] for u in UNFIT])
def test_each_is_judged_alone(shared_server, form, name, change, reason):
    """STOW-011, STOW-012, STOW-014, STOW-015, STOW-019, STOW-024: the good one is stored, the other told with its reason."""
    good, bad = with_pixels(), fresh()
    models = [change(model(bad)), model(good, {"PixelData": "p"})]
    result = post(shared_server, models, [bulk("p", good.PixelData)], form)
    assert (result.status, result.stored, result.failed, result.others) == (202, {good.SOPInstanceUID: None}, {bad.SOPInstanceUID: reason}, []), result.answer
    result = post(shared_server, models[:1], form=form)
    assert (result.status, result.failed) == (409, {bad.SOPInstanceUID: reason}), result.answer
    assert shared_server.json(f"instances?SOPInstanceUID={bad.SOPInstanceUID}") == []


def test_without_identity(shared_server):
    """STOW-018: what does not say which instance it is stands in the Other Failures."""
    result = post(shared_server, [model(without(fresh(), "SOPInstanceUID")), model(fresh())])
    assert (result.status, len(result.stored), result.failed, result.others) == (202, 1, {}, [CANNOT]), result.answer


PARTS = [
    # name, parts for an instance of 3 x 3 pixels of 8 bits at "p", its status, others
    ("exact", [bulk("p", b"123456789")], 200, []),
    ("with a pad byte", [bulk("p", b"123456789\0")], 200, []),
    ("one too few", [bulk("p", b"12345678")], 409, []),
    ("one too many", [bulk("p", b"12345678901")], 409, []),
    ("not as long as announced", [("Content-Location: p\r\nContent-Length: 5\r\n", b"123456789")], 409, []),
    ("a frame of its own", [bulk("p/frames/1", b"123456789")], 200, []),
    ("frame 0", [bulk("p/frames/0", b"123456789")], 409, [CANNOT]),
    ("frame 2 of 1", [bulk("p/frames/2", b"123456789")], 409, []),
    ("frame 2^62", [bulk("p/frames/4611686018427387904", b"123456789")], 409, []),
    ("twice", [bulk("p", b"123456789")] * 2, 202, [CANNOT]),
    ("one for nobody", [bulk("p", b"123456789"), bulk("q", b"1")], 202, [CANNOT]),
    ("one without an address", [bulk("p", b"123456789"), (f"Content-Type: {OCTETS}\r\n", b"1")], 202, [CANNOT]),
    ("a type that is no pixel data", [bulk("p", b"123456789", "text/plain")], 409, []),
    ("a transfer syntax that is none", [bulk("p", b"123456789", "image/jpeg; transfer-syntax=1.2.3")], 409, []),
    ("none", [], 409, []),
]


@pytest.mark.parametrize("name, parts, status, others", PARTS, ids=[p[0] for p in PARTS])
def test_parts_that_fit_and_that_do_not(shared_server, name, parts, status, others):
    """STOW-018, STOW-020, STOW-021, STOW-030: the answer says of each instance and of each stray part what became of it."""
    data = with_pixels(bits=8, rows=3, columns=3)
    result = post(shared_server, [model(data, {"PixelData": "p"})], parts)
    assert (result.status, result.others, len(result.stored)) == (status, others, int(status < 300)), result.answer
    if status < 300:
        assert fetch(shared_server, data)[1].PixelData == b"123456789\0"


MALFORMED = [
    ("no JSON", JSON, b"nonsense"),
    ("an array of numbers", JSON, b"[1,2]"),
    ("ends early", JSON, b'[{"00100020":{"vr":"LO"'),
    ("bad UTF-8", JSON, b'[{"00100020":{"vr":"LO","Value":["\xff"]}}]'),
    ("half a surrogate pair", JSON, b'[{"00100020":{"vr":"LO","Value":["\\ud800"]}}]'),
    ("100,000 levels of arrays", JSON, b"[" * 100_000),
    ("100,000 sequences", JSON, b"[" + b'{"00081110":{"vr":"SQ","Value":[' * 100_000),
    ("a huge number", JSON, b'[{"00280010":{"vr":"US","Value":[' + b"9" * 1_000_000 + b"]}}]"),
    ("no XML", XML, b"nonsense"),
    ("a document type", XML, b'<!DOCTYPE NativeDicomModel SYSTEM "http://127.0.0.1:1/x.dtd"><NativeDicomModel/>'),
    ("an external entity", XML, b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">&e;</Value></DicomAttribute></NativeDicomModel>'),
    ("a billion laughs", XML, b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><NativeDicomModel>&b;</NativeDicomModel>'),
    ("an entity out of nowhere", XML, b'<NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">&e;</Value></DicomAttribute></NativeDicomModel>'),
    ("100,000 elements deep", XML, b"<NativeDicomModel>" + b'<DicomAttribute tag="00081110" vr="SQ"><Item number="1">' * 100_000),
    ("another root", XML, b"<html/>"),
    ("UTF-16", XML, '<?xml version="1.0" encoding="UTF-16"?><NativeDicomModel/>'.encode("utf-16")),
    ("bad UTF-8 in XML", XML, b'<NativeDicomModel><DicomAttribute tag="00100020" vr="LO"><Value number="1">\xff</Value></DicomAttribute></NativeDicomModel>'),
    ("100,000 XML attributes", XML, b"<NativeDicomModel " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b"/>"),
]


@pytest.mark.parametrize("name, form, content", MALFORMED, ids=[m[0] for m in MALFORMED])
def test_what_is_no_metadata(shared_server, name, form, content):
    """JSON-018, JSON-019 and section c: 400 (409 for a whole document with nothing in it), within 64 MiB, and nothing is stored."""
    with PeakWatch(shared_server) as watch:
        before = shared_server.memory()
        answer = post(shared_server, stow.body([(f"Content-Type: {form}\r\n", content)]), form=form)
    assert answer.status == 400 or name == "100,000 XML attributes" and answer.status in (400, 409), answer.answer
    assert watch.peak - before < 64 * MIB, f"{(watch.peak - before) // MIB} MiB"
    assert post(shared_server, [model(fresh())]).status == 200


def many(value: str, count: int) -> bytes:
    return b'[{"00280010":{"vr":"US","Value":[' + b",".join([value.encode()] * count) + b"]}}]"


LARGE = [
    ("20 MiB of numbers", JSON, many("1", 10 * MIB)),
    ("5 million empty items", JSON, b'[{"00081110":{"vr":"SQ","Value":[' + b",".join([b"{}"] * 5_000_000) + b"]}}]"),
    ("1 million attributes", JSON, b"[{" + b",".join(b'"%08X":{"vr":"UN"}' % (0x00091000 + n * 2) for n in range(1_000_000)) + b"}]"),
    ("64 MiB of base64", JSON, b'[{"00282000":{"vr":"OB","InlineBinary":"' + b"A" * (64 * MIB) + b'"}}]'),
    ("64 MiB of XML", XML, b'<NativeDicomModel><DicomAttribute tag="00282000" vr="OB"><InlineBinary>' + b"A" * (64 * MIB) + b"</InlineBinary></DicomAttribute></NativeDicomModel>"),
    ("64 MiB of small instances", JSON, b"[" + b",".join([b'{"00100020":{"vr":"LO","BulkDataURI":"%d"}}' % n for n in range(1_400_000)]) + b"]"),
]


@pytest.mark.parametrize("name, form, content", LARGE, ids=[m[0] for m in LARGE])
def test_metadata_is_bounded(shared_server, name, form, content):
    """JSON-019, STOW-022, STOW-039: what is too large is refused with A700, 413 or 400, within 64 MiB."""
    with PeakWatch(shared_server) as watch:
        before = shared_server.memory()
        answer = post(shared_server, stow.body([(f"Content-Type: {form}\r\n", content)]), form=form)
    assert answer.status in (400, 409, 413), answer.answer
    assert watch.peak - before < 64 * MIB, f"{(watch.peak - before) // MIB} MiB"


def test_client_addresses_are_never_fetched(shared_server):
    """STOW-041: an address is a name of a part and nothing else."""
    calls = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(2)
        def wait():
            try:
                calls.append(listener.accept())
            except OSError:
                pass
        waiting = threading.Thread(target=wait)
        waiting.start()
        port = listener.getsockname()[1]
        for uri in (f"http://127.0.0.1:{port}/x", f"//127.0.0.1:{port}/x", "file:///etc/passwd", "/etc/passwd"):
            data = with_pixels()
            for form in (JSON, XML):
                result = post(shared_server, [model(data, {"PixelData": uri})], form=form)
                assert (result.status, result.failed) == (409, {data.SOPInstanceUID: CANNOT}), result.answer
            if uri.startswith("http"):
                # With its part it is as good as any other name.
                assert post(shared_server, [model(data, {"PixelData": uri})], [bulk(uri, data.PixelData)]).status == 200
        waiting.join()
    assert calls == []


def test_long_values_of_short_vrs(shared_server):
    """TS-004: written as UN, and read as what they are."""
    data = fresh()
    models = model(data) | {"00080080": {"vr": "LO", "Value": ["x" * 70_000]}}
    assert post(shared_server, [models]).status == 200
    file, _ = fetch(shared_server, data)
    assert b"\x08\0\x80\0UN\0\0" + (70_000).to_bytes(4, "little") + b"xxxx" in file.dataset


def test_the_same_again(shared_server):
    """STOW-040, STOW-023: the same bytes are the same instance; other ones a version with a warning."""
    data = with_pixels()
    parts = [bulk("p", data.PixelData)]
    for _ in range(2):
        result = post(shared_server, [model(data, {"PixelData": "p"})], parts)
        assert (result.status, result.stored) == (200, {data.SOPInstanceUID: None})
    data.PatientID = "OTHER"
    result = post(shared_server, [model(data, {"PixelData": "p"})], parts)
    assert (result.status, result.stored) == (202, {data.SOPInstanceUID: 0xB000}), result.answer
    assert "04000561" not in json.dumps(result.module)


def test_nothing_is_coerced(shared_server):
    """STOW-025: what is stored is what came, odd as it may be, so there is no Original Attributes Sequence."""
    data = fresh(PatientID="  spaces  inside", StudyDate="", SeriesNumber=None, InstanceNumber="7")
    assert post(shared_server, [model(data)]).status == 200
    _, back = fetch(shared_server, data)
    assert "OriginalAttributesSequence" not in back and back == data, back


def test_large_bulk_data_streams(shared_server):
    """Neither a value whose length is known nor one that must wait is held in memory."""
    for length in (True, False):
        data = fresh()
        data.EncapsulatedDocument = bytes(1_000) * 200_000
        with PeakWatch(shared_server) as watch:
            before = shared_server.memory()
            result = post(shared_server, [model(data, {"EncapsulatedDocument": "x"})], [bulk("x", data.EncapsulatedDocument, length=length)])
        assert result.status == 200, result.answer
        assert watch.peak - before < 48 * MIB, f"{(watch.peak - before) // MIB} MiB"
        assert len(fetch(shared_server, data)[1].EncapsulatedDocument) == 200_000_000


def test_a_body_that_breaks_off(shared_server):
    """What is whole is stored, what waits is not; nothing is half."""
    whole, half = with_pixels(), with_pixels()
    models = [model(whole, {"PixelData": "a"}), model(half, {"PixelData": "b"})]
    content = stow.body([*metadata(models, JSON), bulk("a", whole.PixelData), bulk("b", half.PixelData)])
    result = post(shared_server, content[:-300])
    assert (result.status, result.stored, set(result.failed)) == (202, {whole.SOPInstanceUID: None}, {half.SOPInstanceUID}), result.answer
    assert shared_server.json(f"instances?SOPInstanceUID={half.SOPInstanceUID}") == []
    result = post(shared_server, content[: len(content) // 4])
    assert result.status == 400, result.answer


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "br"])
def test_a_body_with_a_content_encoding(shared_server, encoding):
    """Section c: 415."""
    headers = {"Content-Type": stow.content_type(JSON), "Content-Encoding": encoding}
    assert stow.post(shared_server, None, headers=headers, content=b"x").status == 415


# Compressed pixels, documents and pictures.

JPEG_BASELINE, JPEG_LOSSLESS_SV1, JPEG_LS, JPEG_2000, RLE, MPEG4 = (
    "1.2.840.10008.1.2." + last for last in ("4.50", "4.70", "4.80", "4.90", "5", "4.102"))


def jpeg(seed: int, mode: str = "L") -> bytes:
    out = io.BytesIO()
    Image.effect_noise((16, 12), 50 + seed).convert(mode).save(out, "JPEG", quality=90)
    return out.getvalue()


def jpeg_2000(mode: str = "RGB", irreversible: bool = False) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((16, 12), 60).convert(mode).save(out, "JPEG2000", irreversible=irreversible, no_jp2=True, mct=int(mode == "RGB"))
    return out.getvalue()


def fragments(data: Dataset) -> list[bytes]:
    return list(generate_frames(data.PixelData, number_of_frames=int(data.get("NumberOfFrames") or 1)))


def described(rows=12, columns=16, samples=1, bits=8, photometric="MONOCHROME2", frames=None, **kw) -> Dataset:
    data = fresh(**kw)
    data.Rows, data.Columns, data.SamplesPerPixel, data.PhotometricInterpretation = rows, columns, samples, photometric
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit, data.PixelRepresentation = bits - 1, 0
    if frames:
        data.NumberOfFrames = frames
    if samples > 1:
        data.PlanarConfiguration = 0
    return data


def pixels_at(data: Dataset, uri: str) -> dict:
    return model(data) | {"7FE00010": {"vr": "OB", "BulkDataURI": uri}}


ADDRESSES = [("the same for each", lambda n: "p"), ("with the frame's number", lambda n: f"p/frames/{n + 1}")]


@forms
@pytest.mark.parametrize("name, address", ADDRESSES, ids=[a[0] for a in ADDRESSES])
def test_a_part_for_each_frame(shared_server, form, name, address):
    """STOW-031, STOW-034: frames become fragments, unchanged, with an offset table; numbered ones in any order."""
    frames = [jpeg(n) for n in range(3)]
    data = described(frames=3, sop_class=synth.SECONDARY_CAPTURE)
    parts = [bulk(address(n), frame, f"image/jpeg; transfer-syntax={JPEG_BASELINE}") for n, frame in enumerate(frames)]
    result = post(shared_server, [pixels_at(data, "p")], parts[::-1] if "number" in name else parts, form)
    assert result.status == 200, result.answer
    file, back = fetch(shared_server, data)
    assert file.syntax == JPEG_BASELINE
    assert [f[: len(w)] for f, w in zip(fragments(back), frames, strict=True)] == frames
    offsets = back.PixelData[8 : 8 + 12]
    assert offsets[:4] == bytes(4) and int.from_bytes(offsets[4:8], "little") == 8 + len(frames[0]) + len(frames[0]) % 2
    answer = shared_server.get(path(data) + "/frames/2", f'multipart/related; type="image/jpeg"; transfer-syntax={JPEG_BASELINE}')
    assert answer.parts()[0].body[: len(frames[1])] == frames[1]


def codestreams() -> list:
    from pydicom.pixels.encoders import JPEGLSLosslessEncoder, RLELosslessEncoder

    grey = bytes(range(192))
    shape = dict(rows=12, columns=16, samples_per_pixel=1, bits_allocated=8, bits_stored=8, pixel_representation=0,
                 photometric_interpretation="MONOCHROME2", number_of_frames=1)
    return [
        # media type, codestream, transfer syntax that it is stored in, is it described by itself
        ("image/jpeg", jpeg(1), JPEG_BASELINE, True),  # not .70, which the media type alone would say
        ("image/jpeg; transfer-syntax=" + JPEG_BASELINE, jpeg(1, "RGB"), JPEG_BASELINE, True),
        ("image/jls", JPEGLSLosslessEncoder.encode(grey, **shape), JPEG_LS, True),
        ("image/x-jls", JPEGLSLosslessEncoder.encode(grey, **shape), JPEG_LS, True),
        ("image/jp2", jpeg_2000(), JPEG_2000, True),
        ("image/jp2", jpeg_2000("L"), JPEG_2000, True),
        ("image/jp2", jpeg_2000(irreversible=True), "1.2.840.10008.1.2.4.91", True),
        ("image/dicom-rle", RLELosslessEncoder.encode(grey, **shape), RLE, False),
        ("image/jxl", b"\xff\x0anot looked into when it is described", "1.2.840.10008.1.2.4.110", False),
        ("video/mp4", b"\0\0\0\x18ftypmp42" + bytes(1_000), MPEG4, False),
        ("video/mpeg; transfer-syntax=1.2.840.10008.1.2.4.101", b"\0\0\1\xb3" + bytes(999), "1.2.840.10008.1.2.4.101", False),
        ("video/H265", bytes(70_001), "1.2.840.10008.1.2.4.107", False),
        (f"{OCTETS}; transfer-syntax={JPEG_BASELINE}", jpeg(2), JPEG_BASELINE, True),
    ]


@pytest.mark.parametrize("number", range(13))
def test_codestreams_are_kept(shared_server, number):
    """STOW-034, STOW-035: what is compressed stays as it is; what the metadata leaves out is read from it."""
    media, codestream, syntax, tells = codestreams()[number]
    video = media.startswith("video/")
    data = described(frames=25 if video else None, sop_class="1.2.840.10008.5.1.4.1.1.77.1.1.1" if video else synth.SECONDARY_CAPTURE)
    result = post(shared_server, [pixels_at(data, "p")], [bulk("p", codestream, media)])
    assert result.status == 200, result.answer
    file, back = fetch(shared_server, data)
    assert file.syntax == syntax
    (fragment,) = list(generate_frames(back.PixelData, number_of_frames=1))
    assert fragment == codestream + bytes(len(codestream) % 2)

    bare = fresh(sop_class=synth.SECONDARY_CAPTURE)
    result = post(shared_server, [pixels_at(bare, "p")], [bulk("p", codestream, media)])
    if not tells:
        assert result.status == (409 if media == "image/jxl" else 200), result.answer
        return
    assert result.status == 200, result.answer
    _, back = fetch(shared_server, bare)
    colour = back.SamplesPerPixel == 3
    assert (back.Rows, back.Columns, back.BitsAllocated, back.BitsStored, back.HighBit, back.PixelRepresentation) == (12, 16, 8, 8, 7, 0)
    assert back.PhotometricInterpretation == ({"image/jp2": "YBR_ICT" if syntax.endswith("91") else "YBR_RCT"}.get(media, "YBR_FULL_422") if colour else "MONOCHROME2")


FRAMES_THAT_DO_NOT_FIT = [
    ("too few", 3, [("p", "image/jpeg")] * 2, CANNOT),
    ("too many", 3, [("p", "image/jpeg")] * 4, None),
    ("of two types", 2, [("p", "image/jpeg"), ("p", "image/jls")], MISMATCH),
    ("the same twice", 2, [("p/frames/1", "image/jpeg")] * 2, MISMATCH),
    ("beyond the last", 2, [("p/frames/3", "image/jpeg")], MISMATCH),
    ("of an impossible syntax", 1, [("p", f"image/jpeg; transfer-syntax={JPEG_LS}")], NO_SYNTAX),
    ("a picture for no one", 1, [("p", "image/webp")], NO_SYNTAX),
]


@pytest.mark.parametrize("name, count, parts, reason", FRAMES_THAT_DO_NOT_FIT, ids=[f[0] for f in FRAMES_THAT_DO_NOT_FIT])
def test_frames_that_do_not_fit(shared_server, name, count, parts, reason):
    """STOW-020, STOW-021: told of the instance, or, when it was whole before, of the part."""
    data = described(frames=count)
    result = post(shared_server, [pixels_at(data, "p")], [bulk(location, jpeg(1), media) for location, media in parts])
    if reason is None:
        assert (result.status, len(result.stored), result.others) == (202, 1, [CANNOT]), result.answer
    else:
        assert (result.status, result.failed) == (409, {data.SOPInstanceUID: reason}), result.answer


@forms
def test_documents(shared_server, form):
    """STOW-032: a part of the document's own type is the document, and its type and length are noted."""
    for content, media in ((b"%PDF-1.4\nodd", "application/pdf"), (b"<ClinicalDocument/>", "text/xml"), (b"solid x", "model/stl")):
        data = fresh(sop_class="1.2.840.10008.5.1.4.1.1.104.1")
        metadata_ = model(data) | {"00420011": {"vr": "OB", "BulkDataURI": "d"}}
        assert post(shared_server, [metadata_], [bulk("d", content, media)], form).status == 200
        _, back = fetch(shared_server, data)
        assert back.EncapsulatedDocument == content + bytes(len(content) % 2)
        assert (back.MIMETypeOfEncapsulatedDocument, back.EncapsulatedDocumentLength) == (media, len(content))
    data = fresh(sop_class="1.2.840.10008.5.1.4.1.1.104.1", MIMETypeOfEncapsulatedDocument="application/pdf")
    result = post(shared_server, [model(data) | {"00420011": {"vr": "OB", "BulkDataURI": "d"}}], [bulk("d", b"x", "text/xml")], form)
    assert (result.status, result.reasons()) == (409, {MISMATCH})


def picture(image, kind: str = "PNG", **kw) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **kw)
    return out.getvalue()


def pictures() -> list:
    noise = numpy.random.default_rng(7)
    grey16 = noise.integers(0, 65_536, (13, 17), numpy.uint16)
    grey8 = noise.integers(0, 256, (13, 17), numpy.uint8)
    colour = noise.integers(0, 256, (13, 17, 3), numpy.uint8)
    alpha = noise.integers(0, 256, (13, 17, 4), numpy.uint8)
    bits = noise.integers(0, 2, (13, 17), numpy.uint8)
    palette = Image.fromarray(colour).quantize(16)
    return [
        # media type, picture, pixels
        ("image/png", picture(Image.fromarray(grey16)), grey16),
        ("image/png", picture(Image.fromarray(grey8)), grey8),
        ("image/png", picture(Image.fromarray(colour)), colour),
        ("image/png", picture(Image.fromarray(alpha)), alpha[:, :, :3]),
        ("image/png", picture(Image.fromarray(noise.integers(0, 256, (13, 17, 2), numpy.uint8), "LA")), None),
        ("image/png", picture(Image.fromarray(bits * 255).convert("1")), bits * 255),
        ("image/png", picture(palette), numpy.asarray(palette.convert("RGB"))),
        ("image/gif", picture(palette, "GIF"), numpy.asarray(palette.convert("RGB"))),
    ]


@pytest.mark.parametrize("number", range(8))
def test_pictures_become_pixels(shared_server, number):
    """STOW-033, STOW-035: PNG and GIF without loss, as native pixels; transparency goes."""
    media, content, want = pictures()[number]
    data = fresh(sop_class=synth.SECONDARY_CAPTURE)
    result = post(shared_server, [pixels_at(data, "p")], [bulk("p", content, media)])
    assert result.status == 200, result.answer
    file, back = fetch(shared_server, data)
    assert file.syntax == part10.EXPLICIT_LE and (back.Rows, back.Columns, back.PixelRepresentation) == (13, 17, 0)
    if want is None:
        want = numpy.asarray(Image.open(io.BytesIO(content)))[:, :, 0]
    assert back.PhotometricInterpretation == ("RGB" if want.ndim == 3 else "MONOCHROME2")
    assert back.BitsAllocated == want.itemsize * 8 and back.BitsStored == back.BitsAllocated
    assert back["PixelData"].VR == ("OW" if want.itemsize > 1 else "OB")
    assert numpy.array_equal(back.pixel_array, want)


def test_an_animation_becomes_frames(shared_server):
    """STOW-033."""
    noise = numpy.random.default_rng(8)
    frames = [Image.fromarray(noise.integers(0, 256, (9, 8, 3), numpy.uint8)).quantize(32) for _ in range(4)]
    content = picture(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)
    data = fresh(sop_class="1.2.840.10008.5.1.4.1.1.7.4")
    assert post(shared_server, [pixels_at(data, "p")], [bulk("p", content, "image/gif")]).status == 200
    _, back = fetch(shared_server, data)
    want = numpy.stack([numpy.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(Image.open(io.BytesIO(content)))])
    assert back.NumberOfFrames == 4 and numpy.array_equal(back.pixel_array, want)


def bomb(width: int, height: int) -> bytes:
    """A PNG of zeros that says it is this large."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    packed = zlib.compress(bytes(4 * MIB), 9)
    head = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


BAD_PICTURES = [
    ("no PNG", "image/png", lambda: b"nonsense", CANNOT),
    ("half a PNG", "image/png", lambda: pictures()[0][1][:200], CANNOT),
    ("a PNG of 2^62 bytes", "image/png", lambda: bomb(2**31 - 1, 2**31 - 1), RESOURCES),
    ("a PNG of 20 GB", "image/png", lambda: bomb(100_000, 100_000), RESOURCES),
    ("no GIF", "image/gif", lambda: b"GIF89a", CANNOT),
    ("a GIF of 12 GB", "image/gif", lambda: b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;", RESOURCES),
    ("a JPEG that is none", "image/jpeg", lambda: b"nonsense", CANNOT),
]


@pytest.mark.parametrize("name, media, make, reason", BAD_PICTURES, ids=[b[0] for b in BAD_PICTURES])
def test_bad_pictures(shared_server, name, media, make, reason):
    """STOW-022, STOW-033: told of the instance, in bounded memory, and the next is stored."""
    data, content = fresh(sop_class=synth.SECONDARY_CAPTURE), make()
    with PeakWatch(shared_server) as watch:
        before = shared_server.memory()
        result = post(shared_server, [pixels_at(data, "p")], [bulk("p", content, media)])
    assert result.failed == {data.SOPInstanceUID: reason} or result.status == 413, result.answer
    assert watch.peak - before < 96 * MIB
    assert post(shared_server, [model(fresh())]).status == 200


def test_a_picture_that_is_not_what_is_described(shared_server):
    """STOW-021."""
    data = described(rows=99, columns=17, bits=8)
    result = post(shared_server, [pixels_at(data, "p")], [bulk("p", pictures()[1][1], "image/png")])
    assert (result.status, result.failed) == (409, {data.SOPInstanceUID: MISMATCH}), result.answer


def test_an_icon_beside_the_pixels(shared_server):
    """STOW-034: a codestream in an item is a fragment too, in the one transfer syntax of the instance."""
    data = described()
    icon = described().to_json_dict()
    icon = {tag: value for tag, value in icon.items() if tag.startswith("0028")} | {"7FE00010": {"vr": "OB", "BulkDataURI": "icon"}}
    whole = pixels_at(data, "p") | {"00880200": {"vr": "SQ", "Value": [icon]}}
    small, large = jpeg(3), jpeg(4)
    parts = [bulk("icon", small, "image/jpeg"), bulk("p", large, "image/jpeg")]
    for some in (parts, parts[::-1]):
        result = post(shared_server, [whole], [(h, b) for h, b in some])
        assert result.status in (200, 202), result.answer
    _, back = fetch(shared_server, data)
    assert fragments(back)[0].rstrip(b"\0") == large.rstrip(b"\0")
    assert fragments(back.IconImageSequence[0])[0].rstrip(b"\0") == small.rstrip(b"\0")


def test_dicomweb_client_and_pydicom_models(shared_server):
    """Somebody else's JSON: pydicom's `to_json` in, `from_json` out."""
    data = with_pixels()
    text = data.to_json(bulk_data_threshold=1, bulk_data_element_handler=lambda element: f"u/{int(element.tag):08X}")
    uris = sorted(set(re.findall(r'"BulkDataURI": "([^"]+)"', text)))
    parts = [bulk(uri, data[int(uri[2:], 16)].value) for uri in uris]
    assert post(shared_server, [json.loads(text)], parts).status == 200
    client = DICOMwebClient(shared_server.base)
    uids = data.StudyInstanceUID, data.SeriesInstanceUID, data.SOPInstanceUID
    back = Dataset.from_json(client.retrieve_instance_metadata(*uids), lambda tag, vr, uri: bytes(client.retrieve_bulkdata(uri)[0]))
    assert back == data, [(a, b) for a, b in zip(back, data) if a != b]
    assert client.retrieve_instance(*uids) == data
