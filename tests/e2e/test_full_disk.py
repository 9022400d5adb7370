"""A full disk (R5): refused at once with the right code, reading goes on, accepted again when there is room, no restart."""

import os
import subprocess
import time

import pytest

from support import part10, stow, synth, wire
from support.server import MIB, Server

OUT_OF_RESOURCES = range(0xA700, 0xA800)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 96 MiB."""
    home = tmp_path / "small"
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", home], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"did not run: no file system can be mounted here ({mounted.stderr.strip()})")
    yield home
    subprocess.run(["umount", "-l", home], check=True)


def by_c_store(server, number) -> tuple[bool, float]:
    uid, data = synth.simple(9_700, 1, number, 500_000)
    began = time.monotonic()
    status = wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data)
    took = time.monotonic() - began
    assert status == 0 or status in OUT_OF_RESOURCES, f"{status:04X}"
    return status == 0, took


def by_stow(server, number) -> tuple[bool, float]:
    uid, data = synth.simple(9_700, 1, number, 500_000)
    began = time.monotonic()
    result = stow.post(server, [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)])
    took = time.monotonic() - began
    assert result.status in (200, 507, 503), result.answer
    if result.status == 503:
        assert "Retry-After" in result.answer.headers
    if result.module and result.status != 200:
        assert result.reasons() <= set(OUT_OF_RESOURCES)  # STOW-022
    return result.status == 200, took


@pytest.mark.timeout(180)
def test_full_and_room_again(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(os.urandom(MIB) * 30)
    with Server(small_disk / "data") as server:
        acked, refused, slowest = [], [], 0.0
        for number in range(1, 400):
            send = by_c_store if number % 2 else by_stow
            stored, took = send(server, number)
            (acked if stored else refused).append(number)
            if not stored:
                slowest = max(slowest, took)
            if len(refused) >= 20:
                break
        assert len(acked) > 10 and len(refused) >= 20, (len(acked), len(refused))
        assert slowest < 1, f"a refusal took {slowest:.1f} s"
        free = os.statvfs(small_disk)
        assert free.f_bavail * free.f_frsize > 0, "a reserve is left for the index"
        assert server.metric("overread_store_errors_total") > 0 or server.metric("overread_errors_total") > 0

        whole(server, acked)
        assert server.get("/readyz").status in (200, 503)
        assert server.get("/healthz").status == 200

        ballast.unlink()
        roomy = time.monotonic()
        while not by_c_store(server, 1_000)[0]:
            assert time.monotonic() < roomy + 5, "does not accept again within 5 s"
            time.sleep(0.02)
        print(f"\n{len(acked)} stored, {len(refused)} refused, each within {1e3 * slowest:.0f} ms; again {time.monotonic() - roomy:.2f} s after there is room")
        assert by_stow(server, 1_001)[0] and by_c_store(server, refused[0])[0]
        whole(server, [*acked, 1_000, 1_001, refused[0]])
        server.kill()
        server.start()
        whole(server, [*acked, 1_000, 1_001, refused[0]])


def whole(server, acked):
    """Everything acknowledged is found and comes back; nothing else is shown."""
    found = {o["00080018"]["Value"][0] for o in server.json("instances?limit=1000")}
    assert found == {synth.uid(9_700, 1, n) for n in acked}
    for number in acked[:: max(1, len(acked) // 20)]:
        uid, data = synth.simple(9_700, 1, number, 500_000)
        answer = server.get(f"studies/{synth.uid(9_700)}/series/{synth.uid(9_700, 1)}/instances/{uid}", "application/dicom; transfer-syntax=*")
        assert answer.status == 200 and part10.split(answer.body).dataset == data


@pytest.mark.timeout(120)
def test_no_inodes(tmp_path):
    """No room for names is no room."""
    image, home = tmp_path / "image", tmp_path / "small"
    home.mkdir()
    with image.open("wb") as file:
        file.truncate(200 * MIB)
    made = subprocess.run(["mkfs.ext4", "-q", "-N", "200", image], capture_output=True, text=True)
    mounted = subprocess.run(["mount", "-o", "loop", image, home], capture_output=True, text=True)
    if made.returncode or mounted.returncode:
        pytest.skip(f"did not run: no loop file system here ({mounted.stderr.strip()})")
    try:
        with Server(home / "data") as server:
            outcomes = [(by_c_store if n % 2 else by_stow)(server, n) for n in range(1, 260)]
            acked = [n for n, (stored, _) in enumerate(outcomes, 1) if stored]
            assert acked and len(acked) < 259
            slowest = max(took for stored, took in outcomes if not stored)
            assert slowest < 1, f"a refusal took {slowest:.1f} s"
            print(f"\n{len(acked)} stored, {len(outcomes) - len(acked)} refused for want of inodes, each within {1e3 * slowest:.0f} ms")
            whole(server, acked)
    finally:
        subprocess.run(["umount", "-l", home], check=True)
