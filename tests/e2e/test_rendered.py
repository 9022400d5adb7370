"""Rendered resources and thumbnails: pixels against numpy, parameters, media types, documents, presentation states."""

import io
import logging
import struct
import warnings

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageCms
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support import corpus, grey, part10, stow, synth
from support.server import Server

SR, PDF, GSPS = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.104.1", "1.2.840.10008.5.1.4.1.1.11.1"
CDA, WAVEFORM, VIDEO = "1.2.840.10008.5.1.4.1.1.104.2", "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.840.10008.5.1.4.1.1.77.1.1.1"
ENHANCED_MR, ULTRASOUND = "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.6.1"
MPEG4 = "1.2.840.10008.1.2.4.102"
JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
PDF_BYTES = b"%PDF-1.4\n% synthetic\n%%EOF\n"
CDA_BYTES = b"<?xml version='1.0'?><ClinicalDocument xmlns='urn:hl7-org:v3'/>"


def item(**attributes) -> Dataset:
    data = Dataset()
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data


def code(value: str, meaning: str) -> Sequence:
    return Sequence([item(CodeValue=value, CodingSchemeDesignator="99X", CodeMeaning=meaning)])


def words(data: Dataset, values, signed=False) -> Dataset:
    data.PixelData = np.asarray(values).astype("<i2" if signed else "<u2").tobytes()
    return data


def lut(descriptor, values) -> Sequence:
    made = Dataset()
    made.add_new(0x00283002, "US", descriptor)
    made.add_new(0x00283006, "OW", struct.pack(f"<{len(values)}H", *values))
    return Sequence([made])


def ct() -> Dataset:
    """12 bits in 16, signed, with garbage in the bits that do not count; rescaled, windowed, 24 rows by 40 columns."""
    data = synth.with_pixels(synth.instance(10, 1, 1, PatientBirthDate="19700101", PatientSex="F"), 24, 40)
    data.BitsStored, data.HighBit, data.PixelRepresentation = 12, 11, 1
    data.RescaleSlope, data.RescaleIntercept, data.WindowCenter, data.WindowWidth = 2, -1024, [40, 500], [400, 2000]
    values = np.arange(24 * 40) * 4 - 2048
    return words(data, (values & 0xFFF) | (np.arange(24 * 40) % 16 << 12))


def enhanced() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 2, 1, ENHANCED_MR, Modality="MR"), 8, 8, frames=3)
    window = lambda center: Sequence([item(WindowCenter=center, WindowWidth=1000)])  # noqa: E731
    data.SharedFunctionalGroupsSequence = Sequence([item(
        FrameVOILUTSequence=window(500), PixelValueTransformationSequence=Sequence([item(RescaleSlope=0.5, RescaleIntercept=3)]))])
    data.PerFrameFunctionalGroupsSequence = Sequence([
        item(FrameVOILUTSequence=window(100)), item(),
        item(PixelValueTransformationSequence=Sequence([item(RescaleSlope=0.25, RescaleIntercept=-9)]))])
    return data


def inverse() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 3, 1, Modality="DX", PresentationLUTShape="INVERSE"), 8, 8, photometric="MONOCHROME1")
    data.PixelPaddingValue = int(np.frombuffer(data.PixelData, "<u2")[5])
    return data


def modality_lut() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 3, 2, Modality="OT"), 8, 8, bits=8)
    data.ModalityLUTSequence = lut([200, 20, 16], [n * n for n in range(200)])
    return data


def voi_lut() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 3, 3, Modality="DX"), 8, 8)
    data.VOILUTSequence = lut([4000, 50, 12], [n * 4095 // 3999 for n in range(4000)])
    return data


def sigmoid() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 3, 4, Modality="DX"), 8, 8)
    data.WindowCenter, data.WindowWidth, data.VOILUTFunction = 400, 300, "SIGMOID"
    return data


def exact() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 3, 5, Modality="DX"), 8, 8)
    data.WindowCenter, data.WindowWidth, data.VOILUTFunction = 400.5, 0.5, "LINEAR_EXACT"
    return data


def bits() -> Dataset:
    return synth.with_pixels(synth.instance(10, 4, 1, "1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG"), 5, 5, frames=3, bits=1)


def floats() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 4, 2, "1.2.840.10008.5.1.4.1.1.30", Modality="OT"), 4, 4)
    del data.PixelData, data.BitsStored, data.HighBit, data.PixelRepresentation
    data.BitsAllocated = 32
    data.FloatPixelData = np.linspace(-1.5, 7.25, 16).astype("<f4").tobytes()
    return data


def wide() -> Dataset:
    data = synth.with_pixels(synth.instance(10, 4, 3, "1.2.840.10008.5.1.4.1.1.481.2", Modality="RTDOSE"), 4, 4)
    data.BitsAllocated = data.BitsStored = 32
    data.HighBit, data.DoseGridScaling = 31, "0.001"
    data.PixelData = (np.arange(16, dtype="<u4") * 250_000_000).tobytes()
    return data


GREY = {"ct": ct, "enhanced": enhanced, "inverse": inverse, "modality_lut": modality_lut, "voi_lut": voi_lut, "sigmoid": sigmoid,
        "exact": exact, "bits": bits, "floats": floats, "wide": wide}

PATCHES = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 128, 128], [200, 100, 50], [10, 20, 240]], np.uint8)


def patches() -> np.ndarray:
    """8 by 8 pixels: each row has one colour."""
    return np.repeat(PATCHES[:, None, :], 8, axis=1)


def rgb(planar: int) -> Dataset:
    data = synth.with_pixels(synth.instance(11, 1, 1 + planar, ULTRASOUND, Modality="US"), 8, 8, bits=8, samples=3)
    data.PlanarConfiguration = planar
    data.PixelData = (patches().transpose(2, 0, 1) if planar else patches()).tobytes()
    return data


def ybr(photometric: str) -> Dataset:
    """By the formula of PS3.3 C.7.6.3.1.2."""
    data = synth.with_pixels(synth.instance(11, 2, 1 + len(photometric), ULTRASOUND, Modality="US"), 8, 8, bits=8, samples=3, photometric=photometric)
    r, g, b = patches().astype(float).transpose(2, 0, 1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    cb, cr = -0.1687 * r - 0.3313 * g + 0.5 * b + 128, 0.5 * r - 0.4187 * g - 0.0813 * b + 128
    y, cb, cr = (np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in (y, cb, cr))
    if photometric == "YBR_FULL":
        data.PixelData = np.stack([y, cb, cr], axis=-1).tobytes()
    else:
        data.PixelData = np.stack([y[:, ::2], y[:, 1::2], cb[:, ::2], cr[:, ::2]], axis=-1).tobytes()
    return data


def palette(kind: str) -> Dataset:
    """Indexes 0 to 7 by row; tables of 8 or 16 bits, whole or in segments."""
    number = {"8": 1, "16": 2, "segmented": 3}[kind]
    data = synth.with_pixels(synth.instance(11, 3, number, ULTRASOUND, Modality="US"), 8, 8, bits=8, photometric="PALETTE COLOR")
    data.PixelData = np.repeat(np.arange(8, dtype=np.uint8)[:, None], 8, axis=1).tobytes()
    for at, channel in enumerate(("Red", "Green", "Blue")):
        values = PATCHES[:, at].astype(int)
        setattr(data, f"{channel}PaletteColorLookupTableDescriptor", [8, 0, 8 if kind == "8" else 16])
        if kind == "8":
            setattr(data, f"{channel}PaletteColorLookupTableData", bytes(PATCHES[:, at]))
        elif kind == "16":
            setattr(data, f"{channel}PaletteColorLookupTableData", struct.pack("<8H", *(values * 257)))
        else:
            setattr(data, f"Segmented{channel}PaletteColorLookupTableData", struct.pack("<10H", 0, 8, *(values * 257)))
    return data


COLOUR = {"rgb": lambda: rgb(0), "planar": lambda: rgb(1), "ybr_full": lambda: ybr("YBR_FULL"), "ybr_full_422": lambda: ybr("YBR_FULL_422"),
          "palette_8": lambda: palette("8"), "palette_16": lambda: palette("16"), "palette_segmented": lambda: palette("segmented")}


def managed() -> Dataset:
    data = rgb(0)
    data.SOPInstanceUID = synth.uid(11, 4, 1)
    data.SeriesInstanceUID = synth.uid(11, 4)
    data.ICCProfile = SWAPPED
    return data


def swapped_profile() -> bytes:
    """sRGB with red and green swapped: a conversion cannot be missed. The tags' places in the table change their names."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swap = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    out, count = bytearray(profile), struct.unpack(">I", profile[128:132])[0]
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(profile[at:at + 4])
        out[at:at + 4] = swap.get(name, name)
    return bytes(out)


SWAPPED = swapped_profile()


def report() -> Dataset:
    data = synth.instance(12, 1, 1, SR, Modality="SR")
    data.ValueType, data.ConceptNameCodeSequence, data.ContinuityOfContent = "CONTAINER", code("1", "Second opinion"), "SEPARATE"
    data.CompletionFlag, data.VerificationFlag, data.ContentDate, data.ContentTime = "COMPLETE", "UNVERIFIED", "20240102", "101500"
    data.ContentSequence = Sequence([
        item(RelationshipType="CONTAINS", ValueType="TEXT", ConceptNameCodeSequence=code("2", "Finding"),
             TextValue="<script>alert('x')</script> & more"),
        item(RelationshipType="CONTAINS", ValueType="NUM", ConceptNameCodeSequence=code("3", "Diameter"), MeasuredValueSequence=Sequence([
            item(NumericValue="12.5", MeasurementUnitsCodeSequence=code("mm", "millimeter"))])),
    ])
    return data


def document(sop_class: str, number: int, kind: str, content: bytes) -> Dataset:
    data = synth.instance(12, 2, number, sop_class, Modality="DOC", DocumentTitle="A title")
    data.MIMETypeOfEncapsulatedDocument = kind
    data.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    data.EncapsulatedDocumentLength = len(content)
    return data


def video() -> Dataset:
    data = synth.with_pixels(synth.instance(12, 3, 1, VIDEO, Modality="ES"), 16, 16, frames=5, bits=8, samples=3, photometric="YBR_PARTIAL_420")
    data.PixelData = synth.encapsulated([b"\0\0\0\x18ftypmp42" + bytes(range(100))])
    data["PixelData"].is_undefined_length = True
    return data


def state() -> Dataset:
    data = synth.instance(10, 9, 1, GSPS, Modality="PR")
    image = ct()
    reference = Sequence([item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)])
    data.ReferencedSeriesSequence = Sequence([item(SeriesInstanceUID=image.SeriesInstanceUID, ReferencedImageSequence=reference)])
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 2, -1024, "HU"
    data.SoftcopyVOILUTSequence = Sequence([item(WindowCenter=0, WindowWidth=2000)])
    data.PresentationLUTShape = "INVERSE"
    data.DisplayedAreaSelectionSequence = Sequence([item(
        DisplayedAreaTopLeftHandCorner=[11, 1], DisplayedAreaBottomRightHandCorner=[40, 24], PresentationSizeMode="SCALE TO FIT",
        PresentationPixelAspectRatio=[1, 1])])
    data.ImageRotation, data.ImageHorizontalFlip = 180, "N"
    return data


def burned() -> Dataset:
    data = synth.with_pixels(synth.instance(13, 1, 1, ULTRASOUND, Modality="US", BurnedInAnnotation="YES"), 64, 64, bits=8)
    return data


def lying(number: int, **attributes) -> Dataset:
    data = synth.with_pixels(synth.instance(14, 1, number), 8, 8)
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data


LYING = {
    "rows": lying(1, Rows=65_535, Columns=65_535), "short": lying(2, Rows=9), "frames": lying(3, NumberOfFrames=2_000_000_000),
    "no_bits": lying(4, BitsAllocated=0), "odd_bits": lying(5, BitsStored=40), "samples": lying(6, SamplesPerPixel=3),
    "palette": lying(7, PhotometricInterpretation="PALETTE COLOR"),
}

OTHERS = {"managed": managed(), "report": report(), "pdf": document(PDF, 1, "application/pdf", PDF_BYTES),
          "cda": document(CDA, 2, "text/XML", CDA_BYTES), "state": state(), "burned": burned(),
          "waveform": synth.instance(12, 4, 1, WAVEFORM, Modality="ECG")}
HELD = {name: make() for name, make in {**GREY, **COLOUR}.items()} | OTHERS | LYING
OVER = synth.with_pixels(synth.instance(15, 1, 1), 64, 128)
HELD["overlaid"] = OVER


def overlaid() -> None:
    for element, vr, value in ((0x10, "US", 64), (0x11, "US", 128), (0x40, "CS", "G"), (0x50, "SS", [1, 1]), (0x100, "US", 1), (0x102, "US", 0)):
        OVER.add_new(0x60000000 + element, vr, value)
    OVER.add_new(0x60003000, "OW", bytes([0x0F] + [0] * (64 * 128 // 8 - 1)))


overlaid()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("rendered") / "data") as running:
        for name, data in HELD.items():
            stored = stow.post(running, [synth.file(data)])
            assert stored.status == 200, (name, stored)
        assert stow.post(running, [synth.file(video(), MPEG4)]).status == 200
        for number in range(1, 8):
            made = synth.with_pixels(synth.instance(16, 2, number), 16, 16, seed=number)
            assert stow.post(running, [synth.file(made)]).status == 200
        scout = synth.instance(16, 1, 1, SR, Modality="SR", ValueType="CONTAINER", ConceptNameCodeSequence=code("1", "Report"))
        assert stow.post(running, [synth.file(scout)]).status == 200
        yield running
        assert running.process.poll() is None, running.log()[-4000:]


def url(data: Dataset, rest: str = "/rendered") -> str:
    return f"studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}{rest}"


def get(server, path: str, accept: str | None = "*/*", **headers):
    return server.get(path, accept, **headers)


def picture(server, path: str, accept: str = PNG) -> Image.Image:
    answer = get(server, path, accept)
    assert answer.status == 200, (path, answer.status, answer.body[:300])
    assert answer.type == accept, path
    return Image.open(io.BytesIO(answer.body))


def pixels(server, path: str) -> np.ndarray:
    return np.asarray(picture(server, path))


@pytest.mark.parametrize("name", GREY)
def test_rend_016_to_025_grey_is_exact(server, name):
    """REND-016 REND-017 REND-018 REND-019 REND-020 REND-025: every frame, bit by bit."""
    data = pydicom.dcmread(io.BytesIO(synth.file(HELD[name])))
    frames = int(getattr(data, "NumberOfFrames", None) or 1)
    for frame in range(1, frames + 1):
        ours, want = pixels(server, url(data, f"/frames/{frame}/rendered")), grey.rendered(data, frame)
        assert ours.shape == want.shape
        assert np.array_equal(ours, want), (frame, ours[:2], want[:2])


@pytest.mark.parametrize("asked", [(40, 400, "linear"), (-1000, 1, "linear"), (0.5, 300.25, "linear-exact"), (100, 700, "sigmoid")])
def test_rend_007_window_functions(server, asked):
    data = pydicom.dcmread(io.BytesIO(synth.file(HELD["ct"])))
    ours = pixels(server, url(data, "/rendered?window=" + ",".join(map(str, asked))))
    want = grey.rendered(data, 1, (asked[0], asked[1], asked[2].upper().replace("-", "_")))
    assert np.array_equal(ours, want)


@pytest.mark.parametrize("name", COLOUR)
def test_rend_021_022_024_colour_patches(server, name):
    """REND-021 REND-022 REND-024: PNG within 2 of 255 (8-bit YCbCr loses that much), JPEG within 4."""
    for accept, tolerance in ((PNG, 2), (JPEG, 4)):
        found = np.asarray(picture(server, url(HELD[name], "/rendered?quality=100"), accept))
        assert found.shape == (8, 8, 3)
        away = np.abs(found.astype(int) - patches().astype(int)).max()
        assert away <= tolerance, (name, accept, away)


def test_rend_001_002_media_types(server):
    for accept, kind, mode in (("*/*", JPEG, "L"), ("image/*", JPEG, "L"), (JPEG, JPEG, "L"), (PNG, PNG, "L"), (GIF, GIF, None), (None, JPEG, "L")):
        answer = get(server, url(HELD["ct"]), accept)
        assert (answer.status, answer.type) == (200, kind), accept
        image = Image.open(io.BytesIO(answer.body))
        assert image.size == (40, 24) and (mode is None or image.mode == mode)
    body = get(server, url(HELD["ct"]), JPEG).body
    assert b"\xff\xc0" in body and b"\xff\xc2" not in body, "SOF0: baseline, not progressive"
    gif = Image.open(io.BytesIO(get(server, url(HELD["ct"]), GIF).body))
    assert np.array_equal(np.asarray(gif.convert("L")), pixels(server, url(HELD["ct"])))


NEGOTIATION = [
    ("ct", "application/dicom, image/jpeg", 400, None),  # WADO-013
    ("ct", 'multipart/related; type="application/dicom", image/png', 400, None),
    ("ct", "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", 406, None),  # REND-004
    ("ct", "image/jpeg; transfer-syntax=*, image/png;q=0.1", 200, PNG),
    ("ct", "image/tiff", 406, None),
    ("ct", "application/dicom", 406, None),
    ("ct", "text/html", 406, None),
    ("ct", 'multipart/related; type="image/png"', 200, "multipart/related"),
    ("enhanced", "*/*", 200, "multipart/related"),
    ("enhanced", JPEG, 200, JPEG),
    ("enhanced", GIF, 200, GIF),
    ("report", "*/*", 200, "text/html"),  # REND-003
    ("report", "text/plain", 200, "text/plain"),
    ("report", "text/xml", 200, "text/xml"),
    ("report", "image/jpeg", 406, None),
    ("pdf", "*/*", 200, "text/html"),
    ("pdf", "application/pdf", 200, "application/pdf"),
    ("cda", "text/xml", 200, "text/xml"),
    ("waveform", "*/*", 406, None),
]


@pytest.mark.parametrize("name, accept, status, kind", NEGOTIATION)
def test_wado_013_rend_003_004_negotiation(server, name, accept, status, kind):
    answer = get(server, url(HELD[name]), accept)
    assert answer.status == status, answer.body[:300]
    if kind:
        assert answer.type.split(";")[0] == kind


BAD = [f"quality={v}" for v in ("", "0", "101", "x", "1.5")] + [  # REND-005
    f"window={v}" for v in ("", "40,400", "40,400,cubic", "40,0,linear", "40,0.5,linear", "40,0,sigmoid", "a,b,linear")] + [  # REND-006, REND-008
    f"viewport={v}" for v in ("", "0,10", "10", "10,x", "10,10,999,0", "10,10,,,0,5", "99999,10")] + [
    f"annotation={v}" for v in ("", "a%2Fb")] + ["iccprofile=maybe", "iccprofile="]  # REND-012, REND-014


@pytest.mark.parametrize("query", BAD)
def test_rend_005_006_008_012_014_bad_values(server, query):
    answer = get(server, url(HELD["ct"], f"/rendered?{query}"), PNG)
    assert answer.status == 400, answer.body[:300]
    assert answer.json()["title"] == "Bad Request"


def test_rend_014_profiles_and_gif(server):
    for value, status in (("srgb", 400), ("yes", 400), ("no", 200)):
        assert get(server, url(HELD["ct"], f"/rendered?iccprofile={value}"), GIF).status == status


@pytest.mark.parametrize("accept", [JPEG, PNG])
def test_rend_015_profiles(server, accept):
    """The image's profile has red and green swapped, so that sRGB's numbers are swapped after a conversion."""
    red = {}
    for value in ("no", "yes", "srgb", "adobergb", "rommrgb", None):
        image = picture(server, url(HELD["managed"], "/rendered?quality=100" + (f"&iccprofile={value}" if value else "")), accept)
        profile = image.info.get("icc_profile")
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).lower() if profile else None
        red[value] = (np.asarray(image)[0, 4], name, profile)
    assert red["no"][1] is None and red["no"][0][0] > 200 > 60 > red["no"][0][1]
    assert red["yes"][2] == SWAPPED and red["yes"][0][0] > 200
    for value in ("srgb", None):
        assert "srgb" in red[value][1].replace(" ", ""), red[value][1]
        assert red[value][0][1] > 200 > 60 > red[value][0][0], "red became green"
    assert red["adobergb"][1] and red["rommrgb"][1] and red["adobergb"][2] != red["rommrgb"][2]
    plain = picture(server, url(HELD["rgb"], "/rendered"), accept)
    assert "icc_profile" not in plain.info


def test_rend_009_011_viewport_sizes(server):
    for data, size in ((HELD["ct"], (40, 24)), (OVER, (128, 64))):
        assert picture(server, url(data)).size == size
    for viewport, size in (("100,100", (100, 50)), ("64,999", (64, 32)), ("999,16", (32, 16)), ("1,1", (1, 1))):
        assert picture(server, url(OVER, f"/rendered?viewport={viewport}")).size == size


def test_rend_010_regions(server):
    whole = pixels(server, url(OVER))
    for source, want in (
        (",,64,32", whole[:32, :64]), ("64,32,,", whole[32:, 64:]), (",,-128,64", whole[:, ::-1]), (",,,-64", whole[::-1]),
        ("10,20,-30,-40", whole[20:60, 10:40][::-1, ::-1]),
    ):
        height, width = want.shape
        found = pixels(server, url(OVER, f"/rendered?viewport={width},{height},{source}"))
        assert np.array_equal(found, want), source


def test_rend_012_unknown_annotations_warn(server):
    answer = get(server, url(HELD["ct"], "/rendered?annotation=patient,colour"), PNG)
    assert answer.status == 200
    warning = answer.headers["Warning"]
    assert warning.startswith("299 ") and "annotation values are not supported: colour" in warning


def test_rend_013_annotation(server):
    plain = pixels(server, url(OVER))
    assert np.array_equal(plain, grey.rendered(pydicom.dcmread(io.BytesIO(synth.file(OVER)))))
    who = pixels(server, url(OVER, "/rendered?annotation=patient"))
    how = pixels(server, url(OVER, "/rendered?annotation=technique"))
    both = pixels(server, url(OVER, "/rendered?annotation=technique,patient"))
    assert (who != plain).any() and (who[:10] != plain[:10]).any()
    assert (how[0, :4] == 255).all() and (how[0, 4:8] == plain[0, 4:8]).all(), "the overlay's four pixels"
    assert (both != who).any() and (both != how).any()


def test_frames_and_lists(server):
    data = HELD["enhanced"]
    answer = get(server, url(data, "/frames/3,1/rendered"), f'multipart/related; type="{PNG}"')
    parts = stow.split_multipart(answer.type, answer.body)
    reference = pydicom.dcmread(io.BytesIO(synth.file(data)))
    assert [part.type for part in parts] == [PNG, PNG]
    for part, frame in zip(parts, (3, 1)):
        assert part.location.endswith(f"/frames/{frame}/rendered")
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(part.body))), grey.rendered(reference, frame))
    assert get(server, url(data, "/frames/3,1/rendered"), JPEG).status == 406
    assert get(server, url(data, "/frames/4/rendered"), JPEG).status == 404
    assert get(server, url(data, "/frames/0/rendered"), JPEG).status == 400
    assert get(server, url(data, "/frames/1/thumbnail"), JPEG).status == 200
    moving = Image.open(io.BytesIO(get(server, url(data), GIF).body))
    assert moving.n_frames == 3
    parts = stow.split_multipart((every := get(server, url(data))).type, every.body)
    assert [part.type for part in parts] == [JPEG] * 3


def test_wado_004_rend_029_study_and_series(server):
    study, series = f"studies/{synth.uid(16)}", f"studies/{synth.uid(16)}/series/{synth.uid(16, 2)}"
    for path, count, kinds in ((series, 7, {JPEG}), (study, 8, {JPEG, "text/html"})):
        answer = get(server, f"{path}/rendered")
        assert answer.status == 200, answer.body[:300]
        parts = stow.split_multipart(answer.type, answer.body)
        assert len(parts) == count and {part.type for part in parts} == kinds
    assert get(server, f"{study}/rendered", JPEG).status == 406
    some = get(server, f"{study}/rendered", f'multipart/related; type="{PNG}"')
    assert some.status == 206 and "1 instances are left out" in some.headers["Warning"]
    assert len(stow.split_multipart(some.type, some.body)) == 7
    assert get(server, f"studies/{synth.uid(99)}/rendered").status == 404


def test_etags(server):
    for path in (url(HELD["ct"]), url(HELD["ct"], "/thumbnail"), url(HELD["report"]), url(HELD["enhanced"])):
        first = get(server, path)
        again = get(server, path, If_None_Match=first.headers["ETag"])
        assert (first.status, again.status, again.body) == (200, 304, b"")
        other = get(server, path + "?viewport=9,9", If_None_Match=first.headers["ETag"])
        assert other.status == (304 if "report" in path else 200) or path == url(HELD["report"])
    head = server.request("HEAD", url(HELD["ct"]), None, {"Accept": JPEG})
    assert (head.status, head.body) == (200, b"") and int(head.headers["Content-Length"]) > 100


def test_quality_is_monotonous(server):
    sizes = [len(get(server, url(OVER, f"/rendered?quality={q}"), JPEG).body) for q in (1, 30, 60, 90, 100)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    assert get(server, url(OVER, "/rendered?quality=1"), PNG).body == get(server, url(OVER), PNG).body


def test_rend_030_reports_are_escaped(server):
    page = get(server, url(HELD["report"]), "text/html")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"] and "sandbox" in page.headers["Content-Security-Policy"]
    text = page.body.decode()
    assert "<script" not in text and "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more" in text
    assert "Second opinion" in text and "12.5 mm" in text
    plain = get(server, url(HELD["report"]), "text/plain").body.decode()
    assert "Finding: <script>alert('x')</script> & more" in plain and "Diameter: 12.5 mm" in plain
    from xml.etree import ElementTree
    tree = ElementTree.fromstring(get(server, url(HELD["report"]), "text/xml").body)
    assert tree.find("item/value").text == "<script>alert('x')</script> & more"


def test_encapsulated_documents(server):
    pdf = get(server, url(HELD["pdf"]), "application/pdf")
    assert pdf.body == PDF_BYTES and pdf.headers["Content-Disposition"].startswith("attachment")
    assert "?accept=application/pdf" in get(server, url(HELD["pdf"]), "text/html").body.decode()
    assert get(server, url(HELD["pdf"], "/rendered?accept=application/pdf")).body == PDF_BYTES
    assert get(server, url(HELD["cda"]), "text/xml").body == CDA_BYTES
    assert get(server, url(HELD["pdf"], "/frames/1/rendered"), "text/html").status == 404


def test_videos_are_passed_through(server):
    data = video()
    answer = get(server, url(data), "video/mp4")
    assert (answer.status, answer.type) == (200, "video/mp4")
    assert answer.body.rstrip(b"\0") == (b"\0\0\0\x18ftypmp42" + bytes(range(100))).rstrip(b"\0")
    assert get(server, url(data)).type == "video/mp4"
    assert get(server, url(data), JPEG).status == 406


def test_rend_026_presentation_states(server):
    image = pydicom.dcmread(io.BytesIO(synth.file(HELD["ct"])))
    want = (255 - grey.rendered(image, 1, (0, 2000, "LINEAR")).astype(int))[::-1, 10:][:, ::-1]
    found = pixels(server, url(HELD["state"])).astype(int)
    assert found.shape == want.shape == (24, 30)
    assert np.abs(found - want).max() <= 1, "rounded before or after it is turned around"
    assert get(server, url(HELD["state"], "/rendered?window=1,2,linear"), PNG).status == 400
    assert get(server, url(HELD["state"], "/rendered?viewport=9,9,1,1"), PNG).status == 400
    assert picture(server, url(HELD["state"], "/rendered?viewport=60,60")).size == (60, 48)


def test_wado_055_rend_027_thumbnails_at_all_levels(server):
    study = f"studies/{synth.uid(16)}"
    series = f"{study}/series/{synth.uid(16, 2)}"
    instance = f"{series}/instances/{synth.uid(16, 2, 4)}"
    for path in (study, series, instance, f"{instance}/frames/1"):
        answer = get(server, f"{path}/thumbnail")
        assert (answer.status, answer.type) == (200, JPEG), path
        assert Image.open(io.BytesIO(answer.body)).size == (256, 256)
        assert answer.headers["Content-Location"].endswith("/thumbnail") and synth.uid(16, 2, 4) in answer.headers["Content-Location"]
        assert picture(server, f"{path}/thumbnail?viewport=50,20").size == (20, 20)
        assert get(server, f"{path}/thumbnail?viewport=50,20,1,1").status == 400
        assert get(server, f"{path}/thumbnail", 'multipart/related; type="image/jpeg"').status == 406
    assert get(server, f"studies/{synth.uid(99)}/thumbnail").status == 404


def test_rend_028_thumbnails_show_no_identity(server):
    """Burned-in text, documents, and what cannot be shown small get an icon, which is the same for each of its kind."""
    icon = get(server, url(HELD["burned"], "/thumbnail"), PNG).body
    frame = get(server, url(HELD["burned"], "/rendered?viewport=256,256"), PNG).body
    assert icon != frame
    found = np.asarray(Image.open(io.BytesIO(icon)))
    assert len(np.unique(found[40:60, 40:60])) == 1, "nothing of the slope is in it"
    for name in ("report", "pdf", "waveform", "state"):
        assert picture(server, url(HELD[name], "/thumbnail")).size == (256, 256)
    assert get(server, url(video(), "/thumbnail")).status == 200
    annotated = get(server, url(OVER, "/thumbnail?annotation=patient"), PNG).body
    assert annotated == get(server, url(OVER, "/thumbnail"), PNG).body


@pytest.mark.parametrize("name", LYING)
def test_lies_are_no_server_error(server, name):
    for rest in ("/rendered", "/frames/1/rendered", "/thumbnail", "/frames/1/thumbnail"):
        answer = get(server, url(HELD[name], rest), JPEG)
        assert answer.status in (200, 404, 406, 413, 422), (rest, answer.status, answer.body[:200])
    if name != "frames":
        assert get(server, url(HELD[name], "/frames/1/rendered"), JPEG).status in (406, 413, 422)


def test_the_same_again_is_the_same(server):
    """From the cache or not, bytes and tags agree."""
    path = url(HELD["ct"], "/rendered?viewport=33,33&annotation=technique")
    first, second = get(server, path, PNG), get(server, path, PNG)
    assert (first.body, first.headers["ETag"]) == (second.body, second.headers["ETag"])


def grey_cases():
    """Files of the corpus that numpy can say something about, with a frame of each."""
    for case in corpus.storable():
        data = case.dataset
        if data is None or case.unusable_uids or getattr(data, "PhotometricInterpretation", "") not in ("MONOCHROME1", "MONOCHROME2"):
            continue
        if getattr(data, "PixelPresentation", "") in ("COLOR", "MIXED") or "ShutterShape" in data or len(case.content) > 16 << 20:
            continue
        yield case, data


# Decoders of the 9/7 wavelet round in their own ways; one pixel of a hundred may differ.
IRREVERSIBLE = {"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"}


def test_corpus_grey_is_exact(server):
    """Every grey file that pydicom decodes here, frame in the middle, against numpy: no pixel differs."""
    compared, unusable, refused, wrong, seen = 0, [], [], [], set()
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    for case, data in grey_cases():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frame = (int(getattr(data, "NumberOfFrames", None) or 1) + 1) // 2
                want = grey.rendered(data, frame)
        except Exception as error:
            unusable.append(f"{case.name}: {error!s:.60}")
            continue
        if (uid := str(data.SOPInstanceUID)) in seen:
            continue
        seen.add(uid)
        if stow.post(server, [case.content]).status != 200:
            continue
        answer = get(server, url(data, f"/frames/{frame}/rendered"), PNG)
        if answer.status == 406:
            refused.append(case.name)
            continue
        if answer.status != 200:
            wrong.append(f"{case.name}: {answer.status} {answer.body[:120]}")
            continue
        found = np.asarray(Image.open(io.BytesIO(answer.body)))
        compared += 1
        if found.shape != want.shape:
            wrong.append(f"{case.name}: {found.shape}, not {want.shape}")
        elif (differ := int((found != want).sum())) > (found.size // 100 if case.syntax in IRREVERSIBLE else 0):
            wrong.append(f"{case.name}: {differ} pixels differ, by up to {np.abs(found.astype(int) - want.astype(int)).max()}")
    print(f"\n{compared} compared, {len(unusable)} that the reference cannot decode, refused: {refused}")
    assert not wrong, "\n".join(wrong)
    assert compared >= 5 and compared > 20 * len(refused)


def test_rend_023_the_whole_corpus_renders_or_says_why(server):
    """Every stored instance of the corpus: a picture, a page, or a clean 4xx; never 5xx. Thumbnails too."""
    statuses: dict[int, int] = {}
    for case in corpus.storable():
        data = case.dataset
        if data is None or case.unusable_uids or len(case.content) > 8 << 20:
            continue
        if stow.post(server, [case.content]).status != 200:
            continue
        for rest in ("/rendered", "/thumbnail"):
            answer = get(server, url(data, rest), "*/*")
            statuses[answer.status] = statuses.get(answer.status, 0) + 1
            assert answer.status in (200, 404, 406, 413, 422), (case.name, rest, answer.status, answer.body[:200])
    print(f"\nstatuses: {statuses}")
    assert statuses.get(200, 0) > 20


def wado(server, name: str, accept: str | None = None, **parameters):
    data = HELD[name]
    query = {"requestType": "WADO", "studyUID": data.StudyInstanceUID, "seriesUID": data.SeriesInstanceUID, "objectUID": data.SOPInstanceUID}
    return server.get("/wado?" + "&".join(f"{k}={v}" for k, v in (query | parameters).items()), accept)


def test_wado_uri_renders_too(server):
    """The URI service: one body, its own names of the same parameters."""
    assert wado(server, "ct").type == JPEG and wado(server, "enhanced", "*/*").type == JPEG
    assert wado(server, "report").type.startswith("text/html")
    data = pydicom.dcmread(io.BytesIO(synth.file(HELD["ct"])))
    found = np.asarray(Image.open(io.BytesIO(wado(server, "ct", contentType=PNG, windowCenter=40, windowWidth=400).body)))
    assert np.array_equal(found, grey.rendered(data, 1, (40, 400, "LINEAR")))
    assert Image.open(io.BytesIO(wado(server, "overlaid", contentType=PNG, rows=16).body)).size == (32, 16)
    assert Image.open(io.BytesIO(wado(server, "overlaid", contentType=PNG, region="0,0,0.5,0.25", columns=64, rows=64).body)).size == (64, 16)
    frame = pydicom.dcmread(io.BytesIO(synth.file(HELD["enhanced"])))
    found = np.asarray(Image.open(io.BytesIO(wado(server, "enhanced", contentType=PNG, frameNumber=3).body)))
    assert np.array_equal(found, grey.rendered(frame, 3))
    assert wado(server, "enhanced", contentType=PNG, frameNumber=4).status == 400
    assert wado(server, "ct", contentType=PNG, frameNumber=1).status == 400
    assert wado(server, "ct", contentType="image/tiff").status == 406
    shown = HELD["state"]
    under = wado(server, "ct", contentType=PNG, presentationSeriesUID=shown.SeriesInstanceUID, presentationUID=shown.SOPInstanceUID)
    assert under.body == get(server, url(shown), PNG).body
    assert wado(server, "ct", contentType=PNG, presentationSeriesUID=shown.SeriesInstanceUID, presentationUID="1.2.3").status == 400
