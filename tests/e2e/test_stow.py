"""STOW-RS beyond the corpus: statuses, the response module, multipart grammar, limits."""

import http.client
import socket
import struct
import time
import zlib

import pytest

from support import part10, stow, synth
from support.server import MIB, PeakWatch

CLASS_UNSUPPORTED, SYNTAX_UNSUPPORTED, STUDY_MISMATCH, COERCED = 0x0122, 0xC122, 0xA901, 0xB000
numbers = iter(range(1, 100_000))


def fresh(study: int | None = None, size: int = 2_000, **kw) -> tuple[str, bytes]:
    """SOP Instance UID and file of an instance that nobody has seen."""
    sop, data = synth.simple(study or 5_000, 1, next(numbers), size, **kw)
    return sop, part10.file(kw.get("sop_class", synth.CT), sop, part10.EXPLICIT_LE, data)


def stored(server, sop: str) -> bool:
    return len(server.json(f"instances?SOPInstanceUID={sop}")) == 1


CONTENT_TYPES = [
    # Content-Type, status, checklist
    ('multipart/related; type="application/dicom"; boundary=B', 200),  # STOW-001
    ("multipart/related; type=application/dicom; boundary=B", 200),  # STOW-008
    ('multipart/related; type="application/dicom"; boundary="B"', 200),
    ('Multipart/Related; TYPE="Application/DICOM"; BOUNDARY=B', 200),  # STOW-009
    ('multipart/related;boundary=B;type="application/dicom"', 200),
    ('multipart/related; type="application/dicom"', 400),  # STOW-007
    ('multipart/related; type="application/dicom"; boundary=', 400),
    ('multipart/related; type="application/dicom"; boundary=""', 400),
    ('multipart/related; type="application/dicom"; boundary=' + "b" * 71, 400),
    ('multipart/related; type="application/dicom"; boundary=' + "b" * 5_000, 400),
    ("multipart/related; type=text/plain; boundary=B", 415),
    ("multipart/form-data; boundary=B", 415),
    ("application/zip", 415),  # STOW-006
    ("text/plain", 415),
    ("text/html", 415),
    (None, 415),
]


@pytest.mark.parametrize("type_, status", CONTENT_TYPES)
def test_content_types(shared_server, type_, status):
    sop, content = fresh()
    result = stow.post(shared_server, None, headers={"Content-Type": type_}, content=stow.body([content], boundary="B"))
    assert result.status == status or type_ is None and result.status in (400, 415), result.answer
    assert stored(shared_server, sop) == (status == 200)
    if status == 415:
        assert b"application/dicom" in result.answer.body, "the answer lists what is supported"


BODIES = [
    # how the body is made of one file, status
    ("nothing at all", lambda f: b"", 400),
    ("no parts", lambda f: b"--B--\r\n", 400),
    ("only text", lambda f: b"hello", 400),
    ("another boundary", lambda f: stow.body([f], boundary="C"), 400),
    ("preamble and epilogue", lambda f: b"This is a preamble.\r\n" + stow.body([f], boundary="B") + b"epilogue", 200),
    ("padding behind the boundary", lambda f: stow.body([f], boundary="B").replace(b"--B\r\n", b"--B  \t\r\n"), 200),
    ("no header in the part", lambda f: b"--B\r\n\r\n" + f + b"\r\n--B--", 200),
    ("many headers in the part", lambda f: stow.body([("".join(f"X-{n}: y\r\n" for n in range(20)) + "Content-Type: application/dicom\r\n", f)], boundary="B"), 200),
    ("part head of 1 MiB", lambda f: stow.body([("X: " + "y" * MIB + "\r\n", f)], boundary="B"), {400, 431}),
    ("10,000 heads in the part", lambda f: stow.body([("".join(f"X-{n}: y\r\n" for n in range(10_000)), f)], boundary="B"), {400, 431}),
    ("part of another kind", lambda f: stow.body([("Content-Type: text/plain\r\n", b"hello")], boundary="B"), {400, 409, 415}),
]


@pytest.mark.parametrize("name, make, status", BODIES, ids=[b[0] for b in BODIES])
def test_bodies(shared_server, name, make, status):
    """RFC 2046 and section c."""
    sop, content = fresh()
    with PeakWatch(shared_server) as watch:
        before = shared_server.memory()
        result = stow.post(shared_server, None, headers={"Content-Type": stow.content_type(boundary="B")}, content=make(content))
    assert result.status in (status if isinstance(status, set) else {status}), result.answer
    assert stored(shared_server, sop) == (status == 200)
    assert watch.peak - before < 32 * MIB


def test_no_closing_delimiter(server):
    """Nothing whole: 400. Something stored: 202, and the rest is reported."""
    sop, content = fresh()
    alone = stow.post(server, None, content=stow.body([content], close=False)[:-400])
    assert alone.status == 400 and not stored(server, sop), alone.answer
    two, second = fresh()
    cut = stow.body([content, second])[: -len(second) // 2]
    result = stow.post(server, None, content=cut)
    assert result.status == 202, result.answer
    assert stored(server, sop) and not stored(server, two)
    assert len(result.others) + len(result.failed) == 1, result.module  # STOW-018


def test_a_peer_that_goes_away_leaves_nothing(server):
    sop, content = fresh(size=200_000)
    body = stow.body([content])
    head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: {stow.content_type()}\r\nContent-Length: {len(body)}\r\n\r\n"
    for cut in (0, 10, 1_000, len(body) - 1):
        with socket.create_connection(server.http) as peer:
            peer.sendall(head.encode() + body[:cut])
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    time.sleep(0.5)
    assert not stored(server, sop)
    assert stow.post(server, [content]).status == 200


def test_chunked_and_with_length(server):
    """STOW-028, and STOW-042: bytes that look like boundaries stay."""
    e = part10.element
    sop, data = synth.simple(5_001, 1, next(numbers), 100)
    tricky = b"\r\n--" + stow.BOUNDARY.encode()[:-1] + b"\r\n\r\n--\r\n" + b"\r\n" * 50 + b"--" + stow.BOUNDARY.encode() + b"x"
    data += e(0x7FE10010, "LO", b"OURS") + e(0x7FE11001, "OB", tricky)
    content = part10.file(synth.CT, sop, part10.EXPLICIT_LE, data)
    body = stow.body([content])
    for number, pieces in enumerate(([body], [body[k : k + 1] for k in range(len(body))], [body[k : k + 17] for k in range(0, len(body), 17)])):
        result = stow.read(server.request("POST", "studies", iter(pieces) if number else body,
                                          {"Content-Type": stow.content_type(), "Accept": "application/dicom+json"}))
        assert result.status == 200 and result.stored == {sop: None}, result.answer
    answer = server.get(f"studies/{synth.uid(5_001)}/series/{synth.uid(5_001, 1)}/instances/{sop}", "application/dicom; transfer-syntax=*")
    assert part10.split(answer.body).dataset == data


def test_the_response_module(server):
    """STOW-014 to STOW-017, STOW-019, STOW-020, STOW-023, STOW-024, STOW-026, STOW-038."""
    sop, content = fresh(5_002)
    result = stow.post(server, [content])
    study, series = synth.uid(5_002), synth.uid(5_002, 1)
    url = f"{server.base}/studies/{study}"
    assert result.status == 200
    assert result.module == {
        "00081190": {"vr": "UR", "Value": [url]},
        "00081199": {"vr": "SQ", "Value": [{
            "00081150": {"vr": "UI", "Value": [synth.CT]}, "00081155": {"vr": "UI", "Value": [sop]},
            "00081190": {"vr": "UR", "Value": [f"{url}/series/{series}/instances/{sop}"]}}]},
    }
    assert result.answer.type.startswith("application/dicom+json")
    assert result.answer.headers["Location"] == url or result.answer.headers["Content-Location"]

    private = "1.2.3.4.5.6"
    unknown, bad_class = fresh(5_002, sop_class=private)
    _, mpeg = synth.simple(5_002, 1, next(numbers), 10)
    jpip_sop, jpip = synth.simple(5_002, 1, next(numbers), 10)
    one, two = fresh(5_003), fresh(5_004)
    mixed = stow.post(server, [bad_class, part10.file(synth.CT, jpip_sop, "1.2.840.10008.1.2.4.94", jpip), b"garbage" * 100, one[1], two[1]])
    assert mixed.status == 202, mixed.answer  # STOW-011, STOW-013
    assert mixed.failed == {unknown: CLASS_UNSUPPORTED, jpip_sop: SYNTAX_UNSUPPORTED}, mixed.module
    assert mixed.others == [0xC000]
    assert mixed.stored == {one[0]: None, two[0]: None}
    assert mixed.module["00081190"] == {"vr": "UR"}, "two studies have no common URL"
    for item in mixed.module["00081198"]["Value"]:
        assert set(item) == {"00081150", "00081155", "00081197"} and item["00081197"]["vr"] == "US"

    only = stow.post(server, [bad_class])
    assert only.status == 409 and only.failed == {unknown: CLASS_UNSUPPORTED}  # STOW-012, STOW-019
    assert "00081199" not in only.module


def test_the_study_of_the_url_holds(server):
    """STOW-005."""
    inside, content = fresh(5_010)
    outside, foreign = fresh(5_011)
    result = stow.post(server, [content, foreign], study=synth.uid(5_010))
    assert result.status == 202 and list(result.stored) == [inside], result.answer
    assert result.failed[outside] in (STUDY_MISMATCH, 0xA900)
    assert not stored(server, outside)
    alone = stow.post(server, [foreign], study=synth.uid(5_010))
    assert alone.status == 409 and not stored(server, outside), alone.answer
    for bad in ("1..2", "abc", "1." + "2" * 64, "..%2f..", "1.2%00"):
        assert stow.post(server, [content], study=bad).status in (400, 404), bad


def test_the_same_again_and_other_bytes(server):
    """STOW-040; other bytes under a UID are a new version, and the first goes on being served (STOW-023)."""
    sop, first = synth.simple(5_020, 1, 1, 500)
    second = first.replace(b"Synthetic^Patient", b"Somebody^Else^^^^")
    assert len(first) == len(second)
    content = [part10.file(synth.CT, sop, part10.EXPLICIT_LE, data) for data in (first, second)]
    assert stow.post(server, [content[0]]).status == 200
    assert stow.post(server, [content[0], content[0]]).status == 200
    changed = stow.post(server, [content[1]])
    assert changed.status == 202 and changed.stored == {sop: COERCED}, changed.answer
    assert "00081198" not in changed.module
    again = stow.post(server, [content[1]])
    assert again.status in (200, 202), again.answer
    (found,) = server.json(f"instances?SOPInstanceUID={sop}&includefield=PatientName")
    assert found["00100010"]["Value"][0]["Alphabetic"] == "Synthetic^Patient"
    (study,) = server.json(f"studies?StudyInstanceUID={synth.uid(5_020)}")
    assert int(study["00201208"]["Value"][0]) == 1
    url = f"studies/{synth.uid(5_020)}/series/{synth.uid(5_020, 1)}/instances/{sop}"
    accept = "application/dicom; transfer-syntax=*"
    assert part10.split(server.get(url, accept).body).dataset == first
    assert part10.split(server.get(url + "?version=2", accept).body).dataset == second
    # Twice in one request, with different bytes: one is kept as the first, the other as the second.
    other, one = synth.simple(5_020, 1, 2, 500)
    both = [part10.file(synth.CT, other, part10.EXPLICIT_LE, d) for d in (one, one.replace(b"Synthetic", b"Different"))]
    assert stow.post(server, both).status == 202


def test_a_file_is_the_same_whatever_its_head(server):
    """The digest is over the data set and its syntax, not over preamble and meta."""
    sop, data = synth.simple(5_021, 1, 1, 500)
    content = part10.file(synth.CT, sop, part10.EXPLICIT_LE, data)
    for variant in (content, b"\x7fELF" + content[4:], content[132:], data):
        result = stow.post(server, [variant])
        assert result.status == 200, result.answer
    url = f"studies/{synth.uid(5_021)}/series/{synth.uid(5_021, 1)}/instances/{sop}"
    answer = server.get(url, "application/dicom; transfer-syntax=*")
    assert answer.body[:128] == bytes(128), "the preamble is zeroed"
    assert answer.type.startswith("application/dicom") and answer.headers["X-Content-Type-Options"] == "nosniff"


REQUEST_HEADERS = [
    # header, status; the body is one good file
    ({"Content-Encoding": "gzip"}, {415}),
    ({"Content-Encoding": "deflate"}, {415}),
    ({"Content-Encoding": "identity"}, {200}),
    ({"Accept": "application/dicom+json"}, {200}),
    ({"Accept": "application/json"}, {200}),
    ({"Accept": "*/*"}, {200}),
    ({"Accept": None}, {200}),
    ({"Accept": "text/html"}, {406}),
]


@pytest.mark.parametrize("header, status", REQUEST_HEADERS, ids=lambda v: str(v))
def test_request_headers(shared_server, header, status):
    """STOW-027 (the JSON half)."""
    sop, content = fresh()
    result = stow.post(shared_server, [content], headers=header)
    assert result.status in status, result.answer
    if 200 in status:
        assert result.answer.type.startswith("application/dicom+json")


def test_gzip_bomb_is_not_unpacked(server):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(200 * MIB)) + packer.flush()
    with PeakWatch(server) as watch:
        result = stow.post(server, None, content=bomb, headers={"Content-Encoding": "gzip"})
    assert result.status == 415 and watch.peak < 64 * MIB


def raw(server, head: str, body: bytes = b"", seconds: float = 5) -> bytes:
    """The head of the answer to bytes as they are; empty when the server closes without one."""
    got = b""
    with socket.create_connection(server.http, timeout=seconds) as peer:
        try:
            peer.sendall(head.replace("\n", "\r\n").encode("latin-1") + body)
            while b"\r\n\r\n" not in got and (more := peer.recv(65_536)):
                got += more
        except (TimeoutError, ConnectionResetError, BrokenPipeError):
            pass
    return got


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


POST = f"POST /dicom-web/studies HTTP/1.1\nHost: localhost\nContent-Type: {stow.content_type()}\n"
FRAMING = [
    ("length over the limit", POST + f"Content-Length: {1 << 40}\n\n", {413}),  # STOW-039
    ("length of 2^63", POST + f"Content-Length: {1 << 63}\n\n", {400, 413}),
    ("length of 2^64", POST + f"Content-Length: {1 << 64}\n\n", {400, 413}),
    ("negative length", POST + "Content-Length: -1\n\n", {400}),
    ("two lengths", POST + "Content-Length: 5\nContent-Length: 6\n\nhello", {400}),
    ("length and chunked", POST + "Content-Length: 5\nTransfer-Encoding: chunked\n\n0\n\n", {400}),
    ("chunk overflow", POST + "Transfer-Encoding: chunked\n\nffffffffffffffffff\nx", {400}),
    ("chunk that is no number", POST + "Transfer-Encoding: chunked\n\nxyz\nx", {400}),
    ("other transfer encoding", POST + "Transfer-Encoding: gzip, chunked\n\n0\n\n", {400, 415, 501}),
    ("head over 64 KiB", POST + "X: " + "y" * 70_000 + "\n\n", {431}),
    ("URI over 16 KiB", "GET /dicom-web/studies?PatientID=" + "x" * 20_000 + " HTTP/1.1\nHost: localhost\n\n", {414}),
    ("no Host", "GET /dicom-web/studies HTTP/1.1\n\n", {400}),
    ("HTTP 9", "GET / HTTP/9.9\nHost: localhost\n\n", {400, 505}),
    ("no HTTP", "\x16\x03\x01\x02\n\n", {0, 400}),
]


@pytest.mark.parametrize("name, head, status", FRAMING, ids=[f[0] for f in FRAMING])
def test_framing(shared_server, name, head, status):
    """Section c: answered from the head, quickly, without memory."""
    before, began = shared_server.memory(), time.monotonic()
    answer = raw(shared_server, head)
    assert status_of(answer) in status, answer[:300]
    assert time.monotonic() - began < 4
    assert shared_server.memory() - before < 32 * MIB
    assert shared_server.get("/healthz").status == 200


def test_methods(shared_server):
    """TRACE, PUT and DELETE on a collection: 405 with Allow."""
    for method in ("TRACE", "PUT", "DELETE", "PATCH"):
        answer = shared_server.request(method, "studies")
        assert answer.status == 405 and {"GET", "POST"} <= {m.strip() for m in answer.headers["Allow"].split(",")}, answer


@pytest.mark.parametrize("host, status", [("localhost", 200), ("127.0.0.1:1", 200), ("evil.example", 421), ("localhost.evil.example", 421)])
def test_host_is_never_echoed(shared_server, host, status):
    """An open server answers to names of its own machine only: a page elsewhere cannot make its name ours."""
    sop, content = fresh(5_030)
    connection = http.client.HTTPConnection(*shared_server.http)
    connection.request("POST", "/dicom-web/studies", stow.body([content]),
                       {"Host": host, "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher",
                        "Content-Type": stow.content_type(), "Accept": "application/dicom+json"})
    response = connection.getresponse()
    everything = str(response.headers) + response.read().decode()
    assert response.status == status and "evil" not in everything and "gopher" not in everything, everything
    assert stored(shared_server, sop) == (status == 200)


def test_no_cross_origin_header(shared_server):
    answer = shared_server.get("studies", Origin="https://evil.example")
    assert not [h for h in answer.headers if h.lower().startswith("access-control")]


def test_ten_senders_of_one_instance(server):
    """R11: one is kept, every sender is told success."""
    import threading
    sop, content = fresh(5_040, size=50_000)
    results = []
    threads = [threading.Thread(target=lambda: results.append(stow.post(server, [content]))) for _ in range(10)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert [r.status for r in results] == [200] * 10, results
    assert len(server.json("instances")) == 1
