"""Configured limits and addresses, and clients that are slow or silent."""

import socket
import threading
import time

import pytest

from support import disk, part10, stow, synth, wire
from support.server import MIB, PeakWatch, Server

BASE = "https://images.example.org"
ANY = "application/dicom; transfer-syntax=*"


def test_the_base_url_is_what_answers_say(tmp_path):
    """With a base URL every URL starts so, and other hosts are misdirected (421)."""
    with Server(tmp_path / "data", config=f'[http]\nbase_url = "{BASE}"\n') as server:
        host = {"Host": "images.example.org"}
        uid, data = synth.simple(1, 1, 1, 9_000)
        content = part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)
        sent = {"Content-Type": stow.content_type(), "Accept": "application/dicom+json"} | host
        stored = stow.read(server.request("POST", "studies", stow.body([content]), sent))
        url = f"{BASE}/dicom-web/studies/{synth.uid(1)}"
        assert stored.status == 200 and stored.module["00081190"]["Value"] == [url]
        (found,) = server.request("GET", "studies", headers=host).json()
        assert found["00081190"]["Value"] == [url]
        (meta,) = server.request("GET", f"studies/{synth.uid(1)}/metadata", headers=host).json()
        assert meta["7FE00010"]["BulkDataURI"].startswith(f"{url}/series/")
        for wrong in ("evil.example", "images.example.org.evil.example", f"{server.http[0]}:{server.http[1] + 1}"):
            answer = server.request("GET", "studies", headers={"Host": wrong})
            assert answer.status == 421 and wrong.encode() not in answer.body, (wrong, answer)


def test_the_largest_instance(tmp_path):
    """STOW-039: beyond the limit A700 and 413, whatever was claimed; what fits goes in."""
    with Server(tmp_path / "data", config="[limits]\ninstance_bytes = 1_000_000\n") as server:
        small, fits = synth.simple(1, 1, 1, 900_000)
        large, over = synth.simple(1, 1, 2, 5_000_000)
        assert wire.store_one(server.dimse, synth.CT, small, part10.EXPLICIT_LE, fits) == 0
        status = wire.store_one(server.dimse, synth.CT, large, part10.EXPLICIT_LE, over)
        assert status & 0xFF00 == 0xA700, f"{status:04X}"
        files = [part10.file(synth.CT, u, part10.EXPLICIT_LE, d) for u, d in ((small, fits), (large, over))]
        alone = stow.post(server, [files[1]])
        assert alone.status in (409, 413) and all(r & 0xFF00 == 0xA700 for r in alone.reasons()), alone.answer
        both = stow.post(server, files)
        assert both.status == 202 and list(both.stored) == [small], both.answer
        assert len(server.json("instances")) == 1


def test_the_largest_request(tmp_path):
    with Server(tmp_path / "data", config="[limits]\nrequest_bytes = 2_000_000\ninstance_bytes = 2_000_000\n") as server:
        uid, data = synth.simple(1, 1, 1, 3_000_000)
        body = stow.body([part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)])
        assert stow.post(server, None, content=body).status == 413
        chunked = server.request("POST", "studies", iter([body]), {"Content-Type": stow.content_type()})
        assert chunked.status == 413, chunked
        assert server.json("instances") == []


def test_the_most_results(tmp_path):
    """A search beyond the server's maximum is capped, and the Warning says how many are left."""
    with Server(tmp_path / "data", config="[limits]\nsearch_results = 3\n") as server:
        files = [synth.file(synth.instance(n, 1, 1)) for n in range(1, 8)]
        assert stow.post(server, files).status == 200
        for query in ("", "?limit=5", "?limit=4294967295"):
            answer = server.get("studies" + query, "application/dicom+json")
            assert len(answer.json()) == 3 and "There are 4 additional results" in answer.headers["Warning"], answer.headers
        assert len(server.json("studies?offset=6")) == 1


def test_http_connections_are_limited(tmp_path):
    """L5: refused early, and the others go on."""
    with Server(tmp_path / "data", config="[limits]\nhttp_connections = 5\n") as server:
        held = []
        for _ in range(5):
            connection = server.connection(timeout=5)
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
            held.append(connection)
        extra = socket.create_connection(server.http, timeout=3)
        try:
            extra.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            got = extra.recv(1_000)
        except (TimeoutError, ConnectionError):
            got = b""
        assert b" 200 " not in got
        held[0].request("GET", "/healthz")
        assert held[0].getresponse().status == 200
        extra.close()
        [h.close() for h in held]
        time.sleep(0.2)
        assert server.get("/healthz").status == 200


def closed_after(address, sent: bytes, seconds: float) -> float | None:
    """How long the server keeps a connection that sends this and no more; None when longer than `seconds`."""
    with socket.create_connection(address) as peer:
        peer.sendall(sent)
        peer.settimeout(seconds)
        began = time.monotonic()
        try:
            while peer.recv(4_096):
                pass
        except TimeoutError:
            return None
        except ConnectionError:
            pass
        return time.monotonic() - began


HEAD = b"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + stow.content_type().encode() + b"\r\n"
SLOW = [
    # what a client sends before it falls silent, seconds until it is closed at the latest (L4, DIMSE-016)
    ("HTTP, nothing", "http", b"", 14),
    ("HTTP, half a head", "http", b"GET /healthz HTTP/1.1\r\nHost: ", 14),
    ("HTTP, half an HTTP/2 preface", "http", b"PRI * HTT", 14),
    ("HTTP, no body", "http", HEAD + b"Content-Length: 100000\r\n\r\n", 66),
    ("HTTP, half a body", "http", HEAD + b"Content-Length: 100000\r\n\r\n--" + stow.BOUNDARY.encode() + b"\r\n\r\nabc", 66),
    ("HTTP, half a chunk", "http", HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\nabc", 66),
    ("DIMSE, nothing", "dimse", b"", 14),
    ("DIMSE, half a request", "dimse", wire.associate()[:60], 14),
    ("DIMSE, an idle association", "dimse", wire.associate(), 75),
    ("DIMSE, half a command", "dimse", wire.associate() + wire.pdu(4, wire.pdv(1, 1, wire.echo_request()[:20])), 75),
]


@pytest.mark.timeout(120)
def test_slow_clients_are_let_go(server):
    """All at once, and nobody else notices."""
    found = {}
    threads = [threading.Thread(target=lambda n=n, a=a, s=s, t=t: found.update({n: closed_after(getattr(server, a), s, t)})) for n, a, s, t in SLOW]
    [t.start() for t in threads]
    for _ in range(5):
        assert server.get("/healthz").status == 200
        time.sleep(0.2)
    [t.join() for t in threads]
    late = [name for name, seconds in found.items() if seconds is None]
    assert not late, late


def test_a_flood_of_connections_costs_little(server):
    """2,000 connections of each door that say nothing: who speaks is answered quickly, and memory comes back."""
    before = server.memory()
    with PeakWatch(server) as watch:
        peers = [socket.create_connection(address) for _ in range(1_000) for address in (server.http, server.dimse)]
        began = time.monotonic()
        assert server.get("/healthz").status == 200 and time.monotonic() - began < 1
        with wire.Association(server.dimse, [(wire.VERIFICATION, [wire.IMPLICIT_LE])]) as peer:
            assert peer.echo() == 0
        [p.close() for p in peers]
    assert watch.peak - before < 64 * MIB, f"{(watch.peak - before) / MIB:.0f} MiB"


def test_a_deflated_instance_is_served_from_a_bounded_cache(tmp_path):
    """Frames and bulk data of deflated data sets lie in an inflated copy, whose room is limited."""
    with Server(tmp_path / "data", config="[limits]\ninflated_cache_bytes = 3_000_000\n") as server:
        sets = [synth.with_pixels(synth.instance(1, 1, n), rows=512, columns=1024, frames=1, seed=n) for n in range(1, 8)]
        assert stow.post(server, [synth.file(s, part10.DEFLATED) for s in sets]).status == 200
        for _ in range(2):
            for one in sets:
                url = f"studies/{one.StudyInstanceUID}/series/{one.SeriesInstanceUID}/instances/{one.SOPInstanceUID}"
                (frame,) = server.get(f"{url}/frames/1", 'multipart/related; type="application/octet-stream"').parts()
                assert frame.body == one.PixelData
                assert server.get(f"{url}/bulkdata/7FE00010", "application/octet-stream", Range="bytes=100-199").body == one.PixelData[100:200]
                assert part10.split(server.get(url, ANY).body).syntax == part10.DEFLATED
        kept = sum(disk.sizes(server.data / "cache").values())
        assert kept <= 4_200_000, kept
