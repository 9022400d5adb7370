"""Every state of every page: no violation that axe knows, no sideways scroll, one first heading, a title of its own; and a
session that tells before it ends."""

import json
import os
import time
import zipfile
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support import phantom, stow, synth
from support.browser import step, visit
from support.server import Server

CONFIG = '[http]\ntls = false\n[dimse]\ntls_listen = "off"\n'
# The shortest session: it is told of 10 seconds after a page came.
SHORT = CONFIG + "[access]\nsession_idle_minutes = 1\n"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PASSWORD = "four strange little words"
STUDY = synth.uid(601)
GO = step("click", selector="main form button.primary")


def axe(state: str) -> dict:
    return step("axe", state=state)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    kept = Path(os.environ.get("OVERREAD_PICTURES", tmp_path_factory.mktemp("pictures")))
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def walk(pictures: Path, steps: list[dict]) -> None:
    """Nothing is found in any state; the browser itself says of answers that they were no success."""
    visited = visit(pictures, steps, width=1280, height=900)
    assert not visited.error, (len(visited.found), visited.error, visited.errors, visited.text)
    assert not visited.violations, visited.violations
    assert not [one for one in visited.errors if not any(status in one for status in ("404", "422", "429"))], visited.errors
    found = [one for one in visited.found if isinstance(one, dict) and "wrong" in one]
    assert [one["state"] for one in found] == [one["state"] for one in steps if one["do"] == "axe"]
    # Histories and tabs tell pages apart by their titles.
    titles = {}
    for one in found:
        titles.setdefault(one["title"], set()).add(one["state"].split(",")[0])
    assert not [title for title, pages in titles.items() if len(pages) > 1], titles
    # What axe is not sure of counts, too: nothing is left for somebody to look at.
    wrong = [wrong for one in found for wrong in one["wrong"] + one["unsure"]]
    assert not wrong, "\n".join(wrong)


def token(server) -> str:
    return (server.data / "administrator.token").read_text().strip()


def store(server) -> None:
    headers = {"Content-Type": stow.content_type(), "Accept": "application/dicom+json", "Authorization": f"Bearer {token(server)}"}
    files = [synth.file(data) for data in phantom.ct(601, 3)]
    assert server.request("POST", "/dicom-web/studies", stow.body(files), headers).status == 200


def test_every_state(tmp_path, pictures):
    """Set-up, coming in, studies, links and account, one after the other as somebody meets them."""
    with Server(tmp_path / "data", flags=[], config=CONFIG) as server:
        link, at = (server.data / "set-up.link").read_text().strip(), server.origin
        walk(pictures, [
            step("open", url=f"{at}/"), axe("sign in"),
            step("type", selector="#name", text="nobody"), step("type", selector="#password", text="guess"), step("key", name="Enter"),
            step("wait", text="There is a problem"), axe("sign in, wrong"),
            step("open", url=f"{at}/set-up#0000"), step("wait", selector="#link"), GO, step("wait", text="no longer"), axe("set-up link, dead"),
            step("open", url=f"{at}/"), step("open", url=link), step("wait", selector="#link"), axe("set-up link"), GO,
            step("wait", selector="#account"), axe("choose a password"),
            step("type", selector="#account", text="root"), step("type", selector="#new", text="password1234"),
            step("type", selector="#again", text="password1234"), GO, step("wait", text="There is a problem"), axe("choose a password, wrong"),
            step("type", selector="#new", text=PASSWORD), step("type", selector="#again", text=PASSWORD), GO,
            step("wait", text="Set up your second factor"), axe("second factor"),
            step("type", selector="#code", text="000000x"), GO, step("wait", text="There is a problem"), axe("second factor, wrong"),
            step("totp", secret=".secret", selector="#code"), GO, step("wait", text="Keep your recovery codes"), axe("recovery codes"),
            step("click", selector="input[name=kept]"), GO, step("wait", text="All good"), axe("home"), step("shot", name="home-first", whole=True),
            step("open", url=f"{at}/studies"), axe("studies, none"), step("open", url=f"{at}/links"), axe("links, none"),
            step("open", url=f"{at}/account"), axe("account"),
            *(step("type", selector=f"#{field}", text="guess-guess-guess") for field in ("old", "new", "again", "code")), step("click", text="Change the password"), step("wait", text="There is a problem"), axe("account, wrong"),
            step("click", selector="form.sign-out button"), step("wait", selector="#name"), step("type", selector="#name", text="root"), step("type", selector="#password", text=PASSWORD), step("key", name="Enter"),
            step("wait", text="One more step"), axe("code"),
            step("type", selector="#code", text="000000x"), step("key", name="Enter"), step("wait", text="There is a problem"), axe("code, wrong"),
        ])
        store(server)
        walk(pictures, [
            step("open", url=f"{at}/"), step("click", text="Sign in with a token"), step("type", selector="#token", text=token(server)), step("key", name="Enter"),
            step("wait", text="All good"), step("open", url=f"{at}/studies"), axe("studies"),
            step("open", url=f"{at}/studies/{STUDY}"), axe("study, masked"), step("click", text="Show name"), step("wait", text="Phantom"), axe("study, named"),
            step("open", url=f"{at}/studies/1.2.3"), axe("study, absent"),
            step("open", url=f"{at}/studies/{STUDY}/share"), axe("share"), GO, step("wait", text="There is a problem"), axe("share, wrong"),
            step("type", selector="#label", text="Dr Weber"), GO, step("wait", text="It is shown this once"), axe("link made, share"),
            step("open", url=f"{at}/links/new"), axe("upload link"), step("type", selector="#label", text="Mr Sample"), GO,
            step("wait", text="It is shown this once"), axe("link made, upload"),
            step("open", url=f"{at}/links"), axe("links"), step("click", selector="td a[href$='/withdraw']"), step("wait", text="cannot be undone"), axe("withdraw"),
            step("open", url=f"{at}/links/99999/withdraw"), axe("withdraw, absent"),
            step("open", url=f"{at}/audit"), axe("audit"), step("click", text="Verify the chain"), step("wait", text="Chain verified up to"), axe("audit, verified"),
            step("shot", name="audit", whole=True), step("type", selector="#study", text="x"), step("click", selector="form[role=search] button.primary"),
            step("wait", text="There is a problem"), axe("audit, wrong"), step("open", url=f"{at}/audit"), step("click", selector="#keys-open"),
            step("wait", script="document.getElementById('keys').open"), axe("audit, keys"), step("key", name="Escape"),
            step("open", url=f"{at}/account"), axe("account of a token"), step("open", url=f"{at}/docs"), axe("documentation of the interface"),
        ])
        share, upload = made(server, "share"), made(server, "upload")
        locked = made(server, "share")
        disc = tmp_path / "disc.zip"
        with zipfile.ZipFile(disc, "w") as packed:
            whole, cut = (synth.file(data) for data in phantom.ct(602, 2))
            packed.writestr("IM1", whole)
            packed.writestr("BROKEN", cut[:-40])
        wrong = [step("type", selector="#code", text="0000-0000"), step("key", name="Enter")]
        walk(pictures, [
            step("open", url=f"{at}/s#{'0' * 64}"), step("wait", selector="#token-field[hidden]"), step("click", selector="main form button"),
            step("wait", text="no longer"), axe("link, dead"),
            step("open", url=share["url"]), step("wait", selector="#token-field[hidden]"), axe("link"),
            *wrong, step("wait", text="does not match"), axe("link, wrong code"),
            step("type", selector="#code", text=share["code"]), step("key", name="Enter"), step("wait", text="Images of"), axe("share, opened"),
            step("shot", name="share-opened", whole=True),
            step("click", selector="form.sign-out button"), step("wait", text="Closed"), axe("share, closed"),
            step("open", url=upload["url"]), step("wait", selector="#token-field[hidden]"), step("type", selector="#code", text=upload["code"]),
            step("key", name="Enter"), step("wait", text="Send your images"), axe("send"),
            step("upload", selector="#files", file=str(disc)), step("click", selector="form#send button"),
            step("wait", text="1 image is here, 1 is not"), axe("send, done"),
            step("open", url=locked["url"]), step("wait", selector="#token-field[hidden]"),
            *(one for left in ("4 tries", "3 tries", "2 tries", "1 try") for one in (*wrong, step("wait", text=left))),
            *wrong, step("wait", text="Too many codes"), axe("link, locked"),
        ])


def made(server, kind: str) -> dict:
    wanted = {"kind": kind, "label": "Dr Weber", "code": True} | ({"studies": [{"study": STUDY}]} if kind == "share" else {})
    headers = {"Authorization": f"Bearer {token(server)}", "Content-Type": "application/json"}
    answer = server.request("POST", "/api/links", json.dumps(wanted).encode(), headers)
    assert answer.status == 201, answer
    return answer.json()


SHOWN = "(() => { const bar = document.getElementById('session'); return bar && !bar.hidden && getComputedStyle(bar).visibility === 'visible'; })()"


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("short") / "data", flags=[], config=SHORT) as server:
        store(server)
        yield server


def come_in(server) -> list[dict]:
    return [step("open", url=f"{server.origin}/"), step("click", text="Sign in with a token"), step("type", selector="#token", text=token(server)),
            step("key", name="Enter"), step("wait", text="All good")]


def test_a_session_tells_before_it_ends(short, pictures):
    """WCAG 2.2.1: ten seconds after the page it is told, one key keeps it; at the end what was shown is gone."""
    steps = [*come_in(short), step("open", url=f"{short.origin}/studies/{STUDY}"), step("run", script=SHOWN), step("wait", script=SHOWN),
             axe("session, told of"), step("shot", name="session-1280"), step("key", name="a"), step("wait", script="document.getElementById('session').hidden"),
             step("run", script="document.getElementById('session-said').textContent"),
             # Another window signs out: this one sees it when it asks again.
             step("run", script="fetch('/sign-out', { method: 'POST' }).then(answer => answer.ok)"),
             step("wait", text="You are signed out"), axe("session, over"), step("run", script="document.body.innerText.includes('Phantom')"),
             step("run", script="document.title"), step("shot", name="session-over-390")]
    visited = visit(pictures, steps, width=390, height=844)
    assert not visited.error and not visited.violations, (visited.error, visited.violations, visited.text)
    told, over = (one for one in visited.found if isinstance(one, dict))
    assert told["wrong"] == [] == over["wrong"]
    assert visited.found[6] is False, "told of at once"
    assert "You stay signed in." in visited.found and "Signed out – Overread" in visited.found
    assert visited.found[-3] is False, "what was shown is still there"


def test_a_session_is_kept_without_a_script(short, pictures):
    """A share has no script: its stylesheet shows the bar, whose form leads back to the page."""
    share = made(short, "share")
    steps = [step("open", url=share["url"]), step("wait", selector="#token-field[hidden]"), step("type", selector="#code", text=share["code"]),
             step("key", name="Enter"), step("wait", text="Images of"), step("run", script="document.scripts.length"), step("wait", script=SHOWN),
             step("shot", name="session-share-390"), step("click", selector="#session button"), step("wait", script=f"!{SHOWN}"), step("run", script="location.pathname")]
    visited = visit(pictures, steps, width=390, height=844)
    assert not visited.error and not visited.violations and not visited.errors, (visited.error, visited.violations, visited.text)
    assert visited.found[5] == 0 and visited.found[-1] == "/s/images"


def test_asking_how_long_is_not_using(short):
    """`GET /session` counts down, `POST /session` begins anew, whoever is not in has nothing left; no other host is led to."""
    def ask(method: str, cookie: str = "", body: bytes | None = None, **headers):
        return short.request(method, "/session", body, {"Cookie": cookie, "Accept": "application/json"} | headers)

    entered = short.request("POST", "/sign-in", urlencode({"token": token(short)}).encode(), FORM)
    cookie = entered.headers["Set-Cookie"].split(";")[0]
    first, deadline = ask("GET", cookie).json(), time.monotonic() + 30
    assert first["longer"] is True and 50 <= first["left"] <= 60
    while ask("GET", cookie).json()["left"] >= first["left"]:
        assert time.monotonic() < deadline, "asking keeps it"
    assert ask("POST", cookie).json()["left"] >= first["left"]
    assert ask("GET").json() == ask("GET", "overread=0").json() == ask("POST").json() == {"left": 0, "longer": False}
    for back, leads in (("/studies", "/studies"), ("//evil.example", "/"), ("https://evil.example", "/"), ("", "/")):
        answer = ask("POST", cookie, urlencode({"back": back}).encode(), Accept="text/html", **FORM)
        assert (answer.status, answer.headers["Location"]) == (303, leads)
    assert ask("POST", "", urlencode({"back": "/studies"}).encode(), Accept="text/html", **FORM).headers["Location"] == "/"
    assert ask("POST", cookie, **{"Sec-Fetch-Site": "cross-site"}).status == 403
