"""The files that the round-trip tests use, and the answer that each deserves.

With the shared corpus beside the project (`../shared/corpus`, or `OVERREAD_SHARED`) it is that; our own small set in
`tests/data` is always there.
"""

import csv
import os
import re
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import pydicom

from . import part10

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("OVERREAD_SHARED", ROOT.parent / "shared"))
OWN = ROOT / "tests/data"
UID = re.compile(r"[0-9]+(\.[0-9]+)*\Z")
REQUIRED = {0x00080016: "SOP Class UID", 0x00080018: "SOP Instance UID", 0x0020000D: "Study Instance UID", 0x0020000E: "Series Instance UID"}
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

STORE, REFUSE, EITHER = "store", "refuse", "either"
CANNOT_UNDERSTAND, MISMATCH = 0xC000, 0xA900


@dataclass(frozen=True)
class Case:
    """One file and what the manifest says about it."""

    name: str
    path: Path
    answer: str
    loaded_by_dcmtk: bool
    bad_element: bool

    @cached_property
    def content(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def part10(self) -> part10.Part10:
        return part10.split(self.content)

    @cached_property
    def dataset(self) -> pydicom.Dataset | None:
        """As pydicom reads it, however broken; None when it cannot."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return pydicom.dcmread(self.path, force=True)
            except Exception:
                return None

    def uid(self, tag: int) -> str:
        """The text of a UID element, empty when it is not there."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return str(self.dataset[tag].value or "") if self.dataset is not None and tag in self.dataset else ""
        except Exception:
            return ""

    @property
    def sop_class(self) -> str:
        return self.uid(0x00080016)

    @property
    def sop_instance(self) -> str:
        return self.uid(0x00080018)

    @property
    def url(self) -> str:
        return f"studies/{self.uid(0x0020000D)}/series/{self.uid(0x0020000E)}/instances/{self.sop_instance}"

    @property
    def syntax(self) -> str | None:
        return self.part10.syntax

    @cached_property
    def unusable_uids(self) -> list[str]:
        """Which of the four UIDs without which nothing is stored are missing or no UIDs."""
        return [name for tag, name in REQUIRED.items() if not UID.match(self.uid(tag)) or len(self.uid(tag)) > 64]

    @cached_property
    def meta_disagrees(self) -> bool:
        """The file meta names another instance than the data set: A900 by STOW; over DIMSE the file meta is not sent."""
        pairs = ((0x00020002, self.sop_class), (0x00020003, self.sop_instance))
        return any(self.part10.meta_text(tag) not in (None, "", value) for tag, value in pairs)

    @property
    def expected(self) -> str:
        """`STORE`, `REFUSE` or `EITHER` (cleanly), for the data set."""
        if self.answer.startswith("store or refuse"):
            return EITHER
        if self.answer.startswith("refuse") or self.unusable_uids:
            return REFUSE
        return STORE

    @property
    def expected_by_stow(self) -> str:
        return REFUSE if self.meta_disagrees and self.expected == STORE else self.expected


@lru_cache
def cases() -> list[Case]:
    return _shared() + _own()


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _shared() -> list[Case]:
    home = SHARED / "corpus"
    if not (home / "MANIFEST.tsv").exists():
        return []
    answers = {row["file"]: row["answer"] for row in _read(home / "ANSWERS.tsv")}
    return [Case(row["file"], home / row["file"], answers.get(row["file"], "store"), row["dcmdump"] == "ok", "bad-element" in row["expect"])
            for row in _read(home / "MANIFEST.tsv")]


def _own() -> list[Case]:
    return [Case(f"own/{row['file']}", OWN / row["file"], row["answer"], row["dcmtk"] == "ok", row["pydicom"] != "ok")
            for row in _read(OWN / "MANIFEST.tsv")]


def batches(chosen: list[Case]) -> list[list[Case]]:
    """The cases in groups in which no instance occurs twice, since several files share a UID."""
    groups: list[dict[str, Case]] = []
    for case in chosen:
        group = next((g for g in groups if case.sop_instance not in g), None)
        if group is None:
            group = {}
            groups.append(group)
        group[case.sop_instance] = case
    return [list(g.values()) for g in groups]


def storable() -> list[Case]:
    return [c for c in cases() if c.expected == STORE]


def describe() -> str:
    seen = cases()
    shared = sum(not c.name.startswith("own/") for c in seen)
    beside = f"{shared} of the shared corpus" if shared else "the shared corpus is not beside the project"
    return f"{len(seen)} files: {beside}, {len(seen) - shared} of tests/data"
