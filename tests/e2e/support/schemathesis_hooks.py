"""How schemathesis writes bodies that are no JSON: as whatever bytes the generated value is made of."""

import json

import schemathesis


def octets(value) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


@schemathesis.serializer("application/dicom", "application/octet-stream")
def whole(context, value):
    return octets(value)


@schemathesis.serializer("multipart/related")
def parts(context, value):
    return b"--b\r\nContent-Type: application/dicom\r\n\r\n" + octets(value) + b"\r\n--b--\r\n"
