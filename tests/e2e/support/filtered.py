#!/usr/bin/env python3
"""Runs a command under the system call filter of deploy/overread.service, as systemd would set it up.

systemd is not what runs the tests, so this makes the filter with its library: what the unit's lines leave of the groups
that `systemd-analyze syscall-filter` lists is allowed, anything else fails with EPERM.
"""

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

UNIT = Path(__file__).resolve().parents[3] / "deploy/overread.service"
ALLOW, NO_NEW_PRIVS = 0x7FFF0000, 38


def expand(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in listed.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*(expand(word) for word in words))


def allowed() -> set[str]:
    """What the unit's lines allow, taken one after another: `~` takes away."""
    calls: set[str] = set()
    for line in UNIT.read_text().splitlines():
        if not line.startswith("SystemCallFilter="):
            continue
        names = line.partition("=")[2]
        group = set().union(*(expand(name) for name in names.lstrip("~").split()))
        calls = calls - group if names.startswith("~") else calls | group
    return calls


def confine(calls: set[str]) -> None:
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(0x00050000 | errno.EPERM)))
    for name in sorted(calls):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0 and library.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, ctypes.c_uint(0)) != 0:
            sys.exit(f"no rule for {name}")
    if ctypes.CDLL(None).prctl(NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or library.seccomp_load(context) != 0:
        sys.exit("the filter could not be set")


if __name__ == "__main__":
    confine(allowed())
    os.execv(sys.argv[1], sys.argv[1:])
