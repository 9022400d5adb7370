"""The DIMSE door at the level of bytes: negotiation, rejections, aborts, odd but legal peers, statuses, resources."""

import socket
import statistics
import struct
import threading
import time

import pytest
from pynetdicom import AE

from support import part10, synth, wire
from support.server import AET, MIB, Server
from support.wire import IMPLICIT_LE, VERIFICATION, Association, Closed, Refused, Wire, associate, context, item, pdu, pdv, us, user_information

EXPLICIT_LE, EXPLICIT_BE = part10.EXPLICIT_LE, part10.EXPLICIT_BE
CT, JPEG_LS, JPEG = synth.CT, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.50"
ACCEPTED, ABSTRACT_UNSUPPORTED, SYNTAX_UNSUPPORTED = 0, 3, 4
numbers = iter(range(1, 1_000_000))


def fresh(size: int = 1_000):
    return synth.simple(6_000, 1, next(numbers), size)


def open_(server, contexts=((VERIFICATION, [IMPLICIT_LE]),), **options) -> Association:
    return Association(server.dimse, list(contexts), **options)


# Negotiation

NEGOTIATIONS = [
    # abstract syntax, transfer syntaxes, result, accepted
    (VERIFICATION, [IMPLICIT_LE], ACCEPTED, IMPLICIT_LE),
    (CT, [IMPLICIT_LE], ACCEPTED, IMPLICIT_LE),  # DIMSE-007
    (CT, [EXPLICIT_BE], ACCEPTED, EXPLICIT_BE),
    (CT, [part10.DEFLATED], ACCEPTED, part10.DEFLATED),
    (CT, ["1.2.840.10008.1.2.4.203"], ACCEPTED, "1.2.840.10008.1.2.4.203"),
    (CT, ["1.2.840.10008.1.2.4.102.1"], ACCEPTED, "1.2.840.10008.1.2.4.102.1"),
    (CT, [IMPLICIT_LE, EXPLICIT_LE], ACCEPTED, EXPLICIT_LE),
    (CT, [IMPLICIT_LE, JPEG, EXPLICIT_LE, JPEG_LS], ACCEPTED, JPEG_LS),  # as proposed lossless > explicit > implicit > lossy
    (CT, [JPEG, IMPLICIT_LE], ACCEPTED, IMPLICIT_LE),
    (CT, ["1.2.3.4"], SYNTAX_UNSUPPORTED, None),  # DIMSE-006
    (CT, ["1.2.3.4", IMPLICIT_LE], ACCEPTED, IMPLICIT_LE),
    (CT, ["1.2.840.10008.1.2.4.94"], SYNTAX_UNSUPPORTED, None),
    ("1.2.3.4.5", [IMPLICIT_LE], ABSTRACT_UNSUPPORTED, None),  # DIMSE-006
    ("1.2.840.10008.5.1.4.31", [IMPLICIT_LE], ABSTRACT_UNSUPPORTED, None),
    ("1.3.46.670589.11.0.0.12.1", [IMPLICIT_LE], ACCEPTED, IMPLICIT_LE),  # Philips private
    ("1.3.12.2.1107.5.9.1", [IMPLICIT_LE], ACCEPTED, IMPLICIT_LE),  # Siemens private
]


@pytest.mark.parametrize("abstract, syntaxes, result, accepted", NEGOTIATIONS, ids=lambda v: str(v)[:60])
def test_negotiation(shared_server, abstract, syntaxes, result, accepted):
    with open_(shared_server, [(abstract, syntaxes)]) as association:
        got, syntax = association.contexts[1]
        assert got == result and (result or syntax == accepted), association.contexts
        association.release()


def test_every_context_is_answered_once(shared_server):
    """DIMSE-005: 128 contexts, each with its own id."""
    wanted = [(CT if n % 2 else "1.2.3.4.5", [EXPLICIT_LE]) for n in range(128)]
    with open_(shared_server, wanted) as association:
        assert sorted(association.contexts) == list(range(1, 257, 2))
        assert [association.contexts[2 * n + 1][0] for n in range(128)] == [ABSTRACT_UNSUPPORTED, ACCEPTED] * 64


def test_none_accepted_is_still_an_accept(shared_server):
    with open_(shared_server, [("1.2.3.4.5", [IMPLICIT_LE])]) as association:
        association.release()


def test_the_accept_pdu(shared_server):
    """DIMSE-001, DIMSE-002, DIMSE-020: exact layout, reserved bytes zero, AE titles echoed."""
    with Wire(shared_server.dimse) as peer:
        peer.send(associate(AET.encode(), b"TESTER", reserved=bytes(range(32))))
        kind, body = peer.read()
        assert kind == 2 and body[:4] == b"\0\1\0\0"
        assert body[4:20] == AET.encode().ljust(16) and body[20:36] == b"TESTER".ljust(16)
        contexts, user = wire.parse_accept(body)
        assert contexts == {1: (0, IMPLICIT_LE)}
        assert 16_384 <= struct.unpack(">I", user[0x51][0])[0] <= 1 << 20
        assert user[0x52][0] and set(user[0x52][0].decode()) <= set("0123456789.") and len(user[0x55][0]) <= 16
        assert body[68:72] == b"\x10\0\0\x15" and body[72:93] == wire.APPLICATION_CONTEXT
        peer.send(pdu(5, bytes(4)))
        assert peer.read() == (6, bytes(4))


USER_ITEMS = [
    # sub-items of the user information, sub-items that may come back, what is checked in them
    ("unknown sub-item", item(0x7F, b"whatever"), None, None),  # DIMSE-003
    ("async window", item(0x53, struct.pack(">HH", 5, 5)), 0x53, lambda v: all(1 <= n <= 5 for n in struct.unpack(">HH", v))),  # DIMSE-049
    ("unlimited async window", item(0x53, bytes(4)), 0x53, lambda v: len(v) == 4),
    ("role selection", item(0x54, struct.pack(">H", len(CT)) + CT.encode() + b"\1\1"), 0x54, lambda v: v[2:-2] == CT.encode() and set(v[-2:]) <= {0, 1}),  # DIMSE-048
    ("extended negotiation", item(0x56, struct.pack(">H", len(CT)) + CT.encode() + b"\2\0\0\0\0\0"), 0x56, lambda v: True),
    ("common extended negotiation", item(0x57, struct.pack(">H", len(CT)) + CT.encode() + struct.pack(">HH", 0, 0)), None, None),
    ("user identity, no answer asked", item(0x58, b"\1\0" + struct.pack(">H", 4) + b"user" + bytes(2)), None, None),  # DIMSE-050
    ("user identity, answer asked", item(0x58, b"\1\1" + struct.pack(">H", 4) + b"user" + bytes(2)), 0x59, lambda v: True),
]


@pytest.mark.parametrize("name, extra, back, check", USER_ITEMS, ids=[u[0] for u in USER_ITEMS])
def test_user_items(shared_server, name, extra, back, check):
    with open_(shared_server, [(VERIFICATION, [IMPLICIT_LE]), (CT, [EXPLICIT_LE])], extra=extra) as association:
        extras = association.user.keys() - {0x51, 0x52, 0x55}
        assert extras <= {back}, association.user
        for value in association.user.get(back, []):
            assert check(value), value
        assert association.echo() == 0
        association.release()


def test_unknown_items_are_skipped(shared_server):
    with Wire(shared_server.dimse) as peer:
        peer.send(associate(body_extra=item(0x77, b"x" * 100)))
        assert peer.read()[0] == 2


REJECTIONS = [
    # what is wrong, (result, source, reason)
    ("called AE title", dict(called=b"SOMEBODY"), (1, 1, 7)),  # DIMSE-008
    ("called AE title in lower case", dict(called=b"overread"), (1, 1, 7)),
    ("calling AE title blank", dict(calling=b" "), (1, 1, 3)),
    ("calling AE title with a control character", dict(calling=b"A\x07B"), (1, 1, 3)),
    ("calling AE title with a line end", dict(calling=b"A\r\nERROR: all lost"[:16]), (1, 1, 3)),
    ("calling AE title with a backslash", dict(calling=b"A\\B"), (1, 1, 3)),
    ("calling AE title NULs", dict(calling=bytes(16)), (1, 1, 3)),
    ("application context", dict(application=b"1.2.3"), (1, 1, 2)),  # DIMSE-009
    ("protocol version 0", dict(version=0), (1, 2, 2)),
    ("protocol version without bit 0", dict(version=2), (1, 2, 2)),  # DIMSE-010
]


@pytest.mark.parametrize("name, wrong, fields", REJECTIONS, ids=[r[0] for r in REJECTIONS])
def test_rejections(shared_server, name, wrong, fields):
    with Wire(shared_server.dimse) as peer:
        peer.send(associate(**wrong))
        kind, body = peer.read()
        assert (kind, tuple(body)) == (3, (0, *fields))
    assert "\nERROR: all lost" not in shared_server.log()


PECULIAR = [
    ("other bits of the version", dict(version=3)),  # DIMSE-010
    ("inner blanks in the calling title", dict(calling=b"A B")),
    ("leading blanks in the called title", dict(called=b"  OVERREAD")),
    ("a NUL behind a UID", dict(contexts=context(1, VERIFICATION.encode() + b"\0", [IMPLICIT_LE.encode() + b"\0"]))),
    ("maximum length 0", dict(user=user_information(0))),  # DIMSE-012
    ("maximum length 2^32-1", dict(user=user_information(0xFFFFFFFF))),
    ("no user information", dict(user=b"")),
]


@pytest.mark.parametrize("name, options", PECULIAR, ids=[p[0] for p in PECULIAR])
def test_peculiar_but_legal(shared_server, name, options):
    with Wire(shared_server.dimse) as peer:
        peer.send(associate(**options))
        kind, body = peer.read()
        if name == "no user information":  # it is mandatory: either way, but an answer
            assert kind in (2, 7)
            return
        assert kind == 2, (kind, body)
        peer.send(pdu(4, pdv(1, 3, wire.echo_request())))
        assert peer.read()[0] == 4


# Aborts

UNRECOGNIZED, UNEXPECTED, INVALID = 1, 2, 6
FIRST = [
    # the first bytes on a connection, reasons of the A-ABORT (source 2); None: closed without an answer is fine too
    ("unknown PDU", struct.pack(">BBI", 9, 0, 4) + bytes(4), {UNRECOGNIZED}),
    ("PDU 0", bytes(10), {UNRECOGNIZED}),
    ("P-DATA first", pdu(4, pdv(1, 3, wire.echo_request())), {UNEXPECTED}),  # DIMSE-017
    ("release first", pdu(5, bytes(4)), {UNEXPECTED}),
    ("accept first", pdu(2, associate()[6:]), {UNEXPECTED}),
    ("reject first", pdu(3, bytes(4)), {UNEXPECTED}),
    ("RQ over the limit, header alone", struct.pack(">BBI", 1, 0, 1 << 30), {INVALID, 0}),
    ("RQ of 4 GiB, header alone", struct.pack(">BBI", 1, 0, 0xFFFFFFFF), {INVALID, 0}),
    ("RQ too short", pdu(1, bytes(10)), {INVALID, 0}),
    ("item past the end", pdu(1, associate()[6:-10]), {INVALID, 0}),
    ("item length lies", pdu(1, associate()[6:78] + b"\x20\0\xff\xff" + bytes(20)), {INVALID, 0}),
    ("even context id", associate(contexts=context(2, VERIFICATION, [IMPLICIT_LE])), {INVALID}),  # DIMSE-004
    ("context id 0", associate(contexts=context(0, VERIFICATION, [IMPLICIT_LE])), {INVALID}),
    ("context id twice", associate(contexts=context(1, VERIFICATION, [IMPLICIT_LE]) * 2), {INVALID}),
    ("no abstract syntax", associate(contexts=item(0x20, b"\1\0\0\0" + item(0x40, IMPLICIT_LE.encode()))), {INVALID, 4, 5}),
    ("no transfer syntax", associate(contexts=context(1, VERIFICATION, [])), {INVALID, 4, 5}),
]


@pytest.mark.parametrize("name, sent, reasons", FIRST, ids=[f[0] for f in FIRST])
def test_aborts_before_an_association(shared_server, name, sent, reasons):
    before, began = shared_server.memory(), time.monotonic()
    with Wire(shared_server.dimse) as peer:
        peer.send(sent)
        kind, body = peer.read()
        assert (kind, body[2]) == (7, 2) and body[3] in reasons, (kind, body)
        assert time.monotonic() - began < 1
        assert peer.rest(2) == b"", "closed within a second"
    assert shared_server.memory() - before < 16 * MIB


ESTABLISHED = [
    # bytes on an association with context 1 (Verification), reasons
    ("unknown PDU", struct.pack(">BBI", 0x44, 0, 4) + bytes(4), {UNRECOGNIZED}),
    ("a second RQ", associate(), {UNEXPECTED}),
    ("an accept", pdu(2, associate()[6:]), {UNEXPECTED}),
    ("a release response", pdu(6, bytes(4)), {UNEXPECTED}),
    ("PDU over the limit", struct.pack(">BBI", 4, 0, 1 << 21), {INVALID, 0}),  # DIMSE-013
    ("PDU of 4 GiB", struct.pack(">BBI", 4, 0, 0xFFFFFFFF), {INVALID, 0}),
    ("PDV length 0", pdu(4, struct.pack(">I", 0)), {INVALID}),
    ("PDV length 1", pdu(4, struct.pack(">IB", 1, 1)), {INVALID}),
    ("PDV past the PDU", pdu(4, struct.pack(">IBB", 500, 1, 3) + bytes(20)), {INVALID}),
    ("PDV length 2^32-1", pdu(4, struct.pack(">IBB", 0xFFFFFFFF, 1, 3) + bytes(20)), {INVALID}),
    ("rest behind the last PDV", pdu(4, pdv(1, 3, wire.echo_request()) + b"\0\0"), {INVALID}),
    ("context that was not offered", pdu(4, pdv(3, 3, wire.echo_request())), {INVALID}),
    ("even context", pdu(4, pdv(2, 3, wire.echo_request())), {INVALID}),
    ("data before a command", pdu(4, pdv(1, 2, b"12345678")), {INVALID, UNEXPECTED, 5, 0}),
    ("command longer than its limit", b"".join(pdu(4, pdv(1, 1, bytes(16_000))) for _ in range(6)), {INVALID, 0}),
    ("command with a group of its own", pdu(4, pdv(1, 3, struct.pack("<HHI", 8, 0x18, 4) + b"1.2\0")), {INVALID, 0}),
    ("command element past the end", pdu(4, pdv(1, 3, struct.pack("<HHI", 0, 0x100, 400) + b"\1\0")), {INVALID, 0}),
    ("empty command", pdu(4, pdv(1, 3, b"")), {INVALID, 0}),
    ("command without a command field", pdu(4, pdv(1, 3, wire.command([(0x0110, us(1)), (0x0800, us(0x0101))]))), {INVALID, 0}),
]


@pytest.mark.parametrize("name, sent, reasons", ESTABLISHED, ids=[e[0] for e in ESTABLISHED])
def test_aborts_on_an_association(shared_server, name, sent, reasons):
    before = shared_server.memory()
    with open_(shared_server) as peer:
        began = time.monotonic()
        peer.send(sent)
        kind, body = peer.read()
        assert (kind, body[2]) == (7, 2) and body[3] in reasons, (kind, body)
        assert time.monotonic() - began < 1
        assert peer.rest(2) == b""
    assert shared_server.memory() - before < 16 * MIB


@pytest.mark.parametrize("hello", [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(508), b"SSH-2.0-x\r\n"],
                         ids=["HTTP", "TLS", "SSH"])
def test_other_protocols(shared_server, hello):
    """Closed, nothing echoed; an A-ABORT on the way is no echo."""
    with Wire(shared_server.dimse) as peer:
        peer.send(hello)
        got = peer.rest(2)
        assert got == b"" or got[0] == 7 and len(got) == 10, got


# Odd but legal on the wire

def test_pdvs_of_every_cut(shared_server):
    """DIMSE-014, DIMSE-015: many PDVs in a PDU, fragments of 2 bytes and of 1, empty ones, a PDU at a time byte by byte."""
    whole = wire.echo_request()
    cuts = {
        "2 bytes a PDU": [pdu(4, pdv(1, 1 if n + 2 < len(whole) else 3, whole[n : n + 2])) for n in range(0, len(whole), 2)],
        "1 byte a PDU": [pdu(4, pdv(1, 1 if n + 1 < len(whole) else 3, whole[n : n + 1])) for n in range(len(whole))],
        "all PDVs in one PDU": [pdu(4, b"".join(pdv(1, 1 if n + 2 < len(whole) else 3, whole[n : n + 2]) for n in range(0, len(whole), 2)))],
        "empty PDVs between": [pdu(4, pdv(1, 1, b"") + pdv(1, 1, whole[:10])), pdu(4, pdv(1, 1, b"")), pdu(4, pdv(1, 3, whole[10:]))],
        "last fragment empty": [pdu(4, pdv(1, 1, whole)), pdu(4, pdv(1, 3, b""))],
        "bits 2 to 7 set": [pdu(4, pdv(1, 0xFF, whole))],
    }
    with open_(shared_server) as peer:
        for name, pdus in cuts.items():
            for one in pdus:
                peer.send(one)
            assert peer.status() == 0, name
        for byte in pdu(4, pdv(1, 3, whole)):
            peer.send(bytes([byte]))
        assert peer.status() == 0
        peer.release()


def test_command_and_data_in_one_pdu(shared_server):
    sop, data = fresh()
    with open_(shared_server, [(CT, [EXPLICIT_LE])]) as peer:
        peer.send(pdu(4, pdv(1, 3, wire.store_request(CT, sop)) + pdv(1, 0, data[:501]) + pdv(1, 0, data[501:502]) + pdv(1, 2, data[502:])))
        assert peer.status() == 0
        peer.release()


def test_several_messages_are_sent_at_once(shared_server):
    """A sender that does not wait; answers come in order, with the ids of the requests (DIMSE-022)."""
    with open_(shared_server) as peer:
        peer.send(b"".join(pdu(4, pdv(1, 3, wire.echo_request(n))) for n in range(1, 51)))
        assert [struct.unpack("<H", peer.response()[0x0120])[0] for _ in range(50)] == list(range(1, 51))
        peer.release()


def test_small_peers_get_small_pdus(shared_server):
    """DIMSE-011: a peer that takes 64 bytes a PDU."""
    with Wire(shared_server.dimse) as peer:
        peer.send(associate(user=user_information(64)))
        assert peer.read()[0] == 2
        peer.send(pdu(4, pdv(1, 3, wire.echo_request())))
        got, last = b"", False
        while not last:
            kind, body = peer.read()
            assert kind == 4 and len(body) <= 64
            got, last = got + body[6:], body[5] & 2
        assert wire.parse_command(got)[0x0900] == us(0)


def test_the_response_command_set(shared_server):
    """DIMSE-021, DIMSE-022: group length first and true, elements ascending, the request's ids."""
    sop, data = fresh()
    with open_(shared_server, [(VERIFICATION, [IMPLICIT_LE]), (CT, [EXPLICIT_LE])]) as peer:
        peer.send_command(3, wire.store_request(CT, sop, 4711))
        peer.send_data(3, data)
        kind, body = peer.read()
        assert kind == 4 and body[4] == 3 and body[5] == 3
        fields = wire.parse_command(body[6:])
        assert list(fields) == sorted(fields) and struct.unpack("<I", fields[0])[0] == len(body) - 6 - 12
        assert fields[0x0100] == us(0x8001) and fields[0x0120] == us(4711) and fields[0x0800] == us(0x0101) and fields[0x0900] == us(0)
        assert fields[0x0002].rstrip(b"\0").decode() == CT and fields[0x1000].rstrip(b"\0").decode() == sop
        peer.release()


# Statuses

def test_unknown_commands(shared_server):
    """DIMSE-024: 0211H, and the association goes on."""
    with open_(shared_server) as peer:
        for field in (0x9999, 0x0020, 0x0021, 0x0010, 0x0130):
            peer.send_command(1, wire.command([(0x0002, wire.uid_value(VERIFICATION)), (0x0100, us(field)), (0x0110, us(7)), (0x0800, us(0x0101))]))
            assert peer.status() in (0x0211, 0x0122), f"{field:04X}"
        peer.send_command(1, wire.command([(0x0100, us(0x0FFF)), (0x0120, us(9)), (0x0800, us(0x0101))]))  # C-CANCEL of nothing: no answer
        assert peer.echo() == 0
        peer.release()


CANNOT_UNDERSTAND, MISMATCH = 0xC000, 0xA900


def tampered(**changes) -> bytes:
    data = synth.instance(6_001, 1, next(numbers))
    for keyword, value in changes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    return synth.encode(data)


STATUSES = [
    # sop class and instance of the command, data set, statuses
    ("another instance", CT, "2.25.7", tampered(), {MISMATCH}),  # DIMSE-027
    ("another class", CT, None, tampered(SOPClassUID=synth.MR), {MISMATCH}),
    ("class not of the context", synth.MR, None, tampered(SOPClassUID=synth.MR), {MISMATCH, 0x0122, CANNOT_UNDERSTAND}),
    ("no instance in the data set", CT, "2.25.7", tampered(SOPInstanceUID=None), {CANNOT_UNDERSTAND}),
    ("no class", CT, None, tampered(SOPClassUID=None), {CANNOT_UNDERSTAND}),
    ("no study", CT, None, tampered(StudyInstanceUID=None), {CANNOT_UNDERSTAND}),
    ("no series", CT, None, tampered(SeriesInstanceUID=None), {CANNOT_UNDERSTAND}),
    ("empty study", CT, None, tampered(StudyInstanceUID=""), {CANNOT_UNDERSTAND}),
    ("empty data set", CT, "2.25.7", b"", {CANNOT_UNDERSTAND}),
    ("garbage", CT, "2.25.7", bytes(range(256)) * 20, {CANNOT_UNDERSTAND}),
    ("truncated", CT, "2.25.7", synth.simple(6_002, 1, 1, 500)[1][:-100], {CANNOT_UNDERSTAND}),
    ("implicit under an explicit syntax", CT, "2.25.7", synth.encode(synth.instance(6_001, 1, 9_999_999), IMPLICIT_LE), {CANNOT_UNDERSTAND}),
    ("instance ../../x", CT, "../../../tmp/x", tampered(), {MISMATCH, CANNOT_UNDERSTAND}),
    ("instance empty", CT, "", tampered(), {CANNOT_UNDERSTAND, MISMATCH}),
    ("instance of 80 digits", CT, "1." + "2" * 78, tampered(), {MISMATCH, CANNOT_UNDERSTAND}),
    ("instance two values", CT, "1.2\\1.3", tampered(), {MISMATCH, CANNOT_UNDERSTAND}),
    ("instance with letters", CT, "1.2.a", tampered(), {MISMATCH, CANNOT_UNDERSTAND}),
    ("instance with a NUL inside", CT, "1.2\0.3", tampered(), {MISMATCH, CANNOT_UNDERSTAND}),
    ("class with letters", "1.2.a", "1.2.3", tampered(), {MISMATCH, CANNOT_UNDERSTAND, 0x0122}),
    ("leading zeros", CT, "1.02.003", tampered(SOPInstanceUID="1.02.003"), {0}),
]


@pytest.mark.parametrize("name, sop_class, sop_instance, dataset, statuses", STATUSES, ids=[s[0] for s in STATUSES])
def test_c_store_statuses(shared_server, name, sop_class, sop_instance, dataset, statuses):
    """DIMSE-026. An answer, and the association goes on."""
    if sop_instance is None:
        at = dataset.index(b"\x08\0\x18\0UI")
        length = struct.unpack_from("<H", dataset, at + 6)[0]
        sop_instance = dataset[at + 8 : at + 8 + length].rstrip(b"\0").decode()
    with open_(shared_server, [(CT, [EXPLICIT_LE])]) as peer:
        status = peer.store(1, sop_class, sop_instance, dataset)
        assert status in statuses, f"{status:04X}"
        sop, good = fresh()
        assert peer.store(1, CT, sop, good) == 0
        peer.release()


def test_c_store_without_data_set(shared_server):
    """C000H or an abort, never success."""
    with open_(shared_server, [(CT, [EXPLICIT_LE])]) as peer:
        peer.send_command(1, wire.store_request(CT, "2.25.7", data=0x0101))
        try:
            assert peer.status() & 0xF000 == 0xC000
        except (Refused, Closed):
            pass


def test_other_bytes_are_a_new_version(server):
    """B000, and version 1 goes on being served."""
    sop, first = fresh()
    second = first.replace(b"Synthetic^Patient", b"Different^Patient")
    with open_(server, [(CT, [EXPLICIT_LE])]) as peer:
        assert [peer.store(1, CT, sop, data) for data in (first, first, second, first)] == [0, 0, 0xB000, 0]
        peer.release()
    (found,) = server.json("instances?includefield=PatientName")
    assert found["00100010"]["Value"][0]["Alphabetic"] == "Synthetic^Patient"


def test_one_instance_from_many_at_once(server):
    """DIMSE-052, R11: every sender is told success, one is kept."""
    sop, data = fresh(50_000)
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(wire.store_one(server.dimse, CT, sop, EXPLICIT_LE, data))) for _ in range(16)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert statuses == [0] * 16
    assert len(server.json("instances")) == 1


def test_the_called_title_is_checked_on_an_open_server(shared_server):
    with pytest.raises(Refused) as refused:
        open_(shared_server, called="NOBODY")
    assert refused.value.fields == (1, 1, 7)
    open_(shared_server, calling="ANYBODY").release()


# Life and death

def test_release_and_close(shared_server):
    """After A-RELEASE-RP the requestor closes; data behind a release request is not taken."""
    with open_(shared_server) as peer:
        peer.send(pdu(5, bytes(4)) + pdu(4, pdv(1, 3, wire.echo_request())))
        assert peer.read()[0] == 6
        rest = peer.rest(15)
        assert rest == b"" or rest[0] == 7


def test_silence_is_ended(shared_server):
    """DIMSE-016, L4: ARTIM closes a connection that sends nothing, or half a request, in about 10 s."""
    silent, half = socket.create_connection(shared_server.dimse), socket.create_connection(shared_server.dimse)
    half.sendall(associate()[:50])
    began = time.monotonic()
    for peer in (silent, half):
        peer.settimeout(20)
        while peer.recv(1_000):
            pass
    assert 5 < time.monotonic() - began < 15


def test_a_cut_transfer_leaves_nothing(server):
    sop, data = fresh(300_000)
    for cut in (0, 1, 1_000, 150_000, 299_000):
        peer = open_(server, [(CT, [EXPLICIT_LE])])
        peer.send_command(1, wire.store_request(CT, sop))
        if cut:
            peer.send(pdu(4, pdv(1, 0, data[: min(cut, 100_000)])))
        peer.reset() if cut % 2 else peer.abort()
    time.sleep(0.3)
    assert server.json("instances") == []
    assert wire.store_one(server.dimse, CT, sop, EXPLICIT_LE, data) == 0
    assert len(server.json("instances")) == 1


def test_aborts_free_everything(server):
    """DIMSE-019: 400 aborted associations, some inside a transfer; memory and descriptors come back."""
    def rounds(count):
        for n in range(count):
            peer = open_(server, [(CT, [EXPLICIT_LE])])
            if n % 2:
                peer.send_command(1, wire.store_request(CT, "2.25.9"))
                peer.send(pdu(4, pdv(1, 0, bytes(30_000))))
            [peer.abort, peer.reset, peer.close][n % 3]()
        deadline = time.monotonic() + 10
        while server.metric("overread_dimse_associations") > 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        return server.memory(), server.descriptors()

    memory, descriptors = rounds(100)
    after_memory, after_descriptors = rounds(400)
    assert after_memory - memory < 8 * MIB, f"{(after_memory - memory) / MIB:.1f} MiB"
    assert after_descriptors <= descriptors + 4


def test_many_idle_associations(server):
    """L1, in small: 500 idle ones cost little and nobody notices."""
    before = server.memory()
    peers = [open_(server) for _ in range(500)]
    assert server.memory() - before < 500 * 24 * 1024 + 8 * MIB
    with open_(server) as peer:
        began = time.monotonic()
        assert peer.echo() == 0 and time.monotonic() - began < 0.5
        peer.release()
    [p.abort() for p in peers]


def test_answers_are_quick(server):
    """A sender with Nagle on that writes in pieces is not held up by delayed acknowledgements (40 ms each)."""
    peer = open_(server, [(CT, [EXPLICIT_LE])], nodelay=False)
    took = []
    for _ in range(30):
        sop, data = fresh(20_000)
        began = time.monotonic()
        peer.message += 1
        peer.send_command(1, wire.store_request(CT, sop, peer.message))
        half = len(data) // 2
        for control, piece in ((0, data[:half]), (2, data[half:])):
            body = pdv(1, control, piece)
            peer.send(struct.pack(">BBI", 4, 0, len(body)))
            peer.send(body)
        assert peer.status() == 0
        took.append(time.monotonic() - began)
    peer.release()
    assert statistics.median(took) < 0.030, f"{statistics.median(took) * 1000:.0f} ms"


def test_pynetdicom_echoes(shared_server):
    """DIMSE-023 with somebody else's requestor."""
    entity = AE("ECHO")
    entity.add_requested_context(VERIFICATION)
    association = entity.associate(*shared_server.dimse, ae_title=AET)
    assert association.is_established and association.send_c_echo().Status == 0
    association.release()


def test_full_servers_refuse_for_now(tmp_path):
    """Transient rejection: local limit exceeded (L5)."""
    with Server(tmp_path / "data", config="[limits]\nassociations = 3\n") as server:
        peers = [open_(server) for _ in range(3)]
        with pytest.raises((Refused, Closed)) as refused:
            open_(server)
        assert not isinstance(refused.value, Closed) and refused.value.fields == (2, 3, 2)
        peers[0].release()
        time.sleep(0.2)
        open_(server).release()
