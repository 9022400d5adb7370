"""The descriptions of the service: true to what is served, and nothing in them makes the server fail."""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from support import phantom, stow, synth
from support.browser import step, visit
from support.server import ROOT, Server

WADL = "{http://wadl.dev.java.net/2009/02}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("openapi") / "data") as running:
        files = [synth.file(data) for data in [*phantom.ct(1, 2), phantom.report(1), phantom.document(1)]]
        answer = running.request("POST", "studies", stow.body(files), {"Content-Type": stow.content_type(), "Accept": "application/dicom+json"})
        assert answer.status == 200, answer
        yield running


def description(server) -> dict:
    answer = server.get("/docs/openapi.json")
    assert (answer.status, answer.type) == (200, "application/json")
    return answer.json()


def test_every_route_in_the_source_is_described(server):
    """Routes of the gateway; those of the pages are for people, and the viewer is a program of others."""
    source = (ROOT / "crates/gateway/src/app.rs").read_text()
    routes = set(re.findall(r"\.route\(\s*\"([^\"]+)\"", source))
    described = set(description(server)["paths"])
    for route in routes - {"/docs/docs.css"}:
        if route.startswith("/viewer"):
            continue
        assert any(path == route or "{*" in route and path.startswith(route.split("{*")[0]) or path == route + "/" for path in described), route
    assert len(described) >= 20, described


def test_every_described_operation_is_served(server):
    """With the values of its examples: found or not, but never unknown, and never another method's."""
    for path, methods in description(server)["paths"].items():
        for method, operation in methods.items():
            url = path
            query = []
            for parameter in operation["parameters"]:
                if parameter["in"] == "path":
                    url = url.replace("{%s}" % parameter["name"], str(parameter["example"]))
                elif parameter["required"]:
                    query.append(f"{parameter['name']}={parameter['example']}")
            answer = server.request(method.upper(), url + ("?" + "&".join(query) if query else ""), headers={"Accept": "*/*"})
            assert str(answer.status) in operation["responses"], (method, url, answer)
            assert answer.status != 405
            if answer.status == 404:
                assert "no such resource" not in answer.json()["detail"], (method, url, answer)


def test_wado_006_capabilities_of_the_service_and_of_each_resource(server):
    whole = server.request("OPTIONS", "/dicom-web/")
    assert (whole.status, whole.type) == (200, "application/vnd.sun.wadl+xml")
    tree = xml.fromstring(whole.body)
    ids = {method.get("id") for method in tree.iter(WADL + "method")}
    assert tree.find(WADL + "resources").get("base") == server.base
    described = description(server)["paths"]
    for path, methods in described.items():
        if not path.startswith("/dicom-web/") or path == "/dicom-web/":
            continue
        url = path
        for operation in methods.values():
            for parameter in operation["parameters"]:
                url = url.replace("{%s}" % parameter["name"], str(parameter["example"]))
        answer = server.request("OPTIONS", url, headers={"Accept": "application/json"})
        assert (answer.status, answer.type) == (200, "application/json"), (url, answer)
        found = set(re.findall(r'"id":"(\w+)"', answer.body.decode()))
        assert found == {operation["operationId"] for operation in methods.values()}, url
        allowed = set(answer.headers["Allow"].split(", ")) - {"HEAD", "OPTIONS"}
        assert allowed == {method.upper() for method in methods}, url
        assert found <= ids, url
    assert server.request("OPTIONS", "/dicom-web/", headers={"Accept": "text/html"}).status == 406
    assert server.request("OPTIONS", "/dicom-web/nothing").status == 404


def test_schemathesis_finds_no_server_error(server, tmp_path):
    """PyPI's schemathesis makes requests of the description, good and bad ones, always the same."""
    tool = Path(sys.executable).with_name("st")
    command = [tool, "run", f"{server.origin}/docs/openapi.json", "--url", server.origin, "--checks", "not_a_server_error",
               "--max-examples", "12", "--seed", "20260301", "--no-shrink", "--phases", "examples,coverage,fuzzing", "--workers", "1",
               "--warnings", "off", "--generation-database", "none", "--request-timeout", "20"]
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parent / "support")}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, env=hooks)
    report = done.stdout + done.stderr
    assert done.returncode == 0, report[-6000:]
    tested = re.search(r"(\d+) generated", report)
    assert tested and int(tested[1]) > 200, report[-3000:]


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_reads_well_wide_and_narrow(server, tmp_path, width):
    visited = visit(tmp_path, [
        step("open", url=f"{server.origin}/docs"), step("wait", selector="details"),
        # By keyboard: past the link that skips, and the links of the head, into the operations.
        step("run", script="document.querySelector('#RetrieveFrames summary').focus()"), step("key", name="Enter"),
        step("run", script="document.querySelector('#RetrieveFrames').open"),
        step("run", script="document.documentElement.scrollWidth <= window.innerWidth"),
        step("shot", name=f"docs-{width}")], width=width)
    assert not visited.error, visited.error
    assert not visited.violations and not visited.errors, (visited.violations, visited.errors)
    assert visited.found[4] is True, "Enter opens an operation"
    assert visited.found[5] is True, "the page scrolls sideways"
    assert all(one["url"].startswith((server.origin, "data:")) for one in visited.requests), visited.requests
