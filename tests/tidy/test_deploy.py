"""What is shipped beside the binary: the unit, the container's recipe, the bill of materials."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/overread.service"
CONTAINERFILE = ROOT / "deploy/Containerfile"


def instructions() -> list[list[tuple[str, str]]]:
    """The Containerfile's stages, each a list of instructions and what they say."""
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", CONTAINERFILE.read_text(), flags=re.M)).splitlines()
    stages: list[list[tuple[str, str]]] = []
    for name, _, rest in (line.partition(" ") for line in lines if line.strip()):
        stages += [[]] if name == "FROM" else []
        stages[-1].append((name, rest))
    return stages


def test_the_service_is_as_confined_as_promised():
    """S11: 1.5 or better, by systemd's own measure."""
    if not shutil.which("systemd-analyze"):
        pytest.fail("no systemd-analyze: run tests/run tools")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", UNIT], capture_output=True, text=True, check=True)
    exposure = float(re.search(r"Overall exposure level for overread\.service: ([\d.]+)", done.stdout)[1])
    assert exposure <= 1.5, done.stdout


def test_the_image_runs_one_binary_as_nobody_in_particular():
    last = instructions()[-1]
    said = dict(last)
    assert re.fullmatch(r"gcr\.io/distroless/cc-\w+:nonroot", said["FROM"]), "a base without a shell"
    assert said["USER"] == "65532:65532"
    assert "RUN" not in said, "there is no shell to run anything"
    for name in ("ENTRYPOINT", "CMD"):
        assert isinstance(json.loads(said[name]), list), f"{name} without a shell"
    copied = {rest.split()[-1] for name, rest in last if name == "COPY"}
    assert copied == {"/usr/local/bin/overread", "/data"}
    toolchain = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    assert f"rust:{toolchain}-" in CONTAINERFILE.read_text(), "built by the version that the manifest asks for"


def test_the_bill_of_materials_names_every_package():
    done = subprocess.run(["python3", ROOT / "deploy/sbom.py"], capture_output=True, text=True, check=True)
    bill = json.loads(done.stdout)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    named = {(c["name"], c["version"]): c for c in bill["components"]}
    missing = [p for p in lock if (p["name"], p["version"]) not in named and p["name"] != "server"]
    assert not missing and len(named) == len(lock) - 1
    wrong = [p["name"] for p in lock if "checksum" in p
             and named[p["name"], p["version"]]["hashes"] != [{"alg": "SHA-256", "content": p["checksum"]}]]
    assert not wrong
    scope = {name: c["scope"] for (name, _), c in named.items()}
    assert (scope["rustls"], scope["proptest"]) == ("required", "excluded")
    known = {c["bom-ref"] for c in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {ref for a in bill["dependencies"] for ref in [a["ref"], *a["dependsOn"]]} <= known
