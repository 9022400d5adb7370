"""A power cut loses nothing acknowledged (R3, R4): the disk forgets what was not flushed, then the process dies.

`OVERREAD_CUTS` sets how often (3); `tests/powercut` does 200.
"""

import os
import random
import threading
import time

import pytest

from support import powercut
from support.server import Server
from test_crash import DIMSE_SENDERS, READY_WITHIN, STOW_SENDERS, Rig, proved

CUTS = int(os.environ.get("OVERREAD_CUTS", 3))
SEED = int(os.environ.get("OVERREAD_SEED", time.time_ns() % 1_000_000))


class PowerRig(Rig):
    """The senders of the crash test over a disk that can be cut."""

    def __init__(self, home, disk):
        super().__init__(home)
        self.server, self.disk = Server(disk.folder / "data"), disk

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


@pytest.mark.timeout(120 + CUTS * 30)
def test_the_power_is_cut(tmp_path, request):
    if why := powercut.missing():
        pytest.skip(why)
    moments = random.Random(SEED)
    print(f"seed {SEED}, {CUTS} cuts")
    slowest = 0.0
    with powercut.Disk(tmp_path) as disk:
        rig = PowerRig(tmp_path, disk)
        request.addfinalizer(rig.server.kill)
        checked = set()
        try:
            for cut in range(CUTS):
                rig.server.start()
                rig.until_cut(moments.uniform(0.1, 2), moments.choice((0, 0.05, 0.3)))
                disk.unplug()
                disk.plug()
                rig.server.start()
                slowest = max(slowest, rig.server.ready_after)
                assert rig.server.ready_after < READY_WITHIN, f"ready after {rig.server.ready_after:.2f} s behind cut {cut}"
                seen, acked = rig.visible(), set(rig.journal.acked)
                assert acked <= seen, f"cut {cut}: {len(acked - seen)} acknowledged are not found: {sorted(acked - seen)[:5]}"
                wrong = rig.check_all(seen - checked)
                assert not wrong, f"cut {cut}: {wrong[:5]}"
                checked |= seen
                assert rig.server.stop() == 0
            rig.server.start()
            wrong = rig.check_all(rig.journal.acked)
            assert not wrong, wrong[:5]
            proved(rig.server)
            print(f"{len(rig.journal.acked)} acknowledged, {len(checked)} seen, slowest start {slowest * 1000:.0f} ms")
        finally:
            rig.server.kill()
