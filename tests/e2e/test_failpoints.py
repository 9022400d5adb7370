"""The process dies, or its disk fails, at every step of storing, placing, deleting and erasing (R2, R4, R5, R14, DIMSE-025).

The points are those in the source: one that no work reaches fails its test. `OVERREAD_TURNS` says at which time that a
point is passed the process dies (`1,4`), `OVERREAD_DELAY` for how many ms a step waits (`200`).
"""

import http.client
import os
import re
import time

import pytest

from support import disk, part10, stow, synth, wire
from support.server import ROOT, DidNotStart, Server, failing_binary, run
from test_crash import proved

DELAY = int(os.environ.get("OVERREAD_DELAY", 200))
EIO, ENOSPC, EDQUOT = 5, 28, 122
TURNS = [int(turn) for turn in os.environ.get("OVERREAD_TURNS", "1,4").split(",")]
AT_ONCE = "[storage]\npurge_after_seconds = 0\n"
PATIENCE = 30
OUT_OF_RESOURCES = 0xA700


def points() -> dict[str, bool]:
    """Whether an error can come from there, by name."""
    sources = [s.read_text() for s in sorted(ROOT.glob("crates/*/src/**/*.rs"))]
    found = [one for text in sources for one in re.findall(r'fail_point!\(\s*"([\w:-]+)"(,?)', text)]
    assert len(found) == len(dict(found)), "two points of one name"
    return {name: bool(answers) for name, answers in sorted(found)}


POINTS = points()


def folder_of(study: int) -> str:
    return f"studies/{synth.uid(study)}"


def of_erasing(point: str) -> bool:
    return point.startswith(("archive::erase-", "index::scrub"))


class Work:
    """Stores by both doors, deletes and, if asked, erases, one thing after the other, and remembers what was said."""

    def __init__(self, server: Server, erases: bool = False):
        self.server, self.erases = server, erases
        self.erased: set[int] = set()
        self.erasing: int | None = None
        self.held: dict[str, tuple[int, bytes]] = {}
        self.unanswered: dict[str, tuple[int, bytes]] = {}
        self.refused: dict[str, tuple[int, bytes]] = {}
        self.deleted: set[int] = set()
        self.deleting: int | None = None
        self.study = 100

    def round(self) -> None:
        """Three studies: one by C-STORE, one by STOW, the one before last deleted."""
        self.study += 1
        sent = self.make(self.study, (2_000, 70_000))
        with wire.Association(self.server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], timeout=20) as peer:
            for uid, (study, data) in sent.items():
                self.unanswered[uid] = (study, data)
                status = peer.store(1, synth.CT, uid, data)
                self.answered(uid, status == 0)
                assert status == 0, f"{status:04X}"
        self.study += 1
        sent = self.make(self.study, (300_000, 5_000, 5_000))
        self.unanswered |= sent
        result = stow.post(self.server, [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data) for uid, (_, data) in sent.items()])
        for uid in sent:
            self.answered(uid, uid in result.stored)
        assert result.status == 200, result.answer
        if self.study > 104:
            self.delete(self.study - 3)
            if self.erases:
                self.erase(self.study - 2)

    def answered(self, uid: str, stored: bool) -> None:
        (self.held if stored else self.refused)[uid] = self.unanswered.pop(uid)

    def attempt(self) -> bool:
        """A round of which things may be refused, or the process die; whether all was done."""
        try:
            self.round()
            return True
        except (OSError, http.client.HTTPException, wire.Closed, wire.Refused, AssertionError):
            return False

    def may_be_taken(self) -> None:
        """What is whole in the spool and was refused, since the index could not say that it has it: the next start may take it."""
        self.unanswered |= self.refused
        self.refused.clear()

    def make(self, study: int, sizes) -> dict[str, tuple[int, bytes]]:
        made = [synth.simple(study, 1, number, size) for number, size in enumerate(sizes, 1)]
        return {uid: (study, data) for uid, data in made}

    def delete(self, study: int) -> None:
        self.deleting = study
        answer = self.server.request("DELETE", folder_of(study))
        self.deleting = None
        # What was refused did not happen.
        assert answer.status == 204, answer
        self.deleted.add(study)
        self.held = {uid: one for uid, one in self.held.items() if one[0] != study}

    def erase(self, study: int) -> None:
        self.erasing = study
        done = run("erase", "--data", self.server.data, "--study", synth.uid(study), "--reason", "asked", "--yes")
        assert done.returncode == 0, done
        self.gone(study)

    def gone(self, study: int) -> None:
        self.erased.add(study)
        self.erasing = None
        self.held = {uid: one for uid, one in self.held.items() if one[0] != study}

    def until_it_dies(self) -> bool:
        """Whether the process died within the time."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if not self.attempt():
                self.server.process.wait(5)
                return True
            if self.server.process.poll() is not None:
                return True
        return False

    def check(self) -> None:
        """What was answered holds, and what was not is whole or absent."""
        seen = {one["00080018"]["Value"][0] for one in self.server.json("instances?limit=1000")}
        maybe = set()
        for on_the_way in (self.deleting, self.erasing):
            half = {uid for uid, (study, _) in self.held.items() if study == on_the_way}
            assert half <= seen or not half & seen, f"half of study {on_the_way} is gone"
            maybe |= half
        lost = set(self.held) - maybe - seen
        assert not lost, f"acknowledged and not found: {lost}"
        known = self.held | self.unanswered
        assert not seen & set(self.refused), f"refused and shown: {seen & set(self.refused)}"
        assert seen <= set(known), f"shown and never sent, or deleted: {seen - set(known)}"
        for uid in seen:
            study, data = known[uid]
            answer = self.server.get(f"{folder_of(study)}/series/{synth.uid(study, 1)}/instances/{uid}", "application/dicom; transfer-syntax=*")
            assert answer.status == 200 and part10.split(answer.body).dataset == data, (uid, answer)
        for study in self.deleted:
            assert self.server.get(f"{folder_of(study)}/metadata").status == 410
        for study in self.erased:
            assert self.server.get(f"{folder_of(study)}/metadata").status == 404


def start(server: Server, failures: str) -> bool:
    """Starts the binary that fails; false when it dies before it is ready."""
    assert failing_binary().exists(), f"no {failing_binary()}: tests/run build"
    server.program, server.env = failing_binary(), {"OVERREAD_FAILPOINTS": failures}
    try:
        server.start()
        return True
    except DidNotStart:
        return False


def as_usual(server: Server) -> None:
    server.program, server.env = Server(server.data).program, {}
    server.start()
    assert server.ready_after < 2, server.ready_after


def test_there_are_points_in_every_step():
    assert len(POINTS) >= 20 and {"blob", "index", "archive"} == {point.split("::")[0] for point in POINTS}, POINTS


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("point", POINTS)
def test_the_process_dies(tmp_path, request, point, turn):
    server = Server(tmp_path / "data", config=AT_ONCE)
    request.addfinalizer(server.kill)
    work = Work(server, of_erasing(point))
    if start(server, f"{point}=kill@{turn}"):
        assert work.until_it_dies(), f"{point} was not passed {turn} times"
    assert server.process.poll() == -9, server.log()[-2000:]
    as_usual(server)
    work.check()
    # It goes on as if nothing had been: what was not answered is sent again.
    for uid, (study, data) in list(work.unanswered.items()):
        assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data) == 0
        work.held[uid] = work.unanswered.pop(uid)
    if work.deleting:
        assert server.request("DELETE", folder_of(work.deleting)).status in (204, 410)
        work.held = {uid: one for uid, one in work.held.items() if one[0] != work.deleting}
        work.deleted.add(work.deleting)
        work.deleting = None
    if work.erasing:
        # Gone since the start, or not ordered yet.
        done = run("erase", "--data", server.data, "--study", synth.uid(work.erasing), "--reason", "asked", "--yes")
        assert done.returncode in (0, 1), done
        work.gone(work.erasing)
    work.round()
    work.check()
    proved(server)
    named = [file for file in (server.data / "removed").iterdir() if any(f'{synth.uid(study)}"' in file.read_text() for study in work.erased)]
    assert not named, "an erasure is not carried out"


@pytest.mark.parametrize("errno", [EIO, ENOSPC])
@pytest.mark.parametrize("point", [point for point, answers in POINTS.items() if answers])
def test_a_step_fails(tmp_path, request, point, errno):
    """Whatever the disk refuses once, what was acknowledged holds and what was refused did not happen; then work goes on."""
    server = Server(tmp_path / "data", config=AT_ONCE)
    request.addfinalizer(server.kill)
    work, whole = Work(server, of_erasing(point)), 0
    until = time.monotonic() + PATIENCE
    if start(server, f"{point}=return({errno})@1"):
        while whole < 2 and server.process.poll() is None:
            assert time.monotonic() < until, f"{point} was not passed, or work does not go on"
            whole = whole + 1 if work.attempt() and "a failure was injected" in server.log() else 0
        if whole == 2:
            work.check()
            server.stop()
    if whole < 2:
        assert server.process.wait(10) == 1, server.log()[-2000:]
        work.may_be_taken()
    as_usual(server)
    work.check()
    emptied = time.monotonic() + PATIENCE
    while len(disk.placed(server.data)) + disk.spooled(server.data) > len(work.held) + len(work.unanswered):
        assert time.monotonic() < emptied, "deleted or refused bytes stay"
        time.sleep(0.05)
    work.unanswered.clear()
    proved(server)


@pytest.mark.parametrize("point", POINTS)
def test_a_step_takes_long(tmp_path, request, point):
    """Nothing depends on how long a step takes: all is done, only later."""
    server = Server(tmp_path / "data", config=AT_ONCE)
    request.addfinalizer(server.kill)
    work, until = Work(server, of_erasing(point)), time.monotonic() + PATIENCE
    assert start(server, f"{point}=delay({DELAY})@1")
    while "a step was delayed" not in server.log():
        assert time.monotonic() < until, f"{point} was not passed"
        work.round()
    work.round()
    work.check()
    proved(server)


FAILURES = [
    # point, errno, times
    ("blob::spool-write", EIO, "1"), ("blob::spool-write", ENOSPC, "1"), ("blob::spool-write", EDQUOT, "1"),
    ("blob::spool-flush", EIO, "1"), ("blob::spool-flush", EIO, "3"),
]


@pytest.mark.parametrize("door", ["C-STORE", "STOW"])
@pytest.mark.parametrize("point, errno, turn", FAILURES)
def test_the_disk_fails_once(tmp_path, request, point, errno, turn, door):
    """Not acknowledged, never tried again as a success, and taken again without a restart (R4, R5)."""
    server = Server(tmp_path / "data", config=AT_ONCE)
    request.addfinalizer(server.kill)
    assert start(server, f"{point}=return({errno})@{turn}")
    held, refused = {}, 0
    until = time.monotonic() + PATIENCE
    number = 0
    while not refused or len(held) < 5:
        assert time.monotonic() < until, f"{len(held)} stored, {refused} refused"
        number += 1
        uid, data = synth.simple(300, 1, number, 20_000)
        if door == "C-STORE":
            stored = wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data)
            assert stored in (0, OUT_OF_RESOURCES), f"{stored:04X}"
            stored = stored == 0
        else:
            result = stow.post(server, [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)])
            assert result.status in (200, 503, 507), result.answer
            stored = result.status == 200
        if stored:
            held[uid] = data
        else:
            refused += 1
    seen = {one["00080018"]["Value"][0] for one in server.json("instances?limit=1000")}
    assert seen == set(held), "what was refused is not shown"
    as_shown(server, held)
    server.stop()
    as_usual(server)
    as_shown(server, held)
    proved(server)


def as_shown(server: Server, held: dict[str, bytes]) -> None:
    for uid, data in held.items():
        answer = server.get(f"{folder_of(300)}/series/{synth.uid(300, 1)}/instances/{uid}", "application/dicom; transfer-syntax=*")
        assert answer.status == 200 and part10.split(answer.body).dataset == data


@pytest.mark.parametrize("turn", [1, 3])
def test_a_failed_flush_of_the_index_ends_the_process(tmp_path, request, turn):
    """Nothing that the index says it wrote is believed any more; the next start has the spool checked (R4)."""
    server = Server(tmp_path / "data", config=AT_ONCE)
    request.addfinalizer(server.kill)
    work = Work(server)
    if start(server, f"index::commit=return@{turn}"):
        assert work.until_it_dies()
    assert server.process.wait(10) == 1, server.log()[-2000:]
    work.may_be_taken()
    as_usual(server)
    work.check()
    work.unanswered.clear()
    proved(server)


@pytest.mark.parametrize("errno", [EIO, ENOSPC])
def test_a_deletion_that_cannot_be_recorded_did_not_happen(tmp_path, request, errno):
    server = Server(tmp_path / "data", config=AT_ONCE)
    request.addfinalizer(server.kill)
    assert start(server, f"blob::record-write=return({errno})@1")
    uid, data = synth.simple(300, 1, 1, 20_000)
    assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data) == 0
    assert server.request("DELETE", folder_of(300)).status == 503
    as_shown(server, {uid: data})
    # After EIO nothing is written until the disk has passed a health check: as Retry-After says, later.
    until = time.monotonic() + PATIENCE
    while (again := server.request("DELETE", folder_of(300))).status == 503:
        assert time.monotonic() < until, again
    assert again.status == 204
    assert server.json("instances") == []
    proved(server)


def test_placing_goes_on_after_the_folder_could_not_be_flushed(tmp_path, request):
    server = Server(tmp_path / "data", config=AT_ONCE)
    request.addfinalizer(server.kill)
    assert start(server, "blob::shelf-flush=return(5)@1")
    held = dict(synth.simple(300, 1, number, 20_000) for number in range(1, 4))
    for uid, data in held.items():
        assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data) == 0
    until = time.monotonic() + PATIENCE
    while len(disk.placed(server.data)) < 3 or disk.spooled(server.data):
        assert time.monotonic() < until, "not placed"
        as_shown(server, held)
    as_shown(server, held)
    proved(server)
