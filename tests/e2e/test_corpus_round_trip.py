"""Every file goes in by each door and comes out as it was: STOW-001, STOW-037, DIMSE-005, WADO-001, WADO-020, TS-019."""

import re
import subprocess
import warnings
from collections import defaultdict

import pydicom
import pynetdicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import get_expected_length

from support import corpus, elements, jsonmodel, part10, stow, wire
from support.server import AET, Server

ANY_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
SOME_DICOM = 'multipart/related; type="application/dicom"'
PREFIX = "1.2.840.10008.1.2."
UNCOMPRESSED = {part10.IMPLICIT_LE, part10.EXPLICIT_LE, part10.EXPLICIT_BE, part10.DEFLATED}
LOSSY = {PREFIX + s for s in ("4.50", "4.51", *(f"4.{n}" for n in range(100, 109)))}
LOSSLESS = {PREFIX + s for s in ("4.57", "4.70", "4.80", "4.90", "4.110", "4.201", "4.202", "5")}
MEDIA = {**{PREFIX + f"4.{n}": "image/jpeg" for n in (50, 51, 57, 70)}, PREFIX + "5": "image/dicom-rle",
         PREFIX + "4.80": "image/jls", PREFIX + "4.81": "image/jls", PREFIX + "4.90": "image/jp2", PREFIX + "4.91": "image/jp2",
         **{PREFIX + f"4.{n}": "image/jphc" for n in (201, 202, 203)}, **{PREFIX + f"4.{n}": "image/jxl" for n in (110, 111, 112)}}
STORESCU = {part10.IMPLICIT_LE: "-xi", part10.EXPLICIT_LE: "-xe", part10.EXPLICIT_BE: "-xb", part10.DEFLATED: "-xd", PREFIX + "5": "-xr",
            PREFIX + "4.50": "-xy", PREFIX + "4.51": "-xx", PREFIX + "4.70": "-xs", PREFIX + "4.80": "-xt", PREFIX + "4.81": "-xu",
            PREFIX + "4.90": "-xv", PREFIX + "4.91": "-xw"}

BINARY = {"OB", "OD", "OF", "OL", "OV", "OW", "UN"}

BATCHES = corpus.batches(corpus.storable())
batch = pytest.mark.parametrize("filled", range(len(BATCHES)), indirect=True, scope="module",
                                ids=[f"batch{n}-{len(b)}-files" for n, b in enumerate(BATCHES)])


def none(problems: list[str]) -> None:
    assert not problems, f"{len(problems)} problems\n" + "\n".join(problems[:40])


def by_class_and_syntax(cases):
    groups = defaultdict(list)
    for case in cases:
        groups[case.sop_class, case.syntax].append(case)
    return groups.items()


def store_over_the_wire(server, cases) -> list[str]:
    """Each data set as it lies in its file, on an association that offers just its class and syntax."""
    problems = []
    for (sop_class, syntax), group in by_class_and_syntax(cases):
        with wire.Association(server.dimse, [(sop_class, [syntax])]) as association:
            if association.contexts[1] != (0, syntax):
                problems.append(f"{group[0].name}: {sop_class} in {syntax} is answered {association.contexts[1]}")
                continue
            for case in group:
                status = association.store(1, sop_class, case.sop_instance, case.part10.dataset)
                if status != wire.SUCCESS:
                    problems.append(f"{case.name}: {status:04X}")
            association.release()
    return problems


@pytest.fixture(scope="module")
def filled(request, tmp_path_factory):
    """A server that holds one batch, stored over the wire; the first test reports what was not taken."""
    with Server(tmp_path_factory.mktemp("corpus") / "data") as server:
        cases = BATCHES[request.param]
        refused = store_over_the_wire(server, cases)
        names = {p.split(":")[0] for p in refused}
        yield server, [c for c in cases if c.name not in names], refused
        assert server.process.poll() is None, f"the server died\n{server.log()[-4000:]}"


def returned(server, case, accept=ANY_DICOM) -> stow.Part:
    answer = server.get(case.url, accept)
    assert answer.status == 200, f"{answer.status} {answer.body[:200]!r}"
    (part,) = answer.parts()
    return part


@batch
def test_c_store_takes_every_file(filled):
    none(filled[2])


@batch
def test_the_data_set_comes_back_as_it_was_sent(filled):
    """As stored, byte for byte: pixel data, private elements, odd lengths and all."""
    server, cases, _ = filled
    problems = []
    for case in cases:
        try:
            part = returned(server, case)
        except AssertionError as error:
            problems.append(f"{case.name}: {error}")
            continue
        got = part10.split(part.body)
        if got.dataset != case.part10.dataset:
            problems.append(f"{case.name}: {len(got.dataset)} bytes differ from the {len(case.part10.dataset)} sent")
        if (got.syntax, part.syntax) != (case.syntax, case.syntax):
            problems.append(f"{case.name}: {case.syntax} became {got.syntax}, said to be {part.syntax}")  # WADO-023
        if part.body[:132] != bytes(128) + b"DICM" or not {0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012} <= got.meta.keys():
            problems.append(f"{case.name}: head {part.body[:132][-8:]!r}, meta {[f'{t:08X}' for t in got.meta]}")  # TS-022
        if 0x00020102 in got.meta:
            problems.append(f"{case.name}: our private information goes out")
    none(problems)


@batch
def test_uncompressed_ones_come_back_in_explicit_little_endian(filled):
    """WADO-019, WADO-022, TS-001 to TS-004: the same elements and values in another encoding."""
    server, cases, _ = filled
    problems = []
    for case in cases:
        if case.syntax not in UNCOMPRESSED:
            continue
        try:
            part = returned(server, case, SOME_DICOM)
            got = part10.split(part.body)
            if (got.syntax, part.syntax) != (part10.EXPLICIT_LE, part10.EXPLICIT_LE):
                problems.append(f"{case.name}: came as {got.syntax}")
                continue
            wrong = elements.differences(elements.walk(case.part10.dataset, case.syntax), elements.walk(got.dataset, got.syntax))
            problems += [f"{case.name}: {w}" for w in wrong[:3]] + pydicom_differences(case, part.body)[:3]
        except AssertionError as error:
            problems.append(f"{case.name}: {error}")
    none(problems)


def pydicom_differences(case, content: bytes) -> list[str]:
    """What pydicom reads otherwise in the converted file; elements that it does not convert, or reads as UN in one of them, are left to the bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            got = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content), force=True)
        except Exception as error:
            return [f"{case.name}: pydicom does not read the converted file: {error}"]
        wrong = []
        for tag in case.dataset.keys():
            if tag.element == 0 or tag.group == 2:
                continue
            try:
                one = case.dataset[tag]
                one.value
            except Exception:
                continue
            if tag not in got:
                wrong.append(f"{case.name}: pydicom misses {tag}")
            elif one.VR in BINARY:  # pydicom leaves words in big endian as they are: the bytes were compared
                continue
            elif one.VR == got[tag].VR and one.VR != "SQ" and one != got[tag] and one.value == one.value:
                wrong.append(f"{case.name}: pydicom reads {tag} as {str(got[tag].value)[:60]!r}, was {str(one.value)[:60]!r}")
        return wrong


@batch
def test_compressed_ones_under_a_plain_accept(filled):
    """WADO-019: lossy as stored; lossless decoded, or one clean error where the codestream is broken."""
    server, cases, _ = filled
    problems = []
    for case in cases:
        if case.syntax in LOSSY:
            answer = server.get(case.url, SOME_DICOM)
            if answer.status != 200 or answer.parts()[0].syntax != case.syntax:
                problems.append(f"{case.name}: lossy {case.syntax} {answer}")
        elif case.syntax in LOSSLESS:
            answer = server.get(case.url, SOME_DICOM)
            if answer.status == 200 and answer.parts()[0].syntax != part10.EXPLICIT_LE or answer.status not in (200, 404, 406, 422):
                problems.append(f"{case.name}: lossless {case.syntax} {answer}")
    none(problems)


@batch
def test_metadata_is_the_json_model(filled):
    """JSON-001 to JSON-014, JSON-016, WADO-002, WADO-005, WADO-033 to WADO-035, TS-020, TS-021; all bulk URIs resolve."""
    server, cases, _ = filled
    problems = []
    for case in cases:
        answer = server.get(case.url + "/metadata", "application/dicom+json")
        if answer.status != 200:
            problems.append(f"{case.name}: {answer}")
            continue
        (ours,) = jsonmodel.load(answer.body)
        check = jsonmodel.Check(lambda uri: bulk(server, case, uri, problems), lenient=case.bad_element)
        check.dataset(ours, elements.walk(case.part10.dataset, case.syntax), case.dataset)
        problems += [f"{case.name}: {w}" for w in check.wrong[:5]]
        if len(check.uris) != len(set(check.uris)):
            problems.append(f"{case.name}: a bulk URI occurs twice")
    none(problems)


def bulk(server, case, uri: str, problems: list[str]) -> bytes | None:
    """The bytes behind a URI of the metadata. Compressed pixel data comes as its frames, one part each."""
    prefix = f"{server.base}/{case.url}/bulkdata/"
    if not uri.startswith(prefix):
        problems.append(f"{case.name}: {uri} is not below {prefix}")
        return None
    compressed = case.syntax not in UNCOMPRESSED and uri.endswith("/7FE00010")
    kind = MEDIA.get(case.syntax)
    accept = f'multipart/related; type="{kind}"; transfer-syntax=*' if compressed and kind else 'multipart/related; type="application/octet-stream"'
    if compressed and not kind:
        return None
    answer = server.get(uri.removeprefix(server.origin), accept)
    if answer.status != 200:
        problems.append(f"{case.name}: {uri} {answer}")
        return None
    parts = answer.parts()
    if any(p.location != uri for p in parts) and not compressed:
        problems.append(f"{case.name}: {uri} comes as {[p.location for p in parts]}")  # WADO-036
    return b"".join(p.body for p in parts)


def wanted_frames(case) -> list[bytes] | None:
    """The frames by pydicom's reading; None where it has none, or where they do not lie in the bytes."""
    data = case.dataset
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            count = int(data.get("NumberOfFrames") or 1)
            element = next(e for e in elements.walk(case.part10.dataset, case.syntax) if e.tag in (0x7FE00010, 0x7FE00008, 0x7FE00009))
            if element.fragments is not None:
                extended = (data.ExtendedOffsetTable, data.ExtendedOffsetTableLengths) if "ExtendedOffsetTable" in data else None
                frames = list(generate_frames(data.PixelData, number_of_frames=count, extended_offsets=extended))
                return frames if len(frames) == count else None
            if data.BitsAllocated == 1:
                return realigned(element.value, count, data.Rows * data.Columns * data.SamplesPerPixel)
            size = get_expected_length(data) // count
            return [element.value[n * size : (n + 1) * size] for n in range(count)] if len(element.value) >= size * count and size else None
        except Exception:
            return None


def realigned(value: bytes, count: int, bits: int) -> list[bytes]:
    """1-bit frames, each from bit 0 (WADO-030)."""
    whole = int.from_bytes(value, "little")
    return [(whole >> n * bits & (1 << bits) - 1).to_bytes((bits + 7) // 8, "little") for n in range(count)]


@batch
def test_frames_are_the_bytes_of_the_pixel_data(filled):
    """WADO-003, WADO-027 to WADO-031, TS-005 to TS-007."""
    server, cases, _ = filled
    problems = []
    for case in cases:
        want = wanted_frames(case)
        kind = "application/octet-stream" if case.syntax in UNCOMPRESSED else MEDIA.get(case.syntax)
        if want is None or kind is None:
            answer = server.get(case.url + "/frames/1", 'multipart/related; type="*/*"; transfer-syntax=*, */*')
            if answer.status >= 500:
                problems.append(f"{case.name}: frame 1 {answer}")
            continue
        numbers = range(1, len(want) + 1) if len(want) <= 8 else [1, len(want) // 2, len(want)]
        accept = f'multipart/related; type="{kind}"' + ("" if case.syntax in UNCOMPRESSED else f"; transfer-syntax={case.syntax}")
        answer = server.get(f"{case.url}/frames/{','.join(map(str, numbers))}", accept)
        if answer.status != 200:
            problems.append(f"{case.name}: frames {list(numbers)} {answer}")
            continue
        for number, part in zip(numbers, answer.parts(), strict=True):
            if part.body != want[number - 1]:
                problems.append(f"{case.name}: frame {number} has {len(part.body)} bytes, not the {len(want[number - 1])} it should")
            if not part.location.endswith(f"/frames/{number}"):
                problems.append(f"{case.name}: frame {number} is called {part.location!r}")
    none(problems)


@batch
def test_the_same_again_by_stow_is_no_new_version(filled):
    """STOW-040: an instance by STOW is the same as by C-STORE."""
    server, cases, _ = filled
    problems = []
    for case in cases:
        if case.expected_by_stow != corpus.STORE:
            continue
        result = stow.post(server, [case.content])
        if result.status != 200 or result.stored != {case.sop_instance: None}:
            problems.append(f"{case.name}: {result.answer}")
    none(problems)


@pytest.mark.parametrize("number", range(len(BATCHES)))
def test_stow_takes_every_file(number, tmp_path):
    """STOW-001, STOW-010, STOW-014 to STOW-017, STOW-026, STOW-036: ten files a request, on an empty server."""
    cases = [c for c in BATCHES[number] if c.expected_by_stow == corpus.STORE]
    problems = []
    with Server(tmp_path / "data") as server:
        for at in range(0, len(cases), 10):
            some = cases[at : at + 10]
            result = stow.post(server, [c.content for c in some])
            if result.status != 200:
                problems.append(f"{[c.name for c in some]}: {result.answer}")
            missing = [c.name for c in some if c.sop_instance not in result.stored]
            problems += [f"{name}: not listed as stored" for name in missing]
            if {"00081198", "0008119A"} & result.module.keys():
                problems.append(f"{[c.name for c in some]}: empty or untrue failures {result.module}")
            studies = {c.uid(0x0020000D) for c in some}
            top = result.module.get("00081190", {})
            if top.get("vr") != "UR" or top.get("Value") != ([f"{server.base}/studies/{studies.pop()}"] if len(studies) == 1 else None):
                problems.append(f"Retrieve URL {top}")
            for item in result.module.get("00081199", {}).get("Value", []):
                url = item["00081190"]["Value"][0]
                if server.get(url.removeprefix(server.origin), ANY_DICOM).status != 200:
                    problems.append(f"{url} of the response is not there")
        for case in cases:
            part = returned(server, case)
            if part10.split(part.body).dataset != case.part10.dataset:
                problems.append(f"{case.name}: not the bytes sent")
    none(problems)


def test_pynetdicom_sends_every_file(tmp_path, monkeypatch):
    """Somebody else's SCU, one association for each syntax, the data set sent as it lies in the file."""
    monkeypatch.setattr(pynetdicom._config, "STORE_SEND_CHUNKED_DATASET", True)
    problems, sent = [], 0
    for number, cases in enumerate(BATCHES):
        usable = [c for c in cases if not c.meta_disagrees and {0x00020000, 0x00020002, 0x00020003, 0x00020010} <= c.part10.meta.keys()
                  and c.content[128:132] == b"DICM" and int.from_bytes(c.part10.meta[0x00020000], "little")]
        groups = defaultdict(list)
        for case in usable:
            groups[case.syntax].append(case)
        with Server(tmp_path / f"data{number}") as server:
            for syntax, group in groups.items():
                problems += send_by_pynetdicom(server, syntax, group)
                sent += len(group)
            for case in usable:
                try:
                    if part10.split(returned(server, case).body).dataset != case.part10.dataset:
                        problems.append(f"{case.name}: not the bytes sent")
                except AssertionError as error:
                    problems.append(f"{case.name}: {error}")
    print(f"{sent} files sent by pynetdicom")
    none(problems)


def send_by_pynetdicom(server, syntax, cases) -> list[str]:
    problems = []
    classes = sorted({c.sop_class for c in cases})
    entity = pynetdicom.AE("PYNETDICOM")
    for sop_class in classes[:128]:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate(*server.dimse, ae_title=AET)
    if not association.is_established:
        return [f"{syntax}: no association"]
    only_ask(association)
    for case in cases:
        try:
            status = association.send_c_store(str(case.path))
            if status.get("Status") != 0:
                problems.append(f"{case.name}: {status}")
        except (ValueError, RuntimeError, AttributeError) as error:
            problems.append(f"{case.name}: pynetdicom: {error}")
    association.release()
    return problems


def only_ask(association) -> None:
    """Leaves responses to whoever asked. A thread of pynetdicom's looks for requests of the peer; when it wakes late it
    looks while a response is awaited, takes that and drops it. A sender is asked nothing, so it need find nothing."""
    take = association.dimse.get_msg
    association.dimse.get_msg = lambda block=False: take(block) if block else (None, None)


def test_storescu_sends_every_file_that_dcmtk_reads(tmp_path):
    """DCMTK encodes anew what it sends (lengths, padding), so the elements are compared; pixel data to the byte."""
    problems, sent = [], 0
    for number, cases in enumerate(BATCHES):
        usable = [c for c in cases if c.loaded_by_dcmtk and c.syntax in STORESCU and c.content[128:132] == b"DICM" and not c.meta_disagrees]
        with Server(tmp_path / f"data{number}") as server:
            for syntax, flag in STORESCU.items():
                group = [c for c in usable if c.syntax == syntax]
                if group:
                    wrong, unknown = send_by_storescu(server, flag, group)
                    problems += wrong
                    usable = [c for c in usable if c not in unknown]
            sent += len(usable)
            for case in usable:
                try:
                    got = part10.split(returned(server, case).body)
                except AssertionError as error:
                    problems.append(f"{case.name}: {error}")
                    continue
                wrong = elements.differences(elements.walk(case.part10.dataset, case.syntax), elements.walk(got.dataset, got.syntax), rewritten=True)
                problems += [f"{case.name}: {w}" for w in wrong[:2]]
    print(f"{sent} files sent by storescu")
    none(problems)


def send_by_storescu(server, flag, cases) -> tuple[list[str], list]:
    """What went wrong, and the cases whose SOP class this DCMTK does not know or find."""
    host, port = server.dimse
    command = ["storescu", "-v", "-nh", "-R", flag, "-aec", AET, host, str(port), *(str(c.path) for c in cases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env={"TCP_NODELAY": "1", "PATH": "/usr/bin:/bin"})
    said = done.stdout + done.stderr
    ignored = set(re.findall(r"(?:unknown storage SOP class|missing SOP class \(or instance\)) in file: (.*?)(?:: [\d.]+)?, ignoring", said))
    unknown = [c for c in cases if str(c.path) in ignored]
    answered = re.findall(r"Received Store Response \(([^)]*)\)", said)
    refused = [a for a in answered if a != "Success"]
    if refused or len(answered) != len(cases) - len(unknown) or done.returncode and answered:
        return [f"{flag}: {len(answered)} of {len(cases)} answered, {refused[:5]} {said[-800:]}"], unknown
    return [], unknown


def test_dicomweb_client_stores_and_retrieves(tmp_path):
    """Somebody else's STOW and WADO-RS client. It writes the file anew with pydicom, so that is what must come back."""
    problems, sent = [], 0
    for number, cases in enumerate(BATCHES):
        with Server(tmp_path / f"data{number}") as server:
            client = DICOMwebClient(server.base)
            for case in cases:
                if case.expected_by_stow != corpus.STORE or not case.part10.meta or case.content[128:132] != b"DICM":
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        data = pydicom.dcmread(case.path)
                        for _ in range(2):  # the first writing may change what a second one writes
                            buffer = pydicom.filebase.DicomBytesIO()
                            pydicom.dcmwrite(buffer, data)
                    except Exception:
                        continue
                    try:
                        client.store_instances([data])
                        got = client.retrieve_instance(case.uid(0x0020000D), case.uid(0x0020000E), case.sop_instance,
                                                       media_types=(("application/dicom", "*"),))
                        sent += 1
                        back = pydicom.filebase.DicomBytesIO()
                        pydicom.dcmwrite(back, got)
                        one, two = part10.split(buffer.getvalue()), part10.split(back.getvalue())
                        if one.dataset != two.dataset:
                            problems.append(f"{case.name}: not the data set sent")
                    except Exception as error:
                        problems.append(f"{case.name}: {type(error).__name__} {str(error)[:200]}")
    print(f"{sent} files by dicomweb-client")
    none(problems)
