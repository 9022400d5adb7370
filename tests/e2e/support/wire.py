"""A DIMSE requestor at the level of bytes: it can say everything right, and everything wrong.

Layouts are PS3.8 9.3 and PS3.7 Annex E; every integer of a PDU is big endian, command sets are Implicit VR LE.
"""

import socket
import struct

APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT_LE = "1.2.840.10008.1.2"
SUCCESS = 0x0000


class Closed(Exception):
    """The peer closed the connection where a PDU was due."""


class Refused(Exception):
    """A-ASSOCIATE-RJ (result, source, reason) or A-ABORT (source, reason)."""

    def __init__(self, kind: int, fields: tuple):
        super().__init__(kind, fields)
        self.kind, self.fields = kind, fields


def item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def context(number: int, abstract: str | bytes, syntaxes) -> bytes:
    """Item 20: one presentation context."""
    inner = item(0x30, _bytes(abstract)) + b"".join(item(0x40, _bytes(s)) for s in syntaxes)
    return item(0x20, bytes([number, 0, 0, 0]) + inner)


def user_information(max_length: int = 262_144, extra: bytes = b"") -> bytes:
    return item(0x50, item(0x51, struct.pack(">I", max_length)) + item(0x52, b"2.25.99") + extra + item(0x55, b"E2E"))


def associate(called=b"OVERREAD", calling=b"E2E", contexts=None, version=1, application=APPLICATION_CONTEXT,
              user=None, reserved=b"\0" * 32, body_extra=b"") -> bytes:
    """A-ASSOCIATE-RQ; every field can be given wrong."""
    contexts = context(1, VERIFICATION, [IMPLICIT_LE]) if contexts is None else contexts
    body = struct.pack(">HH", version, 0) + called.ljust(16)[:16] + calling.ljust(16)[:16] + reserved
    body += item(0x10, application) + contexts + (user_information() if user is None else user) + body_extra
    return pdu(1, body)


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBI", kind, 0, len(body)) + body


def pdv(number: int, control: int, fragment: bytes) -> bytes:
    return struct.pack(">IBB", len(fragment) + 2, number, control) + fragment


def command(fields: list[tuple[int, bytes]]) -> bytes:
    """A command set with its group length; `fields` are (element number, value)."""
    body = b"".join(struct.pack("<HHI", 0, number, len(value)) + value for number, value in fields)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def uid_value(uid: str | bytes) -> bytes:
    value = _bytes(uid)
    return value + b"\0" * (len(value) % 2)


def us(number: int) -> bytes:
    return struct.pack("<H", number)


def echo_request(message: int = 1) -> bytes:
    return command([(0x0002, uid_value(VERIFICATION)), (0x0100, us(0x0030)), (0x0110, us(message)), (0x0800, us(0x0101))])


def store_request(sop_class, sop_instance, message: int = 1, data: int = 0x0000) -> bytes:
    return command([(0x0002, uid_value(sop_class)), (0x0100, us(0x0001)), (0x0110, us(message)), (0x0700, us(0)),
                    (0x0800, us(data)), (0x1000, uid_value(sop_instance))])


def parse_command(data: bytes) -> dict[int, bytes]:
    fields, at = {}, 0
    while at + 8 <= len(data):
        group, number, length = struct.unpack_from("<HHI", data, at)
        assert group == 0, "a command set has only group 0"
        fields[number] = data[at + 8 : at + 8 + length]
        at += 8 + length
    return fields


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


class Wire:
    """A connection that speaks PDUs."""

    def __init__(self, address, timeout: float = 20, tls=None, nodelay: bool = True):
        plain = socket.create_connection(address, timeout=timeout)
        if nodelay:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self.tls = tls is not None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Closes with RST, as a peer that dies does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, *parts) -> None:
        if self.tls or len(parts) == 1:
            self.sock.sendall(b"".join(bytes(p) for p in parts) if len(parts) > 1 else parts[0])
            return
        total = sum(len(p) for p in parts)
        sent = self.sock.sendmsg(parts)
        if sent < total:
            self.sock.sendall(b"".join(bytes(p) for p in parts)[sent:])

    def take(self, count: int) -> bytes:
        got = bytearray()
        while len(got) < count:
            try:
                more = self.sock.recv(count - len(got))
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed(bytes(got))
            got += more
        return bytes(got)

    def read(self) -> tuple[int, bytes]:
        kind, _, length = struct.unpack(">BBI", self.take(6))
        return kind, self.take(length)

    def rest(self, seconds: float = 5) -> bytes:
        """Everything until the peer closes; TimeoutError when it does not."""
        self.sock.settimeout(seconds)
        got = b""
        while True:
            try:
                more = self.sock.recv(65_536)
            except ConnectionResetError:
                return got
            if not more:
                return got
            got += more


class Association(Wire):
    """An accepted association; raises `Refused` when the peer says no."""

    def __init__(self, address, contexts: list[tuple[str, list[str]]], called="OVERREAD", calling="E2E", extra=b"", **wire):
        super().__init__(address, **wire)
        items = b"".join(context(2 * n + 1, abstract, syntaxes) for n, (abstract, syntaxes) in enumerate(contexts))
        self.send(associate(called.encode(), calling.encode(), contexts=items, user=user_information(extra=extra)))
        kind, body = self.read()
        if kind in (3, 7):
            self.close()
            raise Refused(kind, tuple(body[1:4] if kind == 3 else body[2:4]))
        assert kind == 2, kind
        self.answer = body
        self.contexts, self.user = parse_accept(body)
        self.offered = {2 * n + 1: abstract for n, (abstract, _) in enumerate(contexts)}
        limit = struct.unpack(">I", self.user[0x51][0])[0] if 0x51 in self.user else 0
        self.max_pdu = limit or 1_048_576
        self.message = 0

    def context_for(self, abstract: str, syntax: str) -> int | None:
        """An accepted context of this class in this syntax."""
        for number, (result, accepted) in self.contexts.items():
            if result == 0 and self.offered[number] == abstract and accepted == syntax:
                return number
        return None

    def send_command(self, number: int, body: bytes) -> None:
        self.send(pdu(4, pdv(number, 3, body)))

    def send_data(self, number: int, dataset) -> None:
        """The data set in P-DATA-TF of the largest size that the peer takes; `dataset` is bytes or an iterator of bytes."""
        room = min(self.max_pdu, 1_048_576) - 6
        pieces = _pieces(dataset, room)
        piece = next(pieces, b"")
        while piece is not None:
            following = next(pieces, None)
            control = 2 if following is None else 0
            head = struct.pack(">BBIIBB", 4, 0, len(piece) + 6, len(piece) + 2, number, control)
            self.send(head, piece)
            piece = following

    def response(self) -> dict[int, bytes]:
        """The next command set from the peer."""
        got = b""
        while True:
            kind, body = self.read()
            if kind == 7:
                raise Refused(7, tuple(body[2:4]))
            assert kind == 4, f"PDU type {kind} instead of a response"
            at = 0
            while at < len(body):
                length, _, control = struct.unpack_from(">IBB", body, at)
                got += body[at + 6 : at + 4 + length]
                at += 4 + length
            if control & 2:
                return parse_command(got)

    def status(self) -> int:
        return struct.unpack("<H", self.response()[0x0900])[0]

    def echo(self, number: int = 1) -> int:
        self.message += 1
        self.send_command(number, echo_request(self.message))
        return self.status()

    def store(self, number: int, sop_class, sop_instance, dataset) -> int:
        self.message += 1
        self.send_command(number, store_request(sop_class, sop_instance, self.message))
        self.send_data(number, dataset)
        return self.status()

    def release(self) -> None:
        self.send(pdu(5, b"\0" * 4))
        kind, _ = self.read()
        assert kind == 6, f"PDU type {kind} instead of A-RELEASE-RP"
        self.close()

    def abort(self) -> None:
        self.send(pdu(7, b"\0" * 4))
        self.close()


def _pieces(dataset, room):
    if isinstance(dataset, (bytes, bytearray, memoryview)):
        view = memoryview(dataset)
        for at in range(0, len(view), room):
            yield view[at : at + room]
        return
    for chunk in dataset:
        yield from _pieces(chunk, room)


def parse_accept(body: bytes):
    """Presentation contexts {id: (result, syntax)} and user items {type: [values]} of an A-ASSOCIATE-AC."""
    contexts, user, at = {}, {}, 68
    while at + 4 <= len(body):
        kind, _, length = struct.unpack_from(">BBH", body, at)
        value = body[at + 4 : at + 4 + length]
        if kind == 0x21:
            assert value[0] not in contexts, "a context is answered twice"
            size = struct.unpack_from(">H", value, 6)[0] if len(value) >= 8 else 0
            contexts[value[0]] = (value[2], value[8 : 8 + size].decode())
        if kind == 0x50:
            inner = 0
            while inner + 4 <= len(value):
                sub, _, size = struct.unpack_from(">BBH", value, inner)
                user.setdefault(sub, []).append(value[inner + 4 : inner + 4 + size])
                inner += 4 + size
        at += 4 + length
    return contexts, user


def store_one(address, sop_class, sop_instance, syntax, dataset, **options) -> int:
    """One instance on an association of its own; the status, or `Refused`."""
    with Association(address, [(sop_class, [syntax])], **options) as association:
        result, _ = association.contexts[1]
        if result:
            raise Refused(2, (result,))
        status = association.store(1, sop_class, sop_instance, dataset)
        association.release()
        return status
