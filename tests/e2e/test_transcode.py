"""Decoding and encoding on the way out: WADO-007, WADO-008, WADO-019 to WADO-030, WADO-036, TS-005 to TS-007, TS-014 to TS-018.

What we decode is compared with pydicom and the codecs that it uses; what we encode is read back by them and by DCMTK.
"""

import contextlib
import copy
import io
import os
import shutil
import signal
import subprocess
import threading
import warnings
import zlib
from http.client import HTTPException
from pathlib import Path

import gdcm
import imagecodecs
import jpeg_ls
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from support import corpus, part10, stow, synth
from support.server import Server
from test_corpus_round_trip import none, store_over_the_wire

PREFIX = "1.2.840.10008.1.2."
EXPLICIT, ENCAPSULATED = part10.EXPLICIT_LE, PREFIX + "1.98"
RLE, BASELINE, LOSSLESS, JPEG_LS, J2K, HTJ2K, JXL = (PREFIX + s for s in ("5", "4.50", "4.70", "4.80", "4.90", "4.201", "4.110"))
DEFLATED_FRAMES = PREFIX + "8.1"
TARGETS = {ENCAPSULATED: "application/octet-stream", LOSSLESS: "image/jpeg", JPEG_LS: "image/jls", J2K: "image/jp2", JXL: "image/jxl",
           RLE: "image/dicom-rle"}
OCTETS = 'multipart/related; type="application/octet-stream"'
NATIVE = {part10.IMPLICIT_LE, EXPLICIT, part10.EXPLICIT_BE, part10.DEFLATED}
DECODED = {PREFIX + s for s in ("5", "1.98", "8.1", "4.50", "4.51", "4.53", "4.55", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91", "4.110",
                                "4.111", "4.112", "4.201", "4.202", "4.203")}
DCT = {PREFIX + s for s in ("4.50", "4.51", "4.53", "4.55")}
WAVELET = {PREFIX + s for s in ("4.91", "4.203")}

# What cannot be decoded, and why: the answer is 422, as by every decoder that does not make pixels up.
BROKEN = {
    "derived/odd_encaps_garbage_codestream.dcm": "no codestream",
    "derived/odd_encaps_truncated_codestream.dcm": "half a codestream",
    "pydicom/JPEG2000-embedded-sequence-delimiter.dcm": "made to hold a delimiter: its size is absurd, OpenJPEG refuses it too",
    **{f"own/{name}.dcm": "stands for a codestream, is none" for name in (
        "fragments_table", "fragments_no_table", "fragments_split_table", "fragments_split_no_table", "fragments_one_frame",
        "extended_offset_table")},
}
# What pydicom does not read to its end.
UNREADABLE = {"dicom-test-files/badVR.dcm": "Number of Frames is no number"}
# Where pydicom is not followed, and why.
OTHERWISE = {
    "dicom-test-files/SC_rgb_jpeg_lossy_gdcm.dcm": "labelled RGB, coded as YCbCr with coarser chrominance: pydicom leaves it so",
}


def related(kind: str, syntax: str = "") -> str:
    return f'multipart/related; type="{kind}"' + (f"; transfer-syntax={syntax}" if syntax else "")


def read(content: bytes) -> pydicom.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pydicom.dcmread(io.BytesIO(content), force=True)
    if "Rows" in data:  # what is left out by mistake is what it mostly is
        for keyword, value in (("SamplesPerPixel", 1), ("PixelRepresentation", 0), ("BitsStored", data.get("BitsAllocated"))):
            if keyword not in data:
                setattr(data, keyword, value)
    return data


def frames_of(data: pydicom.Dataset) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return max(1, int(data.get("NumberOfFrames") or 1))
        except ValueError:
            return 1


def samples(data: pydicom.Dataset, rgb: bool) -> np.ndarray:
    """All samples as pydicom decodes them: frames, rows, columns, samples; converted to RGB where that is wanted."""
    syntax = data.file_meta.TransferSyntaxUID
    shape = (frames_of(data), data.Rows, data.Columns, data.SamplesPerPixel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if syntax.startswith(PREFIX + "4.11"):
            streams = generate_frames(data.PixelData, number_of_frames=frames_of(data))
            return np.stack([imagecodecs.jpegxl_decode(s) for s in streams]).reshape(shape)
        if syntax == ENCAPSULATED:
            kind = np.dtype(f"<{'i' if data.PixelRepresentation else 'u'}{data.BitsAllocated // 8}")
            length = data.Rows * data.Columns * data.SamplesPerPixel * data.BitsAllocated // 8
            streams = [s[:length] for s in generate_frames(data.PixelData, number_of_frames=frames_of(data))]
            return _interleaved(np.frombuffer(b"".join(streams), kind), data)
        if syntax in DCT and data.BitsStored > 8:
            streams = generate_frames(data.PixelData, number_of_frames=frames_of(data))
            return np.stack([imagecodecs.jpeg_decode(s) for s in streams]).reshape(shape)
        decoder = get_decoder(UID(syntax))
        array, _ = decoder.as_array(data, raw=not rgb)
        return array.reshape(shape)


def _interleaved(flat: np.ndarray, data: pydicom.Dataset) -> np.ndarray:
    if data.SamplesPerPixel > 1 and data.get("PlanarConfiguration") == 1:
        planes = flat.reshape(frames_of(data), data.SamplesPerPixel, data.Rows, data.Columns)
        return np.moveaxis(planes, 1, -1)
    return flat.reshape(frames_of(data), data.Rows, data.Columns, data.SamplesPerPixel)


def native(data: pydicom.Dataset) -> np.ndarray:
    """The samples of a data set in Explicit VR Little Endian, by its own attributes."""
    count = frames_of(data) * data.Rows * data.Columns * data.SamplesPerPixel
    if data.BitsAllocated == 1:
        bits = np.unpackbits(np.frombuffer(data.PixelData, np.uint8), bitorder="little")[:count]
        return bits.reshape(frames_of(data), data.Rows, data.Columns, 1)
    kind = np.dtype(f"<{'i' if data.PixelRepresentation else 'u'}{data.BitsAllocated // 8}")
    if data.PhotometricInterpretation == "YBR_FULL_422" and len(data.PixelData) < count:
        pairs = np.frombuffer(data.PixelData, np.uint8, count // 3 * 2).reshape(-1, 4)
        return pairs[:, [0, 2, 3, 1, 2, 3]].reshape(frames_of(data), data.Rows, data.Columns, 3)
    return _interleaved(np.frombuffer(data.PixelData, kind, count), data)


def tolerance(case) -> int:
    """How far a sample may be off. A cosine or irreversible wavelet transform, and what is made of its colour, may round
    each step otherwise; everything else is exact."""
    colour = case.dataset.get("SamplesPerPixel") == 3
    if case.syntax in DCT:
        return 3 if colour else 1
    if case.syntax in WAVELET or case.syntax in (PREFIX + "4.111", PREFIX + "4.112"):
        return 2
    return 0


def has_pixels(case) -> bool:
    data = case.dataset
    return data is not None and "PixelData" in data and "Rows" in data and "Columns" in data


DECODABLE = [c for c in corpus.storable() if c.syntax in DECODED and has_pixels(c)]
UNCOMPRESSED = [c for c in corpus.storable() if c.syntax in NATIVE and has_pixels(c)]


@pytest.fixture(scope="module")
def holding(tmp_path_factory):
    """All files with pixels, in as many servers as files share a UID."""
    servers = []
    where = {}
    for number, batch in enumerate(corpus.batches(DECODABLE + UNCOMPRESSED)):
        server = Server(tmp_path_factory.mktemp(f"transcode{number}") / "data").start()
        servers.append(server)
        refused = {p.split(":")[0] for p in store_over_the_wire(server, batch)}
        where.update({c.name: server for c in batch if c.name not in refused})
    yield where
    for server in servers:
        alive = server.process.poll() is None
        server.stop()
        assert alive, f"the server died\n{server.log()[-4000:]}"


def instance(server, case, syntax: str):
    answer = server.get(case.url, related("application/dicom", syntax))
    if answer.status != 200:
        return answer, None
    (part,) = answer.parts()
    assert part.syntax == syntax, f"{part.syntax} says the part"  # WADO-023
    data = read(part.body)
    assert data.file_meta.TransferSyntaxUID == syntax
    return answer, data


@pytest.mark.timeout(900)
def test_every_decodable_file_equals_pydicom(holding):
    """WADO-019, WADO-029, TS-005, TS-006, TS-015: instance and frames, decoded."""
    problems, compared, unread = [], 0, []
    for case in DECODABLE:
        server = holding.get(case.name)
        if server is None:
            continue
        answer, data = instance(server, case, EXPLICIT)
        if data is None:
            if answer.status == 422 and case.name in BROKEN:
                continue
            problems.append(f"{case.name}: {case.syntax} {answer.status} {answer.body[:160]!r}")
            continue
        try:
            expected = samples(case.dataset, data.PhotometricInterpretation == "RGB")
        except Exception as error:
            unread.append(f"{case.name}: pydicom: {error}"[:200])
            continue
        ours = native(data)
        if ours.shape != expected.shape:
            problems.append(f"{case.name}: {ours.shape}, pydicom says {expected.shape}")
            continue
        off = int(np.abs(ours.astype(np.int64) - expected.astype(np.int64)).max())
        if off > tolerance(case) and case.name not in OTHERWISE:
            problems.append(f"{case.name}: {case.syntax} {case.dataset.PhotometricInterpretation} off by up to {off}")
        compared += 1
        problems += frame_problems(server, case, data)
    print(f"\n{compared} of {len(DECODABLE)} compressed files compared with pydicom, {len(unread)} that it does not read: {unread}")
    assert compared or not DECODABLE
    none(problems)


def frame_problems(server, case, data) -> list[str]:
    """Frames as octets are the slices of the decoded value; so is the bulk data."""
    frames = frames_of(data)
    bits = data.Rows * data.Columns * data.SamplesPerPixel * data.BitsAllocated
    wanted = sorted({1, frames, (frames + 1) // 2})
    answer = server.get(f"{case.url}/frames/{','.join(map(str, wanted))}", OCTETS)
    if answer.status != 200:
        return [f"{case.name}: frames {answer.status} {answer.body[:160]!r}"]
    problems = []
    for number, part in zip(wanted, answer.parts(), strict=True):
        if part.syntax != EXPLICIT or part.location != f"{server.base}/{case.url}/frames/{number}":
            problems.append(f"{case.name}: frame {number} says {part.type} at {part.location}")
        if bits % 8 == 0 and part.body != data.PixelData[(number - 1) * bits // 8:number * bits // 8]:
            problems.append(f"{case.name}: frame {number} is no slice of the decoded value")
    bulk = server.get(f"{case.url}/bulkdata/7FE00010", "application/octet-stream")
    if (bulk.status, bulk.body) != (200, data.PixelData):
        problems.append(f"{case.name}: bulk data {bulk.status} of {len(bulk.body)} bytes is not the decoded value")
    return problems


def offered(data: pydicom.Dataset, target: str) -> bool:
    """Whether the target can hold the samples of this data set without losing a bit."""
    if "FloatPixelData" in data or "DoubleFloatPixelData" in data:
        return False
    if target == ENCAPSULATED:
        return True
    if data.BitsAllocated == 1 or data.SamplesPerPixel not in (1, 3):
        return False
    if target == RLE:
        return data.BitsAllocated in (8, 16, 32)
    if target == J2K and max(data.Rows, data.Columns) > 32_768:
        return False
    if target == JXL and (min(data.Rows, data.Columns) < 2 or (data.SamplesPerPixel == 3 and data.PhotometricInterpretation.startswith("YBR_F"))):
        return False
    return data.BitsAllocated in (8, 16)


@pytest.mark.timeout(900)
def test_every_lossless_target_gives_every_bit_back(holding):
    """WADO-020 to WADO-022, TS-017, TS-018: each file in each syntax, read back by pydicom."""
    problems, made = [], dict.fromkeys(TARGETS, 0)
    for number, case in enumerate(UNCOMPRESSED + DECODABLE):
        server = holding.get(case.name)
        if server is None or case.name in BROKEN:
            continue
        _, plain = instance(server, case, EXPLICIT)
        if case.bad_element or case.name in UNREADABLE:
            continue
        if plain is None or "PixelData" not in plain or len(plain.PixelData) > 4 << 20:
            continue
        for at, target in enumerate(TARGETS):
            # Small files in every syntax, larger ones each in one.
            if target == case.syntax or (len(plain.PixelData) > 60_000 and at != number % len(TARGETS)):
                continue
            try:
                problems += target_problems(server, case, plain, target, made)
            except Exception as error:
                problems.append(f"{case.name} in {target}: {type(error).__name__} {error}"[:300])
    print(f"\n{len(UNCOMPRESSED)} uncompressed and {len(DECODABLE)} compressed files; read back: {made}")
    assert not UNCOMPRESSED or all(made.values())
    none(problems)


def target_problems(server, case, plain, target, made) -> list[str]:
    answer, coded = instance(server, case, target)
    if coded is None:
        bits = frames_of(plain) * plain.Rows * plain.Columns * plain.SamplesPerPixel * plain.BitsAllocated
        lies = answer.status == 422 and len(plain.PixelData) * 8 < bits
        return [] if lies or answer.status == 406 and not offered(plain, target) else [f"{case.name} in {target}: {answer.status} {answer.body[:160]!r}"]
    if coded.SOPInstanceUID != plain.SOPInstanceUID:
        return [f"{case.name} in {target}: another SOP Instance UID"]  # TS-017
    changed = {str(e.tag) for e in coded if e.keyword not in CHANGES and e.tag.element and (e.tag not in plain or plain[e.tag] != e)}
    changed |= {str(e.tag) for e in plain if e.keyword not in CHANGES and e.tag.element and e.tag not in coded}
    problems = [f"{case.name} in {target}: {sorted(changed)} changed"] if changed else []
    if plain.BitsAllocated != 1:
        expected = native(plain)
        got = samples(coded, coded.PhotometricInterpretation in ("YBR_RCT", "RGB"))
        if coded.PixelRepresentation and got.dtype.kind == "u":
            got = got.view(f"i{got.dtype.itemsize}")
        unused = plain.BitsAllocated - plain.BitsStored
        whole = np.array_equal(got.astype(np.int64), expected.astype(np.int64))
        # pydicom clears what lies above Bits Stored in some of its decoders: those bits are then compared by ours.
        masked = unused and np.array_equal((got.astype(np.int64) << unused) & mask(plain), (expected.astype(np.int64) << unused) & mask(plain))
        if not (whole or masked):
            problems.append(f"{case.name} in {target}: {plain.PhotometricInterpretation} differs as pydicom reads it")
    streams = list(generate_frames(coded.PixelData, number_of_frames=frames_of(coded)))
    answer = server.get(f"{case.url}/frames/1", related(TARGETS[target], target))
    (part,) = answer.parts()
    if part.body.rstrip(b"\0") != streams[0].rstrip(b"\0") or part.syntax != target:
        problems.append(f"{case.name} in {target}: the frame is another than the instance's")
    made[target] += 1
    return problems


CHANGES = {"PixelData", "PhotometricInterpretation", "PlanarConfiguration", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"}


def mask(data) -> int:
    return (1 << data.BitsAllocated) - 1


def grey(number: int, bits=16, stored=None, signed=False, frames=2, above=False) -> pydicom.Dataset:
    """A smooth picture with some noise."""
    data = synth.with_pixels(synth.instance(1, 1, number), rows=24, columns=20, frames=frames, bits=bits)
    data.BitsStored = stored or bits
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(signed)
    rng = np.random.default_rng(number)
    half = (1 << data.BitsStored) // 2
    base = np.add.outer(np.arange(24), np.arange(20)) * half // 64 - (half if signed else 0)
    values = np.stack([base + rng.integers(0, 3, base.shape) + n for n in range(frames)])
    values = values.astype(f"<{'i' if signed else 'u'}{bits // 8}")
    if above:
        values |= 1 << data.BitsStored
    data.PixelData = values.tobytes()
    return data


def colour(number: int, photometric="RGB", planar=0) -> pydicom.Dataset:
    data = synth.with_pixels(synth.instance(1, 1, number, synth.SECONDARY_CAPTURE), rows=16, columns=16, bits=8, samples=3)
    data.PhotometricInterpretation, data.PlanarConfiguration = photometric, planar
    data.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    slope = np.add.outer(np.arange(16), np.arange(16)) * 4
    values = np.stack([slope, slope + 40, 200 - slope]).astype(np.uint8)
    data.PixelData = (values if planar else np.moveaxis(values, 0, -1)).tobytes()
    return data


SYNTHETIC = {
    "sixteen": grey(1), "twelve": grey(2, stored=12), "signed": grey(3, signed=True), "signed twelve": grey(4, stored=12, signed=True),
    "overlay above": grey(5, stored=12, above=True), "eight": grey(6, bits=8), "odd frames": synth.with_pixels(synth.instance(1, 1, 7), 3, 5, 3, 8),
    "rgb": colour(8), "rgb by plane": colour(9, planar=1), "ybr": colour(10, "YBR_FULL"),
    "bits": synth.with_pixels(synth.instance(1, 1, 11), 5, 5, 3, 1),
}


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("synthetic") / "data") as server:
        for data in SYNTHETIC.values():
            assert stow.post(server, [synth.file(data)]).status == 200
        yield server
        assert server.process.poll() is None, server.log()[-4000:]


def url(data) -> str:
    return f"studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}"


def fetched(server, data, syntax: str) -> bytes:
    answer = server.get(url(data), f"application/dicom; transfer-syntax={syntax}")
    assert answer.status == 200, answer
    return answer.body


@pytest.mark.parametrize("name", SYNTHETIC)
def test_there_and_back_through_every_target(server, synthetic, name):
    """What leaves in a target syntax and is stored as that comes back with every bit, those above Bits Stored too."""
    data = SYNTHETIC[name]
    for target in TARGETS:
        if not offered(data, target):
            assert synthetic.get(url(data), f"application/dicom; transfer-syntax={target}").status == 406, target
            continue
        coded = read(fetched(synthetic, data, target))
        coded.SOPInstanceUID = coded.file_meta.MediaStorageSOPInstanceUID = synth.uid(9, *target.split(".")[-2:])
        out = io.BytesIO()
        coded.save_as(out)
        assert stow.post(server, [out.getvalue()]).status == 200, target
        back = read(fetched(server, coded, EXPLICIT))
        assert np.array_equal(native(back), native(data)), target
        assert back.PhotometricInterpretation == data.PhotometricInterpretation, target
        assert len(back.PixelData) % 2 == 0


DCMTK = {LOSSLESS: "dcmdjpeg", BASELINE: "dcmdjpeg", JPEG_LS: "dcmdjpls", RLE: "dcmdrle"}


@pytest.mark.parametrize("target", DCMTK)
def test_dcmtk_reads_what_we_encode(synthetic, tmp_path, target):
    tool = shutil.which(DCMTK[target])
    if tool is None:
        pytest.skip(f"{DCMTK[target]} is not installed")
    for name in ("eight", "rgb", "twelve", "sixteen"):
        data = SYNTHETIC[name]
        if target == BASELINE and data.BitsAllocated != 8:
            continue
        coded, plain = tmp_path / "coded.dcm", tmp_path / "plain.dcm"
        coded.write_bytes(fetched(synthetic, data, target))
        done = subprocess.run([tool, coded, plain], capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        off = np.abs(native(pydicom.dcmread(plain)).astype(int) - native(data).astype(int)).max()
        assert off <= (0 if target != BASELINE else 12), f"{name}: {off}"


@pytest.mark.parametrize("target", [LOSSLESS, JPEG_LS, J2K, RLE])
def test_gdcm_reads_what_we_encode(synthetic, tmp_path, target):
    for name in ("eight", "twelve", "sixteen", "signed", "rgb"):
        data = SYNTHETIC[name]
        file = tmp_path / "coded.dcm"
        file.write_bytes(fetched(synthetic, data, target))
        reader = gdcm.ImageReader()
        reader.SetFileName(str(file))
        assert reader.Read(), f"{name} in {target}"
        content = reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape")
        assert content == data.PixelData, f"{name} in {target}"


def test_encapsulated_parts_keep_to_the_standard(synthetic):
    """WADO-027, TS-005, TS-007, TS-018: bare codestreams in parts; fragments of even length behind an empty table."""
    data = SYNTHETIC["odd frames"]
    for target, opening in ((LOSSLESS, b"\xff\xd8"), (JPEG_LS, b"\xff\xd8"), (J2K, b"\xff\x4f"), (RLE, b"\1\0\0\0")):
        answer = synthetic.get(f"{url(data)}/frames/1,3,2", related(TARGETS[target], target))
        parts = answer.parts()
        assert [p.location.rsplit("/", 1)[1] for p in parts] == ["1", "3", "2"]
        assert all(p.body.startswith(opening) for p in parts), target
        coded = read(fetched(synthetic, data, target))
        assert coded.PixelData[:8] == b"\xfe\xff\x00\xe0\0\0\0\0", "the table is there, and empty"
        assert len(list(generate_frames(coded.PixelData, number_of_frames=3))) == 3
    plain = read(fetched(synthetic, data, ENCAPSULATED))
    offsets = np.frombuffer(plain.ExtendedOffsetTable, "<u8").tolist()
    assert (offsets, np.frombuffer(plain.ExtendedOffsetTableLengths, "<u8").tolist()) == ([0, 24, 48], [15, 15, 15])


def test_lossy_only_by_its_name_and_only_from_eight_bits(synthetic):
    """WADO-025, TS-016: baseline says what was lost; sixteen bits never become eight."""
    lossy = read(fetched(synthetic, SYNTHETIC["rgb"], BASELINE))
    assert lossy.SOPInstanceUID == SYNTHETIC["rgb"].SOPInstanceUID
    assert (lossy.LossyImageCompression, lossy.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert float(lossy.LossyImageCompressionRatio) > 0
    assert (lossy.PhotometricInterpretation, lossy.ImageType[0]) == ("YBR_FULL_422", "DERIVED")
    assert "JPEG" in lossy.DerivationDescription
    for name in ("sixteen", "twelve", "signed", "bits"):
        assert synthetic.get(url(SYNTHETIC[name]), f"application/dicom; transfer-syntax={BASELINE}").status == 406
    single = synthetic.get(f"{url(SYNTHETIC['rgb'])}/frames/1", "image/jpeg")
    assert (single.status, single.type) == (200, f"image/jpeg; transfer-syntax={LOSSLESS}")


def test_frames_of_bits_begin_at_a_byte(synthetic):
    """WADO-030."""
    data = SYNTHETIC["bits"]
    expected = native(data)
    for number in (1, 2, 3):
        answer = synthetic.get(f"{url(data)}/frames/{number}", "application/octet-stream")
        bits = np.unpackbits(np.frombuffer(answer.body, np.uint8), bitorder="little")
        assert len(answer.body) == 4 and np.array_equal(bits[:25], expected[number - 1].ravel())
        assert not bits[25:].any()
    coded = read(fetched(synthetic, data, ENCAPSULATED))
    assert [len(f) for f in generate_frames(coded.PixelData, number_of_frames=3)] == [4, 4, 4]


def jpeg_ls_instance(number: int, study: int, frames=3) -> tuple[pydicom.Dataset, bytes]:
    data = grey(number, bits=8, frames=frames)
    data.StudyInstanceUID, data.SeriesInstanceUID = synth.uid(study), synth.uid(study, 1)
    plain = data.PixelData
    data.PixelData = encapsulate([jpeg_ls.encode_array(f) for f in native(data)[..., 0]])
    data["PixelData"].is_undefined_length = True
    return data, plain


def test_bulk_data_of_every_level(server):
    """WADO-008, WADO-036: instance, series and study as their bulk data; the same bytes as by the metadata's URIs."""
    instances = [jpeg_ls_instance(n, 5) for n in (1, 2)]
    for data, _ in instances:
        assert stow.post(server, [synth.file(data, JPEG_LS)]).status == 200
    other = synth.with_pixels(synth.instance(5, 2, 3))
    other.EncapsulatedDocument = bytes(range(256)) * 40
    assert stow.post(server, [synth.file(other)]).status == 200
    expected = {f"{server.base}/{url(d)}/bulkdata/7FE00010": plain for d, plain in instances}
    pixels = expected | {f"{server.base}/{url(other)}/bulkdata/7FE00010": other.PixelData}
    everything = pixels | {f"{server.base}/{url(other)}/bulkdata/00420011": other.EncapsulatedDocument}
    study, series = f"studies/{synth.uid(5)}", f"studies/{synth.uid(5)}/series/{synth.uid(5, 1)}"
    for path, wanted in [
        (study, everything), (f"{study}/bulkdata", everything), (f"{study}/pixeldata", pixels), (series, expected),
        (f"{series}/bulkdata", expected), (f"{series}/pixeldata", expected),
    ]:
        answer = server.get(path, OCTETS)
        assert answer.status == 200, answer
        assert {p.location: p.body for p in answer.parts()} == wanted, path
        assert {p.syntax for p in answer.parts()} == {EXPLICIT}
    data, plain = instances[0]
    for path in (url(data), f"{url(data)}/bulkdata", f"{url(data)}/pixeldata"):
        (part,) = server.get(path, OCTETS).parts()
        assert (part.body, part.location) == (plain, f"{server.base}/{url(data)}/bulkdata/7FE00010")
    (meta,) = server.json(f"{url(data)}/metadata")
    assert server.get(meta["7FE00010"]["BulkDataURI"].removeprefix(server.origin), "application/octet-stream").body == plain
    assert server.get(f"{study}/bulkdata", "application/octet-stream").status == 406
    text = synth.instance(6, 1, 1, "1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    assert stow.post(server, [synth.file(text)]).status == 200
    assert server.get(f"studies/{synth.uid(6)}/bulkdata", OCTETS).status == 404


def test_a_study_decodes_instance_by_instance(server):
    """WADO-007, WADO-019: one body, everything in Explicit VR Little Endian."""
    instances = [jpeg_ls_instance(n, 7) for n in (1, 2)]
    for data, _ in instances:
        assert stow.post(server, [synth.file(data, JPEG_LS)]).status == 200
    text = synth.instance(7, 2, 9, "1.2.840.10008.5.1.4.1.1.88.11", Modality="SR")
    assert stow.post(server, [synth.file(text, JPEG_LS)]).status == 200, "no pixels, and a compressed syntax all the same"
    answer = server.get(f"studies/{synth.uid(7)}", "*/*")
    assert answer.status == 200
    got = {d.SOPInstanceUID: d for d in (read(p.body) for p in answer.parts())}
    assert {d.file_meta.TransferSyntaxUID for d in got.values()} == {EXPLICIT}
    assert [got[d.SOPInstanceUID].PixelData for d, _ in instances] == [plain for _, plain in instances]
    assert text.SOPInstanceUID in got


def test_deflated_frames(server):
    """Deflated Image Frame Compression: one raw deflate stream a frame."""
    plain = synth.with_pixels(synth.instance(8, 1, 1), 5, 5, 3, 1)
    frames = [np.packbits(f.ravel(), bitorder="little").tobytes() for f in native(plain)]
    deflate = [zlib.compressobj(wbits=-15) for _ in frames]
    coded = copy.deepcopy(plain)
    coded.PixelData = encapsulate([d.compress(f) + d.flush() for d, f in zip(deflate, frames)])
    coded["PixelData"].is_undefined_length = True
    assert stow.post(server, [synth.file(coded, DEFLATED_FRAMES)]).status == 200
    assert [p.body for p in server.get(f"{url(coded)}/frames/1,2,3", OCTETS).parts()] == frames
    back = read(fetched(server, coded, EXPLICIT))
    assert np.array_equal(native(back), native(plain))


def broken(number: int, stream: bytes, **attributes) -> pydicom.Dataset:
    data = synth.with_pixels(synth.instance(20, 1, number), 24, 20, 1, 8)
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    data.PixelData = encapsulate([stream])
    data["PixelData"].is_undefined_length = True
    return data


def test_lying_and_broken_pixel_data_is_one_clean_error(server):
    """WADO-038: 422, 413 or 406 before the first byte, and the next answer as ever."""
    good, plain = jpeg_ls_instance(1, 21, frames=1)
    assert stow.post(server, [synth.file(good, JPEG_LS)]).status == 200
    stream = jpeg_ls.encode_array(np.frombuffer(plain, np.uint8).reshape(24, 20))
    huge = bytearray(stream)
    at = huge.index(b"\xff\xf7")
    huge[at + 5:at + 9] = b"\xff\xff\xff\xff"
    for number, (content, syntax, attributes, statuses) in enumerate([
        (b"no codestream at all", JPEG_LS, {}, {422}),
        (stream[:60], JPEG_LS, {}, {422}),
        (stream, JPEG_LS, {"Rows": 25}, {422}),
        (stream, JPEG_LS, {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}, {422}),
        (bytes(huge), JPEG_LS, {}, {422}),
        (bytes(huge), JPEG_LS, {"Rows": 65535, "Columns": 65535}, {413}),
        (stream, LOSSLESS, {}, {422}),
        (stream, RLE, {}, {422}),
        (b"\xff\x4f\xff\x51" + bytes(200), J2K, {}, {422}),
        (b"\xff\x0a" + bytes(200), JXL, {}, {422, 406}),
        (stream, PREFIX + "4.102", {}, {406}),
    ]):
        data = broken(number + 1, content, **attributes)
        assert stow.post(server, [synth.file(data, syntax)]).status == 200
        for path, accept in ((url(data), related("application/dicom", EXPLICIT)), (f"{url(data)}/frames/1", related("application/octet-stream", EXPLICIT)),
                             (f"{url(data)}/frames/1", related("image/jp2", J2K))):
            answer = server.get(path, accept)
            if syntax == J2K and accept == related("image/jp2", J2K):
                continue
            # An image that no JPEG 2000 holds is none to be had in it, whatever its bytes are.
            too_wide = {406} if "jp2" in accept and attributes.get("Rows") == 65535 else set()
            assert answer.status in statuses | too_wide, f"{number} {path} {answer.status} {answer.body[:200]!r}"
        assert server.get(f"{url(good)}/frames/1", OCTETS).parts()[0].body == plain
        assert server.get(url(data), related("application/dicom", "*")).status == 200, "as stored it is always there"


def workers(server) -> list[int]:
    """Our server's decode workers."""
    found = []
    for task in Path(f"/proc/{server.pid}/task").iterdir():
        with contextlib.suppress(OSError):  # threads and processes end while one looks at them
            for child in map(int, (task / "children").read_text().split()):
                with contextlib.suppress(OSError):
                    if b"decode-worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                        found.append(child)
    return found


def test_killed_workers_cost_one_clean_answer_each(server):
    """S3: workers are killed under load; every answer is right or a clean error, and the server goes on."""
    kills = int(os.environ.get("OVERREAD_WORKER_KILLS", "200"))
    data, plain = jpeg_ls_instance(1, 30, frames=4)
    assert stow.post(server, [synth.file(data, JPEG_LS)]).status == 200
    length = len(plain) // 4
    answers: dict[int, int] = {}
    wrong: list[str] = []
    done = threading.Event()

    def ask():
        while not done.is_set():
            answer = server.get(f"{url(data)}/frames/1,2,3,4", OCTETS)
            answers[answer.status] = answers.get(answer.status, 0) + 1
            if answer.status == 200 and [p.body for p in answer.parts()] != [plain[n * length:(n + 1) * length] for n in range(4)]:
                wrong.append("wrong bytes")
            elif answer.status not in (200, 422, 503):
                wrong.append(f"{answer.status} {answer.body[:200]!r}")

    def ask_on():
        while not done.is_set():
            try:
                ask()
            except (OSError, HTTPException):  # an answer under way is cut, never completed wrongly
                answers[0] = answers.get(0, 0) + 1

    clients = [threading.Thread(target=ask_on) for _ in range(4)]
    for client in clients:
        client.start()
    killed = 0
    while killed < kills and not wrong:
        for pid in workers(server):
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    done.set()
    for client in clients:
        client.join()
    print(f"\n{killed} workers killed; answers by status, 0 is a cut one: {answers}")
    assert not wrong, wrong[:5]
    assert answers.get(200), "some answers come through"
    for _ in range(5):
        assert [p.body for p in server.get(f"{url(data)}/frames/1,2", OCTETS).parts()] == [plain[:length], plain[length:2 * length]]


def test_workers_have_no_rights(server):
    """They have no file but their pipes, and cannot make one."""
    data, plain = jpeg_ls_instance(1, 31, frames=1)
    assert stow.post(server, [synth.file(data, JPEG_LS)]).status == 200
    assert server.get(f"{url(data)}/frames/1", OCTETS).status == 200
    (worker, *_) = workers(server)
    status = Path(f"/proc/{worker}/status").read_text()
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status and "Threads:\t1" in status
    limits = Path(f"/proc/{worker}/limits").read_text()
    assert f"Max address space         {1 << 30}" in limits and "Max core file size        0" in limits and "Max open files            0" in limits
    assert not any(part for part in Path(f"/proc/{worker}/environ").read_bytes().split(b"\0"))
