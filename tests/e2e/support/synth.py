"""Small synthetic instances, the same for the same arguments."""

import io
import random
import struct
import warnings

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite, write_dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID

from . import part10

CT, MR, SECONDARY_CAPTURE, MULTI_FRAME_GRAY = (
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.2")
ROOT = "2.25.20002"


def uid(*path) -> str:
    """A UID of our own for a path of numbers."""
    return ".".join([ROOT, *map(str, path)])


def instance(study: int = 1, series: int = 1, number: int = 1, sop_class: str = CT, **attributes) -> Dataset:
    """A data set without pixels; `attributes` by keyword."""
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = sop_class, uid(study, series, number)
    data.StudyInstanceUID, data.SeriesInstanceUID = uid(study), uid(study, series)
    data.StudyDate, data.StudyTime, data.Modality = "20240102", "101500", "CT"
    data.PatientName, data.PatientID, data.StudyID = "Synthetic^Patient", f"S{study}", str(study)
    data.AccessionNumber = data.ReferringPhysicianName = data.PatientBirthDate = data.PatientSex = ""
    data.SeriesNumber, data.InstanceNumber = series, number
    for keyword, value in attributes.items():
        setattr(data, keyword, value)
    return data


def with_pixels(data: Dataset, rows=32, columns=32, frames=1, bits=16, samples=1, seed=0, photometric=None) -> Dataset:
    """Adds native pixel data: a slope with some noise."""
    noise = random.Random(seed)
    data.Rows, data.Columns, data.SamplesPerPixel = rows, columns, samples
    data.PhotometricInterpretation = photometric or ("RGB" if samples == 3 else "MONOCHROME2")
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit, data.PixelRepresentation = bits - 1, 0
    if samples > 1:
        data.PlanarConfiguration = 0
    if frames > 1:
        data.NumberOfFrames = frames
    count = rows * columns * frames * samples
    if bits == 1:
        raw = bytearray((count + 7) // 8)
        for k in range(count):
            raw[k // 8] |= noise.getrandbits(1) << k % 8
        raw = bytes(raw)
    elif bits == 8:
        raw = bytes((k * 7 + noise.getrandbits(3)) % 256 for k in range(count))
    else:
        raw = struct.pack(f"<{count}H", *((k * 13 + noise.getrandbits(4)) % 4096 for k in range(count)))
    data.PixelData = raw + b"\0" * (len(raw) % 2)
    data["PixelData"].VR = "OW" if bits > 8 else "OB"
    return data


def encode(data: Dataset, syntax: str = part10.EXPLICIT_LE) -> bytes:
    """The data set's bytes in an uncompressed syntax, or as it is for an encapsulated one."""
    out = DicomBytesIO()
    out.is_little_endian = syntax != part10.EXPLICIT_BE
    out.is_implicit_VR = syntax == part10.IMPLICIT_LE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_dataset(out, data)
    return out.getvalue()


def file(data: Dataset, syntax: str = part10.EXPLICIT_LE) -> bytes:
    """The whole file."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = data.SOPClassUID, data.SOPInstanceUID
    meta.ImplementationClassUID = UID("2.25.1")
    whole = pydicom.FileDataset("", data, preamble=bytes(128), file_meta=meta)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(out, whole, enforce_file_format=True)
    return out.getvalue()


def simple(study: int, series: int, number: int, size: int, sop_class: str = CT) -> tuple[str, bytes]:
    """SOP Instance UID and an Explicit VR LE data set with `size` pseudo-random bytes of pixel data, built without a toolkit."""
    e = part10.element
    sop = uid(study, series, number)
    payload = random.Random(f"{study}.{series}.{number}").randbytes(size // 2 * 2)
    columns = 256
    return sop, b"".join([
        e(0x00080016, "UI", sop_class.encode()), e(0x00080018, "UI", sop.encode()),
        e(0x00080020, "DA", b"20240102"), e(0x00080030, "TM", b"101500"), e(0x00080050, "SH", b""),
        e(0x00080060, "CS", b"CT"), e(0x00080090, "PN", b""),
        e(0x00100010, "PN", b"Synthetic^Patient"), e(0x00100020, "LO", f"S{study}".encode()),
        e(0x0020000D, "UI", uid(study).encode()), e(0x0020000E, "UI", uid(study, series).encode()),
        e(0x00200010, "SH", str(study).encode()), e(0x00200011, "IS", str(series).encode()), e(0x00200013, "IS", str(number).encode()),
        e(0x00280002, "US", b"\1\0"), e(0x00280004, "CS", b"MONOCHROME2"),
        e(0x00280010, "US", struct.pack("<H", min(65_535, max(1, len(payload) // 2 // columns)))), e(0x00280011, "US", struct.pack("<H", columns)),
        e(0x00280100, "US", b"\x10\0"), e(0x00280101, "US", b"\x10\0"), e(0x00280102, "US", b"\x0f\0"), e(0x00280103, "US", b"\0\0"),
        e(0x7FE00010, "OW", payload),
    ])


def encapsulated(frames: list[bytes], fragments: int = 1, offset_table: bool = True) -> bytes:
    """The value of encapsulated Pixel Data."""
    return encapsulate(frames, fragments_per_frame=fragments, has_bot=offset_table)
