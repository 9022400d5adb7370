"""Clients that others wrote, against us: what they ask for they get, and what we give passes their checks."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
import requests
from dicomtrolley.core import InstanceReference, Query, QueryLevels, SeriesReference
from dicomtrolley.qido_rs import HierarchicalQuery, QidoRS
from dicomtrolley.trolley import Trolley
from dicomtrolley.wado_rs import WadoRS
from dicomtrolley.wado_uri import WadoURI
from dicomweb_client.api import DICOMwebClient
from support import corpus, part10, phantom, stow, synth
from support.browser import MODULES
from support.server import Server

STUDY, SLICES = 801, 5


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("clients") / "data") as running:
        files = [synth.file(data) for data in [*phantom.ct(STUDY, SLICES, side=64), phantom.report(STUDY), phantom.document(STUDY)]]
        answer = running.request("POST", "studies", stow.body(files), {"Content-Type": stow.content_type(), "Accept": "application/dicom+json"})
        assert answer.status == 200, answer
        yield running


def test_the_api_of_dicomweb_client(server):
    client, study = DICOMwebClient(server.base), synth.uid(STUDY)
    assert [one["0020000D"]["Value"] for one in client.search_for_studies(search_filters={"PatientID": "PH-1"})] == [[study]]
    assert len(client.search_for_series(study)) == 3 and len(client.search_for_instances(study)) == SLICES + 2
    assert len(client.retrieve_study_metadata(study)) == SLICES + 2
    assert len(client.retrieve_series(study, synth.uid(STUDY, 1))) == SLICES
    original = next(phantom.ct(STUDY, SLICES, side=64))
    got = client.retrieve_instance(study, synth.uid(STUDY, 1), synth.uid(STUDY, 1, 1))
    assert got.PixelData == original.PixelData
    frames = client.retrieve_instance_frames(study, synth.uid(STUDY, 1), synth.uid(STUDY, 1, 1), [1])
    assert frames == [original.PixelData]
    document = client.retrieve_instance_metadata(study, synth.uid(STUDY, 4), synth.uid(STUDY, 4, 1))
    value = document.get("00420011", {})
    if "BulkDataURI" in value:
        assert client.retrieve_bulkdata(value["BulkDataURI"])[0].startswith(b"%PDF")
    new = phantom.report(STUDY + 1)
    new.file_meta = pydicom.dataset.FileMetaDataset()
    stored = client.store_instances([pydicom.dcmread(io.BytesIO(synth.file(new)))])
    assert len(stored.ReferencedSOPSequence) == 1


@pytest.mark.parametrize("arguments, expected", [
    (["search", "studies", "--filter", "PatientID=PH-1"], 1),
    (["search", "series", "--study", synth.uid(STUDY)], 3),
    (["search", "instances", "--study", synth.uid(STUDY)], SLICES + 2),
    (["retrieve", "studies", "--study", synth.uid(STUDY), "metadata"], SLICES + 2),
    (["retrieve", "series", "--study", synth.uid(STUDY), "--series", synth.uid(STUDY, 1), "metadata"], SLICES),
])
def test_the_command_of_dicomweb_client(server, arguments, expected):
    tool = Path(sys.executable).with_name("dicomweb_client")
    done = subprocess.run([tool, "--url", server.base, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) >= expected and all(found), found


def test_the_command_of_dicomweb_client_saves_an_instance(server, tmp_path):
    tool = Path(sys.executable).with_name("dicomweb_client")
    place = ["--study", synth.uid(STUDY), "--series", synth.uid(STUDY, 1), "--instance", synth.uid(STUDY, 1, 2)]
    done = subprocess.run([tool, "--url", server.base, "retrieve", "instances", *place, "full", "--save", "--output-dir", tmp_path],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    saved = list(tmp_path.iterdir())
    assert len(saved) == 1 and pydicom.dcmread(saved[0]).SOPInstanceUID == synth.uid(STUDY, 1, 2)


def test_dicomtrolley_searches_and_downloads(server):
    session = requests.Session()
    study, instance = synth.uid(STUDY), synth.uid(STUDY, 1, 3)
    searcher = QidoRS(session, server.base)
    found = searcher.find_studies(HierarchicalQuery(StudyInstanceUID=study, SeriesInstanceUID=synth.uid(STUDY, 1), query_level=QueryLevels.INSTANCE))
    assert sum(len(series.instances) for one in found for series in one.series) == SLICES
    by_name = searcher.find_studies(Query(PatientName="Phantom*"))
    assert study in {one.uid for one in by_name}
    reference = InstanceReference(study_uid=study, series_uid=synth.uid(STUDY, 1), instance_uid=instance)
    for downloader in [WadoRS(session, server.base), WadoURI(session, f"{server.origin}/wado")]:
        got = list(Trolley(searcher=searcher, downloader=downloader).fetch_all_datasets([reference]))
        assert [one.SOPInstanceUID for one in got] == [instance], downloader
    whole = list(WadoRS(session, server.base).datasets([SeriesReference(study_uid=study, series_uid=synth.uid(STUDY, 1))]))
    assert len(whole) == SLICES


def test_dicomweb_client_of_npm_and_dcmjs(server, tmp_path):
    if not (MODULES / "node_modules/dcmjs").exists():
        pytest.fail("no dcmjs: run tests/run tools")
    file = tmp_path / "new.dcm"
    file.write_bytes(synth.file(next(phantom.ct(STUDY + 2, 1, side=64))))
    script = Path(__file__).parent / "support/clients.mjs"
    done = subprocess.run(["node", script, MODULES, server.base, synth.uid(STUDY), file], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["studies"] == [synth.uid(STUDY)]
    assert (found["series"], found["instances"], found["metadata"], found["series_of_instances"]) == (3, SLICES + 2, SLICES + 2, SLICES)
    assert found["frame"] == found["expected"] == 64 * 64 * 2
    assert found["patient"] == "Phantom^Paula" and found["dcmjs"] == ["Phantom^Paula", 64, 64 * 64 * 2]
    assert found["position"][2] >= 1 and found["stored"] == 1


def complaints(file: Path) -> set[str]:
    """What dciodvfy calls an error."""
    tool = Path(sys.executable).with_name("dciodvfy")
    done = subprocess.run([tool, file], capture_output=True, text=True, timeout=60, errors="replace")
    return {line.strip() for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")}


SAMPLES = ["derived/ct_implicit.dcm", "derived/ct_bigendian.dcm", "derived/ct_deflated.dcm", "derived/us_cine_rgb.dcm", "derived/sr_nested.dcm",
           "derived/pdf.dcm", "derived/ko.dcm", "dcmqi/seg.dcm", "dcmqi/sr.dcm"]


def test_dciodvfy_finds_in_what_we_return_nothing_that_was_not_there(server, tmp_path):
    """Instances that we convert or make again pass no worse than what was stored."""
    mine = {f"phantom-{at}": synth.file(data, part10.IMPLICIT_LE)
            for at, data in enumerate([*phantom.ct(STUDY + 3, 1), phantom.ultrasound(STUDY + 3), phantom.report(STUDY + 3), phantom.document(STUDY + 3)])}
    shared = {name: path.read_bytes() for name in SAMPLES if (path := corpus.SHARED / "corpus" / name).exists()}
    print(f"{len(mine)} instances of our own, {len(shared)} of the corpus")
    for name, content in (mine | shared).items():
        original, returned = tmp_path / "original.dcm", tmp_path / "returned.dcm"
        original.write_bytes(content)
        stored = server.request("POST", "studies", content, {"Content-Type": "application/dicom", "Accept": "application/dicom+json"})
        assert stored.status in (200, 202), (name, stored)
        data = pydicom.dcmread(original, stop_before_pixels=True)
        place = f"studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}"
        answer = server.get(place, "application/dicom")
        assert answer.status == 200, (name, answer)
        returned.write_bytes(answer.body)
        assert not complaints(returned) - complaints(original), name
