"""The real binary, on loopback ports and a data folder of its own."""

from http.client import HTTPConnection
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
AET = "OVERREAD"
LISTENING = re.compile(r"listening\s+(http|https|dimse-tls|dimse)\s+(?:\w+://)?(\[[0-9a-f:]+\]|[\d.]+):(\d+)")


def binary() -> Path:
    named = os.environ.get("OVERREAD_BINARY")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return Path(named) if named else target / "release/overread"


def failing_binary() -> Path:
    """The same with failpoints, as `tests/run build` leaves it beside the other."""
    return Path(os.environ.get("OVERREAD_FAILPOINTS_BINARY", binary().with_name("overread-failpoints")))


def run(*arguments, timeout: float = 60, **options) -> subprocess.CompletedProcess:
    """One command of the binary, to its end."""
    return subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=timeout, **options)


class DidNotStart(Exception):
    """The process ended, or said nothing in time. Carries what it printed."""


class Server:
    """`overread serve --insecure-loopback` unless `flags` say otherwise."""

    def __init__(self, data, flags=None, config: str | None = None, env: dict | None = None, wanted=("http", "dimse")):
        self.data = Path(data)
        self.flags = ["--insecure-loopback"] if flags is None else list(flags)
        self.config, self.env, self.wanted = config, env or {}, set(wanted)
        self.program = binary()
        self.process = None
        self.addresses: dict[str, tuple[str, int]] = {}
        self.output: list[str] = []
        self.terminating = False

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *_):
        self.stop()

    def command(self) -> list[str]:
        command = [str(self.program), "serve", "--data", str(self.data), "--aet", AET]
        for listener in ("--http", "--dimse"):
            command += [] if listener in self.flags else [listener, "127.0.0.1:0"]
        if self.config is not None:
            file = self.data.parent / f"{self.data.name}.toml"
            file.write_text(self.config)
            command += ["--config", str(file)]
        return command + self.flags

    def start(self, seconds: float = 20) -> "Server":
        """Starts it and waits until it listens and is ready; `ready_after` says how long that took."""
        self.addresses, self.output, self.terminating = {}, [], False
        began = time.monotonic()
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        text=True, errors="replace", env={**os.environ, "RUST_LOG": "warn", **self.env})
        heard = threading.Event()
        threading.Thread(target=self._listen, args=(self.process, heard), daemon=True).start()
        while not heard.wait(0.02):
            if self.process.poll() is not None or time.monotonic() - began > seconds:
                time.sleep(0.1)
                self.kill()
                raise DidNotStart("".join(self.output))
        try:
            self._wait_ready(began, seconds)
        except BaseException:
            self.kill()
            raise
        self.ready_after = time.monotonic() - began
        return self

    def _listen(self, process, heard):
        for line in process.stdout:
            self.output.append(line)
            if match := LISTENING.search(line):
                self.addresses[match[1]] = (match[2].strip("[]"), int(match[3]))
            if all(w in self.addresses or f"{w}s" in self.addresses for w in self.wanted):
                heard.set()

    def _wait_ready(self, began, seconds):
        if not {"http", "https"} & self.addresses.keys():
            return
        while True:
            try:
                if self.get("/readyz").status == 200:
                    return
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() - began > seconds:
                raise DidNotStart("never ready\n" + "".join(self.output))
            time.sleep(0.005)

    @property
    def http(self) -> tuple[str, int]:
        return self.addresses.get("http") or self.addresses["https"]

    @property
    def dimse(self) -> tuple[str, int]:
        return self.addresses["dimse"]

    @property
    def dimse_tls(self) -> tuple[str, int]:
        return self.addresses["dimse-tls"]

    @property
    def origin(self) -> str:
        scheme = "http" if "http" in self.addresses else "https"
        return f"{scheme}://{self.http[0]}:{self.http[1]}"

    @property
    def base(self) -> str:
        return f"{self.origin}/dicom-web"

    @property
    def pid(self) -> int:
        return self.process.pid

    def connection(self, timeout: float = 60) -> HTTPConnection:
        return HTTPConnection(*self.http, timeout=timeout)

    def request(self, method: str, path: str, body=None, headers: dict | None = None, timeout: float = 60) -> "Answer":
        """One request on a connection of its own. A path without leading slash is below the DICOMweb root."""
        connection = self.connection(timeout)
        try:
            connection.request(method, path if path.startswith("/") else f"/dicom-web/{path}", body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, accept: str | None = None, **headers) -> "Answer":
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.request("GET", path, headers=named | ({"Accept": accept} if accept else {}))

    def json(self, path: str):
        """A search or metadata answer; an empty list for 204."""
        answer = self.get(path, "application/dicom+json")
        assert answer.status in (200, 204), (path, answer.status, answer.body[:500])
        return json.loads(answer.body) if answer.status == 200 else []

    def metric(self, name: str, **labels) -> float:
        """The sum of all samples of a metric that carry these labels."""
        total = 0.0
        for line in self.get("/metrics").body.decode().splitlines():
            match = re.match(rf"{name}(?:\{{(.*)\}})? ([-+.\deE]+)$", line)
            if match and all(f'{k}="{v}"' in (match[1] or "") for k, v in labels.items()):
                total += float(match[2])
        return total

    def memory(self, field: str = "VmRSS") -> int:
        """Bytes of memory: VmRSS now, VmHWM at its highest since `forget_peak`."""
        return memory(self.pid, field)

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> None:
        """SIGTERM. A second one would end the process at once."""
        if self.process.poll() is None and not self.terminating:
            self.terminating = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds: float = 30) -> int | None:
        """SIGTERM unless it had one, and the exit code."""
        if not self.process:
            return None
        self.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()

    def log(self) -> str:
        return "".join(self.output)


class Answer:
    """A whole HTTP response."""

    def __init__(self, status: int, headers, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def type(self) -> str:
        return self.headers.get("Content-Type", "")

    def json(self):
        return json.loads(self.body)

    def parts(self) -> list:
        """The parts of a multipart body, checked to be closed properly."""
        from .stow import split_multipart
        return split_multipart(self.type, self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:300]!r}"


def memory(pid: int, field: str = "VmRSS") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(field)


MIB = 1024 * 1024


class PeakWatch:
    """The highest RSS of a process while the block runs; `clear_refs` where the kernel has it, sampling besides."""

    def __init__(self, server: Server):
        self.server, self.peak = server, 0

    def __enter__(self):
        try:
            self.server.forget_peak()
            self.kernel = True
        except OSError:
            self.kernel = False
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()
        return self

    def _sample(self):
        while not self.stopped.wait(0.05):
            self.peak = max(self.peak, self.server.memory())

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()
        if self.kernel:
            self.peak = max(self.peak, self.server.memory("VmHWM"))
