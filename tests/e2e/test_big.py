"""One instance of 3.9 GB by each door in bounded memory, and back out unharmed."""

import http.client
import os
import shutil
import time
import zlib

import pytest

from support import part10, stow, synth, wire
from support.server import MIB, PeakWatch, Server

SIZE = int(os.environ.get("OVERREAD_BIG_BYTES", 3_900_000_000)) // 2 * 2
LIMIT = 128 * MIB
PATTERN = bytes(range(251)) * 4177  # about 1 MiB, no multiple of any block


def pieces(number: int):
    """The data set of the n-th big instance, in pieces."""
    uid, small = synth.simple(9_500, 1, number, 2)
    at = small.index(b"\xe0\x7f\x10\0OW")
    yield small[:at] + b"\xe0\x7f\x10\0OW\0\0" + SIZE.to_bytes(4, "little")
    left = SIZE
    while left > 0:
        yield PATTERN[: min(left, len(PATTERN))]
        left -= len(PATTERN)


def checksum(parts) -> tuple[int, int]:
    crc = length = 0
    for part in parts:
        crc, length = zlib.crc32(part, crc), length + len(part)
    return crc, length


def room(path) -> bool:
    return shutil.disk_usage(path).free > 2.5 * SIZE


@pytest.mark.timeout(600)
def test_one_huge_instance_by_each_door(tmp_path):
    if not room(tmp_path):
        pytest.skip(f"not {2.5 * SIZE / 1e9:.0f} GB free")
    with Server(tmp_path / "data") as server:
        doors = {"C-STORE": by_c_store, "STOW": by_stow}
        for number, (door, send) in enumerate(doors.items(), 1):
            uid = synth.uid(9_500, 1, number)
            began = time.monotonic()
            with PeakWatch(server) as watch:
                send(server, number, uid)
            print(f"{door}: {SIZE / 1e6 / (time.monotonic() - began):.0f} MB/s, peak {watch.peak / MIB:.0f} MiB")
            assert watch.peak < LIMIT, f"{door}: {watch.peak / MIB:.0f} MiB"
        want = checksum(pieces(2))
        with PeakWatch(server) as watch:
            got = retrieve(server, synth.uid(9_500, 1, 2))
        print(f"WADO-RS: peak {watch.peak / MIB:.0f} MiB")
        assert got == want and watch.peak < LIMIT
        (found,) = server.json(f"instances?SOPInstanceUID={synth.uid(9_500, 1, 1)}")
        assert server.get(found["00081190"]["Value"][0].removeprefix(server.origin) + "/metadata").status == 200
        end = server.get(found["00081190"]["Value"][0].removeprefix(server.origin) + "/bulkdata/7FE00010", "application/octet-stream", Range="bytes=-100")
        assert end.status == 206 and end.body == (PATTERN * 2)[(SIZE - 100) % len(PATTERN) :][:100]
    shutil.rmtree(tmp_path / "data")


def by_c_store(server, number, uid):
    with wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], timeout=300) as peer:
        assert peer.store(1, synth.CT, uid, pieces(number)) == 0
        peer.release()


def by_stow(server, number, uid):
    head = stow.body([part10.file(synth.CT, uid, part10.EXPLICIT_LE, b"")], close=False)[:-2]
    tail = f"\r\n--{stow.BOUNDARY}--\r\n".encode()
    length = len(head) + sum(len(p) for p in pieces(number)) + len(tail)
    connection = http.client.HTTPConnection(*server.http, timeout=300, blocksize=1 << 20)
    connection.putrequest("POST", "/dicom-web/studies")
    for name, value in (("Content-Type", stow.content_type()), ("Content-Length", str(length)), ("Accept", "application/dicom+json")):
        connection.putheader(name, value)
    connection.endheaders(head)
    for piece in pieces(number):
        connection.sock.sendall(piece)
    connection.sock.sendall(tail)
    response = connection.getresponse()
    assert response.status == 200, response.read()[:500]
    connection.close()


def retrieve(server, uid) -> tuple[int, int]:
    connection = http.client.HTTPConnection(*server.http, timeout=300)
    connection.request("GET", f"/dicom-web/studies/{synth.uid(9_500)}/series/{synth.uid(9_500, 1)}/instances/{uid}",
                       headers={"Accept": "application/dicom; transfer-syntax=*"})
    response = connection.getresponse()
    assert response.status == 200
    head = response.read(64 * 1024)
    first = part10.split(head).dataset

    def rest():
        yield first
        while piece := response.read(1 << 20):
            yield piece
    result = checksum(rest())
    connection.close()
    return result


def test_idle_memory(tmp_path):
    """Idle RSS below 32 MiB on an empty store."""
    with Server(tmp_path / "data") as server:
        time.sleep(0.5)
        assert server.memory() < 32 * MIB, f"{server.memory() / MIB:.1f} MiB"


@pytest.mark.timeout(300)
def test_many_large_uploads_at_once(tmp_path):
    """L2, in small: 16 of 64 MB at once, half by each door, while a search stays quick."""
    import threading
    with Server(tmp_path / "data") as server:
        sent = [synth.simple(9_600, 1, n, 64 * 1_000_000) for n in range(1, 3)]
        outcomes = []

        def one(n):
            uid, data = sent[n % 2]
            other = synth.uid(9_600, 1, 100 + n)
            assert len(uid) <= len(other)
            data = data.replace(part10.element(0x00080018, "UI", uid.encode()), part10.element(0x00080018, "UI", other.encode()), 1)
            if n % 2:
                outcomes.append(wire.store_one(server.dimse, synth.CT, other, part10.EXPLICIT_LE, data, timeout=120))
            else:
                outcomes.append(stow.post(server, [part10.file(synth.CT, other, part10.EXPLICIT_LE, data)]).status - 200)
        with PeakWatch(server) as watch:
            threads = [threading.Thread(target=one, args=(n,)) for n in range(16)]
            [t.start() for t in threads]
            while any(t.is_alive() for t in threads):
                assert server.get("studies").status in (200, 204)
                time.sleep(0.1)
        assert outcomes == [0] * 16
        assert watch.peak < 256 * MIB, f"{watch.peak / MIB:.0f} MiB"
    shutil.rmtree(tmp_path / "data")
