"""The server's certificate while it runs: renewed, broken, soon at its end; and clients' certificates that have ended."""

import os
import shutil
import signal
import ssl
import subprocess
import time
from datetime import datetime, timezone

import pytest

from support import wire
from support.server import Server
from test_tls import authority, context, mutual, reaches  # noqa: F401  (a fixture)


def make(home, name: str, days: int):
    """A self-signed pair that ends in so many days."""
    certificate, key = home / f"{name}.pem", home / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", str(days), "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return certificate, key


def shown(server) -> bytes:
    with wire.Wire(server.dimse_tls, tls=context()) as peer:
        return peer.sock.getpeercert(binary_form=True)


def der(certificate) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


def until(what) -> bool:
    """Whether it comes true within some seconds."""
    end = time.monotonic() + 20
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def put(pair, place) -> None:
    """As renewal tools do: whole files by another name, then renamed, the key first."""
    for source, target in zip(reversed(pair), reversed(place)):
        waiting = target.with_suffix(".new")
        shutil.copy(source, waiting)
        os.replace(waiting, target)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    home = tmp_path_factory.mktemp("pairs")
    return {name: make(home, name, days) for name, days in (("first", 400), ("second", 200), ("short", 3))}


@pytest.mark.parametrize("told", [True, False], ids=["SIGHUP", "by itself"])
def test_a_renewed_certificate_is_taken_without_a_restart(tmp_path, pairs, told):
    place = (tmp_path / "certificate.pem", tmp_path / "key.pem")
    put(pairs["first"], place)
    config = f'[tls]\ncertificate_file = "{place[0]}"\nkey_file = "{place[1]}"\n'
    with Server(tmp_path / "data", config=config, flags=["--insecure-loopback", "--dimse-tls", "127.0.0.1:0"],
                wanted=("http", "dimse", "dimse-tls")) as server:
        hint = lambda: server.process.send_signal(signal.SIGHUP) if told else None  # noqa: E731
        assert shown(server) == der(pairs["first"][0])
        ends = server.metric("overread_certificate_expires_seconds")
        left = ends - datetime.now(timezone.utc).timestamp()
        assert 399 * 86_400 < left < 401 * 86_400
        assert "expires soon" not in server.log()

        with wire.Association(server.dimse_tls, [(wire.VERIFICATION, [wire.IMPLICIT_LE])], tls=context()) as open_before:
            put(pairs["second"], place)
            hint()
            assert until(lambda: shown(server) == der(pairs["second"][0]))
            assert open_before.echo() == 0, "a connection that was there goes on"

        # A key of another certificate: the old pair stays, and the log says so.
        os.replace(shutil.copy(pairs["first"][1], tmp_path / "foreign.key"), place[1])
        hint()
        assert until(lambda: server.metric("overread_certificate_reloads_total", result="failed") >= 1)
        assert shown(server) == der(pairs["second"][0])
        assert "the old one stays in use" in server.log()

        put(pairs["short"], place)
        hint()
        assert until(lambda: shown(server) == der(pairs["short"][0]))
        assert until(lambda: "the certificate expires soon" in server.log())


def ended(home, authority):  # noqa: F811
    """A pair of the authority's that ended years ago."""
    key, request, certificate = (home / f"old{suffix}" for suffix in (".key", ".csr", ".pem"))
    subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=old"], check=True, capture_output=True)
    own = home / "ca"
    own.mkdir()
    (own / "index").write_text("")
    (own / "conf").write_text(f"[ca]\ndefault_ca=one\n[one]\ndatabase={own}/index\nnew_certs_dir={own}\nrand_serial=yes\n"
                              "default_md=sha256\npolicy=any\nx509_extensions=leaf\n[any]\ncommonName=supplied\n"
                              "[leaf]\nbasicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n")
    subprocess.run(["openssl", "ca", "-batch", "-config", own / "conf", "-cert", authority["ours"][0], "-keyfile", authority["ours"][1], "-in", request,
                    "-out", certificate, "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-notext"], check=True, capture_output=True)
    return certificate, key


def test_a_clients_certificate_that_has_ended_is_refused(tmp_path, authority):  # noqa: F811
    """TLS-005: expired, beside none and foreign in test_tls.py."""
    with mutual(tmp_path, authority, "required") as server:
        assert reaches(server, context(certificate=authority["client"]))
        assert not reaches(server, context(certificate=ended(tmp_path, authority)))


def test_an_ended_certificate_is_not_taken_for_a_good_one(tmp_path, pairs, authority):  # noqa: F811
    place = (tmp_path / "certificate.pem", tmp_path / "key.pem")
    put(pairs["first"], place)
    config = f'[tls]\ncertificate_file = "{place[0]}"\nkey_file = "{place[1]}"\n'
    with Server(tmp_path / "data", config=config, flags=["--insecure-loopback", "--dimse-tls", "127.0.0.1:0"],
                wanted=("http", "dimse", "dimse-tls")) as server:
        put(ended(tmp_path, authority), place)
        server.process.send_signal(signal.SIGHUP)
        assert until(lambda: server.metric("overread_certificate_reloads_total", result="failed") >= 1)
        assert "it has expired, on 2021-01-01" in server.log()
        assert shown(server) == der(pairs["first"][0])


@pytest.mark.parametrize("size,digest,lets_in", [("2048", "sha256", True), ("1024", "sha256", False), ("2048", "sha1", False)])
def test_weak_client_certificates_are_refused(tmp_path, authority, size, digest, lets_in):  # noqa: F811
    """TLS-008."""
    key, request, certificate = (tmp_path / f"weak{suffix}" for suffix in (".key", ".csr", ".pem"))
    subprocess.run(["openssl", "req", "-newkey", f"rsa:{size}", "-nodes", "-keyout", key, "-out", request, "-subj", "/CN=weak"], check=True, capture_output=True)
    (tmp_path / "extensions").write_text("basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n")
    subprocess.run(["openssl", "x509", "-req", f"-{digest}", "-in", request, "-CA", authority["ours"][0], "-CAkey", authority["ours"][1], "-set_serial", "7",
                    "-out", certificate, "-days", "2", "-extfile", tmp_path / "extensions"], check=True, capture_output=True)
    with mutual(tmp_path, authority, "required") as server:
        assert reaches(server, context(certificate=(certificate, key))) == lets_in
