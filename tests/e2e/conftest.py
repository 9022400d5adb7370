"""Fixtures: a server for a module, one for a test, and a header that says what was there to test with."""

import faulthandler
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from support import corpus  # noqa: E402
from support.server import Server, binary  # noqa: E402

faulthandler.enable()


def pytest_report_header():
    return [f"files: {corpus.describe()}", f"binary: {binary()}"]


def pytest_sessionstart(session):
    if not binary().exists() and not session.config.option.collectonly:
        pytest.exit(f"no binary at {binary()}: cargo build --release", returncode=4)


@pytest.fixture
def server(tmp_path):
    """An empty server of the test's own."""
    with Server(tmp_path / "data") as running:
        yield running


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    """A server that the tests of a module share; they keep to studies of their own."""
    with Server(tmp_path_factory.mktemp("shared") / "data") as running:
        yield running
        assert running.process.poll() is None, f"the server died\n{running.log()[-4000:]}"
