"""A disk whose power can be cut: what the kernel has not flushed to it is gone.

nbdkit serves an image; its error filter fails everything once a file appears. nbdfuse makes it a file, a loop device a
disk, ext4 a file system. All is taken apart behind a cut, so dirty pages die with it, and mounted anew from the image.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

TOOLS = ("nbdkit", "nbdfuse", "losetup", "mkfs.ext4", "mount", "umount")


def missing() -> str | None:
    """Why there can be no such disk here."""
    if os.geteuid() != 0:
        return "cutting the power takes root, for a loop device and a mount"
    absent = [tool for tool in TOOLS if not shutil.which(tool)] + [d for d in ("/dev/fuse", "/dev/loop-control") if not Path(d).exists()]
    return f"cutting the power takes {', '.join(absent)}" if absent else None


def call(*command, check=True) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60)
    if check and done.returncode:
        raise OSError(f"{command}: {done.stderr}")
    return done.stdout.strip()


class Disk:
    """Plugged in by `with`; `cut` and `plug` in between."""

    def __init__(self, home: Path, size: int = 4 << 30):
        self.image, self.switch = home / "disk.img", home / "cut"
        self.fuse, self.folder = home / "fuse", home / "disk"
        self.fuse.mkdir()
        self.folder.mkdir()
        with self.image.open("wb") as image:
            image.truncate(size)
        self.nbd = self.loop = None
        self.size, self.fresh = size, True

    def __enter__(self):
        self.plug()
        return self

    def __exit__(self, *_):
        self.unplug()
        self.image.unlink()

    def plug(self) -> None:
        """Gives it power and mounts it."""
        self.switch.unlink(missing_ok=True)
        served = ["nbdkit", "-s", "--filter=error", "file", self.image, "error=EIO", "error-rate=100%", f"error-file={self.switch}"]
        self.nbd = subprocess.Popen(["nbdfuse", str(self.fuse / "nbd"), "--command", *map(str, served)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not (self.fuse / "nbd").exists():
            assert self.nbd.poll() is None and time.monotonic() < until, "nbdfuse does not serve the image"
            time.sleep(0.01)
        if self.fresh:
            call("mkfs.ext4", "-q", "-F", self.fuse / "nbd")
            self.fresh = False
        self.loop = call("losetup", "--show", "-f", "--direct-io=on", self.fuse / "nbd")
        call("mount", self.loop, self.folder)

    def cut(self) -> None:
        """From now on nothing reaches the disk."""
        self.switch.touch()

    def unplug(self) -> None:
        """Takes all apart. Nobody may have a file open on it."""
        until = time.monotonic() + 20
        while os.path.ismount(self.folder):
            call("umount", self.folder, check=False)
            assert time.monotonic() < until, f"{self.folder} is busy"
        if self.loop:
            call("losetup", "-d", self.loop)
        while os.path.ismount(self.fuse) or (self.fuse / "nbd").exists():
            call("umount", self.fuse, check=False)
            assert time.monotonic() < until, f"{self.fuse} is busy"
        if self.nbd:
            self.nbd.wait(20)
        self.nbd = self.loop = None
