"""What every answer carries, and which hosts are answered where nobody is asked who they are."""

import http.client
import json
import ssl

import pytest

from support import synth
from support.server import Server
from test_start import secure

UID = synth.uid(1)
# Paths beside those that the server lists itself (`/docs/openapi.json`).
MORE = ["/", "/docs", "/docs/docs.css", "/docs/openapi.json", "/healthz", "/readyz", "/metrics", "/sign-in", "/studies",
        "/assets/none.css", "/nothing", "/dicom-web/nothing", "/viewer", "/viewer/nothing", "/%zz", "/wado?requestType=none"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Over TLS, with tokens: answers are refusals for the most part, which are those that are easily forgotten."""
    with secure(tmp_path_factory.mktemp("headers") / "data") as running:
        yield running


def ask(server, method: str, path: str, headers: dict | None = None):
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(*server.http, timeout=20, context=trusting)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def listed(server) -> list[str]:
    """Every path of the route table, with something in its holes."""
    _, _, body = ask(server, "GET", "/docs/openapi.json")
    paths = json.loads(body)["paths"]
    assert len(paths) > 20
    return [path.replace("{frames}", "1").replace("{", "").replace("}", "") for path in paths]


@pytest.mark.parametrize("token", [False, True], ids=["anonymous", "administrator"])
def test_every_answer_of_every_route(server, token):
    sent = {"X-Request-Id": "trace-7"}
    if token:
        file = next(server.data.glob("administrator*token"))
        sent["Authorization"] = f"Bearer {file.read_text().strip()}"
    missing, statuses = [], set()
    for path in listed(server) + MORE:
        for method in METHODS:
            status, headers, _ = ask(server, method, path, sent)
            statuses.add(status)
            wanted = {"X-Content-Type-Options": "nosniff", "X-Request-Id": "trace-7",
                      "Strict-Transport-Security": "max-age=63072000"}
            wrong = [name for name, value in wanted.items() if headers.get_all(name) != [value]]
            wrong += [name for name in ("Content-Security-Policy", "Referrer-Policy", "Cache-Control", "Cross-Origin-Resource-Policy")
                      if len(headers.get_all(name, [])) != 1]
            policy = headers.get("Content-Security-Policy", "")
            wrong += [] if policy.startswith(("default-src 'none'", "default-src 'self'")) else [policy]
            missing += [(method, path, status, wrong)] if wrong else []
    assert not missing, missing[:10]
    assert {404, 405} <= statuses and (200 if token else 401) in statuses


@pytest.mark.parametrize("host,status", [("localhost", 200), ("127.0.0.1:1", 200), ("[::1]", 200), ("evil.example", 421),
                                         ("localhost.evil.example", 421), ("192.0.2.1:8443", 421)])
def test_an_open_server_is_asked_by_loopback_names_only(shared_server, host, status):
    """DNS rebinding: a page whose own name leads to 127.0.0.1 gets nothing."""
    answer = shared_server.request("GET", "/dicom-web/studies", headers={"Host": host, "Accept": "application/dicom+json"})
    assert answer.status == (204 if status == 200 else status) or answer.status == status, answer
    assert answer.headers.get("Strict-Transport-Security") is None, "not over plain HTTP"
