"""What is asked of the servers, by clients that others wrote (DCMTK's senders, wrk) or by bare sockets."""

import http.client
import os
import random
import re
import shutil
import ssl
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
from support import stow, synth  # noqa: E402

STUDY = 9_000
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
JSON = "application/dicom+json"


def slices(folder: Path, count: int, side: int = 512) -> list[Path]:
    """A CT series of synthetic slices with noise, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = random.Random(1)
    values = [noise.randrange(4096) for _ in range(side * side)]
    made = []
    for number in range(1, count + 1):
        data = synth.instance(STUDY, 1, number)
        data.Rows = data.Columns = side
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
        turn = number * 517 % len(values)
        data.PixelData = struct.pack(f"<{len(values)}H", *(values[turn:] + values[:turn]))
        data["PixelData"].VR = "OW"
        made.append(folder / f"{number:04}.dcm")
        made[-1].write_bytes(synth.file(data))
    return made


class Timed:
    """Wall-clock and processor time of a server while the block runs."""

    def __init__(self, target):
        self.target = target

    def __enter__(self):
        self.before, self.began = self.target.cpu(), time.monotonic()
        return self

    def __exit__(self, *_):
        self.took, self.cpu = time.monotonic() - self.began, self.target.cpu() - self.before


def c_store(target, files: list[Path], associations: int) -> dict:
    """DCMTK's dcmsend, so many at once, each with its share of the files."""
    shares = [files[n::associations] for n in range(associations)]
    with Timed(target) as timed:
        sending = [subprocess.Popen(["dcmsend", "-q", "-aec", target.aet, "127.0.0.1", str(target.dimse), *map(str, share)],
                                    env={**os.environ, "TCP_NODELAY": "1"}) for share in shares]
        assert [p.wait() for p in sending] == [0] * len(sending), f"{target.name} refused"
    size = sum(f.stat().st_size for f in files)
    return {"instances/s": len(files) / timed.took, "server CPU s/GB": timed.cpu / size * 1e9}


def storescu(target, files: list[Path]) -> dict:
    """DCMTK's other sender, which speaks TLS too; one association."""
    command = ["storescu", "-q", *(["+tla", "-ic"] if target.over_tls else []), "-aec", target.aet, "127.0.0.1", str(target.dimse)]
    with Timed(target) as timed:
        subprocess.run([*command, *map(str, files)], env={**os.environ, "TCP_NODELAY": "1"}, check=True)
    size = sum(f.stat().st_size for f in files)
    return {"instances/s": len(files) / timed.took, "server CPU s/GB": timed.cpu / size * 1e9}


def headers(target, accept: str) -> dict:
    return {"Accept": accept} | ({"Authorization": f"Bearer {target.token}"} if target.token else {})


def stow_rs(target, files: list[Path], at_once: int, connections: int) -> dict:
    bodies = [stow.body([f.read_bytes() for f in files[n : n + at_once]]) for n in range(0, len(files), at_once)]
    waiting, lock, failed = iter(bodies), threading.Lock(), []

    def send():
        link = http.client.HTTPConnection("127.0.0.1", target.http, timeout=120)
        while True:
            with lock:
                body = next(waiting, None)
            if body is None:
                return
            link.request("POST", f"{target.web}/studies", body, {"Content-Type": stow.content_type(), "Accept": JSON})
            answer = link.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(answer.status)
    with Timed(target) as timed:
        threads = [threading.Thread(target=send) for _ in range(connections)]
        [t.start() for t in threads]
        [t.join() for t in threads]
    assert not failed, f"{target.name}: {failed}"
    size = sum(f.stat().st_size for f in files)
    return {"instances/s": len(files) / timed.took, "server CPU s/GB": timed.cpu / size * 1e9}


def stream(target, path: str, accept: str = "*/*") -> dict:
    """One answer, read as fast as it comes."""
    link = http.client.HTTPConnection("127.0.0.1", target.http, timeout=120)
    if target.over_tls:
        # Nobody vouches for a certificate that was made for this run.
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        link = http.client.HTTPSConnection("127.0.0.1", target.http, timeout=120, context=trusting)
    link.connect()
    with Timed(target) as timed:
        link.request("GET", path, headers=headers(target, accept))
        answer = link.getresponse()
        assert answer.status == 200, (target.name, path, answer.status)
        first, size, room = None, 0, bytearray(1 << 20)
        while got := answer.readinto(room):
            first = first or time.monotonic() - timed.began
            size += got
    return {"MB/s": size / timed.took / 1e6, "first byte, ms": first * 1e3, "server CPU s/GB": timed.cpu / size * 1e9, "ms": timed.took * 1e3}


def wrk(target, paths: list[str], connections: int, seconds: float, accept: str = "*/*") -> dict:
    """Requests a second and latencies over kept connections, the paths in turn."""
    script = target.home / "wrk.lua"
    listed = ",".join(f'"{p}"' for p in paths)
    sent = "".join(f'wrk.headers["{name}"] = [[{value}]]\n' for name, value in headers(target, accept).items())
    script.write_text(f'local paths = {{{listed}}}\nlocal n = 0\n{sent}'
                      "request = function() n = n % #paths + 1; return wrk.format(nil, paths[n]) end\n"
                      'done = function(s, l, r) io.write(string.format("RESULT %d %d %f %f\\n", s.requests, s.errors.status, '
                      "l:percentile(50) / 1000, l:percentile(99) / 1000)) end\n")
    with Timed(target) as timed:
        said = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script,
                               f"http{'s' * target.over_tls}://127.0.0.1:{target.http}"],
                              capture_output=True, text=True, check=True).stdout
    requests, errors, median, worst = map(float, re.search(r"RESULT (\S+) (\S+) (\S+) (\S+)", said).groups())
    assert not errors, f"{target.name}: {errors:.0f} of {requests:.0f} failed: {paths[0]}"
    return {"requests/s": requests / timed.took, "median, ms": median, "p99, ms": worst, "server CPU ms/request": timed.cpu / max(requests, 1) * 1e3}


def publish(target, files: list[Path]) -> None:
    """The files for nginx, and one of their concatenation for the study."""
    folder = target.home / "files"
    with (folder / "study").open("wb") as study:
        for file in files:
            shutil.copy(file, folder / file.name)
            study.write(file.read_bytes())


