#!/usr/bin/env python3
"""Writes the bill of materials of what Cargo.lock names, as CycloneDX 1.5 JSON, to standard output:

    python3 deploy/sbom.py >overread.cdx.json

Everything comes from Cargo.lock and `cargo metadata`, so the same commit gives the same bytes. Packages that only tests
or builds use are in it, too, marked as excluded from what runs.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def metadata() -> dict:
    done = subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked", "--offline", "--all-features"],
                          cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def purl(package: dict) -> str:
    return f"pkg:cargo/{package['name']}@{package['version']}"


def shipped(told: dict) -> set[str]:
    """The ids of packages that are linked into the binary: reached from `server` by normal dependencies."""
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    waiting = [p["id"] for p in told["packages"] if p["name"] == "server" and p["source"] is None]
    seen: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        waiting += [d["pkg"] for d in nodes[one]["deps"] if any(k["kind"] is None for k in d["dep_kinds"])]
    return seen


def component(package: dict, digests: dict, linked: set[str]) -> dict:
    made = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        "scope": "required" if package["id"] in linked else "excluded",
    }
    if package["license"]:
        made["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if digest := digests.get((package["name"], package["version"])):
        made["hashes"] = [{"alg": "SHA-256", "content": digest}]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def bill() -> dict:
    told = metadata()
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    digests = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    packages = {p["id"]: p for p in told["packages"]}
    linked = shipped(told)
    root = next(p for p in told["packages"] if p["name"] == "server" and p["source"] is None)
    components = [component(p, digests, linked) for i, p in packages.items() if i != root["id"]]
    arrows = [{"ref": purl(packages[node["id"]]), "dependsOn": sorted({purl(packages[d]) for d in node["dependencies"]})}
              for node in told["resolve"]["nodes"]]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": purl(root), "name": "overread", "version": root["version"],
                                   "licenses": [{"expression": root["license"]}]}},
        "components": sorted(components, key=lambda c: c["bom-ref"]),
        "dependencies": sorted(arrows, key=lambda a: a["ref"]),
    }


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=1)
    sys.stdout.write("\n")
