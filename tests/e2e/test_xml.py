"""Answers as Native DICOM Model XML, and text answers in fewer bytes."""

import gzip
import json
import subprocess

import pytest

from support import nativexml, part10, stow, synth

XML = "application/dicom+xml"
PARTS = f'multipart/related; type="{XML}"'
JSON = "application/dicom+json"


@pytest.fixture(scope="module")
def filled(shared_server):
    """Twelve instances in two series, with names, private attributes, sequences and bulk data."""
    for number in range(1, 13):
        data = synth.with_pixels(synth.instance(8_100, 1 + number % 2, number, PatientName="Yamada^Tarou=山田^太郎", PatientComments="a <b> & \"c\"\r\nd"))
        data.add_new(0x00090010, "LO", "OWNER & SONS"), data.add_new(0x00091001, "SH", "x"), data.add_new(0x00091002, "OB", b"\0\1")
        data.ReferencedStudySequence = [synth.Dataset(), synth.Dataset()]
        data.ReferencedStudySequence[1].ReferencedSOPInstanceUID = "1.2.3"
        data.ImageType, data.OtherPatientNames = ["A", "", "B"], ["C^D", "E"]
        data.SpecificCharacterSet = "ISO_IR 192"
        assert stow.post(shared_server, [synth.file(data)]).status == 200
    return shared_server


STUDY = f"studies/{synth.uid(8_100)}"


def same(xml: dict, model: dict) -> None:
    """An XML data set says what the JSON one says."""
    owners = {}
    for tag, attribute in model.items():
        group, element = int(tag[:4], 16), int(tag[4:], 16)
        if group % 2 and 0x10 <= element <= 0xFF and attribute.get("Value"):
            owners[group, element] = attribute["Value"][0]
    keys = {}
    for tag in model:
        group, element = int(tag[:4], 16), int(tag[4:], 16)
        owner = owners.get((group, element >> 8)) if group % 2 else None
        keys[(f"{group:04X}{element & 0xFF:04X}", owner) if owner else tag] = tag
    assert list(xml) == list(keys)
    for key, tag in keys.items():
        one, two = xml[key], model[tag]
        assert {k: v for k, v in one.items() if k != "Value"} == {k: v for k, v in two.items() if k != "Value"}, tag
        values = one.get("Value", [])
        assert len(values) == len(two.get("Value", [])), tag
        for left, right in zip(values, two.get("Value", [])):
            if two["vr"] == "SQ":
                same(left, right)
            elif two["vr"] == "PN":
                assert left == right, tag
            else:
                assert (left or "") == ("" if right is None else right if isinstance(right, str) else json.dumps(right)), tag


@pytest.mark.parametrize("below, count", [(f"{STUDY}/metadata", 12), (f"{STUDY}/series/{synth.uid(8_100, 1)}/metadata", 6),
                                          (f"{STUDY}/series/{synth.uid(8_100, 1)}/instances/{synth.uid(8_100, 1, 2)}/metadata", 1)])
def test_metadata(filled, below, count):
    """WADO-010, WADO-011: one part for each instance, and each says what the JSON says."""
    answer = filled.get(below, PARTS)
    assert answer.status == 200 and answer.type.startswith("multipart/related"), answer
    parts = answer.parts()
    models = filled.json(below)
    assert len(parts) == len(models) == count
    for part, model in zip(parts, models):
        assert part.type.startswith(XML)
        same(nativexml.read(part.body), model)
        assert b'privateCreator="OWNER &amp; SONS"' in part.body and f'uri="{filled.base}'.encode() in part.body


@pytest.mark.parametrize("search", [f"studies?StudyInstanceUID={synth.uid(8_100)}", f"{STUDY}/series", f"{STUDY}/instances?includefield=all"])
def test_search(filled, search):
    """QIDO-002: one part for each match."""
    answer = filled.get(search, PARTS)
    assert answer.status == 200, answer
    models = filled.json(search)
    assert len(answer.parts()) == len(models) > 0
    for part, model in zip(answer.parts(), models):
        same(nativexml.read(part.body), model)
    assert filled.get("studies?PatientID=nobody", PARTS).status == 204


def test_store_response(filled):
    """STOW-027: the module in the form that is asked for."""
    sop, data = synth.simple(8_101, 1, 1, 2_000)
    file = part10.file(synth.CT, sop, part10.EXPLICIT_LE, data)
    for accept, kind in ((XML, XML), (JSON, JSON), ("*/*", JSON), (f"{JSON};q=0.5, {XML}", XML), (None, JSON)):
        result = stow.post(filled, [file, b"nonsense"], headers={"Accept": accept})
        assert (result.status, result.answer.type.split(";")[0]) == (202, kind), result.answer
        if kind == XML:
            module = nativexml.read(result.answer.body)
            assert module["00081199"]["Value"][0]["00081155"]["Value"] == [sop]
            assert module["0008119A"]["Value"][0]["00081197"]["Value"] == ["49152"]
            assert module["00081190"]["Value"] == [f"{filled.base}/studies/{synth.uid(8_101)}"]
    assert stow.post(filled, [file], headers={"Accept": "image/png"}).status == 406
    assert stow.post(filled, [file], headers={"Accept": PARTS}).status == 406


@pytest.mark.parametrize("accept, status", [(PARTS, 200), (f"multipart/related; type={XML}", 200), (f"{PARTS}; q=0.5, {JSON}; q=0.4", 200),
                                            (f"{PARTS}; q=0.4, {JSON}; q=0.5", JSON), ("*/*", JSON), (XML, 406), ("text/xml", 406)])
def test_negotiation(filled, accept, status):
    """WADO-010, WADO-015, WADO-016."""
    answer = filled.get(f"{STUDY}/metadata", accept)
    assert answer.status == (status if isinstance(status, int) else 200)
    if answer.status == 200:
        assert answer.type.startswith(status if isinstance(status, str) else "multipart/related")


def unpacked(coding: str | None, body: bytes) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    if coding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True).stdout
    return body


@pytest.mark.parametrize("below", [f"{STUDY}/metadata", f"{STUDY}/series/{synth.uid(8_100, 1)}/instances/{synth.uid(8_100, 1, 2)}/metadata",
                                   f"{STUDY}/instances?includefield=all"])
@pytest.mark.parametrize("accepted, coding", [("gzip", "gzip"), ("zstd", "zstd"), ("gzip, deflate, br, zstd", "zstd"), ("zstd;q=0.2, gzip", "gzip"),
                                              ("br", None), ("gzip;q=0", None), (None, None)])
def test_content_encodings(filled, below, accepted, coding):
    """Text answers leave as the client likes them best, with another entity tag for each."""
    if coding == "zstd" and subprocess.run(["which", "zstd"], capture_output=True).returncode:
        pytest.skip("no zstd here")
    plain = filled.get(below, JSON)
    answer = filled.get(below, JSON, **({"Accept_Encoding": accepted} if accepted else {}))
    assert answer.status == 200 and answer.headers.get("Content-Encoding") == coding, answer
    assert "accept-encoding" in answer.headers["Vary"].lower()
    assert unpacked(coding, answer.body) == plain.body
    if coding:
        assert len(answer.body) * 2 < len(plain.body)
    if "ETag" in plain.headers:
        assert (answer.headers["ETag"] == plain.headers["ETag"]) == (coding is None)
        again = filled.get(below, JSON, If_None_Match=answer.headers["ETag"], **({"Accept_Encoding": accepted} if accepted else {}))
        assert again.status == 304 and not again.body


def test_small_answers_are_sent_as_they_are(filled):
    answer = filled.get(f"studies?StudyInstanceUID={synth.uid(8_101)}", JSON, Accept_Encoding="gzip")
    assert answer.headers.get("Content-Encoding") is None and len(answer.body) < 1_400
