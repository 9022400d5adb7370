"""OHIF in headless Chromium, served by us: studies, slices, a cine loop, a report, a document, a prior beside it."""

import os
import re
from pathlib import Path

import pytest
from support import phantom, stow, synth
from support.browser import OHIF, step, visit
from support.server import Server

NOW, PRIOR = 401, 402


def config(study_list: bool = True) -> str:
    return f'[viewer]\nfolder = "{OHIF}"\nstudy_list = {str(study_list).lower()}\n'


def store(server, files: list[bytes]) -> None:
    answer = server.request("POST", "studies", stow.body(files), {"Content-Type": stow.content_type(), "Accept": "application/dicom+json"})
    assert answer.status == 200, answer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if not OHIF.exists():
        pytest.fail(f"no viewer in {OHIF}: run tests/run tools")
    with Server(tmp_path_factory.mktemp("viewer") / "data", config=config()) as running:
        store(running, [synth.file(data) for data in phantom.ct(NOW, 40)])
        store(running, [synth.file(data) for data in [phantom.ultrasound(NOW), phantom.report(NOW), phantom.document(NOW)]])
        store(running, [synth.file(data) for data in phantom.ct(PRIOR, 24, date="20240105", description="CT thorax, prior")])
        yield running


@pytest.fixture
def pictures(tmp_path):
    """Where pictures go; OVERREAD_PICTURES keeps them."""
    kept = Path(os.environ.get("OVERREAD_PICTURES", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def check(visited) -> None:
    """Nothing went wrong on our side, and nobody else was asked for anything."""
    assert not visited.error, (visited.error, visited.errors, visited.failed, visited.text)
    assert not visited.violations, visited.violations
    bad = [one for one in visited.requests if one["status"] >= 400]
    assert not bad, bad
    elsewhere = [one["url"] for one in visited.requests if not re.match(r"(https?://127\.0\.0\.1:|blob:|data:|chrome)", one["url"])]
    assert not elsewhere, elsewhere


def opened(server, *studies: int) -> str:
    return f"{server.origin}/viewer/viewer?StudyInstanceUIDs={','.join(synth.uid(study) for study in studies)}"


def test_the_list_of_studies(server, pictures):
    visited = visit(pictures, [
        step("open", url=f"{server.origin}/viewer/"), step("wait", text="Phantom"), step("shot", name="list")])
    check(visited)
    assert "CT thorax" in visited.text


def test_a_ct_is_opened_and_scrolled(server, pictures):
    visited = visit(pictures, [
        step("open", url=opened(server, NOW)), step("painted"), step("shot", name="ct"),
        step("look"), step("wheel", times=6), step("look"), step("shot", name="ct-scrolled")])
    check(visited)
    before, after = visited.found[3][0], visited.found[5][0]
    assert before["sum"] != after["sum"], "the picture did not change"
