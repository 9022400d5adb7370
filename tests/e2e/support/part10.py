"""Takes DICOM files apart without help from a toolkit, so that even broken ones can be sent as they lie.

Nothing here decodes values: a file is a head (preamble, magic, group 2) and the bytes of its data set.
"""

import struct
from dataclasses import dataclass, field

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE = "1.2.840.10008.1.2.2"

LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}


@dataclass
class Part10:
    """A file's data set as encoded, and what its head says about it."""

    dataset: bytes
    syntax: str | None
    meta: dict[int, bytes] = field(default_factory=dict)

    def meta_text(self, tag: int) -> str | None:
        value = self.meta.get(tag)
        return None if value is None else value.rstrip(b"\0 ").decode("ascii", "replace")


def split(content: bytes) -> Part10:
    """The data set of `content`; the syntax is guessed from the first element where no head names one."""
    if content[128:132] == b"DICM":
        meta, end = _group2(content, 132)
    elif content[:2] == b"\x02\x00":
        meta, end = _group2(content, 0)
    else:
        meta, end = {}, 0
    dataset = content[end:]
    named = meta.get(0x00020010)
    syntax = named.rstrip(b"\0 ").decode("ascii", "replace") if named else guess(dataset)
    return Part10(dataset, syntax, meta)


def guess(dataset: bytes) -> str | None:
    """Implicit or Explicit VR Little Endian (or Big Endian) by the look of the first element."""
    if len(dataset) < 8:
        return None
    big = dataset[0] == 0 and dataset[1] != 0
    vr = dataset[4:6]
    if vr.isalpha() and vr.isupper():
        return EXPLICIT_BE if big else EXPLICIT_LE
    return None if big else IMPLICIT_LE


def _group2(content: bytes, at: int) -> tuple[dict[int, bytes], int]:
    """Group 2 elements by tag, and where the data set starts. Group 2 is always Explicit VR Little Endian."""
    meta = {}
    while content[at : at + 2] == b"\x02\x00" and at + 8 <= len(content):
        element = struct.unpack_from("<H", content, at + 2)[0]
        vr = content[at + 4 : at + 6]
        if vr in LONG_VRS:
            length, start = struct.unpack_from("<I", content, at + 8)[0], at + 12
        else:
            length, start = struct.unpack_from("<H", content, at + 6)[0], at + 8
        meta[0x00020000 | element] = content[start : start + length]
        at = start + length
    return meta, at


def element(tag: int, vr: str, value: bytes) -> bytes:
    """One element in Explicit VR Little Endian, padded to even length."""
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB", "UN") else b" "
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr.encode() in LONG_VRS:
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def file(sop_class: str, sop_instance: str, syntax: str, dataset: bytes) -> bytes:
    """A whole file around `dataset`."""
    rest = b"".join([
        element(0x00020001, "OB", b"\0\1"),
        element(0x00020002, "UI", sop_class.encode()),
        element(0x00020003, "UI", sop_instance.encode()),
        element(0x00020010, "UI", syntax.encode()),
        element(0x00020012, "UI", b"2.25.1"),
    ])
    return bytes(128) + b"DICM" + element(0x00020000, "UL", struct.pack("<I", len(rest))) + rest + dataset
