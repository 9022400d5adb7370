"""Identity providers on loopback: a real one, and one that forges."""

import base64
import json
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from http.client import HTTPConnection

import pytest

from .browser import MODULES

AUDIENCE = "https://images.example/dicom-web"


def ask(method: str, url: str, body=None, headers=None) -> tuple[int, bytes]:
    at = urlsplit(url)
    connection = HTTPConnection(at.hostname, at.port, timeout=30)
    try:
        connection.request(method, at.path + (f"?{at.query}" if at.query else ""), body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Providers:
    """Both, for as long as the block runs."""

    def __init__(self, origin: str):
        if not (MODULES / "node_modules/oidc-provider").exists():
            pytest.fail("no oidc-provider: run tests/run tools")
        self.process = subprocess.Popen(["node", Path(__file__).with_name("providers.mjs")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.process.stdin.write(json.dumps({"modules": str(MODULES), "redirect": f"{origin}/sign-in/callback", "goodbye": f"{origin}/"}))
        self.process.stdin.close()
        found = json.loads(self.process.stdout.readline())
        self.real, self.forger = found["real"], found["forger"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def control(self, what: str, **how):
        status, body = ask("POST", f"{self.forger}/control/{what}", json.dumps(how))
        assert status == 200, (what, status)
        return json.loads(body)

    def token(self, by: str = "ES256", header: dict | None = None, **claims) -> str:
        """A token of the forger's that is good, but for what is changed; None takes a claim or member away."""
        now = time.time()
        said = {"iss": self.forger, "aud": AUDIENCE, "sub": "viewer", "client_id": "viewer", "jti": "j", "scope": "RAD-107 RAD-129",
                "iat": int(now), "exp": int(now) + 300} | claims
        head = {"alg": by, "kid": by, "typ": "at+jwt"} | (header or {})
        kept = [{k: v for k, v in one.items() if v is not None} for one in (head, said)]
        return self.control("sign", by=by, header=kept[0], claims=kept[1])

    def granted(self, scope: str) -> str:
        """What the real provider grants a service of its own."""
        basic = base64.b64encode(b"portal:" + urlencode({"": "a secret of some length"})[1:].encode()).decode()
        form = urlencode({"grant_type": "client_credentials", "scope": scope, "resource": "https://images.example/dicom-web"})
        status, body = ask("POST", f"{self.real}/token", form, {
            "Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200, body
        return json.loads(body)["access_token"]
