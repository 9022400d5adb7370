"""The DICOM JSON model (PS3.18 Annex F) of a data set, checked against its bytes and against pydicom.

Structure, binary values, numbers and default-repertoire text are held against the bytes as `elements.walk` sees them;
text that depends on the character set is held against pydicom's own `to_json_dict` (names: its components). What is normalised, and why:

- padding and insignificant spaces go (F.1: values are not padded);
- an empty value among others is `null`, pydicom writes `""` (F.2.5);
- trailing `^` of a person name are insignificant (PS3.5 6.2.1);
- (0008,0005) says ISO_IR 192 or is absent: the text is UTF-8;
- U+FFFD stands for what could not be decoded, pydicom guesses there;
- Data Set Trailing Padding may be left out.
"""

import base64
import json
import math
import re
import struct
import warnings
from decimal import Decimal, InvalidOperation

import pydicom
import pydicom.multival

from .elements import Element, implicit_vr

BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}
BULK_ALLOWED = BINARY | {"DS", "FL", "FD", "IS", "LT", "SL", "SS", "ST", "SV", "UC", "UL", "US", "UT", "UV"}
NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "SV": "q", "UV": "Q"}
ASCII = {"AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR"}
SINGLE = {"LT", "ST", "UT", "UR"}
CHARACTER_SET, PIXEL_DATA, TRAILING_PADDING = 0x00080005, 0x7FE00010, 0xFFFCFFFC


def load(text: bytes):
    """JSON with exact numbers and no duplicate names."""
    def unique(pairs):
        names = [n for n, _ in pairs]
        assert len(names) == len(set(names)), f"duplicate names in {names[:10]}"
        return dict(pairs)
    return json.loads(text.decode("utf-8"), parse_float=Decimal, object_pairs_hook=unique)


class Check:
    """One instance's metadata; `fetch(uri)` gives a bulk value's bytes."""

    def __init__(self, fetch, lenient: bool = False):
        self.fetch, self.lenient = fetch, lenient
        self.wrong: list[str] = []
        self.uris: list[str] = []

    def dataset(self, ours: dict, tree: list[Element], theirs: pydicom.Dataset | None, path: str = "") -> None:
        tree = [e for e in tree if e.tag & 0xFFFF and e.tag >> 16 != 2]
        names = list(ours)
        if any(not re.fullmatch(r"[0-9A-F]{8}", n) for n in names) or names != sorted(names):
            self.wrong.append(f"{path}: names are not 8 upper-case digits in ascending order")  # JSON-001
        want = {e.tag: e for e in tree}
        have = {int(n, 16): v for n, v in ours.items()}
        optional = {TRAILING_PADDING, CHARACTER_SET}
        for tag in sorted((want.keys() ^ have.keys()) - optional):
            self.wrong.append(f"{path}/{tag:08X}: {'missing' if tag in want else 'not in the data set'}")
        for tag in sorted(want.keys() & have.keys()):
            self.attribute(have[tag], want[tag], theirs, f"{path}/{tag:08X}")

    def attribute(self, ours: dict, element: Element, theirs, path: str) -> None:
        forms = ours.keys() & {"Value", "BulkDataURI", "InlineBinary"}
        if len(forms) > 1 or ours.keys() - {"vr", "Value", "BulkDataURI", "InlineBinary"}:
            self.wrong.append(f"{path}: members {sorted(ours)}")  # JSON-002
            return
        vr = ours.get("vr")
        if not self.vr_agrees(vr, element):
            self.wrong.append(f"{path}: vr {vr}, the data set has {element.vr}")
            return
        if "BulkDataURI" in forms:
            self.bulk(ours["BulkDataURI"], vr, element, path)
        elif element.fragments is not None or element.tag == PIXEL_DATA and element.value:
            self.wrong.append(f"{path}: pixel data is not given by BulkDataURI")  # WADO-035
        elif element.items is not None:
            self.items(ours.get("Value"), element, theirs, path)
        elif vr in BINARY:
            value = base64.b64decode(ours["InlineBinary"], validate=True) if "InlineBinary" in ours else b""
            if not same_bytes(value, element.value):
                self.wrong.append(f"{path}: InlineBinary of {len(value)} bytes is not the value of {len(element.value)}")  # JSON-009
        elif "InlineBinary" in forms:
            self.wrong.append(f"{path}: InlineBinary for {vr}")  # JSON-010
        else:
            self.values(ours, vr, element, theirs, path)

    @staticmethod
    def vr_agrees(vr, element: Element) -> bool:
        if vr == element.vr or vr in element.vr.split(" or ") or element.items is not None and vr == "SQ":
            return True
        if element.tag == PIXEL_DATA and element.fragments is not None and vr == "OB":
            return True
        if element.vr == "UN" and element.value is not None:  # PS3.5 6.2.2: what was unknown to a sender may be known here
            return vr == implicit_vr(element.tag)
        return vr == "UN" and element.value is not None and len(element.value) > 65_534

    def bulk(self, uri: str, vr: str, element: Element, path: str) -> None:
        if vr not in BULK_ALLOWED:
            self.wrong.append(f"{path}: BulkDataURI for {vr}")  # WADO-034
        self.uris.append(uri)
        got = self.fetch(uri)
        want = b"".join(element.fragments[1:]) if element.fragments is not None else element.value
        if got is not None and not same_bytes(got, want):
            self.wrong.append(f"{path}: {uri} gives {len(got)} bytes, not the {len(want)} of the value")  # WADO-005

    def items(self, ours, element: Element, theirs, path: str) -> None:
        ours = ours or []
        if len(ours) != len(element.items):
            self.wrong.append(f"{path}: {len(ours)} items, the data set has {len(element.items)}")
            return
        sequence = value_of(theirs, element.tag)
        nested = list(sequence) if isinstance(sequence, pydicom.Sequence) else []
        for n, (one, tree) in enumerate(zip(ours, element.items)):
            self.dataset(one, tree, nested[n] if n < len(nested) else None, f"{path}/{n}")

    def values(self, ours: dict, vr: str, element: Element, theirs, path: str) -> None:
        got = ours.get("Value", [])
        if "Value" in ours and (not got or all(v is None for v in got)):
            self.wrong.append(f"{path}: a Value without a value")  # JSON-003
        if element.tag == CHARACTER_SET:
            if got not in ([], ["ISO_IR 192"]):
                self.wrong.append(f"{path}: says {got}")  # JSON-013
            return
        want = expected(vr, element.value, theirs, element.tag)
        if want is None:  # pydicom cannot say
            if not self.lenient:
                self.wrong.append(f"{path}: pydicom does not convert it")
            return
        want = [] if all(v is None for v in want) else want
        if len(got) != len(want) or not all(same(vr, a, b) for a, b in zip(got, want)):
            self.wrong.append(f"{path} {vr}: {str(got)[:120]} instead of {str(want)[:120]}")


def value_of(theirs, tag: int):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return theirs[tag].value if theirs is not None and tag in theirs else None
    except Exception:
        return None


def same_bytes(got: bytes, want: bytes) -> bool:
    return got == want or len(want) % 2 == 1 and got[:-1] == want


def expected(vr: str, raw: bytes, theirs, tag: int):
    """The values, `None` for each empty one; None when there is no telling."""
    if vr in NUMBERS:
        code = NUMBERS[vr]
        return list(struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw[: len(raw) // struct.calcsize(code) * struct.calcsize(code)]))
    if vr == "AT":
        return [f"{a:04X}{b:04X}" for a, b in struct.iter_unpack("<HH", raw[: len(raw) // 4 * 4])]
    if vr in ASCII or vr in ("DS", "IS"):
        text = raw.decode("latin-1")
        return [v.strip(" \0") or None for v in ([text] if vr in SINGLE else text.split("\\"))]
    if theirs is None or tag not in theirs:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if vr == "PN":  # its to_json_dict fails on an empty name among others
                names = theirs[tag].value
                return [person(n) for n in (names if isinstance(names, pydicom.multival.MultiValue) else [names])]
            found = theirs[tag].to_json_dict(None, 0)
    except Exception:
        return None
    if "Value" not in found and found["vr"] not in (vr,):
        return None
    return [v or None for v in found.get("Value", [])]


def person(name) -> dict | None:
    """A pydicom name as the model has it."""
    parts = {"Alphabetic": name.alphabetic, "Ideographic": name.ideographic, "Phonetic": name.phonetic} if name else {}
    return {k: v for k, v in parts.items() if v} or None


def same(vr: str, ours, want) -> bool:
    if want is None or ours is None:
        return ours is want
    if vr in ("FL", "FD"):
        return same_float(vr, ours, want)
    if vr in ("DS", "IS"):
        return same_decimal(ours, want)
    if vr in NUMBERS:
        return int(ours) == want and (isinstance(ours, int) or vr in ("SV", "UV"))
    if vr == "PN":
        return isinstance(ours, dict) and set(ours) <= {"Alphabetic", "Ideographic", "Phonetic"} and all(ours.values()) and \
            groups(ours).keys() == groups(want).keys() and all(same_text(groups(ours)[k], groups(want)[k]) for k in groups(ours))
    return isinstance(ours, str) and same_text(ours if vr in SINGLE else ours.strip(), want if vr in SINGLE else want.strip())


def groups(name: dict) -> dict:
    return {k: v.strip().rstrip("^") for k, v in name.items() if v.strip().rstrip("^=")}


def same_text(ours: str, want: str) -> bool:
    ours, want = ours.rstrip(" \0"), want.rstrip(" \0")
    if "\ufffd" in ours:
        return re.fullmatch(re.sub("(?:\ufffd)+", ".+", re.escape(ours)), want, re.S) is not None
    return ours == want


def same_float(vr: str, ours, want) -> bool:
    if isinstance(ours, str):
        return math.isnan(want) and ours == "NaN" or math.isinf(want) and ours in ("Infinity", "-Infinity", "inf", "-inf", "Inf", "-Inf")
    got = float(ours)
    if vr == "FL":
        got = struct.unpack("<f", struct.pack("<f", got))[0]
    return got == want


def same_decimal(ours, want: str) -> bool:
    """The same number, exactly; text that is no number stays as it is."""
    if isinstance(ours, str) and ours.strip() == want.strip():
        return True
    try:
        return Decimal(str(ours)) == Decimal(want.strip())
    except InvalidOperation:
        return False
