"""QIDO-RS beyond literal matching: fuzzy names, empty and several values, time zones, sequences, private attributes, every attribute."""

import time

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support import stow, synth
from support.server import Server

U = synth.uid
UTF8 = {"SpecificCharacterSet": "ISO_IR 192"}


def item(**attributes) -> Dataset:
    found = Dataset()
    for keyword, value in attributes.items():
        setattr(found, keyword, value)
    return found


def studies() -> list[Dataset]:
    """Eight studies, a to h, numbered 1 to 8."""
    a = dict(PatientName="SMITH^JOHN^ROBERT", StudyDate="20240101", StudyTime="003000", TimezoneOffsetFromUTC="+0100", AccessionNumber="1", PatientSex="M")
    b = dict(PatientName="Schmidt^Jon", StudyDate="20240101", StudyTime="003000", TimezoneOffsetFromUTC="-0500", AccessionNumber="2", PatientSex="F")
    c = dict(UTF8, PatientName="Müller-Lüdenscheidt^Jörg", StudyDate="20240101", StudyTime="233000", AccessionNumber="3", PatientSex="O")
    d = dict(UTF8, PatientName="Иванов^Иван", StudyDate="20240102", StudyTime="", TimezoneOffsetFromUTC="+0300", AccessionNumber="")
    e = dict(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう", StudyDate="20240103", StudyTime="120000", StudyID="")
    f = dict(UTF8, PatientName="Hong^Gildong=洪^吉洞=홍^길동", StudyDate="", StudyTime="", PatientID="")
    g = dict(PatientName="", StudyDate="20240105", StudyTime="080000", PatientBirthDate="19500101", ReferringPhysicianName="Meyer^Eva")
    h = dict(PatientName="O'Brien^Mary Ann", StudyDate="20240106", StudyTime="090000", ReferringPhysicianName="Maier^Otto", PatientBirthDate="19600101")
    found = [synth.instance(number, 1, 1, **attributes) for number, attributes in enumerate((a, b, c, d, e, f, g, h), 1)]
    one, two, three = found[0], found[1], found[2]
    one.OtherPatientIDsSequence = Sequence([item(PatientID="X1", IssuerOfPatientID="NORTH", TypeOfPatientID="TEXT"), item(PatientID="X2", IssuerOfPatientID="SOUTH")])
    two.OtherPatientIDsSequence = Sequence([item(PatientID="X1", IssuerOfPatientID="SOUTH")])
    one.ProcedureCodeSequence = Sequence([item(CodeValue="P1", CodingSchemeDesignator="L", CodeMeaning="One"), item(CodeValue="P2", CodingSchemeDesignator="M", CodeMeaning="Two")])
    one.RequestAttributesSequence = Sequence([item(ScheduledProcedureStepID="S1", RequestedProcedureID="R1", ScheduledProcedureStepDescription="first"),
                                              item(ScheduledProcedureStepID="S2", RequestedProcedureID="R2")])
    two.RequestAttributesSequence = Sequence([item(ScheduledProcedureStepID="S1", RequestedProcedureID="R2")])
    one.PerformedProcedureStepStartDate, one.PerformedProcedureStepStartTime = "20240101", "003000"
    two.PerformedProcedureStepStartDate, two.PerformedProcedureStepStartTime = "20240101", "003000"
    one.AcquisitionDateTime, two.AcquisitionDateTime, three.AcquisitionDateTime = "20240101003000", "20240101003000-0500", "20240101"
    one.ImageType, two.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"], ["DERIVED", "SECONDARY"]
    one.ConceptNameCodeSequence = Sequence([item(CodeValue="121181", CodingSchemeDesignator="DCM", CodeMeaning="DICOM Object Catalog")])
    one.PatientComments, one.Manufacturer, one.KVP = "comment", "Maker", "120"
    for number, block in ((1, 0x10), (2, 0x11)):
        found[number - 1].add_new(0x00090000 | block, "LO", "OURS")
        found[number - 1].add_new(0x00090000 | block << 8 | 1, "SH", f"V{number}")
        found[number - 1].add_new(0x00090000 | block << 8 | 2, "DS", "1.50")
    found[1].add_new(0x00090010, "LO", "THEIRS")
    found[1].add_new(0x00091001, "SH", "V9")
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
    return "".join(sorted("abcdefgh"[int(o["0020000D"]["Value"][0].rsplit(".", 1)[1]) - 1] for o in found))


def ask(server, path: str) -> str | int:
    answer = server.get(path, "application/dicom+json")
    return letters(answer.json()) if answer.status == 200 else "" if answer.status == 204 else answer.status


FUZZY = [
    # QIDO-033: order, beginnings, sound, case, accents, scripts
    ("Smith", "ab"), ("john%20smith", "ab"), ("Smith^John", "ab"), ("SMI", "a"), ("smi*", "a"), ("rob", "a"), ("jon%20smyth", "ab"), ("schmitt", "ab"), ("s?ith", "a"),
    ("muller", "c"), ("LUDENSCHEIDT", "c"), ("m%C3%BCller", "c"), ("jorg", "c"), ("ivanov", "d"), ("%D0%98%D0%B2%D0%B0%D0%BD%D0%BE%D0%B2", "d"), ("iwanow", "d"),
    ("yamada", "e"), ("%E3%83%A4%E3%83%9E%E3%83%80", "e"), ("%E5%B1%B1%E7%94%B0", "e"), ("%E3%81%9F%E3%82%8D%E3%81%86%20yamada", "e"), ("gildong", "f"), ("%EA%B8%B8%EB%8F%99", "f"),
    ("obrien", "h"), ("o'brien", "h"), ("ann%20mary", "h"), ("jones", ""), ("*", "abcdefgh"), ("", "abcdefgh"),
]


@pytest.mark.parametrize("name, want", FUZZY)
def test_fuzzy_names(server, name, want):
    assert ask(server, f"studies?fuzzymatching=true&PatientName={name}") == want
    assert ask(server, f"series?PatientName={name}&fuzzymatching=true") == want


MATCHES = [
    ("fuzzymatching=true&ReferringPhysicianName=mayer", "gh"), ("ReferringPhysicianName=mayer", ""), ("fuzzymatching=true&ReferringPhysicianName=mayer&PatientName=mary", "h"),
    # only names are fuzzy
    ("fuzzymatching=true&PatientID=s1", ""),
    # QIDO-034: "" is what is absent or empty
    ("emptyvaluematching=true&AccessionNumber=%22%22", "defgh"), ("emptyvaluematching=true&PatientName=%22%22", "g"), ("emptyvaluematching=true&StudyDate=%22%22", "f"),
    ("emptyvaluematching=true&StudyTime=%22%22", "df"), ("emptyvaluematching=true&PatientID=%22%22", "f"), ("emptyvaluematching=true&StudyID=%22%22", "e"),
    ("emptyvaluematching=true&PatientBirthDate=%22%22&PatientSex=%22%22", "def"), ("emptyvaluematching=true&StudyDescription=%22%22", "abcdefgh"),
    ("emptyvaluematching=true&ModalitiesInStudy=%22%22", ""), ("emptyvaluematching=true&OtherPatientIDsSequence.PatientID=%22%22", "cdefgh"), ("AccessionNumber=%22%22", ""),
    ("emptyvaluematching=true&PatientComments=%22%22", "bcdefgh"), ("emptyvaluematching=true&StudyInstanceUID=%22%22", ""),
    # QIDO-034: several values, with either separator
    ("multiplevaluematching=true&AccessionNumber=1,3", "ac"), ("multiplevaluematching=true&AccessionNumber=1%5C3", "ac"), ("AccessionNumber=1,3", ""),
    ("multiplevaluematching=true&PatientSex=M,F", "ab"), ("multiplevaluematching=true&PatientName=SMITH*,*Ann", "ah"), ("multiplevaluematching=true&StudyDate=20240103,20240105-", "egh"),
    ("multiplevaluematching=true&StudyTime=0030,0900", "abh"), ("multiplevaluematching=true&PatientBirthDate=19500101,19600101", "gh"),
    ("multiplevaluematching=true&ModalitiesInStudy=MR,CT", "abcdefgh"), ("multiplevaluematching=true&ModalitiesInStudy=MR,US", ""),
    ("multiplevaluematching=true&emptyvaluematching=true&AccessionNumber=%22%22,2", "bdefgh"), ("multiplevaluematching=true&fuzzymatching=true&PatientName=smyth,ivan", "abd"),
    ("multiplevaluematching=true&PatientSex=", "abcdefgh"), ("multiplevaluematching=true&StudyDate=20240103,x", 400),
    # QIDO-035: a half past midnight at +0100 is half past eleven the day before in UTC, and half past eight at +0900
    ("StudyDate=20240101", "abc"), ("StudyDate=20231231", ""), ("TimezoneOffsetFromUTC=%2B0000&StudyDate=20231231", "a"), ("TimezoneOffsetFromUTC=+0000&StudyDate=20240101", "bc"),
    ("TimezoneOffsetFromUTC=+0900&StudyDate=20240101", "ab"), ("TimezoneOffsetFromUTC=+0900&StudyDate=20240102", "cd"), ("TimezoneOffsetFromUTC=+0100&StudyDate=20240101", "ab"),
    ("TimezoneOffsetFromUTC=+0900&StudyTime=0830", "ac"), ("TimezoneOffsetFromUTC=+0900&StudyTime=1430", "b"), ("TimezoneOffsetFromUTC=+0900&StudyDate=20240101&StudyTime=08-09", "a"),
    ("TimezoneOffsetFromUTC=+0000&StudyDate=20231231-20240101&StudyTime=2300-0600", "ab"), ("TimezoneOffsetFromUTC=+0000&StudyDate=20231231-20240101&StudyTime=2331-0529", ""),
    ("TimezoneOffsetFromUTC=CET", 400), ("TimezoneOffsetFromUTC=+9900", 400), ("TimezoneOffsetFromUTC=", "abcdefgh"), ("TimezoneOffsetFromUTC=+0100&TimezoneOffsetFromUTC=+0100", 400),
    # a study without a time is where its date says
    ("TimezoneOffsetFromUTC=-1200&StudyDate=20240102", "d"),
    # QIDO-018, QIDO-030: sequences, all keys within one item
    ("OtherPatientIDsSequence.PatientID=X1", "ab"), ("00101002.00100020=X2", "a"), ("00101002.00100020=X*", "ab"), ("OtherPatientIDsSequence.PatientID=x1", ""),
    ("OtherPatientIDsSequence.PatientID=X1&OtherPatientIDsSequence.IssuerOfPatientID=SOUTH", "b"), ("00101002.00100020=X2&00101002.00100021=NORTH", ""),
    ("00101002.00100020=X1&00101002.00100021=NORTH&00101002.00100022=TEXT", "a"), ("ProcedureCodeSequence.CodeValue=P2&ProcedureCodeSequence.CodingSchemeDesignator=M", "a"),
    ("ProcedureCodeSequence.CodeValue=P1&ProcedureCodeSequence.CodingSchemeDesignator=M", ""), ("PatientID=S2&00101002.00100020=X1", "b"), ("OtherPatientIDsSequence=", "abcdefgh"),
    # further attributes of the level
    ("PatientComments=comm*", "a"), ("PatientComments=Comment", ""),
]


@pytest.mark.parametrize("query, want", MATCHES, ids=[m[0][:90] for m in MATCHES])
def test_studies(server, query, want):
    assert ask(server, f"studies?{query}") == want


DEEPER = [
    # QIDO-005, QIDO-030 at series level
    ("series?RequestAttributesSequence.ScheduledProcedureStepID=S1", "ab"), ("series?00400275.00400009=S1&00400275.00401001=R1", "a"), ("series?00400275.00400009=S1&00400275.00401001=R2", "b"),
    ("series?00400275.00400009=S2&00400275.00401001=R1", ""), ("series?00400275.00400009=S1&00400275.00400007=first", "a"), ("series?00400275.00400009=S2&00400275.00400007=first", ""),
    ("series?multiplevaluematching=true&00400275.00400009=S2,S1", "ab"), ("series?emptyvaluematching=true&00400275.00400009=%22%22", "cdefgh"), ("series?Manufacturer=Maker", "a"),
    # QIDO-035: the performed procedure step too
    ("series?PerformedProcedureStepStartDate=20240101", "ab"), ("series?TimezoneOffsetFromUTC=+0000&PerformedProcedureStepStartDate=20231231", "a"),
    ("series?TimezoneOffsetFromUTC=+0000&PerformedProcedureStepStartTime=0530", "b"),
    # QIDO-028: DT with and without an offset
    ("instances?AcquisitionDateTime=20240101-20240101", "abc"), ("instances?AcquisitionDateTime=202401010530-202401010530", "b"), ("instances?AcquisitionDateTime=202401010630+0100-", "b"),
    ("instances?AcquisitionDateTime=20240101003000-0500", "b"), ("instances?TimezoneOffsetFromUTC=+0000&AcquisitionDateTime=202312312330", "a"),
    ("instances?TimezoneOffsetFromUTC=+0900&AcquisitionDateTime=2024010108-2024010109", "ac"),
    # QIDO-006 and any other attribute of an instance
    ("instances?ImageType=PRIMARY", "a"), ("instances?ImageType=primary", ""), ("instances?multiplevaluematching=true&ImageType=AXIAL,SECONDARY", "ab"), ("instances?KVP=120.0", "a"),
    ("instances?ConceptNameCodeSequence.CodeValue=121181", "a"), ("instances?0040A043.00080100=121181&0040A043.00080102=LN", ""),
    (f"studies/{U(1)}/instances?KVP=120", "a"), (f"studies/{U(2)}/instances?KVP=120", ""), (f"studies/{U(1)}/series/{U(1, 1)}/instances?ImageType=AX*", "a"),
    # QIDO-039: a private attribute is its creator's, in whichever block
    ("instances?00090010=OURS&00091001=V1", "a"), ("instances?00090010=OURS&00091001=V2", "b"), ("instances?00090010=THEIRS&00091001=V9", "b"), ("instances?00090010=OURS&00091001=V9", ""),
    ("instances?00090010=OURS&00091002=1.5", "ab"), ("instances?00091001=V1", 400), ("instances?00090010=NOBODY&00091001=V1", ""),
]


@pytest.mark.parametrize("path, want", DEEPER, ids=[d[0][:90] for d in DEEPER])
def test_series_and_instances(server, path, want):
    answer = server.get(path, "application/dicom+json")
    if isinstance(want, int):
        assert answer.status == want, answer
        return
    found = answer.json() if answer.status == 200 else []
    assert answer.status in (200, 204), answer
    study = [o["00081190"]["Value"][0].split("/studies/")[1].split("/")[0] for o in found]
    assert "".join(sorted("abcdefgh"[int(uid.rsplit(".", 1)[1]) - 1] for uid in study)) == want


def values(sequence: dict, tag: str) -> list[str]:
    return [one[tag]["Value"][0] for one in sequence.get("Value", [])]


def test_answers_hold_the_items_that_match(server):
    """QIDO-030: of a sequence that is matched, what matches."""
    (found,) = server.json("studies?OtherPatientIDsSequence.PatientID=X2")
    assert values(found["00101002"], "00100020") == ["X2"]
    (found,) = server.json("series?00400275.00400009=S1&00400275.00401001=R1")
    assert values(found["00400275"], "00400007") == ["first"]
    (found,) = server.json(f"studies?StudyInstanceUID={U(1)}&includefield=OtherPatientIDsSequence")
    assert values(found["00101002"], "00100020") == ["X1", "X2"]
    (found,) = server.json(f"series?StudyInstanceUID={U(1)}")
    assert values(found["00400275"], "00400009") == ["S1", "S2"]


def test_zone_is_returned_when_known(server):
    """QIDO-035."""
    for found in server.json("studies?TimezoneOffsetFromUTC=+0900"):
        letter = letters([found])
        known = {"a": ["+0100"], "b": ["-0500"], "d": ["+0300"]}.get(letter)
        assert found.get("00080201", {}).get("Value") == known, letter


def test_all_fields(server):
    """QIDO-014, QIDO-015: everything of the level, nothing of a lower one, no bulk."""
    (study,) = server.json(f"studies?StudyInstanceUID={U(1)}&includefield=all")
    assert {"00104000", "00101002", "00081032", "00080201"} <= study.keys()
    assert not {"00080060", "00080070", "00080008", "00180060", "00090010", "00400275"} & study.keys()
    (series,) = server.json(f"studies/{U(1)}/series?includefield=all")
    assert {"00080070", "00400275", "00400244", "00080060"} <= series.keys() and not {"00080008", "00180060", "00090010", "00104000"} & series.keys()
    (relational,) = server.json("series?AccessionNumber=1&includefield=all")
    assert study.keys() | series.keys() == relational.keys()
    (instance,) = server.json(f"studies/{U(1)}/series/{U(1, 1)}/instances?includefield=all")
    metadata = server.json(f"studies/{U(1)}/series/{U(1, 1)}/instances/{U(1, 1, 1)}/metadata")[0]
    assert metadata.keys() <= instance.keys()
    assert all(instance[tag] == metadata[tag] for tag in metadata if tag not in ("00080056", "00081190"))


FIELDS = [
    # path, tags that must be there, tags that must not (QIDO-013, QIDO-014, QIDO-039)
    ("instances?AccessionNumber=1&includefield=KVP", {"00180060"}, {"00090010", "00091001"}),
    ("instances?AccessionNumber=1&includefield=ConceptNameCodeSequence.CodeValue", {"0040A043"}, set()),
    ("instances?AccessionNumber=1&00090010=OURS&includefield=00091001", {"00090010", "00091001"}, {"00091002"}),
    ("instances?AccessionNumber=2&00090010=OURS&includefield=00091001", {"00090011", "00091101"}, {"00091001", "00091102"}),
    ("instances?AccessionNumber=2&00090010=THEIRS&includefield=00091001", {"00090010", "00091001"}, {"00091101"}),
    ("instances?AccessionNumber=1&00090010=NOBODY&includefield=00091001", set(), {"00090010", "00091001"}),
    ("instances?00090010=OURS&00091001=V1", {"00090010", "00091001"}, {"00091002"}),
    ("studies?AccessionNumber=1&00090010=OURS&includefield=00091001", set(), {"00090010", "00091001"}),
    ("studies?AccessionNumber=1&includefield=Manufacturer,KVP,PatientComments", {"00104000"}, {"00080070", "00180060"}),
]


@pytest.mark.parametrize("path, there, absent", FIELDS, ids=[f[0][:90] for f in FIELDS])
def test_included_fields(server, path, there, absent):
    (found,) = server.json(path)
    assert there <= found.keys() and not absent & found.keys(), sorted(found)
    assert list(found) == sorted(found)


def test_private_attributes_need_their_creator(server):
    """QIDO-039."""
    for query in ("includefield=00091001", "00091001=V1", "includefield=00101002.00091001"):
        answer = server.get(f"instances?{query}")
        assert answer.status == 400 and b"needs its creator" in answer.body, answer


def test_pages_of_what_is_merged_and_judged(server):
    """QIDO-036 to QIDO-038 where matches come from several keys, and where documents are read."""
    for query in ("studies?multiplevaluematching=true&PatientSex=M,F,O", "studies?fuzzymatching=true&PatientName=smith", "instances?emptyvaluematching=true&KVP=%22%22",
                  "studies?emptyvaluematching=true&PatientComments=%22%22"):
        whole = [o["0020000D"]["Value"][0] for o in server.json(query)]
        paged = []
        for at in range(len(whole)):
            answer = server.get(f"{query}&limit=1&offset={at}", "application/dicom+json")
            left = len(whole) - at - 1
            assert (f"There are {left} additional results" in answer.headers.get("Warning", "")) == (left > 0)
            paged += [o["0020000D"]["Value"][0] for o in answer.json()]
        assert paged == whole and len(set(whole)) == len(whole)
        assert server.get(f"{query}&offset={len(whole)}").status == 204


def test_a_zone_for_data_that_say_none(tmp_path):
    """QIDO-035: `storage.time_zone`."""
    with Server(tmp_path / "data", config='[storage]\ntime_zone = "+0200"\n') as server:
        stow.post(server, [synth.file(synth.instance(1, 1, 1, StudyDate="20240101", StudyTime="010000"))])
        assert ask(server, "studies?TimezoneOffsetFromUTC=+0000&StudyDate=20231231") == "a"
        assert ask(server, "studies?TimezoneOffsetFromUTC=+0200&StudyDate=20240101") == "a"
        assert ask(server, "studies?StudyDate=20240101") == "a"


def test_page_through_250_studies(tmp_path):
    """QIDO-036, QIDO-038: the union of the pages is the full set, each once, newest first."""
    with Server(tmp_path / "data") as server:
        files = [synth.file(synth.instance(n, 1, 1, StudyDate=f"2024{1 + n % 12:02}{1 + n % 28:02}", PatientName=f"Family{n % 7}^Given{n % 3}")) for n in range(1, 251)]
        stow.post(server, files)
        for query in ("", "&PatientName=Family*", "&fuzzymatching=true&PatientName=given", "&multiplevaluematching=true&ModalitiesInStudy=CT,MR", "&PatientName=*amily*"):
            whole = []
            for at in range(0, 300, 40):
                answer = server.get(f"studies?limit=40&offset={at}{query}", "application/dicom+json")
                whole += answer.json() if answer.status == 200 else []
            uids = [o["0020000D"]["Value"][0] for o in whole]
            dates = [o["00080020"]["Value"][0] for o in whole]
            assert len(uids) == len(set(uids)) == 250, query
            assert dates == sorted(dates, reverse=True)


def test_what_cannot_be_retrieved_has_no_url(tmp_path):
    """QIDO-042: bytes that failed their check are not there until they come again."""
    whole = synth.with_pixels(synth.instance(1), rows=256, columns=256)
    with Server(tmp_path / "data") as server:
        stow.post(server, [synth.file(whole)])
    (file,) = (tmp_path / "data/studies").rglob("*.dcm")
    content = bytearray(file.read_bytes())
    content[-5_000] ^= 1
    file.write_bytes(content)
    with Server(tmp_path / "data") as server:
        (found,) = server.json("instances")
        assert found["00080056"]["Value"] == ["ONLINE"]
        url = found["00081190"]["Value"][0].removeprefix(server.origin)
        assert server.get(url).status == 500
        until = time.monotonic() + 20
        while file.exists():
            assert time.monotonic() < until, "it stays in service"
            time.sleep(0.05)
        (found,) = server.json("instances?includefield=all")
        assert found["00080056"]["Value"] == ["UNAVAILABLE"] and "00081190" not in found
        stow.post(server, [synth.file(whole)])
        (found,) = server.json("instances")
        assert found["00080056"]["Value"] == ["ONLINE"] and server.get(url).status == 200


def test_dicomweb_client_matches(server):
    """Somebody else's QIDO client."""
    client = DICOMwebClient(server.base)
    assert letters(client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "jon smyth"})) == "ab"
    (found,) = client.search_for_studies(search_filters={"00101002.00100020": "X2"}, fields=["all"])
    assert found["00104000"]["Value"] == ["comment"]
    (found,) = client.search_for_instances(search_filters={"AccessionNumber": "1"}, fields=["KVP"])
    assert found["00180060"]["Value"] == [120]
