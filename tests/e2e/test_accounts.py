"""People come in: the first account by its link, a second factor, codes that count once, guesses that wait, sessions that end."""

import hashlib
import hmac
import html
import json
import os
import re
import stat
import struct
import time
from base64 import b32decode
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.browser import step, visit
from support.server import Answer, Server, run

CONFIG = '[http]\ntls = false\n\n[dimse]\ntls_listen = "off"\n'
PASSWORD, CHANGED = "four strange little words", "five even stranger little words"
NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
# No picture is wider than its window.
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


def totp(secret: str, at: int) -> str:
    """RFC 6238: SHA-1, six digits; `at` counts steps of 30 s."""
    digest = hmac.new(b32decode(secret.replace(" ", "")), struct.pack(">q", at), hashlib.sha1).digest()
    word = struct.unpack_from(">I", digest, digest[19] & 15)[0] & 0x7FFFFFFF
    return f"{word % 1_000_000:06}"


def test_the_tests_own_codes():
    """RFC 6238, Appendix B, the last six digits of each."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [totp(secret, at // 30) for at in (59, 1_111_111_109, 20_000_000_000)] == ["287082", "081804", "353130"]


class Browser:
    """What a browser does with forms and cookies, from an address of its own."""

    def __init__(self, server, address: str = "127.0.0.1"):
        self.server, self.address, self.cookies = server, address, {}

    def ask(self, method: str, path: str, form: dict | None = None, **headers) -> Answer:
        connection = HTTPConnection(*self.server.http, timeout=60, source_address=(self.address, 0))
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, urlencode(form) if form is not None else None, sent)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = line.split(";")[0].split("=", 1)
            self.cookies = {k: v for k, v in self.cookies.items() if k != name} | ({name: value} if value else {})
        return answer

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def post(self, path: str, **form) -> Answer:
        return self.ask("POST", path, form)

    def follow(self, answer: Answer) -> Answer:
        assert answer.status == 303, (answer.status, answer.body[-3_000:])
        return self.get(answer.headers["Location"])

    def password(self, name: str, password: str = PASSWORD) -> Answer:
        return self.post("/sign-in", name=name, password=password)

    def is_in(self) -> bool:
        return self.get("/account").status == 200


def words(answer: Answer) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.body.decode()))


class Person:
    """Somebody with an app and a list of recovery codes."""

    def __init__(self, name: str, secret: str, recovery: list[str], last: int):
        self.name, self.secret, self.recovery, self.last, self.password = name, secret, recovery, last, PASSWORD

    def code(self) -> str:
        """The next code that was not used; the server takes those of one step before and after, too."""
        now = int(time.time()) // 30
        step = max(self.last + 1, now)
        if step > now + 1:
            return self.recovery.pop()
        self.last = step
        return totp(self.secret, step)

    def sign_in(self, server, address: str = "127.0.0.1") -> Browser:
        browser = Browser(server, address)
        assert browser.password(self.name, self.password).headers["Location"] == "/sign-in/code"
        assert browser.follow(browser.post("/sign-in/code", code=self.code())).status == 200
        assert browser.is_in()
        return browser


def enrolled(browser: Browser, name: str) -> Person:
    """Sets the factor up, with the code of the step before."""
    page = browser.get("/sign-in/factor").body.decode()
    secret = re.search(r'class="secret num">([A-Z2-7 ]+)<', page)[1]
    last = int(time.time()) // 30 - 1
    shown = browser.post("/sign-in/factor", code=totp(secret, last))
    assert shown.status == 200, words(shown)
    codes = re.findall(r"<li>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</li>", shown.body.decode())
    assert len(set(codes)) == 10 and not browser.is_in(), "the codes are to be kept first"
    assert not browser.post("/sign-in/kept").headers.get("Location"), "without the tick"
    assert browser.follow(browser.post("/sign-in/kept", kept="1")).status == 200 and browser.is_in()
    return Person(name, secret, codes, last)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    kept = Path(os.environ.get("OVERREAD_PICTURES", tmp_path_factory.mktemp("pictures")))
    kept.mkdir(parents=True, exist_ok=True)
    return kept


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("accounts") / "data", flags=[], config=CONFIG) as running:
        yield running


def check(visited) -> None:
    assert not visited.error, (visited.error, visited.errors, visited.text)
    assert not visited.violations and not [one for one in visited.errors if "422" not in one], (visited.violations, visited.errors)
    assert False not in visited.found, "something is wider than its window"


@pytest.fixture(scope="module")
def root(server, pictures):
    """The first account, made in Chromium on a phone by the link that the first start wrote."""
    file = server.data / "set-up.link"
    link = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE((server.data / "access.db").stat().st_mode) == 0o600
    assert str(file) in server.log() and link.split("#")[1] not in server.log()
    go_on = step("click", selector="main form button.primary")
    visited = visit(pictures, [
        step("open", url=link), step("wait", selector="#link"),
        step("run", script="[location.href, document.querySelector('#link').value.length]"), step("shot", name="set-up-390", whole=True), go_on,
        step("wait", selector="#account"), step("type", selector="#account", text="root"), step("type", selector="#new", text="password1234"),
        step("type", selector="#again", text="password1234"), go_on,
        step("wait", text="There is a problem"), step("run", script=FITS), step("shot", name="password-390", whole=True),
        step("type", selector="#new", text=PASSWORD), step("type", selector="#again", text=PASSWORD), go_on,
        step("wait", text="Set up your second factor"), step("run", script=FITS), step("shot", name="factor-390", whole=True),
        step("totp", secret=".secret", selector="#code", steps=-1), go_on,
        step("wait", text="Keep your recovery codes"), step("run", script=FITS), step("shot", name="recovery-390", whole=True),
        step("run", script="[...document.querySelectorAll('.codes li')].map(one => one.innerText)"),
        step("click", selector="input[name=kept]"), go_on, step("wait", text="All good"), step("shot", name="home-390", whole=True)],
        **NARROW)
    check(visited)
    address, filled = visited.found[2]
    assert address == f"{server.origin}/set-up" and filled == 64, "the secret is in the field, no more in the address"
    (secret,) = [one for one in visited.found if isinstance(one, str) and len(one) == 39]
    (codes,) = [one for one in visited.found if isinstance(one, list) and len(one) == 10]
    return Person("root", secret, codes, int(time.time()) // 30 - 1)


def test_the_link_is_good_once(server, root):
    """And one that was used, and one that never was, get the same answer."""
    used = (server.data / "set-up.link").read_text().strip().split("#")[1]
    answers = [Browser(server).post("/set-up", link=link) for link in (used, "0" * 64, "")]
    assert {(a.status, a.body) for a in answers} == {(404, answers[0].body)} and "no longer" in words(answers[0])
    for path in ("/set-up/password", "/sign-in/code", "/sign-in/factor"):
        assert Browser(server).get(path).headers["Location"] == "/", "nobody is on the way in"


def test_looks(server, root, pictures):
    """Sign-in, code and account in a wide dark window and on a phone, with the keyboard alone."""
    for name, size, dark in (("1280-dark", WIDE, True), ("390-light", NARROW, False)):
        visited = visit(pictures, [
            step("open", url=f"{server.origin}/"), step("run", script=FITS), step("shot", name=f"sign-in-{name}", whole=True),
            step("run", script="['#name', '#password'].map(one => document.querySelector(one).autocomplete).join()"),
            step("type", selector="#name", text=root.name), step("type", selector="#password", text=root.password), step("key", name="Enter"),
            step("wait", text="One more step"), step("run", script="document.querySelector('#code').autocomplete"), step("shot", name=f"code-{name}"),
            step("type", selector="#code", text="000000x"), step("key", name="Enter"), step("wait", text="There is a problem"),
            step("run", script=FITS), step("shot", name=f"code-wrong-{name}"), step("type", selector="#code", text=root.code()), step("key", name="Enter"),
            step("wait", text="All good"), step("open", url=f"{server.origin}/account"), step("wait", text="What you may do"),
            step("run", script=FITS), step("shot", name=f"account-{name}", whole=True)], dark=dark, **size)
        check(visited)
        assert "username,current-password" in visited.found and "one-time-code" in visited.found
        assert "Administrator of everything here" in visited.text


def test_codes_count_once(server, root):
    """A wrong code, one that was used, a recovery code: each once, and told alike."""
    browser, code = Browser(server), root.recovery.pop()
    browser.password(root.name)
    assert browser.post("/sign-in/code", code="").status == 422
    wrong = browser.post("/sign-in/code", code="zzzz-zzzz-zzzz-zzzz")
    used = browser.post("/sign-in/code", code=totp(root.secret, root.last))
    assert wrong.status == used.status == 422 and wrong.body == used.body and "That code does not match" in words(used)
    assert not browser.is_in()
    assert browser.post("/sign-in/code", code=code.upper()).headers["Location"] == "/" and browser.is_in()
    again = Browser(server)
    again.password(root.name)
    assert again.post("/sign-in/code", code=code).status == 422 and not again.is_in()


def test_names_are_told_apart_by_nothing(server, root):
    """An account that is there, one that never was, one without a password."""
    run("account", "--data", server.data, "add", "no password")
    shapes = set()
    for name in ("root", "nobody", "no password"):
        answer = Browser(server, "127.0.0.9").password(name, "wrong " + name)
        shapes.add((answer.status, answer.body.decode().replace(html.escape(name), "NAME")))
    assert len(shapes) == 1 and shapes.pop()[0] == 422


def test_guesses_wait_and_others_do_not(server, root):
    """By address and name: the sixth is not looked at, were it right; the same name from elsewhere is, and another name."""
    stranger = Browser(server, "127.0.0.2")
    assert [stranger.password("root", "wrong").status for _ in range(5)] == [422] * 5
    refused = stranger.password("root", root.password)
    assert refused.status == 429 and 1 <= int(refused.headers["Retry-After"]) <= 2 and "Too many tries" in words(refused)
    assert stranger.password("other", "wrong").status == 422
    root.sign_in(server, "127.0.0.3")
    # Whoever has the password guesses at codes as slowly, however often the password is right.
    thief = Browser(server, "127.0.0.4")
    assert thief.password("root").status == 303
    assert [thief.post("/sign-in/code", code="zzzz-zzzz-zzzz-zzz2").status for _ in range(5)] == [422] * 5
    assert thief.password("root").status == 303
    refused = thief.post("/sign-in/code", code=root.recovery[0])
    assert refused.status == 429 and "Retry-After" in refused.headers


def test_other_sites_and_cookies(server, root):
    """No post of another site does anything; cookies are for this host's pages alone."""
    browser = Browser(server)
    form = {"name": "root", "password": root.password}
    for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Origin": "https://evil.example"}):
        for path in ("/sign-in", "/sign-in/code", "/sign-in/factor", "/sign-in/kept", "/set-up", "/set-up/password",
                     "/account/password", "/account/recovery", "/account/sign-out", "/sign-out"):
            assert browser.ask("POST", path, form, **headers).status == 403, path
    begun = browser.password("root")
    admitted = browser.post("/sign-in/code", code=root.code())
    for answer, name in ((begun, "overread-way="), (admitted, "overread=")):
        (line,) = [line for line in answer.headers.get_all("Set-Cookie") if line.startswith(name) and "Max-Age=0" not in line]
        assert line.endswith("; HttpOnly; SameSite=Strict") and "; Path=/;" in line and "Domain" not in line
        assert answer.headers["Cache-Control"] == "no-store"
    assert "overread-way" not in browser.cookies, "the way in is over"


def test_a_changed_password_ends_other_sessions(server):
    """An account made by a command and a link; what it changes, what ends, and what a factor's reset asks for."""
    def command(*arguments):
        done = run("account", "--data", server.data, *arguments)
        assert done.returncode == 0, done
        return done.stdout
    command("add", "dr.miller")
    command("grant", "dr.miller", "--role", "reader", "--on", "everything")
    link = command("setup-link", "dr.miller").strip()
    assert "/set-up#" in link
    browser = Browser(server)
    page = browser.follow(browser.post("/set-up", link=link))
    assert "dr.miller" in words(page) and browser.post("/set-up/password", new=PASSWORD, again="x").status == 422
    browser.follow(browser.post("/set-up/password", new=PASSWORD, again=PASSWORD))
    miller = enrolled(browser, "dr.miller")
    other = miller.sign_in(server)
    assert "Reader of everything here" in words(other.get("/account")) and other.get("/studies").status == 200
    form = {"new": CHANGED, "again": CHANGED, "code": miller.recovery.pop()}
    assert browser.post("/account/password", old="wrong", **form).status == 422
    changed = browser.post("/account/password", old=PASSWORD, **form)
    assert changed.status == 200 and "is changed" in words(changed), words(changed)
    assert browser.is_in() and not other.is_in() and other.get("/studies").status == 303
    assert other.password("dr.miller").status == 422, "the old password"
    miller.password = CHANGED
    other = miller.sign_in(server)
    made = other.post("/account/recovery", proof=miller.recovery.pop())
    codes = re.findall(r"<li>([a-z2-7-]{19})</li>", made.body.decode())
    assert len(codes) == 10 and not set(codes) & set(miller.recovery)
    browser.post("/account/sign-out")
    assert not browser.is_in() and not other.is_in(), "everywhere"
    # The command acts at the next request, too.
    other.password("dr.miller", CHANGED)
    assert other.follow(other.post("/sign-in/code", code=codes[0])).status == 200 and other.is_in()
    command("reset-factor", "dr.miller")
    assert not other.is_in()
    assert other.password("dr.miller", CHANGED).headers["Location"] == "/sign-in/factor"
    assert other.get("/studies").status == 303, "without a factor nobody gets anywhere"


def test_what_the_trail_says(server, root):
    """Each step, who, and from where; no secret."""
    tokens = (server.data / "administrator.token").read_text().strip()
    browser = Browser(server)
    assert browser.post("/sign-in", token=tokens).headers["Location"] == "/" and browser.is_in(), "a token goes on working"
    assert browser.post("/studies", name="x" * 20_000).status == 413, "not taken for a search for everything"
    browser.post("/sign-out")
    exported = run("audit", "--json", "export", "--data", server.data).stdout
    rows = [json.loads(line)["event"] for line in exported.splitlines()]
    told = {(row["what"], row["outcome"], row["who"]["door"], row["who"]["name"], row.get("detail", "")) for row in rows}
    for expected in [
        ("configuration", "success", "password", "root", "account root made, administrator on everything, by a set-up link"),
        ("configuration", "success", "password", "root", "set up its second factor"),
        ("login", "success", "password", "root", "with a new second factor"),
        ("login", "success", "password", "root", "the password was right; a code is asked for"),
        ("login", "success", "password", "root", "with a code"),
        ("login", "serious", "nobody", "root", "the password was wrong"),
        ("login", "serious", "nobody", "root", "the code was wrong"),
        ("login", "serious", "nobody", "nobody", "the password was wrong"),
        ("login", "serious", "nobody", "root", "not looked at: too many tries from this address under this name"),
        ("login", "serious", "nobody", "nobody", "a set-up link that is good no more"),
        ("configuration", "success", "account", "dr.miller", "changed its password"),
        ("configuration", "success", "account", "dr.miller", "made new recovery codes"),
        ("configuration", "success", "console", "console", "second factor of account dr.miller reset"),
        ("logout", "success", "account", "dr.miller", "everywhere"),
        ("login", "success", "token", "administrator", "with a token"), ("logout", "success", "token", "administrator", ""),
    ]:
        assert expected in told, (expected, sorted(told))
    assert any(row["who"]["address"] == "127.0.0.2" for row in rows if row["what"] == "login")
    for secret in (PASSWORD, CHANGED, root.secret.replace(" ", ""), root.recovery[0], tokens):
        assert secret not in exported and secret not in server.log()
    messages = run("audit", "export", "--data", server.data).stdout
    assert 'csd-code="110114"' in messages and 'csd-code="110122"' in messages and 'csd-code="110123"' in messages
