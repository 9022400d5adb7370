"""A power cut loses nothing acknowledged (R3, R4): the disk forgets what was not flushed, then the process dies.

`OVERREAD_CUTS` sets how often (3); `tests/powercut` does 200.
"""

import os
import random
import shutil
import threading
import time

import pytest

from support import powercut
from support.server import Server
from test_crash import DIMSE_SENDERS, STOW_SENDERS, Rig, proved

CUTS = int(os.environ.get("OVERREAD_CUTS", 3))
SEED = int(os.environ.get("OVERREAD_SEED", time.time_ns() % 1_000_000))


class PowerRig(Rig):
    """The senders of the crash test over a disk that can be cut."""

    def __init__(self, home, disk):
        super().__init__(home)
        self.server, self.disk, self.checked = Server(disk.folder / "data"), disk, set()

    def until_cut(self, moment: float, after: float) -> None:
        self.stopping.clear()
        work = [threading.Thread(target=self.dimse_sender, args=(n,)) for n in range(DIMSE_SENDERS)]
        work += [threading.Thread(target=self.stow_sender, args=(DIMSE_SENDERS + n,)) for n in range(STOW_SENDERS)]
        [t.start() for t in work]
        time.sleep(moment)
        assert not self.refusals, self.refusals[:5]
        self.disk.cut()
        time.sleep(after)
        self.server.kill()
        self.stopping.set()
        [t.join() for t in work]
        self.refusals.clear()


    def check_all_shown(self) -> tuple[int, int]:
        """What was acknowledged is there, and what is there is whole. How many of each."""
        seen, acked = self.visible(), set(self.journal.acked)
        assert acked <= seen, f"{len(acked - seen)} acknowledged are not found: {sorted(acked - seen)[:5]}"
        wrong = self.check_all(seen - self.checked)
        assert not wrong, wrong[:5]
        self.checked |= seen
        return len(acked), len(seen)

    def empty(self) -> None:
        """All that is on the disk is proved once more, and goes: it has room for some cuts only."""
        self.server.start()
        wrong = self.check_all(self.journal.acked)
        assert not wrong, wrong[:5]
        proved(self.server)
        assert self.server.stop() == 0
        shutil.rmtree(self.server.data)
        self.journal.acked.clear()
        self.journal.sent.clear()
        self.checked.clear()


@pytest.mark.timeout(120 + CUTS * 30)
def test_the_power_is_cut(tmp_path, request):
    if why := powercut.missing():
        pytest.skip(why)
    moments = random.Random(SEED)
    print(f"seed {SEED}, {CUTS} cuts")
    slowest, acked, seen = 0.0, 0, 0
    with powercut.Disk(tmp_path) as disk:
        rig = PowerRig(tmp_path, disk)
        request.addfinalizer(rig.server.kill)
        try:
            for cut in range(1, CUTS + 1):
                rig.server.start()
                rig.until_cut(moments.uniform(0.1, 2), moments.choice((0, 0.05, 0.3)))
                disk.unplug()
                disk.plug()
                rig.server.start()
                slowest = max(slowest, rig.server.ready_after)
                found = rig.check_all_shown()
                assert rig.server.stop() == 0
                if shutil.disk_usage(disk.folder).free < disk.size * 0.6 or cut == CUTS:
                    acked, seen = acked + found[0], seen + found[1]
                    rig.empty()
            print(f"{acked} acknowledged, {seen} seen, slowest start {slowest * 1000:.0f} ms")
        finally:
            rig.server.kill()
