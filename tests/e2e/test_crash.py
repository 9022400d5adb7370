"""kill -9 at any moment loses nothing acknowledged and shows nothing partial (R1, DIMSE-025).

Eight C-STORE and four STOW senders, each with a journal flushed after every acknowledgement. The process is killed at
a random moment, started again, and everything acknowledged is fetched and compared. `OVERREAD_CYCLES` sets how often
(20), `OVERREAD_LONGEST` how many seconds a cycle lasts at most (3); `tests/crash` does 100. After each hundred the store
is proved as a whole, rebuilt, and a new one begun: what is looked at in each cycle does not grow without end.
"""

import http.client
import json
import os
import random
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import part10, stow, synth, wire
from support.server import Server, run

CYCLES = int(os.environ.get("OVERREAD_CYCLES", 20))
LONGEST = float(os.environ.get("OVERREAD_LONGEST", 3))
LIFE = 100
SEED = int(os.environ.get("OVERREAD_SEED", time.time_ns() % 1_000_000))
DIMSE_SENDERS, STOW_SENDERS, READERS = 8, 4, 2
READY_WITHIN = 2.0


def size_of(number: int) -> int:
    """Mostly small ones, some as large as a CT slice, a few far larger: kills hit all of them in mid-flight."""
    chance = random.Random(number).random()
    return 4_000 if chance < 0.6 else 130_000 if chance < 0.9 else 530_000 if chance < 0.99 else 6_000_000


def make(sender: int, number: int) -> tuple[str, bytes]:
    """The instance that this sender sends as its n-th: computed anew whenever it is needed."""
    return synth.simple(8_000 + sender * 100 + number // 40, 1 + number % 3, number, size_of(sender * 1_000_003 + number))


class Journal:
    """What was sent and what was acknowledged, the latter on disk before the sender goes on."""

    def __init__(self, file: Path):
        self.out = file.open("a")
        self.lock = threading.Lock()
        self.acked: dict[str, tuple[int, int]] = {}
        self.sent: dict[str, tuple[int, int]] = {}

    def sending(self, uid: str, key: tuple[int, int]) -> None:
        with self.lock:
            self.sent[uid] = key

    def acknowledge(self, uids: list[str]) -> None:
        with self.lock:
            for uid in uids:
                self.acked[uid] = self.sent[uid]
                self.out.write(f"{uid}\n")
            self.out.flush()
            os.fsync(self.out.fileno())


class Rig:
    def __init__(self, home: Path):
        self.server = Server(home / "data")
        self.journal = Journal(home / "journal")
        self.next = [1] * (DIMSE_SENDERS + STOW_SENDERS)
        self.refusals: list[str] = []
        self.stopping = threading.Event()

    def take(self, sender: int) -> tuple[str, bytes]:
        number = self.next[sender]
        self.next[sender] += 1
        uid, data = make(sender, number)
        self.journal.sending(uid, (sender, number))
        return uid, data

    def dimse_sender(self, sender: int) -> None:
        try:
            peer = wire.Association(self.server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], timeout=60)
            while not self.stopping.is_set():
                uid, data = self.take(sender)
                status = peer.store(1, synth.CT, uid, data)
                if status == 0:
                    self.journal.acknowledge([uid])
                else:
                    self.refusals.append(f"{uid}: {status:04X}")
        except (OSError, wire.Closed, wire.Refused):
            pass  # the server was killed

    def stow_sender(self, sender: int) -> None:
        try:
            while not self.stopping.is_set():
                some = [self.take(sender) for _ in range(random.choice((1, 1, 3, 10)))]
                files = [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data) for uid, data in some]
                result = stow.post(self.server, files)
                self.journal.acknowledge(list(result.stored))
                if result.failed or result.others:
                    self.refusals.append(str(result.module))
        except (OSError, http.client.HTTPException):
            pass

    def reader(self) -> None:
        """Searches and retrieves all the while: what it is shown must be whole at that moment."""
        try:
            while not self.stopping.is_set():
                found = self.server.json(f"instances?limit=20&offset={random.randrange(200)}")
                for one in found[:3]:
                    self.check(one["00080018"]["Value"][0])
        except (OSError, http.client.HTTPException, AssertionError) as error:
            if isinstance(error, AssertionError) and not self.stopping.is_set() and self.server.process.poll() is None:
                self.refusals.append(f"reader: {error}")

    def cycle(self, moment: float) -> None:
        self.stopping.clear()
        work = [threading.Thread(target=self.dimse_sender, args=(n,)) for n in range(DIMSE_SENDERS)]
        work += [threading.Thread(target=self.stow_sender, args=(DIMSE_SENDERS + n,)) for n in range(STOW_SENDERS)]
        work += [threading.Thread(target=self.reader) for _ in range(READERS)]
        [t.start() for t in work]
        time.sleep(moment)
        self.server.kill()
        self.stopping.set()
        [t.join() for t in work]

    def check(self, uid: str, connection=None) -> str | None:
        """What is wrong with an instance that must be there, whole."""
        sender, number = self.journal.sent[uid]
        _, data = make(sender, number)
        study = 8_000 + sender * 100 + number // 40
        url = f"/dicom-web/studies/{synth.uid(study)}/series/{synth.uid(study, 1 + number % 3)}/instances/{uid}"
        own = connection or self.server.connection()
        try:
            own.request("GET", url, headers={"Accept": "application/dicom; transfer-syntax=*"})
            response = own.getresponse()
            body = response.read()
        finally:
            if connection is None:
                own.close()
        if response.status != 200:
            return f"{uid}: {response.status}"
        return None if part10.split(body).dataset == data else f"{uid}: other bytes"

    def check_all(self, uids) -> list[str]:
        """Bytes of all of these, on a few connections."""
        uids = list(uids)

        def some(part):
            connection = self.server.connection()
            wrong = [w for uid in part if (w := self.check(uid, connection))]
            connection.close()
            return wrong
        with ThreadPoolExecutor(4) as pool:
            return [w for found in pool.map(some, (uids[n::4] for n in range(4))) for w in found]

    def visible(self) -> set[str]:
        """Every instance that a search shows, page by page."""
        uids, offset = set(), 0
        while page := self.server.json(f"instances?limit=500&offset={offset}"):
            uids |= {o["00080018"]["Value"][0] for o in page}
            offset += len(page)
        return uids


def leftovers(data: Path) -> list[str]:
    """Unfinished files: a spool that is not empty once everything is placed."""
    return [str(p.relative_to(data)) for p in data.rglob("*.part") if p.stat().st_size]


def every_answer(server) -> list[str]:
    """The answers to searches of every kind, and all metadata of some studies."""
    answers = []
    for path in ("studies?includefield=all", "series?includefield=all", "instances?includefield=all", "studies?PatientID=S80*",
                 "studies?StudyDate=20240101-20240131", "series?Modality=CT", "instances?InstanceNumber=1", "studies?ModalitiesInStudy=CT&limit=7"):
        offset = 0
        separator = "&" if "?" in path else "?"
        while page := server.json(f"{path}{separator}offset={offset}" + ("" if "limit" in path else "&limit=300")):
            answers.append(json.dumps(page).replace(server.origin, ""))
            offset += len(page)
            if "limit" in path:
                break
    for study in server.json("studies?limit=10"):
        uid = study["0020000D"]["Value"][0]
        answers.append(json.dumps(server.json(f"studies/{uid}/metadata")).replace(server.origin, ""))
    return answers


def proved(server) -> None:
    """Everything on disk is as it should be, and an index made from the files alone gives the same answers."""
    before = every_answer(server)
    assert server.stop() == 0
    assert not leftovers(server.data)
    verified = run("verify", "--data", server.data, "--json", timeout=300)
    assert verified.returncode == 0, verified.stdout[-2000:] + verified.stderr[-2000:]
    index = list(server.data.glob("overread.db*"))
    assert index
    [f.unlink() for f in index]
    rebuilt = run("rebuild", "--data", server.data, timeout=300)
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    server.start()
    after = every_answer(server)
    assert len(before) == len(after) and [a for a, b in zip(before, after) if a != b] == []


def live(rig: Rig, cycles: range, moments: random.Random) -> tuple[int, float]:
    """Kills a server so often; how many instances it showed, and the slowest start in seconds."""
    slowest, checked = 0.0, set()
    rig.server.start()
    for cycle in cycles:
        rig.cycle(moments.uniform(0.05, LONGEST))
        rig.server.start()
        slowest = max(slowest, rig.server.ready_after)
        assert rig.server.ready_after < READY_WITHIN, f"ready after {rig.server.ready_after:.2f} s in cycle {cycle}"
        seen = rig.visible()
        acked = set(rig.journal.acked)
        assert acked <= seen, f"cycle {cycle}: {len(acked - seen)} acknowledged are not found: {sorted(acked - seen)[:5]}"
        wrong = rig.check_all(seen - checked)  # those shown without an acknowledgement must be whole as well
        assert not wrong, f"cycle {cycle}: {wrong[:5]}"
        checked |= seen
        assert not rig.refusals, rig.refusals[:5]
    wrong = rig.check_all(rig.journal.acked)
    assert not wrong, wrong[:5]
    proved(rig.server)
    rig.server.stop()
    return len(checked), slowest


@pytest.mark.timeout(60 + CYCLES * 30)
def test_kill_9(tmp_path, request):
    moments = random.Random(SEED)
    print(f"seed {SEED}, {CYCLES} cycles of at most {LONGEST:g} s")
    acked, seen, slowest = 0, 0, 0.0
    for first in range(0, CYCLES, LIFE):
        home = tmp_path / f"from-{first}"
        home.mkdir()
        rig = Rig(home)
        request.addfinalizer(rig.server.kill)
        shown, start = live(rig, range(first, min(first + LIFE, CYCLES)), moments)
        acked, seen, slowest = acked + len(rig.journal.acked), seen + shown, max(slowest, start)
        print(f"{min(first + LIFE, CYCLES)} cycles: {acked} acknowledged, {seen} seen, slowest start {slowest * 1000:.0f} ms", flush=True)
        shutil.rmtree(home)


def test_a_power_cut_before_the_index_was_flushed(tmp_path):
    """The index is lost altogether while everything is still in the spool, or partly placed: the start takes it back."""
    with Server(tmp_path / "data") as server:
        sent = [synth.simple(8_900, 1, n, 20_000) for n in range(1, 60)]
        with wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])]) as peer:
            assert {peer.store(1, synth.CT, uid, data) for uid, data in sent} == {0}
        server.kill()
        # What a power cut does to a WAL that was not flushed: it is cut short.
        wal = server.data / "overread.db-wal"
        if wal.exists():
            os.truncate(wal, wal.stat().st_size // 2)
        server.start()
        assert len(server.json("instances?limit=1000")) == len(sent)
        for uid, data in sent:
            answer = server.get(f"studies/{synth.uid(8_900)}/series/{synth.uid(8_900, 1)}/instances/{uid}", "application/dicom; transfer-syntax=*")
            assert part10.split(answer.body).dataset == data


def test_half_files_in_the_spool_are_never_shown(tmp_path):
    """A spool file whose bytes do not match its header was never acknowledged: set aside, not shown."""
    with Server(tmp_path / "data") as server:
        uid, data = synth.simple(8_901, 1, 1, 200_000)
        assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data) == 0
        server.kill()
        damaged = 0
        for file in [p for p in (server.data / "spool").rglob("*") if p.is_file() and p.stat().st_size > 100_000]:
            with file.open("r+b") as f:
                f.seek(100_000)
                f.write(b"damaged here")
            damaged += 1
        server.start()
        found = server.json("instances")
        if damaged and found:  # it was placed before the kill and shares its bytes with the spool's name: then reading must notice
            answer = server.get(found[0]["00081190"]["Value"][0].removeprefix(server.origin), "application/dicom; transfer-syntax=*")
            assert answer.status >= 500
