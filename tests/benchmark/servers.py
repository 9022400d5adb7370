"""The servers that are measured: each is started on loopback with a folder of its own, and ended by its id."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Target:
    """A server under measurement. `web` is its DICOMweb root, `dimse` its port; either may be missing. `token` lets in."""

    name = ""
    aet = "BENCH"
    web: str | None = None
    over_tls = False
    token: str | None = None

    def __init__(self, home: Path):
        self.home, self.process = home / type(self).__name__, None
        self.http, self.dimse = free_port(), free_port()

    @staticmethod
    def is_here() -> bool:
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        log = (self.home / "log").open("w")
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home)
        port, until = self.http if self.web is not None else self.dimse, time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"{self.name} did not start: {(self.home / 'log').read_text()[-2000:]}") from None
                time.sleep(0.01)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def cpu(self) -> float:
        """Seconds of processor time of the server and what it started."""
        total, wanted = 0.0, {self.process.pid}
        for stat in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda p: int(p.parent.name)):
            try:
                head, fields = stat.read_text().rsplit(")", 1)
            except OSError:
                continue
            pid, fields = int(head.split(" ", 1)[0]), fields.split()
            if pid in wanted or int(fields[1]) in wanted:
                wanted.add(pid)
                # Its own time, and that of children that have ended.
                total += sum(map(int, fields[11:15])) / TICK
        return total


class Overread(Target):
    name, aet, web = "Overread", "OVERREAD", "/dicom-web"
    program: Path

    @staticmethod
    def is_here():
        return Overread.program.exists()

    def version(self):
        return subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout.strip()

    def command(self):
        return [str(self.program), "serve", "--insecure-loopback", "--data", str(self.home / "data"), "--aet", self.aet,
                "--http", f"127.0.0.1:{self.http}", "--dimse", f"127.0.0.1:{self.dimse}"]


class OverreadTls(Overread):
    """As it is installed: everything over TLS, with a certificate that it makes, and nobody reads without leave."""

    over_tls = True

    def command(self):
        return [str(self.program), "serve", "--data", str(self.home / "data"), "--aet", self.aet,
                "--http", f"127.0.0.1:{self.http}", "--dimse", "off", "--dimse-tls", f"127.0.0.1:{self.dimse}"]

    def let_in(self, study: str) -> None:
        """Makes a token for somebody who may read this study."""
        added = subprocess.run([self.program, "token", "--data", self.home / "data", "add", "bench", "--role", "reader",
                                "--on", f"holding:local/{study}"], capture_output=True, text=True, check=True)
        self.token = added.stdout.strip()


class Orthanc(Target):
    """As it comes, but for remote access without a password, which the others have too."""

    name, aet, web = "Orthanc", "ORTHANC", "/dicom-web"
    more: dict = {}

    @staticmethod
    def is_here():
        return shutil.which("Orthanc") is not None

    def version(self):
        said = subprocess.run(["Orthanc", "--version"], capture_output=True, text=True).stdout
        return said.splitlines()[0] if said else "Orthanc"

    def command(self):
        plugins = [str(p) for p in Path("/usr/share/orthanc/plugins").glob("libOrthancDicomWeb*")]
        settings = {
            "StorageDirectory": str(self.home / "data"), "IndexDirectory": str(self.home / "data"), "HttpPort": self.http, "DicomPort": self.dimse,
            "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True, "DicomCheckCalledAet": False, "Plugins": plugins,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, **self.more,
        }
        (self.home / "orthanc.json").write_text(json.dumps(settings))
        return ["Orthanc", str(self.home / "orthanc.json")]


class TunedOrthanc(Orthanc):
    """Without sync and MD5, with more threads: faster, and not durable when it answers."""

    name = "Orthanc tuned"
    more = {"SyncStorageArea": False, "StoreMD5ForAttachments": False, "HttpThreadsCount": 50, "DicomThreadsCount": 16, "OverwriteInstances": False,
            "MaximumStorageCacheSize": 512}


class Storescp(Target):
    """DCMTK's receiver: writes files, and never waits for the disk. With Nagle off, which is not its default."""

    name = "storescp"

    @staticmethod
    def is_here():
        return shutil.which("storescp") is not None

    def version(self):
        return subprocess.run(["storescp", "--version"], capture_output=True, text=True).stdout.splitlines()[0].strip("$ ")

    def command(self):
        (self.home / "data").mkdir()
        return ["env", "TCP_NODELAY=1", "storescp", "--fork", "+xa", "-od", str(self.home / "data"), str(self.dimse)]


class Nginx(Target):
    """The same bytes as static files: what the machine can give at most."""

    name, web = "nginx", ""
    listen, more = "", ""

    @staticmethod
    def is_here():
        return shutil.which("nginx") is not None

    def version(self):
        return subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip()

    def command(self):
        (self.home / "files").mkdir()
        (self.home / "nginx.conf").write_text(
            f"user root; worker_processes auto; daemon off; pid {self.home}/pid; error_log {self.home}/error;"
            "events { worker_connections 1024; }"
            f"http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path {self.home}/t1;"
            f"proxy_temp_path {self.home}/t2; fastcgi_temp_path {self.home}/t3; uwsgi_temp_path {self.home}/t4; scgi_temp_path {self.home}/t5;"
            f"{self.more} server {{ listen 127.0.0.1:{self.http} {self.listen}; root {self.home}/files; }} }}")
        return ["nginx", "-c", str(self.home / "nginx.conf"), "-p", str(self.home)]


class NginxTls(Nginx):
    over_tls, listen, more = True, "ssl", "ssl_certificate cert.pem; ssl_certificate_key key.pem; ssl_protocols TLSv1.3;"

    def command(self):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", self.home / "key.pem", "-out", self.home / "cert.pem"], check=True, capture_output=True)
        return super().command()


ALL = [Overread, Orthanc, TunedOrthanc, Storescp, Nginx]
OVER_TLS = [OverreadTls, NginxTls]
