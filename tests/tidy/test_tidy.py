"""The architecture as tests: what each crate may use and must not know, and documents that name what there is."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# docs/architecture.md: a crate uses rows below it, never one beside it.
LAYERS = {
    "model": 0, "codec": 0,
    "dimse": 1, "dicomweb": 1, "imaging": 1, "deid": 1, "access": 1, "audit": 1, "oidc": 1,
    "index": 2, "blob": 2, "worker": 2, "trail": 2, "register": 2,
    "archive": 3, "identity": 3, "opinion": 3,
    "scp": 4, "gateway": 4, "pages": 4, "transfer": 4, "issuer": 4,
    "server": 5,
}
# Beside the layers: nothing that ships may depend on these.
TESTING = {"testkit", "fuzz"}
# The one arrow inside a row.
BESIDE = {("opinion", "identity")}

# What a crate must not know, as dependencies (design reasons in each lib.rs).
FORBIDDEN = {
    "model": {"tokio", "axum", "hyper", "http", "rusqlite", "dicom-ul"},
    "codec": {"tokio", "axum", "hyper", "http", "rusqlite", "dicom-ul", "dicom-object", "model"},
    "worker": {"axum", "hyper", "http", "rusqlite", "dicom-ul", "model", "codec", "imaging"},
    "dimse": {"tokio", "axum", "hyper", "http", "rusqlite"},
    "dicomweb": {"tokio", "axum", "hyper", "rusqlite", "dicom-ul"},
    "imaging": {"tokio", "axum", "hyper", "http", "rusqlite", "dicom-ul"},
    "access": {"tokio", "axum", "hyper", "http", "rusqlite", "dicom-ul"},
    "audit": {"tokio", "axum", "hyper", "http", "rusqlite", "dicom-ul"},
    "oidc": {"tokio", "axum", "hyper", "http", "rusqlite", "dicom-ul"},
    "trail": {"axum", "hyper", "http", "dicom-ul", "dimse", "dicomweb"},
    "index": {"axum", "hyper", "http", "dicom-ul"},
    "blob": {"axum", "hyper", "http", "rusqlite", "dicom-ul", "dicom-object"},
    "register": {"tokio", "axum", "hyper", "http", "dicom-ul", "dicom-object"},
    "identity": {"axum", "hyper", "http", "rusqlite", "dicom-ul", "dicom-object"},
    "archive": {"axum", "hyper", "http", "rusqlite", "dicom-ul", "rustls", "tokio-rustls"},
    "scp": {"axum", "hyper", "http", "rusqlite"},
    "gateway": {"rusqlite", "dicom-ul"},
    "pages": {"rusqlite", "dicom-ul", "hyper"},
    "transfer": {"axum", "rusqlite"},
    "issuer": {"axum", "rusqlite", "dicom-ul"},
}
# Layers 0 and 1 are pure: no socket, no file, no clock.
IMPURE = re.compile(r"std::net|tokio::net|std::fs|tokio::fs|SystemTime::now|Instant::now|OffsetDateTime::now")

CRATES = sorted(p.parent for p in ROOT.glob("crates/*/Cargo.toml"))
MANIFESTS = {c.name: tomllib.loads((c / "Cargo.toml").read_text()) for c in CRATES}


def sources(crate: Path) -> list[Path]:
    """The crate's source files, but those of modules that only tests have."""
    files = sorted((crate / "src").rglob("*.rs"))
    only_tests = {name for f in files for name in re.findall(r"#\[cfg\(test\)\]\s*mod (\w+);", f.read_text())}
    return [f for f in files if f.stem not in only_tests]


def shipped(source: Path) -> str:
    """The file without its test module, which by our habit comes last."""
    return re.split(r"^#\[cfg\(test\)\]", source.read_text(), maxsplit=1, flags=re.M)[0]


def dependencies(manifest: dict, *tables: str) -> set[str]:
    return {name for table in tables for name in manifest.get(table, {})}


@pytest.mark.parametrize("name", MANIFESTS)
def test_dependencies_point_down(name):
    manifest = MANIFESTS[name]
    assert manifest["package"]["name"] == name, "the folder's name is the crate's name"
    if name in TESTING:
        return
    assert name in LAYERS, f"{name} has no layer in tests/tidy: give it one, and a line in docs/architecture.md"
    ours = dependencies(manifest, "dependencies", "build-dependencies") & (LAYERS.keys() | TESTING)
    wrong = {d for d in ours if LAYERS.get(d, 9) >= LAYERS[name] and (name, d) not in BESIDE}
    assert not wrong, f"{name} (row {LAYERS[name]}) may not use {sorted(wrong)}"


@pytest.mark.parametrize("name", [n for n in MANIFESTS if n in FORBIDDEN])
def test_a_crate_does_not_know_what_it_must_not(name):
    known = dependencies(MANIFESTS[name], "dependencies") & FORBIDDEN[name]
    assert not known, f"{name} must not know {sorted(known)}"


@pytest.mark.parametrize("crate", [c for c in CRATES if LAYERS.get(c.name, 9) <= 1], ids=lambda c: c.name)
def test_the_lowest_layers_have_no_socket_file_or_clock(crate):
    hits = [f"{s.relative_to(ROOT)}: {m.group()}" for s in sources(crate) for m in IMPURE.finditer(shipped(s))]
    assert not hits, hits


@pytest.mark.parametrize("crate", [c for c in CRATES if c.name not in TESTING], ids=lambda c: c.name)
def test_each_crate_says_what_it_is_and_must_not_know(crate):
    entry = next(p for p in (crate / "src/lib.rs", crate / "src/main.rs") if p.exists())
    doc = re.match(r"(//!.*\n)+", entry.read_text())
    assert doc, f"{entry.relative_to(ROOT)} does not begin with its documentation"
    assert "must not know" in doc.group().replace("\n//! ", " "), f"{entry.relative_to(ROOT)} does not say what it must not know"


@pytest.mark.parametrize("name", MANIFESTS)
def test_lints_are_inherited(name):
    assert MANIFESTS[name].get("lints", {}).get("workspace") is True, f"{name} opts out of the workspace's lints"


def test_unsafe_is_forbidden():
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())
    assert workspace["workspace"]["lints"]["rust"]["unsafe_code"] == "forbid"


def test_files_hold_one_idea():
    """Aim for 300 lines, look again at 600; above 800 with its tests a file is two."""
    long = {str(s.relative_to(ROOT)): n for c in CRATES for s in sources(c)
            if (n := s.read_text().count("\n")) > 800}
    assert not long, long


def test_nothing_is_left_for_later():
    later = re.compile(r"\btodo!|\bunimplemented!|\b(TODO|FIXME|XXX)\b")
    hits = [f"{s.relative_to(ROOT)}: {m.group()}" for c in CRATES for s in sources(c) for m in later.finditer(s.read_text())]
    assert not hits, hits


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", *patterns],
                            capture_output=True, text=True, check=True)
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def documents() -> str:
    return "\n".join(p.read_text() for p in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if p.exists())


def test_links_between_documents_resolve():
    broken = []
    for page in [p for p in tracked("*.md") if "tests/data" not in str(p)]:
        for link in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text()):
            if not (page.parent / link).exists():
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert not broken, broken


def test_documents_name_every_configuration_key():
    example = ROOT / "deploy/overread.toml"
    text = re.sub(r"^# ?(?=[\[\w-]+(\]|\s*=))", "", example.read_text(), flags=re.M)
    keys = re.findall(r"^\s*([a-z_]+)\s*=", text, flags=re.M)
    assert keys, "the example configuration has no keys"
    page = (ROOT / "docs/operations.md").read_text()
    missing = sorted({k for k in keys if f"`{k}`" not in page and f".{k}`" not in page})
    assert not missing, f"docs/operations.md does not name {missing}"


def test_documents_name_every_route():
    text = "\n".join(shipped(s) for c in CRATES if c.name in ("gateway", "pages") for s in sources(c))
    routes = sorted(set(re.findall(r"\.route\(\s*\"([^\"]+)\"", text)))
    assert routes, "no route was found"
    docs = documents()
    missing = [r for r in routes if "{*" not in r and r.rstrip("/") not in docs]
    assert not missing, f"no document names {missing}"


def test_documents_name_every_command():
    text = "\n".join(shipped(s) for s in sources(ROOT / "crates/server"))
    body = re.search(r"derive\([^)]*Subcommand[^)]*\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))? )?enum \w+ \{(.*?)^\}", text, flags=re.S | re.M)
    assert body, "no command was found"
    names = [re.sub(r"(?<=.)([A-Z])", r"-\1", n).lower() for n in re.findall(r"^    ([A-Z]\w+)", body.group(1), flags=re.M)]
    page = (ROOT / "docs/operations.md").read_text()
    missing = [n for n in names if f"overread {n}" not in page]
    assert names and not missing, f"docs/operations.md does not name the commands {missing}"


def test_tests_cite_ids_that_exist():
    checklist = ROOT.parent / "shared/standard/checklist.tsv"
    if not checklist.exists():
        pytest.skip("the checklist is not beside the project")
    known = {line.split("\t")[0] for line in checklist.read_text().splitlines()}
    cited = re.compile(r"\b(?:STOW|WADO|QIDO|JSON|TS|DIMSE|TLS|AUTH|AUD)-\d{3}\b")
    wrong = {f"{p.relative_to(ROOT)}: {i}" for p in tracked("crates/*.rs", "tests/*.py") for i in cited.findall(p.read_text())
             if i not in known}
    assert not wrong, wrong


SHOWN = {"DICOMweb store", "DICOMweb retrieve", "DICOMweb search", "DICOM JSON", "Rendering", "Transfer syntax and encoding"}


def cited(text: str) -> set[str]:
    """Rows of the checklist: `STOW-001`, or in a name `stow_001_to_003_and_005_wado_001`."""
    found = set()
    for area, numbers in re.findall(r"(stow|wado|qido|json|rend|ts)[-_](\d{3}(?:_(?:and_|to_)?\d{3})*)(?!\d)", text.lower()):
        for range_ in numbers.replace("_and_", " ").replace("_to_", "-").replace("_", " ").split():
            first, last = range_.split("-")[0], range_.split("-")[-1]
            found |= {f"{area.upper()}-{n:03}" for n in range(int(first), int(last) + 1)}
    return found


def test_each_required_row_is_shown():
    """What the Standard demands of DICOMweb has a test that names it, or a line of the conformance statement."""
    checklist = ROOT.parent / "shared/standard/checklist.tsv"
    if not checklist.exists():
        pytest.skip("the checklist is not beside the project")
    named = set().union(*(cited(p.read_text()) for p in tracked("crates/*.rs", "tests/*.py", "docs/conformance-statement.md")))
    rows = [line.split("\t") for line in checklist.read_text().splitlines()[1:]]
    missing = [row[0] for row in rows if row[1] in SHOWN and row[4] in ("MUST", "SHOULD") and row[0] not in named]
    assert not missing, f"nothing shows {missing}"


def test_no_path_of_a_machine_is_written_down():
    hits = [str(p.relative_to(ROOT)) for p in tracked("*.rs", "*.md", "*.toml", "*.py", "tests/run")
            if re.search(r"(?<![\w.])/(work|home)/\w", p.read_text(errors="replace"))]
    hits = [h for h in hits if h != str(Path(__file__).relative_to(ROOT))]
    assert not hits, hits
