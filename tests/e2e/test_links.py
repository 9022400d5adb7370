"""Links that are given away: to see studies, and to send images. What they open, what they do not, and how they end."""

import io
import json
import os
import re
import threading
import zipfile
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support import phantom, stow, synth
from support.browser import OHIF, step, visit
from support.server import Server, run

SHOWN, FOREIGN, ABSENT = 501, 502, 509
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DEAD = "This link does not work, or no longer"


class World:
    def __init__(self, server: Server):
        self.server = server
        self.token = (server.data / "administrator.token").read_text().strip()
        self.secrets: list[str] = [self.token]

    def ask(self, method, path, body=None, **headers):
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.server.request(method, path, body, {"Authorization": f"Bearer {self.token}"} | named)

    def make(self, **wanted) -> dict:
        """Made by the API; its secret and code beside what it is."""
        wanted = {"kind": "share", "label": "Dr Weber", "code": False} | wanted
        if wanted["kind"] == "share":
            wanted.setdefault("studies", [{"study": synth.uid(SHOWN)}])
        answer = self.ask("POST", "/api/links", json.dumps(wanted).encode(), Content_Type="application/json")
        assert answer.status == 201, answer
        made = answer.json()
        made["secret"] = made["url"].split("#")[1]
        self.secrets.append(made["secret"])
        return made

    def enter(self, secret: str, code: str = "", **headers):
        return self.server.request("POST", "/s", urlencode({"token": secret, "code": code}).encode(), FORM | headers)

    def cookie(self, secret: str, code: str = "") -> str:
        entered = self.enter(secret, code)
        assert entered.status == 303, entered
        return entered.headers["Set-Cookie"].split(";")[0]

    def listed(self, number: int) -> dict:
        links = self.ask("GET", "/api/links").json()["links"]
        return next(one for one in links if one["id"] == number)

    def withdraw(self, number: int) -> None:
        assert self.ask("DELETE", f"/api/links/{number}").status == 204

    def audit(self) -> str:
        return run("audit", "export", "--data", self.server.data, "--form", "json").stdout


def store(world, files: list[bytes], token: str) -> None:
    headers = {"Content-Type": stow.content_type(), "Accept": "application/dicom+json", "Authorization": f"Bearer {token}"}
    assert world.server.request("POST", "/dicom-web/studies", stow.body(files), headers).status == 200


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    config = f'[viewer]\nfolder = "{OHIF}"\nstudy_list = false\n[http]\ntls = false\n[dimse]\ntls_listen = "off"\n'
    with Server(tmp_path_factory.mktemp("links") / "data", flags=[], config=config, env={"RUST_LOG": "info"}) as server:
        world = World(server)
        store(world, [synth.file(data) for data in phantom.ct(SHOWN, 5)], world.token)
        store(world, [synth.file(synth.with_pixels(synth.instance(FOREIGN)))], world.token)
        yield world


@pytest.fixture
def pictures(tmp_path):
    kept = Path(os.environ.get("OVERREAD_PICTURES", tmp_path))
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def check(visited) -> None:
    assert not visited.error, (visited.error, visited.errors, visited.failed, visited.text)
    assert not visited.violations and not visited.errors, (visited.violations, visited.errors)


@pytest.mark.parametrize("width, theme", [(390, "light"), (1280, "dark")])
def test_a_share_in_a_browser(world, pictures, width, theme):
    """Opened with a code; the secret stays in no address; withdrawn at the next request."""
    made = world.make(code=True, uses=5)
    name = f"links-{width}-{theme}"
    visited = visit(pictures, [
        step("theme", name=theme),
        step("open", url=made["url"]), step("wait", selector="#token-field[hidden]"), step("shot", name=f"{name}-open"),
        step("run", script="location.href"),
        step("type", selector="#code", text="0000-0000"), step("key", name="Enter"), step("wait", text="does not match"),
        step("shot", name=f"{name}-wrong"),
        step("type", selector="#code", text=made["code"]), step("key", name="Enter"), step("wait", text="Images of"),
        step("wait", selector=".film img"), step("run", script=LOADED), step("run", script="location.href"),
        step("shot", name=f"{name}-shown", whole=True), step("run", script=WIDE),
    ], width=width, height=844)
    assert not visited.error and not visited.violations, (visited.error, visited.violations, visited.text)
    # The browser says itself that an answer was no success.
    assert all("422" in one for one in visited.errors), visited.errors
    assert visited.found[4] == f"{world.server.origin}/s"
    assert visited.found[13] is True, "the thumbnail did not load"
    assert visited.found[14] == f"{world.server.origin}/s/images"
    assert visited.found[16] is False, "it scrolls sideways"
    # What stands behind "#" is sent to nobody.
    assert not [one["url"] for one in visited.requests if made["secret"] in one["url"].split("#")[0]]
    cookie = world.cookie(made["secret"], made["code"])
    assert world.server.get("/s/images", Cookie=cookie).status == 200
    assert world.server.get(f"/dicom-web/studies/{synth.uid(SHOWN)}/metadata", Cookie=cookie).status == 200
    world.withdraw(made["link"]["id"])
    assert world.server.get("/s/images", Cookie=cookie).status == 404
    assert world.server.get(f"/dicom-web/studies/{synth.uid(SHOWN)}/metadata", Cookie=cookie).status == 401


LOADED = """(async () => { const img = document.querySelector('.film img'); await img.decode(); return img.naturalWidth > 0; })()"""
WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_staff_make_and_withdraw_one_in_the_browser(world, pictures):
    opened = world.make()
    for _ in range(2):
        world.cookie(opened["secret"])
    told = "document.querySelector('nav .tag')?.textContent ?? ''"
    visited = visit(pictures, [
        step("open", url=f"{world.server.origin}/"), step("click", text="Sign in with a token"),
        step("type", selector="#token", text=world.token), step("key", name="Enter"),
        step("wait", text="Where it listens"), step("run", script=told), step("open", url=f"{world.server.origin}/studies/{synth.uid(SHOWN)}"),
        step("click", text="Share this study"), step("wait", text="Make the link"), step("shot", name="links-make", whole=True),
        step("type", selector="#label", text="Dr Browser"), step("click", text="Make the link"), step("wait", text="It is shown this once"),
        step("shot", name="links-made", whole=True), step("run", script="document.querySelector('pre').innerText"),
        step("open", url=f"{world.server.origin}/links"), step("wait", text="Dr Browser"), step("run", script=told), step("shot", name="links-list", whole=True),
        step("click", selector="td a[href$='/withdraw']"), step("wait", text="cannot be undone"), step("shot", name="links-withdraw"),
        step("click", selector="button.danger"), step("wait", text="withdrawn"),
    ], width=1280, height=900)
    check(visited)
    # Every page tells of openings until the list was looked at.
    assert re.fullmatch(r"[0-9]+ new openings", visited.found[5]) and visited.found[17] == "", visited.found
    secret = visited.found[14].split("#")[1]
    world.secrets.append(secret)
    assert world.enter(secret).status == 404


def test_what_does_not_work_looks_alike(world):
    """AUTH-015: unknown, withdrawn, used up: one answer. Looking counts nothing."""
    withdrawn, used = world.make(), world.make(uses=1)
    world.withdraw(withdrawn["link"]["id"])
    for _ in range(3):
        # What scans mails opens addresses, and may send what it finds there along.
        for method in ("GET", "HEAD"):
            looked = world.server.request(method, f"/s?token={used['secret']}")
            assert looked.status == 200 and used["secret"].encode() not in looked.body
    assert world.listed(used["link"]["id"])["uses"] == 0
    cookie = world.cookie(used["secret"])
    answers = [world.enter(secret) for secret in ("", "0" * 64, withdrawn["secret"], used["secret"], "\x00é")]
    for answer in answers:
        assert answer.status == 404 and DEAD in answer.body.decode(), answer
    heads = [sorted((k, v) for k, v in answer.headers.items() if k.lower() not in ("date", "x-request-id")) for answer in answers]
    assert len({answer.body for answer in answers}) == 1 and all(head == heads[0] for head in heads)
    assert world.server.get("/s/images", Cookie=cookie).status == 200, "who opened it last goes on"
    listed = world.listed(used["link"]["id"])
    assert listed["uses"] == 1 and listed["openings"][0]["from"] == "127.0.0.1"


def test_foreign_is_absent_at_every_door(world):
    cookie = world.cookie(world.make()["secret"])

    def shape(path: str, study: int, accept: str = "*/*"):
        answer = world.server.get(path.format(study=synth.uid(study), series=synth.uid(study, 1), instance=synth.uid(study, 1, 1)),
                                  accept, Cookie=cookie)
        return answer.status, re.sub(rb"2\.25\.[0-9.]+", b"UID", answer.body), answer.type

    study, instance = "/dicom-web/studies/{study}", "/dicom-web/studies/{study}/series/{series}/instances/{instance}"
    wado = "/wado?requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={instance}"
    for path in [study, f"{study}/metadata", f"{study}/thumbnail", f"{study}/rendered", f"{study}/series", instance,
                 f"{instance}/frames/1", f"{instance}/rendered", "/dicom-web/studies?StudyInstanceUID={study}", wado,
                 "/studies/{study}", "/studies/{study}/share", "/studies/{study}/metadata"]:
        foreign, absent = shape(path, FOREIGN), shape(path, ABSENT)
        assert foreign == absent and foreign[0] in (204, 303, 404), (path, foreign, absent)
    found = world.server.get("/dicom-web/studies", "application/dicom+json", Cookie=cookie).json()
    assert [one["0020000D"]["Value"] for one in found] == [[synth.uid(SHOWN)]]
    for path in ("/", "/studies", "/links", "/links/new"):
        answer = world.server.get(path, Cookie=cookie)
        assert answer.status == 303 and answer.headers["Location"] in ("/", "/s/images"), (path, answer)
    for method, path in (("POST", "/dicom-web/studies"), ("POST", "/api/upload"), ("POST", "/api/links"), ("GET", "/metrics"), ("POST", "/s/send")):
        assert world.server.request(method, path, b"", {"Cookie": cookie}).status in (303, 401, 403), path


def test_a_code_is_tried_five_times(world):
    made, other = world.make(code="blue heron"), world.make(code="grey heron")
    assert world.enter(made["secret"]).status == 422 and world.listed(made["link"]["id"])["uses"] == 0
    statuses = [world.enter(made["secret"], f"wrong-{n}").status for n in range(200)]
    assert statuses[:4] == [422] * 4 and set(statuses[4:]) == {429}, statuses[:8]
    locked = world.enter(made["secret"], "blue heron")
    assert locked.status == 429 and 0 < int(locked.headers["Retry-After"]) <= 901
    assert world.enter(other["secret"], "Grey-Heron").status == 303, "no other link is locked"
    rows = [json.loads(line) for line in world.audit().splitlines()]
    number = made["link"]["id"]
    assert any(row["event"]["what"] == "restricted" and f"link {number} is locked" in row["event"].get("detail", "") for row in rows)


def test_guesses_do_not_succeed_and_harm_nobody(world):
    """10,000 guesses at links and codes from one address; an honest user of the same address opens a link meanwhile."""
    coded, honest = world.make(code=True), world.make()
    found: list[int] = []
    opened: list[int] = []

    def guess(start: int) -> None:
        connection = HTTPConnection(*world.server.http, timeout=60)
        for n in range(start, 10_000, 4):
            fields = {"token": f"{n:064x}", "code": ""} if n % 2 else {"token": coded["secret"], "code": f"{n:08}"}
            connection.request("POST", "/s", urlencode(fields), FORM)
            response = connection.getresponse()
            response.read()
            found.append(response.status)
        connection.close()

    threads = [threading.Thread(target=guess, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        opened.append(world.enter(honest["secret"]).status)
    for thread in threads:
        thread.join()
    assert len(found) == 10_000 and set(found) <= {404, 422, 429}, set(found)
    assert found.count(404) <= 40 and found.count(422) <= 10, (found.count(404), found.count(422))
    assert opened and set(opened) == {303}, set(opened)
    denied = [line for line in world.audit().splitlines() if '"links"' in line and '"serious"' in line]
    assert 1 <= len(denied) <= 200, len(denied)


def multipart(files: dict[str, bytes]) -> tuple[bytes, dict]:
    parts = [b'--B\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\nContent-Type: application/octet-stream\r\n\r\n%s\r\n'
             % (name.encode(), content) for name, content in files.items()]
    return b"".join(parts) + b"--B--\r\n", {"Content-Type": "multipart/form-data; boundary=B"}


def image(study: int, number: int) -> bytes:
    return synth.file(synth.with_pixels(synth.instance(study, 1, number)))


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_images_are_sent_by_a_plain_form(world):
    made = world.make(kind="upload", label="Ms Sample")
    cookie = world.cookie(made["secret"])
    page = world.server.get("/s/send", Cookie=cookie)
    assert page.status == 200 and b'enctype="multipart/form-data"' in page.body
    files = {
        "": b"", "CD/IM1": image(511, 1), "CD/IM2": image(511, 2)[:-40], "CD/README.TXT": b"hello",
        "more.zip": zipped({"A/IM3": image(511, 3), "A/IM4": image(512, 1), "A/note.txt": b"x", "A/BROKEN": image(512, 2)[:-40]}),
        "CD/again": image(511, 1), "<script>alert(1)</script>.dcm": b"no image",
    }
    body, headers = multipart(files)
    sent = world.server.request("POST", "/s/send", body, headers | {"Cookie": cookie})
    text = sent.body.decode()
    assert sent.status == 200 and "4 images are here, 3 are not" in text, text
    for name in ("CD/IM2", "more.zip &gt; A/BROKEN", "CD/README.TXT", "more.zip &gt; A/note.txt", "It is damaged or not complete",
                 "It was already here", "&lt;script&gt;alert(1)&lt;/script&gt;.dcm"):
        assert name in text, (name, text)
    assert "<script>alert" not in text
    assert world.ask("GET", f"/dicom-web/studies/{synth.uid(511)}/metadata").status == 200
    assert len(world.ask("GET", f"/dicom-web/studies/{synth.uid(511)}/metadata").json()) == 2
    # It sees nothing, not even what it sent, and nothing else takes what it brings.
    for path in (f"/dicom-web/studies/{synth.uid(511)}/metadata", "/dicom-web/studies", f"/dicom-web/studies/{synth.uid(511)}/thumbnail"):
        assert world.server.get(path, Cookie=cookie).status == 403, path
    assert world.server.get("/s/images", Cookie=cookie).headers["Location"] == "/s/send"
    for body, headers, status in [
        (b"x", FORM, 400), (b"", {"Content-Type": "multipart/form-data; boundary=B"}, 400), (*multipart({"": b""}), 400),
        (*multipart({"a.txt": b"hello"}), 422), (multipart(files)[0][:3_000], multipart({})[1], 200),
        (*multipart({"cut.zip": zipped({"IM": image(513, 1)})[:-30]}), 422),
    ]:
        answer = world.server.request("POST", "/s/send", body, headers | {"Cookie": cookie})
        assert answer.status == status, (answer.status, status, answer.body[-1500:])
    cross = world.server.request("POST", "/s/send", *multipart({"a": image(514, 1)})[:1], multipart({})[1] | {
        "Cookie": cookie, "Sec-Fetch-Site": "cross-site"})
    assert cross.status == 403
    world.withdraw(made["link"]["id"])
    body, headers = multipart({"late": image(515, 1)})
    assert world.server.request("POST", "/s/send", body, headers | {"Cookie": cookie}).status == 404
    assert world.ask("GET", f"/dicom-web/studies/{synth.uid(515)}/metadata").status == 404


@pytest.mark.parametrize("width, theme", [(390, "light"), (1280, "dark")])
def test_images_are_sent_in_a_browser(world, pictures, tmp_path, width, theme):
    made = world.make(kind="upload", label="Mr Sample")
    disc = tmp_path / "disc.zip"
    disc.write_bytes(zipped({f"IM{n}": image(520 + width, n) for n in range(1, 4)} | {"BROKEN": image(520 + width, 9)[:-40]}))
    name = f"links-{width}-{theme}"
    visited = visit(pictures, [
        step("theme", name=theme), step("open", url=made["url"]), step("wait", selector="#token-field[hidden]"),
        step("click", selector="main form button"), step("wait", text="Send your images"), step("shot", name=f"{name}-send", whole=True),
        step("upload", selector="#files", file=str(disc)), step("click", selector="form#send button"),
        step("wait", text="3 images are here, 1 is not"), step("shot", name=f"{name}-sent", whole=True), step("run", script=WIDE),
    ], width=width, height=844)
    check(visited)
    assert visited.found[-1] is False, "it scrolls sideways"


def test_the_command_line(world):
    data = world.server.data
    added = run("link", "--data", data, "add", "Dr Console", "--study", synth.uid(SHOWN), "--uses", "2", "--json")
    made = json.loads(added.stdout)
    secret = made["url"].split("#")[1]
    world.secrets.append(secret)
    cookie = world.cookie(secret, made["code"])
    assert world.server.get("/s/images", Cookie=cookie).status == 200
    listed = [json.loads(line) for line in run("link", "--data", data, "list", "--json").stdout.splitlines()]
    assert next(one for one in listed if one["id"] == made["id"])["uses"] == 1
    assert run("link", "--data", data, "revoke", made["id"]).returncode == 0
    assert world.server.get("/s/images", Cookie=cookie).status == 404
    assert run("link", "--data", data, "revoke", made["id"]).returncode == 1
    for wrong in (["add", "x"], ["add", "x", "--upload", "--study", "1.2"], ["add", "x", "--study", "a b"]):
        assert run("link", "--data", data, *wrong).returncode == 2, wrong
    assert run("link", "--data", data, "add", "x", "--upload", "--days", "31").returncode == 1


def test_wishes_that_are_refused(world):
    good = {"kind": "share", "label": "x", "studies": [{"study": synth.uid(SHOWN)}]}
    for change, status in [
        ({"label": ""}, 400), ({"days": 31}, 400), ({"days": 0}, 400), ({"uses": 0}, 400), ({"code": "12345"}, 400), ({"studies": []}, 400),
        ({"studies": [{"study": synth.uid(ABSENT)}]}, 404), ({"studies": [{"study": "x"}]}, 400), ({"more": 1}, 400), ({"kind": "all"}, 400),
        ({"studies": [{"study": synth.uid(SHOWN), "custodian": "other"}]}, 404), ({"kind": "upload"}, 400), ({"label": "x" * 70_000}, 413),
    ]:
        answer = world.ask("POST", "/api/links", json.dumps(good | change).encode(), Content_Type="application/json")
        assert answer.status == status, (change, answer)
    assert world.ask("DELETE", "/api/links/99999").status == 404
    assert world.ask("DELETE", "/api/links/x").status == 404
    assert world.server.request("POST", "/api/links", json.dumps(good).encode()).status == 401


def test_nothing_of_a_secret_is_anywhere(world):
    """Runs last: what the tests before used is in no log, no row, no file."""
    log, rows = world.server.log(), world.audit()
    stored = b"".join(file.read_bytes() for file in world.server.data.glob("*.db*"))
    assert len(world.secrets) > 10 and "a link was opened" in log and "link 1" in rows
    for secret in world.secrets:
        assert secret not in log and secret not in rows and secret.encode() not in stored
    whats = {(json.loads(line)["event"]["what"] if isinstance(json.loads(line)["event"]["what"], str) else "store") for line in rows.splitlines()}
    assert {"share", "configuration", "login", "restricted", "view", "retrieve", "store"} <= whats | {"retrieve"}, whats
    assert any(json.loads(line)["event"]["who"]["name"] == "1 of administrator" for line in rows.splitlines())
    for page in ("/s", "/s/images"):
        assert world.server.get(page).headers["Referrer-Policy"] == "no-referrer"
