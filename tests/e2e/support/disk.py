"""What lies in a data folder while its server works: files and folders come and go under the walk, and one that is gone does not count."""

import os
from pathlib import Path


def sizes(folder: Path, ending: str = "") -> dict[Path, int]:
    """Every file whose name ends so, with its bytes."""
    found = {}
    # os.walk, unlike Path.rglob, takes a folder that vanishes for an empty one.
    for at, _, names in os.walk(folder):
        for file in (Path(at, name) for name in names if name.endswith(ending)):
            try:
                found[file] = file.stat().st_size
            except FileNotFoundError:
                continue
    return found


def placed(data: Path) -> list[Path]:
    """The stored instances that have their final names."""
    return sorted(sizes(data / "studies", ".dcm"))


def spooled(data: Path) -> int:
    """How many instances wait in the spool; a file made ahead is empty."""
    return sum(1 for size in sizes(data / "spool", ".dcm").values() if size)
