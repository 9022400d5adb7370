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
        step("open", url=opened(server, NOW)), step("painted"), step("dismiss"), step("wait", text="(1/40)"), step("look"),
        step("wheel", times=6), step("wait", text="(7/40)"), step("look"), step("shot", name="ct")])
    check(visited)
    before, after = visited.found[4][0], visited.found[7][0]
    assert before["sum"] != after["sum"], "the picture did not change"


def test_a_cine_loop_in_colour(server, pictures):
    visited = visit(pictures, [
        step("open", url=opened(server, NOW)), step("painted"), step("dismiss"), step("series", text="Cine"),
        step("wait", text="(1/6)"), step("painted", shades=3), step("wheel", times=2), step("wait", text="(3/6)"), step("shot", name="us")])
    check(visited)


def test_a_report(server, pictures):
    visited = visit(pictures, [
        step("open", url=opened(server, NOW)), step("painted"), step("dismiss"), step("series", text="Report"), step("shot", name="sr"),
        step("wait", text="Report", seconds=5)])
    check(visited)


def test_a_document(server, pictures):
    visited = visit(pictures, [
        step("open", url=opened(server, NOW)), step("painted"), step("dismiss"), step("series", text="Letter"),
        step("wait", selector="object[type='application/pdf']"), step("run", script=PDF), step("shot", name="pdf")])
    check(visited)
    assert visited.found[5].startswith("%PDF"), visited.found


PDF = """(async () => {
    const shown = document.querySelector("object[type='application/pdf']").data;
    return (await (await fetch(shown)).text()).slice(0, 8);
})()"""


def test_a_prior_beside_it(server, pictures):
    """Two viewports, two studies of one patient."""
    visited = visit(pictures, [
        step("open", url=opened(server, NOW, PRIOR)), step("painted"), step("dismiss"),
        step("click", selector="[data-cy='Layout']"), step("click", selector="[data-cy='Layout-1-0']"),
        step("painted", viewports=2), step("wait", text="(1/40)"), step("wait", text="(1/24)"), step("shot", name="prior")])
    check(visited)
    assert "05-Jan-2024" in visited.text and "01-Mar-2026" in visited.text


def test_who_signed_in_needs_no_token_in_the_viewer(tmp_path, pictures):
    """The session of the pages counts for what our own page reads, and for nothing else (docs/security.md)."""
    plain = config(False) + '[http]\ntls = false\n[dimse]\ntls_listen = "off"\n'
    with Server(tmp_path / "data", flags=[], config=plain) as server:
        token = (server.data / "administrator.token").read_text().strip()
        files = [synth.file(data) for data in phantom.ct(NOW, 3)]
        answer = server.request("POST", "/dicom-web/studies", stow.body(files), {
            "Content-Type": stow.content_type(), "Accept": "application/dicom+json", "Authorization": f"Bearer {token}"})
        assert answer.status == 200, answer
        assert server.request("GET", "/viewer/viewer").headers["Location"] == "/", "who has not signed in is led there"
        signed = server.request("POST", "/sign-in", f"token={token}".encode(), {"Content-Type": "application/x-www-form-urlencoded"})
        cookie = signed.headers["Set-Cookie"].split(";")[0]
        for method, headers, status in [
            ("GET", {}, 200), ("HEAD", {}, 200), ("GET", {"Sec-Fetch-Site": "same-origin"}, 200), ("GET", {"Sec-Fetch-Site": "same-site"}, 401),
            ("GET", {"Sec-Fetch-Site": "cross-site"}, 401), ("GET", {"Origin": "https://evil.example"}, 401),
            ("POST", {"Sec-Fetch-Site": "same-origin", "Content-Type": stow.content_type()}, 401),
        ]:
            body = stow.body(files) if method == "POST" else None
            found = server.request(method, "/dicom-web/studies", body, {"Cookie": cookie, "Accept": "application/dicom+json", **headers})
            assert found.status == status, (method, headers, found.status)
        visited = visit(pictures, [
            step("open", url=f"{server.origin}/"), step("click", text="Sign in with a token"), step("type", selector="#token", text=token), step("key", name="Enter"),
            step("wait", text="Where it listens"), step("open", url=opened(server, NOW)), step("painted"), step("dismiss"), step("shot", name="signed-in")])
        check(visited)


def test_files_of_the_viewer_and_nothing_else(server):
    page = server.get("/viewer/viewer")
    assert page.status == 200 and page.type == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "'unsafe-eval'" not in policy and "script-src 'self' blob: 'wasm-unsafe-eval' 'sha256-" in policy
    for path in ["/viewer/%2e%2e/%2e%2e/etc/passwd", "/viewer/../../etc/passwd", "/viewer/..%2f..%2fetc%2fpasswd", "/viewer//etc/passwd", "/viewer/%00"]:
        answer = server.get(path)
        assert b"root:" not in answer.body and (answer.status in (400, 404) or answer.body == page.body), (path, answer)
    for name in ["nothing.js", "_nothing.wasm", "%2e%2e/index.html"]:
        assert server.get(f"/viewer/{name}").status == 404, name
    bundle = re.search(r'src="(/viewer/app\.bundle\.[0-9a-f]+\.js)"', page.body.decode())[1]
    packed = server.get(bundle, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip" and packed.type == "text/javascript; charset=utf-8"
    assert server.get(bundle, If_None_Match=packed.headers["ETag"], Accept_Encoding="gzip").status == 304
    for name, kind, for_good in [(next(OHIF.glob("*.wasm")).name, "application/wasm", True), ("app.bundle.css", "text/css; charset=utf-8", False)]:
        answer = server.get(f"/viewer/{name}")
        assert (answer.status, answer.type) == (200, kind)
        assert ("immutable" in answer.headers["Cache-Control"]) == for_good, name
    assert server.request("POST", "/viewer/", b"").status == 405
    assert server.get("/viewer").headers["Location"] == "/viewer/"
    settings = server.get("/viewer/app-config.js").body.decode()
    assert '"wadoRoot":"/dicom-web"' in settings and "http" not in settings.replace("https", "http").split('"dataSources"')[1]
