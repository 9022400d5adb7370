"""QIDO-RS: every resource, key and rule of matching, as tables over a handful of known studies."""

import time

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support import stow, synth
from support.server import Server

U = synth.uid
SR = "1.2.840.10008.5.1.4.1.1.88.11"


def requested(step: str, procedure: str) -> Sequence:
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = step, procedure
    return Sequence([item])


def studies() -> list[Dataset]:
    """Six studies, a to f, numbered 1 to 6."""
    utf8 = {"SpecificCharacterSet": "ISO_IR 192"}
    a = dict(PatientName="Doe^John", PatientID="P1", StudyDate="20200101", StudyTime="101500", AccessionNumber="A-1", StudyID="ABC1",
             StudyDescription="Brain CT", ReferringPhysicianName="House^Gregory", PatientBirthDate="19500203", PatientSex="M", InstitutionName="North")
    b = dict(utf8, PatientName="Müller^Jörg", PatientID="P2", StudyDate="20200115", StudyTime="235959.5", AccessionNumber="A-2", StudyID="abc2", Modality="MR", PatientSex="F")
    c = dict(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", PatientID="P3",
             StudyDate="20200201", StudyTime="000000", AccessionNumber="A-3", StudyID="3")
    d = dict(PatientName="O'Brien^A+B", PatientID="P_4%", StudyDate="", StudyTime="", StudyID="", AccessionNumber="")
    e = dict(PatientName="doe^jane", PatientID="P1", IssuerOfPatientID="ELSEWHERE", StudyDate="20191231", StudyTime="120000", AccessionNumber="A-5", StudyID="ABC10")
    f = dict(PatientName="Doe", PatientID="P6", StudyDate="20200101", StudyTime="1015", AccessionNumber="a-1", StudyID="*")
    found = []
    for number, attributes in enumerate((a, b, c, d, e, f), 1):
        found.append(synth.with_pixels(synth.instance(number, 1, 1, **attributes), rows=4, columns=6))
    for n in (2, 3):
        found.append(synth.instance(1, 1, n, **a))
    found[-1].InstanceNumber = "12"
    found.append(synth.instance(1, 2, 1, SR, **a, ))
    found[-1].Modality = "SR"
    found[-1].SeriesDescription, found[-1].SeriesNumber, found[-1].BodyPartExamined = "Report", 7, "HEAD"
    found[-1].RequestAttributesSequence = requested("STEP9", "PROC9")
    found[-1].PerformedProcedureStepStartDate, found[-1].PerformedProcedureStepStartTime = "20200105", "083000"
    found.append(synth.with_pixels(synth.instance(2, 5, 1, "1.2.840.10008.5.1.4.1.1.7.2", **b), frames=3, bits=8))
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("qido") / "data") as running:
        result = stow.post(running, [synth.file(s) for s in studies()])
        assert result.status == 200, result.answer
        yield running
        assert running.process.poll() is None, running.log()[-4000:]


def letters(found: list[dict]) -> str:
    """The studies of an answer as letters, sorted."""
    return "".join(sorted("abcdef"[int(o["0020000D"]["Value"][0].rsplit(".", 1)[1]) - 1] for o in found))


STUDY_MATCHES = [
    # query, the studies that match
    ("", "abcdef"),
    # one for each required key (QIDO-004)
    ("StudyDate=20200101", "af"), ("StudyTime=101500", "af"), ("AccessionNumber=A-1", "a"), ("ModalitiesInStudy=MR", "b"),
    ("ReferringPhysicianName=House^Gregory", "a"), ("PatientName=Doe^John", "a"), ("PatientID=P1", "ae"),
    (f"StudyInstanceUID={U(3)}", "c"), ("StudyID=ABC1", "a"),
    # useful ones
    ("IssuerOfPatientID=ELSEWHERE", "e"), ("PatientBirthDate=19500203", "a"), ("PatientSex=F", "b"), ("StudyDescription=Brain*", "a"),
    ("InstitutionName=North", "a"),
    # names of attributes (QIDO-017)
    ("00100020=P2", "b"), ("0020000D=" + U(2), "b"), ("0020000d=" + U(2), "b"), ("00080061=SR", "a"),
    # several keys are all to match
    ("PatientID=P1&StudyDate=20200101", "a"), ("PatientID=P1&PatientID=P1", None), ("PatientID=P1&00100020=P1", None),  # QIDO-021
    # text: case and wildcards (QIDO-023 to QIDO-025)
    ("StudyID=abc1", ""), ("StudyID=ABC*", "ae"), ("StudyID=ABC?", "a"), ("StudyID=?BC1*", "ae"), ("StudyID=abc*", "b"), ("StudyID=*", "abcdef"),
    ("AccessionNumber=A-?", "abce"), ("AccessionNumber=*1", "af"), ("AccessionNumber=a-1", "f"), ("PatientID=P%3F", "abcef"),
    ("PatientID=P_4%25", "d"), ("PatientID=P%25", ""), ("PatientID=P_", ""), ("PatientID=", "abcdef"), ("PatientID=%20P2%20", "b"),
    ("ModalitiesInStudy=S*", "a"), ("ModalitiesInStudy=CT", "acdef"),
    # names: neither case nor accents matter, a trailing ^ neither
    ("PatientName=DOE^JOHN", "a"), ("PatientName=doe*", "aef"), ("PatientName=Doe", "f"), ("PatientName=Doe^^^^", "f"), ("PatientName=Doe^J*", "ae"),
    ("PatientName=M%C3%BCller^J%C3%B6rg", "b"), ("PatientName=muller^jorg", "b"), ("PatientName=M%C3%9CLLER*", "b"), ("PatientName=Yamada*", "c"),
    ("PatientName=Yamada^Tarou", "c"), ("PatientName=%E5%B1%B1%E7%94%B0*", "c"), ("PatientName=*", "abcdef"), ("PatientName=*Tar*", "c"), ("PatientName=?oe", "f"),
    # percent-decoding: plus is plus
    ("PatientName=O'Brien^A+B", "d"), ("PatientName=O'Brien^A%2BB", "d"), ("PatientName=O'Brien^A%20B", ""), ("PatientName=o%27brien*", "d"),
    # ranges (QIDO-026, QIDO-027)
    ("StudyDate=20200101-20200115", "abf"), ("StudyDate=-20200101", "aef"), ("StudyDate=20200115-", "bc"), ("StudyDate=20200102-20200114", ""),
    ("StudyDate=20200101-20200101", "af"), ("StudyDate=20191231-20200101", "aef"),
    ("StudyTime=1015", "af"), ("StudyTime=10", "af"), ("StudyTime=101500-101500", "af"), ("StudyTime=000000-101459", "c"), ("StudyTime=1200-", "be"),
    ("StudyTime=-000000", "c"), ("StudyTime=2359-235959.4", ""), ("StudyTime=2359-235959.5", "b"), ("StudyTime=235959.5", "b"), ("StudyTime=235959", "b"),
    # date and time ranges are one interval
    ("StudyDate=20191231-20200101&StudyTime=120000-101500", "aef"), ("StudyDate=20191231-20200101&StudyTime=120001-101459", ""),
    ("StudyDate=20191231-20200115&StudyTime=120001-100000", "af"), ("StudyDate=20200101&StudyTime=100000-110000", "af"),
    # lists of UIDs (QIDO-022)
    (f"StudyInstanceUID={U(1)},{U(4)}", "ad"), (f"StudyInstanceUID={U(1)}%5C{U(4)}", "ad"), (f"StudyInstanceUID={U(99)}", ""),
    # bad values (QIDO-019, QIDO-020)
    ("StudyDate=abc", None), ("StudyDate=20201301", None), ("StudyDate=2020*", None), ("StudyDate=20200230", None), ("StudyTime=9999", None),
    ("StudyDate=20200115-20200101", {"", None}), ("StudyTime=2200-0200", {"", None}),
    (f"StudyInstanceUID={U(1)}*", {"", None}), ("StudyInstanceUID=abc", {"", None}), ("StudyInstanceUID=1..2", {"", None}),
    ("patientid=P1", None), ("PatientId=P1", None), ("Nonsense=1", None), ("0010002=P1", None), ("0010002G=P1", None), ("=x", None), ("PatientID=%00", None),
    ("PatientID=%ff%fe", None), ("PatientID=%zz", None), ("PatientID=P1%0d%0a", {"", None}), ("PatientID=" + "x" * 3_000, ""), ("PatientID=" + "*" * 3_000, {"abcdef", None}),
    ("PatientID=" + "*a" * 1_000, {"", None}),
    # what is tried on databases
    ("PatientID=' OR 1=1 --".replace(" ", "%20").replace("=1", "%3D1"), ""), ("PatientID=%27%20UNION%20SELECT%201--", ""), ("StudyID=%22", ""), ("PatientName=%27%3B--", ""),
    # other parameters
    ("fuzzymatching=false", "abcdef"), ("fuzzymatching=true&PatientName=Doe^John", "ae"), ("emptyvaluematching=false", "abcdef"), ("fuzzymatching=maybe", None),
    # a key of a lower level does not narrow a search of studies
    ("Modality=SR", "abcdef"),
]


@pytest.mark.parametrize("query, want", STUDY_MATCHES, ids=[q[0][:60] for q in STUDY_MATCHES])
def test_studies(server, query, want):
    began = time.monotonic()
    answer = server.get(f"studies?{query}" if query else "studies", "application/dicom+json")
    assert time.monotonic() - began < 1
    got = None if answer.status == 400 else letters(answer.json()) if answer.status == 200 else "" if answer.status == 204 else answer
    assert got in want if isinstance(want, set) else got == want, answer
    if answer.status == 204:
        assert answer.body == b""  # QIDO-003
    if got is None:
        assert answer.type.startswith("application/problem+json")


OTHER_MATCHES = [
    # path and query, how many (QIDO-001, QIDO-005, QIDO-006)
    ("series", 8), ("instances", 10), (f"studies/{U(1)}/series", 2), (f"studies/{U(1)}/instances", 4), (f"studies/{U(1)}/series/{U(1, 1)}/instances", 3),
    ("series?Modality=SR", 1), ("series?Modality=CT", 5), (f"series?SeriesInstanceUID={U(1, 2)},{U(2, 5)}", 2), ("series?SeriesNumber=7", 1), ("series?SeriesNumber=07", {0, 1}),
    ("series?SeriesDescription=Rep*", 1), ("series?BodyPartExamined=HEAD", 1),
    ("series?PerformedProcedureStepStartDate=20200101-20200110", 1), ("series?PerformedProcedureStepStartTime=08-09", 1), ("series?00400244=20200105", 1),
    ("series?RequestAttributesSequence.ScheduledProcedureStepID=STEP9", 1), ("series?00400275.00401001=PROC9", 1), ("series?00400275.00401001=PROC8", 0),
    ("series?RequestAttributesSequence.00400009=STEP*&00400275.RequestedProcedureID=PROC9", 1), ("series?PatientID=P1", 3), ("series?PatientID=P1&Modality=SR", 1),
    (f"studies/{U(1)}/series?Modality=SR", 1), (f"studies/{U(2)}/series?Modality=SR", 0),
    (f"instances?SOPClassUID={SR}", 1), (f"instances?SOPClassUID={SR},{synth.CT}", 9), (f"instances?SOPInstanceUID={U(1, 1, 2)}", 1), ("instances?InstanceNumber=12", 1),
    ("instances?PatientID=P1&InstanceNumber=1", 3), ("instances?Modality=SR", 1), (f"studies/{U(1)}/instances?Modality=CT", 3), (f"studies/{U(1)}/instances?InstanceNumber=2", 1),
    (f"studies/{U(99)}/series", 0), (f"studies/{U(99)}/instances", 0), (f"studies/{U(1)}/series/{U(99)}/instances", 0),
    (f"studies/{U(1)}/series?StudyInstanceUID={U(2)}", {0, 2, 400}),
    ("series?SeriesNumber=abc", 400), ("instances?InstanceNumber=1*", 400), ("studies/abc/series", 400),
]


@pytest.mark.parametrize("path, want", OTHER_MATCHES, ids=[o[0][:70] for o in OTHER_MATCHES])
def test_series_and_instances(server, path, want):
    answer = server.get(path, "application/dicom+json")
    got = {200: lambda: len(answer.json()), 204: lambda: 0, 400: lambda: 400}.get(answer.status, lambda: answer)()
    assert got in want if isinstance(want, set) else got == want, answer


STUDY_ALWAYS = {"00080020": "DA", "00080030": "TM", "00080050": "SH", "00080061": "CS", "00080090": "PN", "00100010": "PN", "00100020": "LO",
                "00100030": "DA", "00100040": "CS", "0020000D": "UI", "00200010": "SH", "00201206": "IS", "00201208": "IS"}
SERIES_ALWAYS = {"00080060": "CS", "00081190": "UR", "0020000E": "UI", "00200011": "IS", "00201209": "IS"}
INSTANCE_ALWAYS = {"00080016": "UI", "00080018": "UI", "00081190": "UR", "00200013": "IS"}


def has(found: dict, required: dict) -> None:
    missing = {t for t, vr in required.items() if found.get(t, {}).get("vr") != vr}
    assert not missing, missing
    assert list(found) == sorted(found), "ascending order"


def test_study_attributes(server):
    """QIDO-007, QIDO-008: all R attributes, even when empty; counts; each modality once."""
    for found in server.json("studies"):
        has(found, STUDY_ALWAYS | {"00081190": "UR", "00080056": "CS"})
    (a,) = server.json(f"studies?StudyInstanceUID={U(1)}")
    assert sorted(a["00080061"]["Value"]) == ["CT", "SR"]
    assert [int(a[t]["Value"][0]) for t in ("00201206", "00201208")] == [2, 4]
    assert a["00100010"]["Value"] == [{"Alphabetic": "Doe^John"}] and a["00081190"]["Value"] == [f"{server.base}/studies/{U(1)}"]
    (d,) = server.json(f"studies?StudyInstanceUID={U(4)}")
    assert d["00080020"] == {"vr": "DA"} and d["00200010"] == {"vr": "SH"}
    (c,) = server.json(f"studies?StudyInstanceUID={U(3)}")
    assert c["00100010"]["Value"] == [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}]
    assert c.get("00080005", {"Value": ["ISO_IR 192"]})["Value"] == ["ISO_IR 192"]


def test_series_attributes(server):
    """QIDO-009, QIDO-011."""
    (found,) = server.json("series?Modality=SR")
    has(found, STUDY_ALWAYS | SERIES_ALWAYS)
    assert found["0008103E"]["Value"] == ["Report"] and int(found["00201209"]["Value"][0]) == 1
    assert found["00081190"]["Value"] == [f"{server.base}/studies/{U(1)}/series/{U(1, 2)}"]
    (item,) = found["00400275"]["Value"]
    assert item["00400009"]["Value"] == ["STEP9"] and item["00401001"]["Value"] == ["PROC9"]
    assert found["00400244"]["Value"] == ["20200105"]
    (nested,) = server.json(f"studies/{U(1)}/series?Modality=SR")
    has(nested, SERIES_ALWAYS)


def test_instance_attributes(server):
    """QIDO-010, QIDO-011, QIDO-012."""
    (found,) = server.json(f"instances?SOPInstanceUID={U(2, 5, 1)}")
    has(found, STUDY_ALWAYS | SERIES_ALWAYS | INSTANCE_ALWAYS)
    values = {t: found[t]["Value"][0] for t in ("00280010", "00280011", "00280100", "00280008", "00083002")}
    assert (values["00280010"], values["00280011"], values["00280100"], int(values["00280008"])) == (32, 32, 8, 3)
    assert values["00083002"] == "1.2.840.10008.1.2.1"
    assert found["00081190"]["Value"] == [f"{server.base}/studies/{U(2)}/series/{U(2, 5)}/instances/{U(2, 5, 1)}"]
    (nested,) = server.json(f"studies/{U(2)}/instances?SOPInstanceUID={U(2, 5, 1)}")
    has(nested, SERIES_ALWAYS | INSTANCE_ALWAYS)
    (deep,) = server.json(f"studies/{U(2)}/series/{U(2, 5)}/instances")
    has(deep, INSTANCE_ALWAYS)
    for one in server.json("instances"):
        assert server.get(one["00081190"]["Value"][0].removeprefix(server.origin), "application/dicom; transfer-syntax=*").status == 200


INCLUDED = [
    # query, tags that must be there, tags that must not: QIDO-013 to QIDO-016
    ("studies?StudyID=ABC1&includefield=StudyDescription", {"00081030"}, {"00080060"}),
    ("studies?StudyID=ABC1&includefield=00081030&includefield=InstitutionName", {"00081030", "00080080"}, set()),
    ("studies?StudyID=ABC1&includefield=00081030,00080080", {"00081030", "00080080"}, set()),
    ("studies?StudyID=ABC1&includefield=all", {"00081030", "00080080"}, {"7FE00010"}),
    ("studies?StudyID=ABC1&StudyDescription=Brain*", {"00081030"}, set()),
    ("studies?StudyID=ABC1&includefield=Modality", set(), {"00080060"}),
    ("studies?StudyID=ABC1&includefield=SOPInstanceUID", set(), {"00080018"}),
    ("series?Modality=SR&includefield=BodyPartExamined", {"00180015"}, {"00080018"}),
    ("series?Modality=SR&includefield=all", {"00180015", "0008103E"}, {"00080018"}),
    (f"instances?SOPInstanceUID={U(2, 5, 1)}&includefield=PhotometricInterpretation", {"00280004"}, {"7FE00010"}),
    (f"instances?SOPInstanceUID={U(2, 5, 1)}&includefield=all", {"00280004", "00280101", "00280103"}, set()),
    (f"instances?SOPInstanceUID={U(1, 2, 1)}&includefield=00400275.00400009", {"00400275"}, set()),
]


@pytest.mark.parametrize("path, there, absent", INCLUDED, ids=[i[0][:70] for i in INCLUDED])
def test_included_fields(server, path, there, absent):
    (found,) = server.json(path)
    assert there <= found.keys() and not absent & found.keys(), sorted(found)
    assert list(found) == sorted(found)


BAD_PARAMETERS = ["includefield=Nonsense", "includefield=all&includefield=PatientID", "limit=-1", "limit=abc", "limit=", "limit=1.5", "offset=-1",
                  "offset=abc", "limit=1&limit=2", "limit=18446744073709551616", "offset=99999999999999999999999"]


@pytest.mark.parametrize("query", BAD_PARAMETERS)
def test_bad_parameters(server, query):
    answer = server.get(f"studies?{query}")
    name = query.split("=")[0]
    assert answer.status == 400 and name.encode() in answer.body, answer
    assert "Traceback" not in answer.body.decode() and "sql" not in answer.body.decode().lower()


def test_pages(server):
    """Limit, offset, the Warning with the exact rest, a stable order."""
    uids = lambda path: [o["00080018"]["Value"][0] for o in server.json(path)]  # noqa: E731
    whole = uids("instances")
    assert len(whole) == 10 == len(set(whole))
    for size in (1, 3, 4, 10, 50):
        pages = []
        for at in range(0, 10 + size, size):
            answer = server.get(f"instances?limit={size}&offset={at}", "application/dicom+json")
            left = max(0, 10 - at - size)
            warning = answer.headers.get("Warning", "")
            assert (f"There are {left} additional results that can be requested" in warning) == (left > 0), (size, at, warning)
            assert answer.status == (200 if at < 10 else 204)
            if answer.status == 200:
                pages += [o["00080018"]["Value"][0] for o in answer.json()]
        assert pages == whole
    assert uids("instances") == whole
    assert server.get("studies?limit=0").status == 204
    assert server.get("studies?offset=1000").status == 204
    huge = server.get("studies?limit=4294967295", "application/dicom+json")
    assert huge.status == 200 and len(huge.json()) == 6


NOT_MATCHED = ["studies?Modality=SR", "studies?SOPClassUID=1.2", "studies?00091001=x&00090010=OURS", "studies?PixelData=x", "series?InstanceNumber=1"]


@pytest.mark.parametrize("path", NOT_MATCHED)
def test_what_is_not_matched_is_said(server, path):
    answer = server.get(path, "application/dicom+json")
    assert answer.status == 200 and answer.headers.get("Warning", "").startswith("299 "), answer.headers
    assert "is not matched in this search" in answer.headers["Warning"]


SUPPORTED = ["studies?fuzzymatching=true&PatientName=Doe", "studies?emptyvaluematching=true&StudyID=%22%22", "studies?multiplevaluematching=true&PatientID=P1,P2"]


@pytest.mark.parametrize("path", SUPPORTED)
def test_what_is_supported_needs_no_warning(server, path):
    """QIDO-033, QIDO-034."""
    answer = server.get(path, "application/dicom+json")
    assert answer.status == 200 and "Warning" not in answer.headers, answer.headers


ACCEPTS = [("*/*", 200), (None, 200), ("application/dicom+json", 200), ("application/json", 200), ("application/*", 200), ("text/html", 406), ("application/dicom", 406),
           ("image/png, application/dicom+json;q=0.2", 200)]


@pytest.mark.parametrize("accept, status", ACCEPTS)
def test_media_types(server, accept, status):
    """QIDO-002 (the JSON half)."""
    answer = server.get("studies", accept)
    assert answer.status == status, answer
    if status == 200:
        assert answer.type.startswith("application/dicom+json") and isinstance(answer.json(), list)


def test_counts_follow_what_is_stored(tmp_path):
    with Server(tmp_path / "data") as server:
        assert server.get("studies").status == 204
        for number in range(1, 4):
            stow.post(server, [synth.file(synth.instance(7, number, number, Modality=("CT", "MR", "CT")[number - 1]))])
            (study,) = server.json("studies")
            assert int(study["00201206"]["Value"][0]) == int(study["00201208"]["Value"][0]) == number
        assert sorted(study["00080061"]["Value"]) == ["CT", "MR"]


def test_dicomweb_client_searches(server):
    """Somebody else's QIDO client."""
    client = DICOMwebClient(server.base)
    assert len(client.search_for_studies()) == 6
    assert letters(client.search_for_studies(search_filters={"PatientID": "P1"})) == "ae"
    assert len(client.search_for_studies(limit=2, offset=1)) == 2
    assert letters(client.search_for_studies(get_remaining=True, limit=2)) == "abcdef"
    assert len(client.search_for_series(U(1))) == 2
    assert len(client.search_for_instances(U(1), U(1, 1))) == 3
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    (found,) = client.search_for_studies(search_filters={"StudyID": "ABC1"}, fields=["StudyDescription"])
    assert found["00081030"]["Value"] == ["Brain CT"]
    assert len(client.retrieve_study_metadata(U(1))) == 4
    data = client.retrieve_instance(U(1), U(1, 1), U(1, 1, 1))
    assert data.PatientName == "Doe^John"
    (frame,) = client.retrieve_instance_frames(U(2), U(2, 5), U(2, 5, 1), frame_numbers=[2])
    assert frame == studies()[-1].PixelData[1024:2048]
