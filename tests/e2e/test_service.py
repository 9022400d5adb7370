"""The server under the system call filter of its systemd unit: it stores, decodes and stops as without."""

import sys
from pathlib import Path

import pytest

from support import stow, synth
from support.server import Server

FILTERED = Path(__file__).parent / "support/filtered.py"


class Confined(Server):
    def command(self) -> list[str]:
        return [sys.executable, str(FILTERED), *super().command()]


@pytest.fixture
def confined(tmp_path):
    with Confined(tmp_path / "data") as running:
        yield running


def test_the_units_system_calls_are_enough(confined):
    """S11: a store by each door's way to disk, a picture by a decode worker, and an orderly end."""
    status = Path(f"/proc/{confined.pid}/status").read_text()
    assert "Seccomp:\t2" in status, "the filter is there"
    data = synth.with_pixels(synth.instance(61, 1, 1), 16, 16)
    stored = stow.post(confined, [synth.file(data)])
    assert stored.status == 200, stored
    url = f"studies/{data.StudyInstanceUID}/series/{data.SeriesInstanceUID}/instances/{data.SOPInstanceUID}"
    rendered = confined.get(f"{url}/rendered", "image/jpeg")
    assert (rendered.status, rendered.body[:2]) == (200, b"\xff\xd8"), rendered
    workers = confined.metric("overread_worker_jobs_total")
    assert workers >= 1
    assert confined.stop() == 0, confined.log()
