"""S8: what a patient's images say is in no log, no metric, no error and no file name, whichever way it came in."""

import io
import re
import subprocess
import zipfile

import pytest
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support import part10, stow, synth, wire
from support.server import Server

CRATES = ("overread server gateway pages scp transfer archive identity register index blob trail worker dimse dicomweb imaging audit access "
          "codec model").split()
WORD, NUMBER, DATE, CLOCK = "CANARYBIRD", "987650123498765", "18770613", "032917"
SEEN = re.compile("canarybird|987650123498765|18770613|1877-06-13|032917", re.I)
# Values by VR; every element of these VRs that an instance can have gets one. UIDs and what decides how bytes are read stay.
VALUES = {"PN": f"{WORD}^Jane", "LO": WORD, "SH": WORD[:16], "LT": f"{WORD} text", "ST": WORD, "UT": WORD, "UC": WORD, "AE": WORD,
          "DA": DATE, "TM": CLOCK, "DT": DATE + CLOCK, "IS": "876501234", "AS": "097Y"}
KEEP = {"SpecificCharacterSet", "Modality", "PatientSex", "TimezoneOffsetFromUTC", "PhotometricInterpretation", "NumberOfFrames",
        "PixelAspectRatio", "LossyImageCompression"}
HOSTILE = f"{WORD}\r\nlevel=ERROR forged=\x1b[31m\x00"


def canary(number: int, **more) -> Dataset:
    """An instance with a canary in every element of groups 0008, 0010, 0018, 0020, 0032, 0038 and 0040 that takes text, nested too."""
    from pydicom.datadict import DicomDictionary
    data = synth.with_pixels(synth.instance(8_800, 1, number), 16, 16)
    for tag, (vr, *_rest) in DicomDictionary.items():
        keyword = keyword_for_tag(tag)
        if tag >> 16 in (0x08, 0x10, 0x18, 0x20, 0x32, 0x38, 0x40) and vr in VALUES and keyword and keyword not in KEEP and tag & 0xFFFF:
            data.add_new(tag, vr, VALUES[vr])
    data.PatientID = data.AccessionNumber = NUMBER
    data.PatientID = data.PatientID + WORD
    nested = Dataset()
    nested.PatientID, nested.IssuerOfPatientID = NUMBER, WORD
    data.OtherPatientIDsSequence = Sequence([nested])
    for keyword, value in more.items():
        setattr(data, keyword, value)
    return data


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def broken(number: int) -> list[bytes]:
    """Files that are refused, each with canaries in it."""
    whole = synth.file(canary(number))
    return [whole[:len(whole) // 2],
            synth.file(canary(number, SOPInstanceUID=WORD)),
            synth.file(canary(number, StudyInstanceUID=f"1.2.{WORD}")),
            synth.file(canary(number, SOPClassUID=HOSTILE.replace("\0", "")[:60])),
            whole[:132] + b"\x02\x00\x00\x00UL\x04\x00\xff\xff\xff\x7f" + WORD.encode() * 9]


def bring_in(server, tmp_path) -> list[bytes]:
    """By each door, good and bad; the bodies of what was answered."""
    answers = []
    assert (stored := stow.post(server, [synth.file(canary(1))])).status in (200, 202), stored
    for content in broken(2):
        answers.append(stow.post(server, [content]).answer.body)
    dataset = synth.encode(canary(3))
    status = wire.store_one(server.dimse, synth.CT, synth.uid(8_800, 1, 3), part10.EXPLICIT_LE, dataset, calling="SENDER")
    assert status == 0
    wire.store_one(server.dimse, synth.CT, synth.uid(8_800, 1, 4), part10.EXPLICIT_LE, dataset)
    files = {f"{WORD}/{NUMBER}.dcm": synth.file(canary(5)), f"{WORD}.txt": WORD.encode(), f"{NUMBER}.dcm": broken(6)[0]}
    server.request("POST", "/api/upload", zipped(files), {"Content-Type": "application/zip"})
    folder = tmp_path / "disc"
    folder.mkdir()
    (folder / "IM1").write_bytes(synth.file(canary(7)))
    done = subprocess.run([server.program, "import", "--data", server.data, folder], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not SEEN.search(done.stderr + done.stdout), done.stderr
    # The same again with other bytes: a version, which is a warning.
    stow.post(server, [synth.file(canary(1, PatientName=f"{WORD}^Other"))])
    return answers


def ask(server) -> list[tuple[str, int, bytes]]:
    """Every kind of route, and with canaries in paths, queries and headers; what was answered."""
    study = f"studies/{synth.uid(8_800)}"
    instance = f"{study}/series/{synth.uid(8_800, 1)}/instances/{synth.uid(8_800, 1, 1)}"
    paths = ["studies", "series", "instances", study, f"{study}/metadata", instance, f"{instance}/metadata", f"{instance}/frames/1",
             f"{instance}/frames/99", f"{instance}/rendered", f"{instance}/thumbnail", f"{instance}/bulkdata/7FE00010", f"{study}/bulkdata",
             f"studies?PatientName={WORD}*", f"studies?PatientID={NUMBER}{WORD}", f"studies?StudyDate={DATE}-{DATE}", f"studies?Nonsense={NUMBER}",
             f"studies?PatientBirthDate={DATE}x", f"studies?limit={WORD}", f"studies/{WORD}", f"studies/1.2.{NUMBER}/metadata",
             f"{instance}/rendered?window={WORD}", f"{instance}/frames/{WORD}", f"{instance}/rendered?annotation={WORD}",
             f"/wado?requestType={WORD}&studyUID={WORD}", f"/{WORD}/{NUMBER}", f"/viewer/{WORD}", f"/studies?q={WORD}", f"/studies/{WORD}",
             f"/studies?name={WORD}%0d%0aforged", f"studies?PatientName=%00{WORD}", "/metrics", "/healthz", "/docs", "/"]
    found = []
    for path in paths:
        for method in ("GET", "HEAD", "POST", "DELETE") if path.startswith("studies/1.2.9") else ("GET", "POST"):
            headers = {"X-Request-Id": WORD, "User-Agent": WORD, "Authorization": f"Bearer {WORD}", "Referer": f"https://x.example/{NUMBER}",
                       "Cookie": f"session={WORD}"}
            answer = server.request(method, path, headers=headers)
            found.append((f"{method} {path}", answer.status, answer.body))
    return found


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_of_a_patient_is_where_it_must_not_be(tmp_path, form):
    levels = ",".join(["info", *(f"{crate}=trace" for crate in CRATES)])
    with Server(tmp_path / "data", config=f'[log]\nformat = "{form}"\n', env={"RUST_LOG": levels}) as server:
        refused = bring_in(server, tmp_path)
        asked = ask(server)
        for calling in ("A\r\nforged\x1b[31m", "UNKNOWN"):
            try:
                wire.store_one(server.dimse, synth.CT, synth.uid(1), part10.EXPLICIT_LE, b"", calling=calling)
            except (wire.Refused, wire.Closed, ConnectionError):
                pass
        assert len(server.json("instances")) == 4, "every door let one in"
        metrics = server.get("/metrics").body.decode()
        names = [str(path.relative_to(server.data)) for path in server.data.rglob("*")]
        assert server.stop() == 0
        log = server.log()
    assert len(log.splitlines()) > 20, "something was logged at all"
    assert not SEEN.search(metrics), SEEN.search(metrics)
    assert not [name for name in names if SEEN.search(name)]
    told = [(path, status) for path, status, body in asked if status >= 400 and SEEN.search(body.decode("utf-8", "replace"))]
    assert not told, told
    assert not [body for body in refused if SEEN.search(body.decode("utf-8", "replace"))]
    leaked = [line for line in log.splitlines() if SEEN.search(line)]
    assert not leaked, "\n".join(leaked[:10])
    assert not [line for line in log.splitlines() if line.startswith("forged")], "one event is one line"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", log.replace("\r\n", "\n")), "control characters are escaped"
