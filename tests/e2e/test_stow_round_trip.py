"""Every file goes out as metadata and bulk data, comes in again under new UIDs, and is the same data set.

STOW-002, STOW-003, STOW-030, STOW-031, STOW-034, JSON-015, JSON-016, WADO-011.
"""

import json
import re
import warnings

import pydicom
import pytest
from pydicom.encaps import generate_fragments
from pydicom.filebase import DicomBytesIO
from pydicom.multival import MultiValue

from support import corpus, nativexml, stow
from support.server import Server
from test_corpus_round_trip import MEDIA, UNCOMPRESSED
from test_stow_metadata import ANY, JSON, OCTETS, XML, bulk, metadata

BATCHES = corpus.batches(corpus.storable())
NEW = "2.25.777"

# U+FFFD, and its bytes read as Latin-1 by whoever takes a CS for that.
BAD = ("\ufffd", "\xef\xbf\xbd")

# What cannot come back as it was, and why.
JUSTIFIED = [
    # a reason, and whether it holds for an element of the original and what it has become
    ("text in ISO_IR 192 instead of its own character set", lambda e, _: e.tag == 0x00080005),
    ("text that its character set cannot decode has U+FFFD in the JSON", lambda e, new: any(bad in str(x and x.value) for x in (e, new) for bad in BAD)),
    ("a group length is left out (PS3.18 F.2.2)", lambda e, _: e.tag.element == 0),
    ("the offset tables are those of the new fragments", lambda e, _: e.tag in (0x7FE00001, 0x7FE00002)),
]


LEFT_OUT = ("00080005", "7FE00001", "7FE00002")


def pulled(server, case, model: dict) -> list:
    """The parts that carry what the model has behind addresses."""
    uris, seen = re.findall(r'"BulkDataURI": ?"([^"]+)"', json.dumps(model)), []
    for uri in uris:
        path = uri.removeprefix(server.origin)
        compressed = case.syntax not in UNCOMPRESSED and uri.endswith("7FE00010")
        if not compressed:
            answer = server.get(path, f'multipart/related; type="{OCTETS}"')
            assert answer.status == 200, (uri, answer)
            seen.append(bulk(uri, answer.parts()[0].body, length=True))
            continue
        kind = MEDIA.get(case.syntax) or OCTETS
        answer = server.get(path, f'multipart/related; type="{kind}"; transfer-syntax=*, multipart/related; type="*/*"; transfer-syntax=*')
        assert answer.status == 200, (uri, answer)
        seen += [bulk(uri, part.body, part.type) for part in answer.parts()]
    return seen


def bare(attribute):
    """Trailing delimiters of names mean nothing, and XML has none. Native pixels of more than 8 bits are OW, whatever the
    sender calls them (PS3.5 8.1.1)."""
    if attribute and attribute.get("BulkDataURI") == "/bulkdata/7FE00010":
        return attribute["BulkDataURI"]
    return json.loads(re.sub(r'\^+"', '"', json.dumps(attribute)).replace(', "Value": [{"Alphabetic": ""}]', ""))


def renamed(model: dict, number: int) -> dict:
    names = {"00080018": f"{NEW}.1.{number}", "0020000D": f"{NEW}.2", "0020000E": f"{NEW}.3"}
    return {tag: {"vr": "UI", "Value": [names[tag]]} if tag in names else attribute for tag, attribute in model.items()}


def read(server, url: str, accept: str = ANY) -> pydicom.Dataset:
    answer = server.get(url, accept)
    assert answer.status == 200, (url, answer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(DicomBytesIO(answer.body), force=True)


def differences(one, two) -> list[str]:
    """What pydicom finds different, less what is justified."""
    found = []
    for tag in sorted(set(one.keys()) | set(two.keys())):
        if tag in (0x00080018, 0x0020000D, 0x0020000E):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                left, right = one.get(tag), two.get(tag)
                if left is not None and any(holds(left, right) for _, holds in JUSTIFIED):
                    continue
                if left is None or right is None:
                    found += [f"{tag} is only in one: {left} {right}"] if not (right is not None and right.tag == 0x00080005) else []
                elif left.VR == "SQ" == right.VR:
                    if len(left.value) != len(right.value):
                        found.append(f"{tag} has {len(left.value)} and {len(right.value)} items")
                    for a, b in zip(left.value, right.value):
                        found += [f"{tag}/{d}" for d in differences(a, b)]
                elif not alike(left, right):
                    found.append(f"{tag} {left.VR} {str(left.value)[:60]!r} is {right.VR} {str(right.value)[:60]!r}")
            except Exception as error:  # pydicom cannot make a value of one of them
                found.append(f"{tag} {type(error).__name__} {str(error)[:80]}") if "onvert" not in str(error) else None
    return found


def alike(left, right) -> bool:
    if left.value == right.value or left.is_empty and right.is_empty:
        return True
    if isinstance(left.value, bytes) and isinstance(right.value, bytes):
        return plain(left.value) == plain(right.value)
    return texts(left) == texts(right)


def plain(value: bytes) -> bytes:
    """Without padding; of encapsulated pixel data the codestreams alone: fragments are cut anew, one for each frame."""
    if value[:4] != b"\xfe\xff\0\xe0":
        return value.rstrip(b"\0")
    return b"".join(list(generate_fragments(value))[1 if value[:8] != b"\xfe\xff\0\xe0\0\0\0\0" else 0 :]).rstrip(b"\0")


def texts(element) -> list[str]:
    """The values without padding; trailing delimiters of names mean nothing (PS3.5 6.2.1)."""
    values = element.value if isinstance(element.value, (list, MultiValue)) else [element.value]
    return [str(value).strip(" \0").rstrip("^=" if element.VR == "PN" else "") for value in values]


@pytest.mark.parametrize("form", [JSON, XML])
@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_out_and_in_again(number, form, tmp_path):
    problems, tried, left_out = [], 0, []
    with Server(tmp_path / "one") as one, Server(tmp_path / "two") as two:
        for at, case in enumerate(BATCHES[number]):
            if case.expected_by_stow != corpus.STORE or stow.post(one, [case.content]).status != 200:
                continue
            (model,) = one.json(case.url + "/metadata")
            try:
                parts = pulled(one, case, model)
            except AssertionError as error:
                left_out.append(f"{case.name}: {str(error)[:100]}")
                continue
            tried += 1
            body = stow.body([*metadata([renamed(model, at)], form), *parts])
            result = stow.post(two, None, headers={"Content-Type": stow.content_type(form)}, content=body)
            if result.status != 200:
                problems.append(f"{case.name}: {result.answer} {result.answer.headers.get('Warning')}")
                continue
            # The original as Explicit VR Little Endian, where it is no compressed one.
            accept = "application/dicom" if case.syntax in UNCOMPRESSED else ANY
            url = f"studies/{NEW}.2/series/{NEW}.3/instances/{NEW}.1.{at}"
            problems += [f"{case.name}: {d}" for d in differences(read(one, case.url, accept), read(two, url))[:3]]
            (again,) = two.json(url + "/metadata")
            mine = json.dumps(renamed(model, at)).replace(f"{one.base}/{case.url}", "")
            theirs = json.dumps(again).replace(f"{two.base}/{url}", "")
            if mine != theirs:
                mine, theirs = json.loads(mine), json.loads(theirs)
                wrong = [t for t in sorted(mine.keys() | theirs.keys()) if bare(mine.get(t)) != bare(theirs.get(t)) and t not in LEFT_OUT]
                problems += [f"{case.name}: {t} {str(mine.get(t))[:90]} {str(theirs.get(t))[:90]}" for t in wrong[:2]]
    print(f"{tried} files; not to be had as bulk data: {left_out}")
    assert not problems, f"{len(problems)} of {tried}\n" + "\n".join(problems[:40])
