"""multipart/related by hand, both ways, and the Store Instances Response as Python values."""

import re
from dataclasses import dataclass, field

BOUNDARY = "e2e-boundary-7f3a"
DICOM = "application/dicom"


@dataclass
class Part:
    headers: dict[str, str]
    body: bytes

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "")

    @property
    def syntax(self) -> str | None:
        found = re.search(r"transfer-syntax=\"?([\d.*]+)", self.type)
        return found[1] if found else None

    @property
    def location(self) -> str:
        return self.headers.get("content-location", "")


def content_type(kind: str = DICOM, boundary: str = BOUNDARY) -> str:
    return f'multipart/related; type="{kind}"; boundary={boundary}'


def body(parts, boundary: str = BOUNDARY, kind: str = DICOM, close: bool = True) -> bytes:
    """A multipart body; each part is its bytes, or (extra head lines, bytes)."""
    out = []
    for one in parts:
        head, content = one if isinstance(one, tuple) else (f"Content-Type: {kind}\r\n", one)
        out += [f"--{boundary}\r\n{head}\r\n".encode(), content, b"\r\n"]
    if close:
        out.append(f"--{boundary}--\r\n".encode())
    return b"".join(out)


def split_multipart(type_: str, content: bytes) -> list[Part]:
    """Parts by the boundary of the Content-Type; every byte between is accounted for."""
    boundary = re.search(r'boundary="?([^";]+)', type_)[1].encode()
    assert type_.lower().startswith("multipart/related"), type_
    assert re.search(r'type="?[\w./+*-]+', type_), type_
    delimiter = b"\r\n--" + boundary
    content = b"\r\n" + content
    assert content.count(delimiter + b"--") == 1, "the closing delimiter is there once"
    pieces = content[: content.index(delimiter + b"--")].split(delimiter + b"\r\n")
    assert pieces[0] in (b"", b"\r\n"), pieces[0][:100]
    parts = []
    for piece in pieces[1:]:
        head, _, payload = piece.partition(b"\r\n\r\n")
        headers = {}
        for line in head.decode("ascii").split("\r\n"):
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        parts.append(Part(headers, payload))
    return parts


@dataclass
class Stored:
    """What a STOW response says: {instance UID: warning or None}, {instance UID: reason}, other reasons."""

    status: int
    stored: dict[str, int | None] = field(default_factory=dict)
    failed: dict[str, int] = field(default_factory=dict)
    others: list[int] = field(default_factory=list)
    module: dict = field(default_factory=dict)
    answer: object = None

    def reasons(self) -> set[int]:
        return set(self.failed.values()) | set(self.others)


def post(server, parts, study: str | None = None, headers: dict | None = None, content: bytes | None = None, timeout: float = 120) -> Stored:
    """STOW of whole files; `content` replaces the body."""
    path = f"studies/{study}" if study else "studies"
    sent = {"Content-Type": content_type(), "Accept": "application/dicom+json"} | (headers or {})
    answer = server.request("POST", path, body(parts) if content is None else content, {k: v for k, v in sent.items() if v is not None}, timeout)
    return read(answer)


def read(answer) -> Stored:
    result = Stored(answer.status, answer=answer)
    if "dicom+json" not in answer.type:
        return result
    module = answer.json()
    module = module[0] if isinstance(module, list) else module
    result.module = module
    for item in module.get("00081199", {}).get("Value", []):
        warning = item.get("00081196")
        result.stored[item["00081155"]["Value"][0]] = warning["Value"][0] if warning else None
    for item in module.get("00081198", {}).get("Value", []):
        uid = item.get("00081155", {}).get("Value", [""])[0]
        result.failed[uid] = item["00081197"]["Value"][0]
    for item in module.get("0008119A", {}).get("Value", []):
        result.others.append(item["00081197"]["Value"][0])
    return result
