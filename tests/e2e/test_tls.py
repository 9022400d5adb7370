"""DIMSE and HTTP over TLS: versions, certificates of our own and given ones, client certificates."""

import socket
import ssl
import subprocess

import pytest
from pynetdicom import AE

from support import synth, wire
from support.server import AET, Server

CT, EXPLICIT_LE = synth.CT, "1.2.840.10008.1.2.1"


def context(low=None, high=None, certificate=None) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    if low:
        made.minimum_version = low
    if high:
        made.maximum_version = high
    if certificate:
        made.load_cert_chain(*certificate)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("tls") / "data", flags=["--insecure-loopback", "--dimse-tls", "127.0.0.1:0"],
                wanted=("http", "dimse", "dimse-tls")) as running:
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority with a server's, a good client's and a foreign client's certificate: {name: (certificate, key)}."""
    home = tmp_path_factory.mktemp("authority")

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    made = {}
    for issuer in ("ours", "theirs"):
        key, certificate = home / f"{issuer}.key", home / f"{issuer}.pem"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN=CA {issuer}",
                "-addext", "basicConstraints=critical,CA:TRUE")
        made[issuer] = (certificate, key)
    for name, issuer, days in (("server", "ours", "2"), ("client", "ours", "2"), ("foreign", "theirs", "2")):
        key, request, certificate, extensions = (home / f"{name}{s}" for s in (".key", ".csr", ".pem", ".ext"))
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", request, "-CA", made[issuer][0], "-CAkey", made[issuer][1], "-CAcreateserial", "-out", certificate,
                "-days", days, "-extfile", extensions)
        made[name] = (certificate, key)
    return made


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_store_over_tls(server, version):
    """TLS-001."""
    sop, data = synth.simple(7_000, 1, version.value, 100_000)
    with wire.Association(server.dimse_tls, [(CT, [EXPLICIT_LE])], tls=context(version, version)) as peer:
        assert peer.sock.version() == version.name.replace("_", ".")
        assert peer.store(1, CT, sop, data) == 0
        peer.release()
    assert len(server.json(f"instances?SOPInstanceUID={sop}")) == 1


def test_the_newest_version_is_chosen(server):
    """TLS-002."""
    with wire.Wire(server.dimse_tls, tls=context()) as peer:
        assert peer.sock.version() == "TLSv1.3"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=lambda v: v.name)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_are_refused(server, version):
    """TLS-001."""
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        wire.Wire(server.dimse_tls, tls=context(version, version))


def test_only_forward_secret_aead_suites(server):
    """TLS-003."""
    for suites in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384", "DHE-RSA-AES128-GCM-SHA256"):
        weak = context(high=ssl.TLSVersion.TLSv1_2)
        weak.set_ciphers(suites + ":@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            wire.Wire(server.dimse_tls, tls=weak)


def test_plain_dicom_on_the_tls_port(server):
    with wire.Wire(server.dimse_tls) as peer:
        peer.send(wire.associate())
        got = peer.rest(12)
        assert got == b"" or got[0] in (0x15, 0x16), "nothing but a TLS alert"


def test_a_handshake_that_stalls_is_ended(server):
    """TLS-010, L4."""
    peer = socket.create_connection(server.dimse_tls)
    peer.sendall(b"\x16\x03\x01\x02\x00")
    peer.settimeout(20)
    try:
        while peer.recv(1_000):
            pass
    except ConnectionResetError:
        pass


def test_dcmtk_over_tls(server, tmp_path):
    host, port = server.dimse_tls
    certificate = server.data / "tls/certificate.pem"
    data = synth.with_pixels(synth.instance(7_001, 1, 1))
    file = tmp_path / "one.dcm"
    file.write_bytes(synth.file(data))
    for command in (["echoscu"], ["storescu"]):
        done = subprocess.run([*command, "-v", "+tla", "-ic", "-aec", AET, host, str(port), *([str(file)] if command == ["storescu"] else [])],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(["echoscu", "-v", "+tla", "+cf", str(certificate), "-aec", AET, host, str(port)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, "our own certificate is trusted when it is given: " + done.stdout + done.stderr
    assert len(server.json(f"studies?StudyInstanceUID={synth.uid(7_001)}")) == 1


def test_pynetdicom_over_tls(server):
    entity = AE("TLS")
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate(*server.dimse_tls, ae_title=AET, tls_args=(context(), "localhost"))
    assert association.is_established and association.send_c_echo().Status == 0
    association.release()


def mutual(tmp_path, authority, client_certificates: str) -> Server:
    config = f"""
[tls]
certificate_file = "{authority['server'][0]}"
key_file = "{authority['server'][1]}"
client_ca_file = "{authority['ours'][0]}"
client_certificates = "{client_certificates}"
"""
    return Server(tmp_path / "data", config=config, flags=["--insecure-loopback", "--dimse-tls", "127.0.0.1:0"], wanted=("http", "dimse", "dimse-tls"))


def reaches(server, tls) -> bool:
    """TLS 1.3 tells the client of a refusal only with the first read."""
    try:
        with wire.Association(server.dimse_tls, [(wire.VERIFICATION, [wire.IMPLICIT_LE])], tls=tls) as peer:
            return peer.echo() == 0
    except (ssl.SSLError, wire.Closed, ConnectionError):
        return False


def test_given_certificates_and_client_certificates(tmp_path, authority):
    """TLS-005: required client certificates; one of another authority is refused."""
    with mutual(tmp_path, authority, "required") as server:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert reaches(server, context(version, version, authority["client"]))
            assert not reaches(server, context(version, version))
            assert not reaches(server, context(version, version, authority["foreign"]))
        checked = ssl.create_default_context(cafile=str(authority["ours"][0]))
        checked.load_cert_chain(*authority["client"])
        assert reaches(server, checked), "the given certificate is the one that is shown"


def test_optional_client_certificates(tmp_path, authority):
    with mutual(tmp_path, authority, "optional") as server:
        assert reaches(server, context()) and reaches(server, context(certificate=authority["client"]))
        assert not reaches(server, context(certificate=authority["foreign"]))
