"""R15: a mixed load that goes on: stores by both doors, searches, metadata, frames, deletions. Neither memory nor descriptors nor
times grow. `tests/soak` runs it for hours; the short form shows that each part of it works."""

import os
import random
import threading
import time
from http.client import HTTPConnection

import pytest

from support import part10, stow, synth, wire
from support.server import MIB, Server

SECONDS = int(os.environ.get("OVERREAD_SOAK_SECONDS", 12))
# Long enough for slopes to say something.
LONG = SECONDS >= 3_600
# Studies that are held at the same moment, and their instances.
STUDIES, INSTANCES, PIXELS = 60, 4, 60_000
JSON = "application/dicom+json"
# Each worker's pause between two requests: the load is steady, and far from what the server could do.
PAUSE = float(os.environ.get("OVERREAD_SOAK_PAUSE", 0.02))


class Load:
    """What the workers share: the studies that are there, when it ends, and how long each request took."""

    def __init__(self, server: Server):
        self.server, self.over, self.lock = server, threading.Event(), threading.Lock()
        self.held: list[int] = []
        self.next = 20_000
        self.took: list[tuple[float, str, float]] = []
        self.failures: list[str] = []

    def new(self) -> int:
        with self.lock:
            self.next += 1
            return self.next

    def any(self) -> int | None:
        with self.lock:
            return random.choice(self.held) if self.held else None

    def oldest(self) -> int | None:
        with self.lock:
            return self.held.pop(0) if len(self.held) > STUDIES else None

    def works(self, work) -> threading.Thread:
        def run():
            connection = HTTPConnection(*self.server.http, timeout=60)
            try:
                while not self.over.wait(PAUSE):
                    work(connection)
            except Exception as error:
                self.failures.append(f"{work.__name__}: {error!r}")
                self.over.set()
            finally:
                connection.close()
        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def ask(self, connection, kind: str, method: str, path: str, body=None, accept=JSON, expected=(200,), **headers) -> bytes:
        began = time.monotonic()
        connection.request(method, f"/dicom-web/{path}", body, {"Accept": accept} | {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        read = answer.read()
        self.took.append((began, kind, time.monotonic() - began))
        assert answer.status in expected, (kind, answer.status, read[:300])
        return read

    def by_stow(self, connection):
        study = self.new()
        made = [synth.simple(study, 1, n, PIXELS) for n in range(INSTANCES)]
        body = stow.body([part10.file(synth.CT, uid, part10.EXPLICIT_LE, data) for uid, data in made])
        self.ask(connection, "stow", "POST", "studies", body, Content_Type=stow.content_type())
        with self.lock:
            self.held.append(study)

    def by_c_store(self, _):
        study = self.new()
        with wire.Association(self.server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], timeout=60) as peer:
            for uid, data in (synth.simple(study, 1, n, PIXELS) for n in range(INSTANCES)):
                began = time.monotonic()
                assert peer.store(1, synth.CT, uid, data) == 0
                self.took.append((began, "c-store", time.monotonic() - began))
            peer.release()
        with self.lock:
            self.held.append(study)

    def reads(self, connection):
        # What was just deleted is gone; everything else is there.
        there = (200, 404, 410)
        study = self.any()
        if study is None:
            return
        of = f"studies/{synth.uid(study)}"
        instance = f"{of}/series/{synth.uid(study, 1)}/instances/{synth.uid(study, 1, 1)}"
        self.ask(connection, "search", "GET", f"studies?StudyInstanceUID={synth.uid(study)}", expected=(200, 204))
        self.ask(connection, "list", "GET", "studies?limit=25")
        self.ask(connection, "metadata", "GET", f"{of}/metadata", expected=there)
        frames = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
        self.ask(connection, "frame", "GET", f"{instance}/frames/1", accept=frames, expected=there)
        self.ask(connection, "study", "GET", of, accept='multipart/related; type="application/dicom"; transfer-syntax=*', expected=there)
        self.ask(connection, "thumbnail", "GET", f"{instance}/thumbnail", accept="image/jpeg", expected=there)

    def deletes(self, connection):
        study = self.oldest()
        if study is not None:
            self.ask(connection, "delete", "DELETE", f"studies/{synth.uid(study)}", expected=(204,))


def slope(points: list[tuple[float, float]]) -> float:
    """By least squares, in units an hour."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3_600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def errors(server: Server) -> list[str]:
    """The first of what the server says went wrong."""
    return [line for line in server.log().splitlines() if "ERROR" in line][:20]


def p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100] if times else 0.0


@pytest.mark.timeout(SECONDS + 180)
def test_r15_nothing_grows(tmp_path):
    with Server(tmp_path / "data") as server:
        load = Load(server)
        began, samples = time.monotonic(), []
        threads = [load.works(work) for work in (load.by_stow, load.by_c_store, load.reads, load.reads, load.deletes, load.deletes)]
        while time.monotonic() < began + SECONDS and not load.over.wait(1):
            samples.append((time.monotonic(), server.memory(), server.descriptors()))
        load.over.set()
        [thread.join() for thread in threads]
        assert not load.failures, (load.failures, errors(server))
        kinds = {kind for _, kind, _ in load.took}
        assert kinds == {"stow", "c-store", "search", "list", "metadata", "frame", "study", "thumbnail", "delete"}
        # The first third fills caches.
        steady, late = began + SECONDS / 3, began + 2 * SECONDS / 3
        memory = slope([(at, rss / MIB) for at, rss, _ in samples if at > steady])
        descriptors = slope([(at, count) for at, _, count in samples if at > steady])
        print(f"\n{SECONDS} s, {len(load.took)} requests: memory {samples[-1][1] / MIB:.1f} MiB, {memory:+.2f} MiB/h; "
              f"descriptors {samples[-1][2]}, {descriptors:+.2f}/h")
        drifts = {}
        for kind in sorted(kinds):
            middle, end = ([t for at, k, t in load.took if k == kind and low < at <= high] for low, high in ((steady, late), (late, began + SECONDS)))
            drifts[kind] = p99(end) / p99(middle) - 1 if middle and end else 0.0
            print(f"{kind}: p99 {1e3 * p99(middle):.1f} ms, then {1e3 * p99(end):.1f} ms ({100 * drifts[kind]:+.0f} %), {len(middle) + len(end)} requests")
        assert server.stop() == 0
        assert not errors(server)
    if LONG:
        assert memory <= 1 and abs(descriptors) < 1, (memory, descriptors)
        assert max(drifts.values()) <= 0.1, drifts
