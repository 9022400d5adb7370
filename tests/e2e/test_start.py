"""Starting: secure by default, printed lines that work as pasted, the configuration, refusals, and stopping."""

import json
import os
import re
import signal
import ssl
import stat
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from support import part10, stow, synth, wire
from support.server import AET, ROOT, DidNotStart, Server, binary, run

SECURE = ["--dimse-tls", "127.0.0.1:0"]


def secure(home: Path, **options) -> Server:
    return SecureServer(home, flags=SECURE, wanted=("http", "dimse", "dimse-tls"), **options)


class SecureServer(Server):
    """Spoken to over TLS, trusting the certificate that it made."""

    def connection(self, timeout: float = 60):
        import http.client
        trusted = ssl.create_default_context(cafile=str(self.data / "tls/certificate.pem"))
        return http.client.HTTPSConnection(*self.http, timeout=timeout, context=trusted)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    with secure(tmp_path_factory.mktemp("first") / "data") as server:
        time.sleep(0.3)
        yield server


def token_file(server) -> Path:
    return server.data / "administrator.token"


def test_nothing_is_readable_without_a_token(first):
    """AUTH-001, AUTH-012, S12."""
    token = token_file(first).read_text().strip()
    for path in ("studies", "series", "instances", "studies/1.2", "studies/1.2/metadata", "studies/1.2/series/1/instances/1/frames/1",
                 "/metrics", "studies?access_token=" + token, "nonsense"):
        for header in ({}, {"Authorization": "Bearer " + "0" * 64}, {"Authorization": "Basic YTpi"}, {"Authorization": token}, {"Authorization": "Bearer "}):
            answer = first.request("GET", path, headers=header)
            assert answer.status == 401 and answer.headers["WWW-Authenticate"].startswith("Bearer"), (path, header, answer)
    posted = first.request("POST", "studies", b"x", {"Content-Type": stow.content_type()})
    assert posted.status == 401
    for path in ("/healthz", "/readyz"):
        answer = first.request("GET", path)
        assert answer.status == 200 and len(answer.body.split()) == 1
    assert first.request("GET", "studies", headers={"Authorization": f"Bearer {token}"}).status in (200, 204)
    assert first.request("GET", "/metrics", headers={"Authorization": f"Bearer {token}"}).status == 200


def test_the_token_is_secret(first):
    """Its file is for its owner; its value is never printed."""
    file = token_file(first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(first.data.stat().st_mode) == 0o700
    assert str(file) in first.log() and file.read_text().strip() not in first.log()
    assert stat.S_IMODE((first.data / "tls/key.pem").stat().st_mode) == 0o600


def test_unlisted_titles_are_rejected(first):
    """DIMSE-008: a calling AE title from the list, plain and over TLS."""
    with pytest.raises(wire.Refused) as refused:
        wire.Association(first.dimse, [(wire.VERIFICATION, [wire.IMPLICIT_LE])], calling="STRANGER")
    assert refused.value.fields == (1, 1, 3)
    wire.Association(first.dimse, [(wire.VERIFICATION, [wire.IMPLICIT_LE])], calling="STORESCU").release()
    tls = ssl.create_default_context(cafile=str(first.data / "tls/certificate.pem"))
    with pytest.raises(wire.Refused):
        wire.Association(first.dimse_tls, [(wire.VERIFICATION, [wire.IMPLICIT_LE])], calling="STRANGER", tls=tls)
    wire.Association(first.dimse_tls, [(wire.VERIFICATION, [wire.IMPLICIT_LE])], calling="STORESCU", tls=tls).release()


def test_the_printed_lines_work_as_pasted(first, tmp_path):
    """By somebody who has read nothing: first the storescu lines, then the curl lines."""
    lines = [line.strip().lstrip("$ ") for line in first.output]
    pasted = sorted((line for line in lines if line.startswith(("storescu", "curl"))), key=lambda line: line.startswith("curl"))
    assert any(p.startswith("storescu") for p in pasted) and any(p.startswith("curl") for p in pasted), first.log()
    for line in pasted:
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=ROOT, timeout=60)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if line.startswith("curl"):
            assert "0020000D" in done.stdout or "Example" in done.stdout, done.stdout[:500]


def test_tls_only(first):
    """TLS-001 on HTTP: plain HTTP gets nothing, and the answer says to cache nothing in between."""
    with pytest.raises((OSError, Exception)):
        urllib.request.urlopen(f"http://{first.http[0]}:{first.http[1]}/healthz", timeout=5)
    token = token_file(first).read_text().strip()
    answer = first.request("GET", "studies", headers={"Authorization": f"Bearer {token}"})


def test_http_2_over_tls(first):
    """ALPN offers h2, and curl speaks it when it can."""
    offered = ssl.create_default_context(cafile=str(first.data / "tls/certificate.pem"))
    offered.set_alpn_protocols(["h2", "http/1.1"])
    import socket
    with offered.wrap_socket(socket.create_connection(first.http), server_hostname="localhost") as peer:
        assert peer.selected_alpn_protocol() == "h2"


def test_the_second_start_keeps_what_the_first_made(tmp_path):
    with secure(tmp_path / "data") as server:
        token, certificate = token_file(server).read_text(), (server.data / "tls/certificate.pem").read_bytes()
    with secure(tmp_path / "data") as server:
        assert token_file(server).read_text() == token and (server.data / "tls/certificate.pem").read_bytes() == certificate
        assert server.request("GET", "studies", headers={"Authorization": f"Bearer {token.strip()}"}).status == 204


REFUSED_STARTS = [
    ("not loopback, insecure", ["--insecure-loopback", "--http", "0.0.0.0:0"], 2, "loopback"),
    ("not loopback, insecure, IPv6", ["--insecure-loopback", "--dimse", "[::]:0"], 2, "loopback"),
    ("not loopback, insecure, TLS", ["--insecure-loopback", "--dimse-tls", "0.0.0.0:0"], 2, "loopback"),
    ("no address", ["--http", "somewhere"], 2, "somewhere"),
    ("every listener off", ["--insecure-loopback", "--http", "off", "--dimse", "off"], 2, "off"),
    ("AE title too long", ["--insecure-loopback", "--aet", "SEVENTEEN_LETTERS"], 2, "AE"),
    ("unknown flag", ["--nonsense"], 2, "nonsense"),
    ("plain DIMSE on the network", ["--dimse", "0.0.0.0:0"], 2, "plain"),
]


@pytest.mark.parametrize("name, flags, code, word", REFUSED_STARTS, ids=[r[0] for r in REFUSED_STARTS])
def test_refused_starts(tmp_path, name, flags, code, word):
    """S12: says what is wrong, at once, and serves nothing."""
    done = run("serve", "--data", tmp_path / "data", *flags, timeout=10)
    assert done.returncode == code and word.lower() in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    assert not (tmp_path / "data").exists()


CONFIGURATIONS = [
    ("[data]\nfolder = \"x\"\n", 0, ""), ("", 0, ""), ("[nonsense]\n", 2, "nonsense"), ("[http]\nlistne = \"off\"\n", 2, "listne"), ("[http\n", 2, "line"),
    ("[http]\nlisten = \"nowhere\"\n", 2, "nowhere"), ("[http]\nlisten = \"0.0.0.0:80\"\ntls = false\n", 2, "http.tls"), ("[limits]\ninstance_bytes = -1\n", 2, "instance_bytes"),
    ("[dimse]\npeers = [{ aet = \"A\", from = [\"10.0.0.0/33\"] }]\n", 2, "10.0.0.0/33"), ("[tls]\ncertificate_file = \"absent.pem\"\n", 2, "key_file"),
]


@pytest.mark.parametrize("text, code, word", CONFIGURATIONS, ids=[c[0].strip()[:40] or "empty" for c in CONFIGURATIONS])
def test_check_config(tmp_path, text, code, word):
    file = tmp_path / "overread.toml"
    file.write_text(text)
    done = run("check-config", "--config", file)
    assert done.returncode == code and word in done.stdout + done.stderr, done.stdout + done.stderr


def test_the_example_configuration_is_good(tmp_path):
    done = run("check-config", "--config", ROOT / "deploy/overread.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8443" in done.stdout and "OVERREAD" in done.stdout
    assert run("check-config", "--config", tmp_path / "absent.toml").returncode == 2


def test_insecure_is_loud_and_off_works(tmp_path):
    with Server(tmp_path / "data", flags=["--insecure-loopback", "--http", "off"], wanted=("dimse",)) as server:
        assert "insecure" in server.log().lower() and "http" not in server.addresses and "dimse-tls" not in server.addresses
        with wire.Association(server.dimse, [(wire.VERIFICATION, [wire.IMPLICIT_LE])], calling="ANYBODY") as peer:
            assert peer.echo() == 0
    assert "listening" in server.log()


def test_one_process_for_a_folder(server):
    other = Server(server.data)
    with pytest.raises(DidNotStart) as refused:
        other.start(seconds=5)
    assert "process" in str(refused.value) or "lock" in str(refused.value) or "use" in str(refused.value), str(refused.value)
    assert server.get("/readyz").status == 200


def test_a_newer_index_is_refused(tmp_path):
    import sqlite3
    with Server(tmp_path / "data"):
        pass
    database = sqlite3.connect(tmp_path / "data/overread.db")
    version = database.execute("pragma user_version").fetchone()[0]
    database.execute(f"pragma user_version = {version + 1000}")
    database.commit()
    database.close()
    with pytest.raises(DidNotStart) as refused:
        Server(tmp_path / "data").start(seconds=5)
    assert "newer" in str(refused.value), str(refused.value)


def test_sigterm_lets_work_in_progress_end(tmp_path):
    """R12: what is under way is done, new work is refused, exit code 0."""
    with Server(tmp_path / "data") as server:
        uid, data = synth.simple(9_800, 1, 1, 400_000)
        peer = wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])])
        idle = wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])])
        peer.send_command(1, wire.store_request(synth.CT, uid))
        peer.send(wire.pdu(4, wire.pdv(1, 0, data[:100_000])))
        time.sleep(0.2)
        server.terminate()
        time.sleep(0.5)
        refused = None
        try:
            wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])], timeout=5)
        except (wire.Refused, OSError, wire.Closed) as error:
            refused = error
        assert refused is not None, "new work is refused"
        for at in range(100_000, len(data), 100_000):
            piece = data[at : at + 100_000]
            peer.send(wire.pdu(4, wire.pdv(1, 2 if at + 100_000 >= len(data) else 0, piece)))
        assert peer.status() == 0
        try:
            peer.release()
        except (wire.Closed, AssertionError, OSError):
            pass
        idle.close()
        assert server.stop() == 0
    with Server(tmp_path / "data") as server:
        assert len(server.json("instances")) == 1


def test_sighup_ends_no_server(server):
    """Without TLS there is no certificate to renew, and the signal means nothing."""
    server.process.send_signal(signal.SIGHUP)
    for _ in range(20):
        assert server.get("/healthz").status == 200
    assert server.stop() == 0


def test_sigterm_does_not_wait_for_idle_peers(tmp_path):
    with Server(tmp_path / "data", config="[process]\ndrain_seconds = 3\n") as server:
        peers = [wire.Association(server.dimse, [(wire.VERIFICATION, [wire.IMPLICIT_LE])]) for _ in range(5)]
        connection = server.connection()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5
        [p.close() for p in peers]


def test_sigterm_under_load_loses_nothing(tmp_path):
    """R12 with eight senders."""
    with Server(tmp_path / "data") as server:
        acked = []

        def sender(n):
            try:
                with wire.Association(server.dimse, [(synth.CT, [part10.EXPLICIT_LE])]) as peer:
                    for k in range(10_000):
                        uid, data = synth.simple(9_810 + n, 1, k, 20_000)
                        if peer.store(1, synth.CT, uid, data) == 0:
                            acked.append(uid)
            except (OSError, wire.Closed, wire.Refused):
                pass
        threads = [threading.Thread(target=sender, args=(n,)) for n in range(8)]
        [t.start() for t in threads]
        time.sleep(1.5)
        began = time.monotonic()
        assert server.stop(35) == 0
        took = time.monotonic() - began
        assert took < 31
        [t.join() for t in threads]
    with Server(tmp_path / "data") as server:
        found, offset = set(), 0
        while page := server.json(f"instances?limit=1000&offset={offset}"):
            found |= {o["00080018"]["Value"][0] for o in page}
            offset += len(page)
        assert acked and set(acked) <= found
        print(f"\nended {took:.2f} s after SIGTERM, {len(acked)} acknowledged, all found")


def test_metrics(server):
    """Prometheus text: associations, instances and bytes in and out, latencies, queues, errors by kind."""
    uid, data = synth.simple(9_900, 1, 1, 10_000)
    assert wire.store_one(server.dimse, synth.CT, uid, part10.EXPLICIT_LE, data) == 0
    assert stow.post(server, [part10.file(synth.CT, uid, part10.EXPLICIT_LE, data)]).status == 200
    stow.post(server, [b"garbage" * 100])
    server.get(f"studies/{synth.uid(9_900)}", "*/*")
    answer = server.get("/metrics")
    text = answer.body.decode()
    assert answer.type.startswith("text/plain")
    names = set(re.findall(r"^([a-z_:]+)(?:\{| )", text, flags=re.M))
    for word in ("association", "instances", "bytes", "seconds", "error", "spool"):
        assert any(word in n for n in names), f"no metric about {word}: {sorted(names)}"
    assert all(re.match(r"^(#.*|[a-zA-Z_:][\w:]*(\{[^}]*\})? [-+\d.eEInfNa]+)$", line) for line in text.splitlines() if line), "well-formed"
    assert "Synthetic" not in text and uid not in text


def test_logs_hold_no_patient(tmp_path):
    """S8: names, ids and what a peer sends as such are in no log line and no error."""
    with Server(tmp_path / "data", env={"RUST_LOG": "debug"}, config="[log]\nformat = \"json\"\n") as server:
        data = synth.instance(1, 1, 1, PatientName="Canary^Bird", PatientID="CANARY4711", PatientBirthDate="19310203", AccessionNumber="CANACC")
        content = synth.file(data)
        stow.post(server, [content])
        stow.post(server, [content[:-3]])
        wire.store_one(server.dimse, synth.CT, "2.25.9", part10.EXPLICIT_LE, part10.split(content).dataset)
        for query in ("PatientName=Canary*", "PatientID=CANARY4711", "PatientBirthDate=19310203x", "AccessionNumber=CANACC&limit=x"):
            answer = server.get(f"studies?{query}")
            assert answer.status == 200 or b"anary" not in answer.body.lower() and b"19310203" not in answer.body
        server.stop()
        log = server.log()
        hits = [line for line in log.splitlines() if re.search(r"canary|canacc|19310203", line, re.I)]
        assert not hits, hits[:3]
        for line in [entry for entry in log.splitlines() if entry.startswith("{")]:
            json.loads(line)


def test_help_names_every_exit_code():
    done = run("--help")
    assert done.returncode == 0 and all(f"  {n}  " in done.stdout for n in range(4)) and os.access(binary(), os.X_OK)
    assert run("--version").stdout.startswith("overread ")
    assert AET == "OVERREAD"
