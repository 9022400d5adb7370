"""One instance of 3.9 GB by each door in bounded memory, and back out unharmed."""

import http.client
import os
import shutil
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import part10, stow, synth, wire
from support.server import MIB, PeakWatch, Server

SIZE = int(os.environ.get("OVERREAD_BIG_BYTES", 3_900_000_000)) // 2 * 2
LIMIT = 128 * MIB
# Sent at once.
LARGE = int(os.environ.get("OVERREAD_LARGE", 16))
LARGE_BYTES = int(os.environ.get("OVERREAD_LARGE_BYTES", 64_000_000)) // 2 * 2
PATTERN = bytes(range(251)) * 4177  # about 1 MiB, no multiple of any block


def pieces(number: int, size: int = SIZE):
    """The data set of the n-th big instance, in pieces."""
    uid, small = synth.simple(9_500, 1, number, 2)
    at = small.index(b"\xe0\x7f\x10\0OW")
    yield small[:at] + b"\xe0\x7f\x10\0OW\0\0" + size.to_bytes(4, "little")
    left = size
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


def by_c_store(server, number, uid, size=SIZE):
    with wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], timeout=300) as peer:
        assert peer.store(1, synth.CT, uid, pieces(number, size)) == 0
        peer.release()


def by_stow(server, number, uid, size=SIZE):
    head = stow.body([part10.file(synth.CT, uid, part10.EXPLICIT_LE, b"")], close=False)[:-2]
    tail = f"\r\n--{stow.BOUNDARY}--\r\n".encode()
    length = len(head) + sum(len(p) for p in pieces(number, size)) + len(tail)
    connection = http.client.HTTPConnection(*server.http, timeout=300, blocksize=1 << 20)
    connection.putrequest("POST", "/dicom-web/studies")
    for name, value in (("Content-Type", stow.content_type()), ("Content-Length", str(length)), ("Accept", "application/dicom+json")):
        connection.putheader(name, value)
    connection.endheaders(head)
    for piece in pieces(number, size):
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


@pytest.mark.timeout(900)
def test_many_large_uploads_at_once(tmp_path):
    """L2: 16 of 64 MB at once, half by each door, while searches go on; `tests/large` sends 64 of 256 MB and says how long
    the searches took."""
    disk = shutil.disk_usage(tmp_path)
    # The server keeps a hundredth of the disk free, 512 MiB at least.
    needed = 1.05 * LARGE * LARGE_BYTES + max(disk.total / 100, 512 * MIB)
    if disk.free < needed:
        pytest.skip(f"not {needed / 1e9:.1f} GB free")
    with Server(tmp_path / "data") as server:
        def one(number):
            (by_stow if number % 2 else by_c_store)(server, number, synth.uid(9_500, 1, number), LARGE_BYTES)
        began, took = time.monotonic(), []
        with PeakWatch(server) as watch, ThreadPoolExecutor(LARGE) as pool:
            sending = [pool.submit(one, number) for number in range(1, LARGE + 1)]
            while not all(one.done() for one in sending):
                asked = time.monotonic()
                assert server.get("studies").status in (200, 204)
                took.append(time.monotonic() - asked)
                time.sleep(0.02)
        seconds = time.monotonic() - began
        [one.result() for one in sending]
        took.sort()
        print(f"{LARGE} of {LARGE_BYTES / 1e6:.0f} MB in {seconds:.1f} s ({LARGE * LARGE_BYTES / 1e6 / seconds:.0f} MB/s), "
              f"peak {watch.peak / MIB:.0f} MiB; {len(took)} searches: median {1e3 * took[len(took) // 2]:.1f} ms, "
              f"p99 {1e3 * took[len(took) * 99 // 100]:.1f} ms, longest {1e3 * took[-1]:.1f} ms")
        assert len(server.json("instances?limit=1000")) == LARGE
        assert watch.peak < 256 * MIB, f"{watch.peak / MIB:.0f} MiB"
    shutil.rmtree(tmp_path / "data")
