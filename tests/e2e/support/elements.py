"""An independent walk over an encoded data set: the oracle for "the same data set".

It gives every element as (tag, VR, value as little endian bytes), nested items as lists, fragments as lists of
bytes, in any of the four encodings, so that a conversion can be checked byte by byte.
"""

import struct
import zlib
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR

from . import part10

WORD = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OF": 4, "OL": 4,
        "FD": 8, "OD": 8, "SV": 8, "UV": 8, "OV": 8}
KNOWN = {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW",
         "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"}
PADDED = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, TRAILING_PADDING = 0x7FE00010, 0xFFFCFFFC


@dataclass
class Element:
    """`value` for a plain element, `items` for a sequence, `fragments` for encapsulated pixel data."""

    tag: int
    vr: str
    value: bytes | None = None
    items: list[list["Element"]] | None = None
    fragments: list[bytes] | None = None

    def __repr__(self):
        shown = self.value[:32] if self.value is not None else f"{len(self.items or self.fragments or [])} parts"
        return f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X}) {self.vr} {shown!r}"


def walk(dataset: bytes, syntax: str) -> list[Element]:
    """The elements of a whole data set."""
    if syntax == part10.DEFLATED:
        dataset = zlib.decompressobj(-15).decompress(dataset)
    explicit = syntax != part10.IMPLICIT_LE
    order = ">" if syntax == part10.EXPLICIT_BE else "<"
    elements, _ = _elements(dataset, 0, len(dataset), explicit, order, in_item=False)
    return elements


def _elements(data, at, end, explicit, order, in_item):
    found = []
    while at + 8 <= end:
        group, number = struct.unpack_from(order + "HH", data, at)
        tag = group << 16 | number
        if tag in (ITEM_END, SEQUENCE_END):
            return found, at + 8
        vr, length, at = _head(data, at, tag, explicit, order)
        one, at = _value(data, at, end, tag, vr, length, explicit, order)
        found.append(one)
    return found, at if in_item else end


def _head(data, at, tag, explicit, order):
    if not explicit:
        return implicit_vr(tag), struct.unpack_from(order + "I", data, at + 4)[0], at + 8
    vr = data[at + 4 : at + 6].decode("latin-1")
    if vr not in KNOWN:
        return "UN", struct.unpack_from(order + "I", data, at + 8)[0], at + 12
    if vr.encode() in part10.LONG_VRS:
        return vr, struct.unpack_from(order + "I", data, at + 8)[0], at + 12
    return vr, struct.unpack_from(order + "H", data, at + 6)[0], at + 8


def _value(data, at, end, tag, vr, length, explicit, order):
    if length == UNDEFINED and tag == PIXEL_DATA:
        return _fragments(data, at, tag, vr, order)
    if length == UNDEFINED or vr == "SQ":
        if vr == "UN":  # PS3.5 6.2.2: the content is Implicit VR Little Endian
            explicit, order = False, "<"
        stop = end if length == UNDEFINED else at + length
        items, at = _items(data, at, stop, length == UNDEFINED, explicit, order)
        return Element(tag, vr, items=items), at
    value = data[at : at + length]
    assert len(value) == length, f"{tag:08X} claims {length} bytes, {len(value)} are left"
    if order == ">" and vr in WORD:
        value = swapped(value, WORD[vr])
        if tag == PIXEL_DATA and bits_allocated(data, order) == 32:  # real files turn the whole sample
            value = swapped(swapped(value, 2), 4)
    return Element(tag, vr, value=value), at + length


def _items(data, at, end, undefined, explicit, order):
    items = []
    while at + 8 <= end:
        group, number = struct.unpack_from(order + "HH", data, at)
        length = struct.unpack_from(order + "I", data, at + 4)[0]
        tag = group << 16 | number
        at += 8
        if tag == SEQUENCE_END:
            return items, at
        assert tag == ITEM, f"{tag:08X} where an item should be"
        stop = end if length == UNDEFINED else at + length
        nested, after = _elements(data, at, stop, explicit, order, in_item=True)
        at = after if length == UNDEFINED else stop
        items.append(nested)
    assert not undefined, "the sequence is not closed"
    return items, at


def _fragments(data, at, tag, vr, order):
    fragments = []
    while at + 8 <= len(data):
        group, number = struct.unpack_from(order + "HH", data, at)
        length = struct.unpack_from(order + "I", data, at + 4)[0]
        at += 8
        if group << 16 | number == SEQUENCE_END:
            break
        fragments.append(data[at : at + length])
        at += length
    return Element(tag, vr, fragments=fragments), at


def bits_allocated(data: bytes, order: str) -> int:
    """(0028,0100) of a data set in Explicit VR."""
    at = data.find(struct.pack(order + "HH2sH", 0x0028, 0x0100, b"US", 2))
    return struct.unpack_from(order + "H", data, at + 8)[0] if at >= 0 else 0


def swapped(value: bytes, size: int) -> bytes:
    """`value` with the byte order of its words turned; an odd rest stays."""
    whole = len(value) // size * size
    turned = bytearray(value)
    for k in range(size):
        turned[k:whole:size] = value[size - 1 - k : whole : size]
    return bytes(turned)


def implicit_vr(tag: int) -> str:
    """The dictionary's VR; private creators LO, other private and unknown elements UN; ambiguous ones as the text says."""
    if tag & 0xFFFF == 0:
        return "UL"
    if tag >> 16 & 1:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def differences(sent: list[Element], got: list[Element], path: str = "", rewritten: bool = False) -> list[str]:
    """What is not the same, for people; empty when `got` is `sent` in another encoding.

    Group lengths may go (retired), odd values may gain their pad byte, and a value too long for its VR becomes UN.
    `rewritten` by a toolkit on the way: padding of text and of the data set may go, UN become what the toolkit
    knows, encapsulated OW become OB, and elements be sorted.
    """
    sent = [e for e in sent if e.tag & 0xFFFF and not (rewritten and e.tag == TRAILING_PADDING)]
    got = [e for e in got if e.tag & 0xFFFF]
    if rewritten:
        sent, got = sorted(sent, key=lambda e: e.tag), sorted(got, key=lambda e: e.tag)
    wrong = []
    if [e.tag for e in sent] != [e.tag for e in got]:
        missing = [f"{e.tag:08X}" for e in sent if e.tag not in {g.tag for g in got}]
        extra = [f"{e.tag:08X}" for e in got if e.tag not in {s.tag for s in sent}]
        return [f"{path}: tags differ, missing {missing[:8]}, extra {extra[:8]}"]
    for one, two in zip(sent, got):
        where = f"{path}/{one.tag:08X}"
        if not _vr_agrees(one, two) and not (rewritten and ("UN" in (one.vr, two.vr) or one.fragments is not None)):
            wrong.append(f"{where}: VR {one.vr} became {two.vr}")
        if one.items is not None and two.items is not None:
            if len(one.items) != len(two.items):
                wrong.append(f"{where}: {len(one.items)} items became {len(two.items)}")
            for n, (a, b) in enumerate(zip(one.items, two.items)):
                wrong += differences(a, b, f"{where}/{n}", rewritten)
        elif one.fragments is not None:
            if one.fragments != two.fragments:
                wrong.append(f"{where}: fragments differ")
        elif not _value_agrees(one, two) and not (rewritten and one.vr in PADDED and _trimmed(one) == _trimmed(two)):
            wrong.append(f"{where}: {one} became {two}")
    return wrong


def _vr_agrees(one: Element, two: Element) -> bool:
    if one.vr == two.vr or " or " in one.vr and two.vr in one.vr.split(" or "):
        return True
    if one.items is not None and {one.vr, two.vr} <= {"UN", "SQ"}:
        return True
    return two.vr == "UN" and one.value is not None and len(one.value) > 65534


def _trimmed(element: Element) -> list[bytes]:
    return [v.strip(b" \0") for v in (element.value or b"").split(b"\\")]


def _value_agrees(one: Element, two: Element) -> bool:
    if one.value is None or two.value is None:
        return one.value is two.value
    return two.value == one.value or len(one.value) % 2 and two.value[:-1] == one.value
