"""How schemathesis writes bodies that are no JSON: as whatever bytes the generated value is made of."""

import io
import json
import zipfile

import schemathesis


def octets(value) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


@schemathesis.serializer("application/dicom", "application/octet-stream")
def whole(context, value):
    return octets(value)


@schemathesis.serializer("application/zip")
def zipped(context, value):
    """As often as not a ZIP with the value as its only file."""
    content = octets(value)
    if len(content) % 2:
        return content
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("file", content)
    return out.getvalue()


@schemathesis.serializer("multipart/related")
def parts(context, value):
    return b"--b\r\nContent-Type: application/dicom\r\n\r\n" + octets(value) + b"\r\n--b--\r\n"
