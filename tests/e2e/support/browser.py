"""A browser and a viewer, where `tests/run tools` has put them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .server import ROOT

MODULES = ROOT / ".tools/node"
OHIF = ROOT / ".tools/ohif/package/dist"


class Visit:
    """What a run of steps in the browser found."""

    def __init__(self, result: dict):
        self.found, self.error, self.said = result["found"], result["error"], result["said"]
        self.failed, self.requests, self.violations, self.text = (
            result["failed"], result["requests"], result["violations"], result["text"])

    @property
    def errors(self) -> list[str]:
        return [one["text"] for one in self.said if one["type"] in ("error", "pageerror")]


def visit(folder: Path, steps: list[dict], seconds: float = 240, **more) -> Visit:
    """Takes the steps; pictures go into the folder. See browse.mjs for what a step can be."""
    browser = shutil.which("chromium")
    if not browser or not (MODULES / "node_modules/puppeteer-core").exists():
        pytest.fail("no chromium or no puppeteer-core: run tests/run tools")
    plan = {"browser": browser, "modules": str(MODULES), "folder": str(folder), "steps": steps, **more}
    script = Path(__file__).with_name("browse.mjs")
    done = subprocess.run(["node", script], input=json.dumps(plan), capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr[-4000:]
    return Visit(json.loads(done.stdout.splitlines()[-1]))


def step(do: str, /, **what) -> dict:
    return {"do": do, **what}
