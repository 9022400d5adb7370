"""Many small disasters in a row: flipped bits, cut transfers, jumping clocks, killed workers, idle crowds, HTTP/2 floods.

`OVERREAD_STORM` multiplies how many (1); `tests/storm` does ten times as many and more.
"""

import http.client
import os
import random
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import disk, part10, stow, synth, wire
from support.server import MIB, PeakWatch, Server, run
from test_commands import items
from test_start import secure

STORM = int(os.environ.get("OVERREAD_STORM", 1))
SEED = int(os.environ.get("OVERREAD_SEED", time.time_ns() % 1_000_000))
HEAD = 1_024  # bytes before the data set in a file of ours
WAIT = 30


def url(study: int, uid: str) -> str:
    return f"studies/{synth.uid(study)}/series/{synth.uid(study, 1)}/instances/{uid}"


def placed(server: Server, count: int) -> list[Path]:
    until = time.monotonic() + WAIT
    while True:
        files = disk.placed(server.data)
        if len(files) == count and not disk.spooled(server.data):
            return files
        assert time.monotonic() < until, f"{len(files)} of {count} are placed"
        time.sleep(0.05)


def fetch(server: Server, study: int, uid: str) -> tuple[int, bytes]:
    """Status and bytes; 0 when the answer breaks off."""
    try:
        answer = server.get(url(study, uid), "application/dicom; transfer-syntax=*")
        return answer.status, answer.body
    except (OSError, http.client.HTTPException):
        return 0, b""


@pytest.mark.timeout(300 + 120 * STORM)
def test_r6_flipped_bits_and_cut_files(tmp_path):
    """Each is found on reading before a wrong byte leaves, and by `verify`; none is found where there is none."""
    chance = random.Random(SEED)
    flips, cuts, clean = 100 * STORM, 10 * STORM, 40
    print(f"seed {SEED}")
    made = dict(synth.simple(700, 1, number, chance.choice((3_000, 70_000, 300_000))) for number in range(flips + cuts + clean))
    with Server(tmp_path / "data") as server:
        for some in range(0, len(made), 50):
            files = [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data) for uid, data in list(made.items())[some : some + 50]]
            assert stow.post(server, files).status == 200
        files = {f.stem: f for f in placed(server, len(made))}
    hurt = chance.sample(sorted(made), flips + cuts)
    for number, uid in enumerate(hurt):
        content = bytearray(files[uid].read_bytes())
        if number < flips:
            content[chance.randrange(HEAD, len(content))] ^= 1 << chance.randrange(8)
        else:
            del content[chance.randrange(HEAD, len(content)) :]
        files[uid].unlink()
        files[uid].write_bytes(content)
    twin = tmp_path / "twin"
    shutil.copytree(server.data, twin, ignore=lambda _, names: [n for n in names if n.endswith(".sock")])
    verified = run("verify", "--json", "--data", twin, timeout=300)
    told = set(re.findall(r"\d+(?:\.\d+)+", " ".join(items(verified))))
    assert verified.returncode == 3 and told & set(made) == set(hurt)
    with Server(tmp_path / "data") as server:
        def read(uid):
            status, body = fetch(server, 700, uid)
            whole = status == 200 and part10.split(body).dataset == made[uid]
            expected = not whole and status in (0, 500) if uid in hurt else whole
            return None if expected else (uid, uid in hurt, status, whole, len(body), len(made[uid]))
        with ThreadPoolExecutor(4) as pool:
            wrong = [one for one in pool.map(read, made) if one]
        assert not wrong, wrong[:5]
        # They are out of service, and searches say so.
        until = time.monotonic() + WAIT
        while len(list((server.data / "quarantine").glob("*.dcm"))) < len(hurt):
            assert time.monotonic() < until, "damaged instances stay in service"
            time.sleep(0.05)


def cut_short(server: Server, chance: random.Random, uid: str, data: bytes) -> None:
    """Begins to send an instance by either door and breaks off: reset, closed, or silent."""
    if chance.random() < 0.5:
        peer = wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])])
        message = wire.pdu(4, wire.pdv(1, 3, wire.store_request(synth.CT, uid)))
        message += b"".join(wire.pdu(4, wire.pdv(1, 2 if at + 16_000 >= len(data) else 0, data[at : at + 16_000])) for at in range(0, len(data), 16_000))
        # The last byte never comes.
        peer.send(message[: chance.randrange(len(message))])
        chance.choice((peer.reset, peer.close))()
        return
    body = stow.body([part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)])
    head = f"POST /dicom-web/studies HTTP/1.1\r\nHost: localhost\r\nContent-Type: {stow.content_type()}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    end = body.rindex(b"\r\n--")  # before the closing delimiter the part is not whole
    with socket.create_connection(server.http) as peer:
        peer.sendall((head + body)[: chance.randrange(len(head) + end)])
        if chance.random() < 0.5:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_r7_transfers_that_are_cut(server):
    """Nothing partial is visible, and sent again there is exactly one."""
    chance = random.Random(SEED)
    print(f"seed {SEED}")
    made = dict(synth.simple(701, 1, number, chance.choice((2_000, 60_000, 200_000))) for number in range(50 * STORM))
    for uid, data in made.items():
        cut_short(server, chance, uid, data)
    until = time.monotonic() + WAIT
    while server.metric("overread_dimse_associations") > 0:
        assert time.monotonic() < until
        time.sleep(0.05)
    seen = {one["00080018"]["Value"][0] for one in server.json("instances?limit=1000")}
    assert not seen, f"{len(seen)} are visible"
    for uid, data in made.items():
        assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data) == 0
    assert len(server.json("instances?limit=1000")) == min(len(made), 1000)
    for uid, data in made.items():
        status, body = fetch(server, 701, uid)
        assert status == 200 and part10.split(body).dataset == data
    assert len(placed(server, len(made))) == len(made)


def test_r11_64_senders_of_the_same_instances(server):
    """Each is stored once; the others are told that it is here."""
    # A hundred times as many in the long form.
    made = dict(synth.simple(702, 1, number, 30_000) for number in range(1_000 if STORM >= 10 else 10 * STORM))
    ready = threading.Barrier(64)

    def send(_):
        ready.wait(60)
        with wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], timeout=120) as peer:
            return [peer.store(1, synth.CT, uid, data) for uid, data in made.items()]
    with ThreadPoolExecutor(64) as pool:
        statuses = {status for some in pool.map(send, range(64)) for status in some}
    assert statuses == {0}
    assert len(server.json("instances?limit=1000")) == len(made)
    for uid, data in made.items():
        status, body = fetch(server, 702, uid)
        assert status == 200 and part10.split(body).dataset == data
        assert server.get(url(702, uid) + "?version=2").status == 404
    assert len(placed(server, len(made))) == len(made)


def faketime() -> str | None:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else None


@pytest.mark.parametrize("jumps", [("+86400", "-86400"), ("-3600", "-7200"), ("+0", "-86400000")])
def test_r10_clocks_that_jump(tmp_path, request, jumps):
    """Sequences, not the clock, say what came after what; nothing is lost and nothing waits."""
    library = faketime()
    assert library, "no libfaketime: tests/run tools"
    moment = tmp_path / "moment"
    env = {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(moment), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
    moment.write_text("+0")
    server = Server(tmp_path / "data", env=env)
    request.addfinalizer(server.kill)
    server.start()
    sent = {}
    for turn, jump in enumerate(("+0", *jumps)):
        moment.write_text(jump)
        for number in range(5):
            uid, data = synth.simple(703, 1, turn * 10 + number, 20_000)
            assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data) == 0
            sent[uid] = data
        if turn == 1:
            server.kill()
            server.start()
    assert {one["00080018"]["Value"][0] for one in server.json("instances?limit=100")} == set(sent)
    for uid, data in sent.items():
        status, body = fetch(server, 703, uid)
        assert status == 200 and part10.split(body).dataset == data
    # A version that comes later is the later one, whatever the clock says.
    uid, data = synth.simple(703, 1, 0, 20_000)
    moment.write_text("-99999999")
    assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data.replace(b"Synthetic", b"Different")) == 0xB000
    assert part10.split(fetch(server, 703, uid)[1]).dataset == data, "version 1 goes on being served"
    assert server.stop() == 0
    assert run("verify", "--data", server.data).returncode == 0


def workers_of(server: Server) -> list[int]:
    listed = [children.read_text().split() for children in Path(f"/proc/{server.pid}/task").glob("*/children")]
    return [int(pid) for some in listed for pid in some]


def test_s3_workers_that_are_killed(server):
    """Each costs at most the answer that it was at, and that is a clean one."""
    data = synth.with_pixels(synth.instance(704, 1, 1), rows=256, columns=256, frames=8)
    assert stow.post(server, [synth.file(data)]).status == 200
    stop, seen, broken = threading.Event(), [], []

    def ask(first):
        number = first
        while not stop.is_set():
            number += 1
            try:
                answer = server.get(f"{url(704, data.SOPInstanceUID)}/frames/{number % 8 + 1}/rendered?quality={number % 99 + 1}", "image/jpeg")
                seen.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                broken.append(error)
    threads = [threading.Thread(target=ask, args=(n * 1_000,)) for n in range(4)]
    [t.start() for t in threads]
    killed = 0
    until = time.monotonic() + WAIT * STORM
    while killed < 50 * STORM and time.monotonic() < until:
        for pid in workers_of(server):
            try:
                os.kill(pid, 9)
                killed += 1
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    stop.set()
    [t.join() for t in threads]
    assert killed >= 50 * STORM, f"{killed} killed"
    assert not broken and set(seen) <= {200, 422, 503} and 200 in seen, (broken[:3], sorted(set(seen)))
    assert server.get(f"{url(704, data.SOPInstanceUID)}/rendered", "image/png").status == 200


CROWD = """
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, 20_000))
host, port, count, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), bytes.fromhex(sys.argv[4])
peers = []
for n in range(count):
    peer = socket.create_connection((host, port))
    if first:
        peer.sendall(first)
        peer.recv(4_096)
    peers.append(peer)
print("here", flush=True)
sys.stdin.read()
"""


@pytest.mark.timeout(120 + 60 * STORM)
def test_l1_a_crowd_that_says_nothing(tmp_path):
    """Associations and connections that idle; whoever works is served, and each costs little."""
    associations, connections = min(1_000 * STORM, 10_000), min(500 * STORM, 5_000)
    with Server(tmp_path / "data") as server:
        before = server.memory()
        alive = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        crowd = [((*server.dimse, associations), wire.associate()), ((*server.http, connections), alive)]
        idle = [subprocess.Popen(["python3", "-c", CROWD, *map(str, who), first.hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE) for who, first in crowd]
        try:
            assert [p.stdout.readline() for p in idle] == [b"here\n"] * 2
            assert server.metric("overread_dimse_associations") >= associations
            each = (server.memory() - before) / (associations + connections)
            assert each < 24 * 1024, f"{each:.0f} bytes each"
            for number in range(20):
                with wire.Association(server.dimse, [(wire.VERIFICATION, [wire.IMPLICIT_LE])]) as peer:
                    assert peer.echo() == 0
                uid, data = synth.simple(705, 1, number, 500_000)
                assert stow.post(server, [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)]).status == 200
            print(f"{associations} associations, {connections} connections: {each:.0f} bytes each")
        finally:
            [p.kill() for p in idle]
            [p.wait() for p in idle]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


HEADERS, RST, SETTINGS, PING, CONTINUATION = 1, 3, 4, 6, 9
REQUEST = bytes([0x82, 0x87, 0x84, 0x41, 9]) + b"localhost"  # GET https / localhost
CANCEL = struct.pack(">I", 8)
FLOODS = {
    # the frames of one turn
    "rapid reset": lambda n: frame(HEADERS, 5, 2 * n + 1, REQUEST) + frame(RST, 0, 2 * n + 1, CANCEL),
    "pings": lambda n: frame(PING, 0, 0, struct.pack(">Q", n)),
    "settings": lambda n: frame(SETTINGS, 0, 0, struct.pack(">HI", 3, n % 100 + 1)),
    "continuations": lambda n: (frame(HEADERS, 1, 1, REQUEST) if n == 0 else b"") + frame(CONTINUATION, 0, 1, b"\x00\x01a\x7fb" + b"c" * 126),
    "empty data": lambda n: (frame(HEADERS, 4, 1, REQUEST) if n == 0 else b"") + frame(0, 0, 1),
}


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory):
    with secure(tmp_path_factory.mktemp("floods") / "data") as running:
        yield running


@pytest.mark.parametrize("name", FLOODS)
def test_l3_http_2_floods(over_tls, name):
    """The connection ends or the frames cost nothing: memory stays, and others are served."""
    server, before = over_tls, over_tls.memory()
    trust = ssl.create_default_context(cafile=str(server.data / "tls/certificate.pem"))
    trust.set_alpn_protocols(["h2"])
    with PeakWatch(server) as watch, trust.wrap_socket(socket.create_connection(server.http, timeout=20), server_hostname="localhost") as peer:
        ended = threading.Event()

        def drain():
            try:
                while peer.recv(65_536):
                    pass
            except OSError:
                pass
            ended.set()
        reading = threading.Thread(target=drain, daemon=True)
        try:
            peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
            reading.start()
            for turn in range(0, 10_000 * STORM, 100):
                peer.sendall(b"".join(FLOODS[name](n) for n in range(turn, turn + 100)))
                if ended.is_set():
                    break
        except OSError:
            pass  # cut off, as it should be
        assert server.request("GET", "/healthz").status == 200
    assert watch.peak - before < 64 * MIB, f"{(watch.peak - before) / MIB:.0f} MiB"
    assert server.process.poll() is None
