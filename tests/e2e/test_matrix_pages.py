"""The authorisation matrix of the pages: every route of theirs, method, role, and {own, foreign, absent, deleted}.

The rows come from the routes as the pages' crate names them. A route without an expectation here fails, so none is forgotten.
Checklist rows of the area Authorisation: AUTH-001, AUTH-002, AUTH-006.
"""

import re
from urllib.parse import urlencode

import pytest

from support import synth
from support.server import ROOT
from test_matrix import ABSENT, GONE, LIST_LINKS, MAY, MINE, OTHER, READ, SAME, SEARCH, THEIRS, THEIRS_GONE, authority, shape, world  # noqa: F401

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
SOURCES = [source.read_text() for source in sorted((ROOT / "crates/pages/src").rglob("*.rs"))]
# What a route is: for anybody, for whoever is in, or a right; a right on a study comes with the study.
ANYBODY, INSIDE, LOOK, STUDY, LINKS, SHARE, TRAIL, SHOWN, SEND = (
    "anybody", "inside", "look", "study", "links", "share", "trail", "shown", "send")
EXPECTED = {
    **{("get", path): ANYBODY for path in ("/", "/sign-in/code", "/sign-in/factor", "/sign-in/with/{provider}", "/sign-in/callback", "/set-up",
                                           "/set-up/password", "/session", "/assets/{file}", "/s")},
    **{("post", path): ANYBODY for path in ("/sign-in", "/sign-in/code", "/sign-in/factor", "/sign-in/kept", "/sign-out", "/set-up",
                                            "/set-up/password", "/session", "/s", "/s/close")},
    ("get", "/account"): INSIDE,
    **{("post", f"/account/{what}"): INSIDE for what in ("password", "keys", "recovery", "sign-out")},
    ("get", "/studies"): LOOK, ("post", "/studies"): LOOK,
    **{(method, "/studies/{study}"): STUDY for method in ("get", "post")},
    ("get", "/studies/{study}/metadata"): STUDY, ("get", "/studies/{study}/series/{series}/metadata"): STUDY,
    **{(method, "/studies/{study}/share"): SHARE for method in ("get", "post")},
    ("get", "/links"): LINKS, ("post", "/links"): LINKS, ("get", "/links/new"): LINKS,
    **{(method, "/links/{link}/withdraw"): LINKS for method in ("get", "post")},
    **{one: TRAIL for one in (("get", "/audit"), ("post", "/audit"), ("post", "/audit/verify"), ("post", "/audit/export"))},
    ("get", "/s/images"): SHOWN, ("get", "/s/send"): SEND, ("post", "/s/send"): SEND,
}
GUESTS = ("share", "upload link")
# Everybody of the other matrix, and whoever runs the whole server.
ROLES = [*MAY, "server"]


def routes() -> list[tuple[str, str]]:
    """As the source gives them to the router, constants with their values."""
    constants = dict(re.findall(r'const ([A-Z]+): &str = "(/[^"]*)"', "\n".join(SOURCES)))
    found = []
    for text in SOURCES:
        for named, methods in re.findall(r"\.route\(\s*([^,]+?),\s*((?:\.?(?:get|post)\([\w:]+\)\s*)+),?\s*\)", text):
            path = named.strip('"') if named.startswith('"') else constants[named.split("::")[-1]]
            found += [(method, path) for method in re.findall(r"(get|post)\(", methods)]
    return found


def test_every_route_has_an_expectation():
    """As many as the source has: a way of writing them that is not read here would be one that nobody thought about."""
    written = sum(len(re.findall(r"\.route\(", text)) for text in SOURCES)
    assert len({path for _, path in routes()}) == written
    assert set(routes()) == EXPECTED.keys(), set(routes()) ^ EXPECTED.keys()


def enter(world, role: str) -> str:  # noqa: F811
    """The cookie of whoever has the role."""
    if role == "anonymous":
        return ""
    if role in GUESTS:
        return world.cookies[role]
    answer = world.server.request("POST", "/sign-in", urlencode({"token": world.tokens[role]}).encode(), {"Content-Type": FORM["Content_Type"]})
    assert answer.status == 303, answer
    return answer.headers["Set-Cookie"].split(";")[0]


def ask(world, cookie: str, method: str, path: str, study: int):  # noqa: F811
    values = {"study": synth.uid(study), "series": synth.uid(study, 1), "link": "99999", "provider": "none", "file": "none.css"}
    form = {"label": "x", "days": "7", "words": "1"} if path.endswith(("/share", "/links")) else {}
    headers = {"Content-Type": FORM["Content_Type"]} | ({"Cookie": cookie} if cookie else {})
    return world.server.request(method.upper(), path.format(**values), urlencode(form).encode() if method == "post" else None, headers)


def expected(role: str, kind: str, method: str, path: str, what: str) -> set[int]:
    may = MAY.get(role, MAY["administrator"])
    inside = role not in ("anonymous", *GUESTS)
    if kind == ANYBODY:
        # Nobody has begun to sign in, no provider is there, and the codes asked for are wrong.
        return {200, 303, 400, 404, 409, 422, 429}
    if kind == SHOWN:
        return {200} if role == "share" else {303} if role == "upload link" else {404}
    if kind == SEND:
        return ({200} if method == "get" else {200, 400, 415, 422}) if role == "upload link" else {303, 404}
    if not inside:
        return {303}
    if kind == INSIDE:
        return {200} if method == "get" else {303}
    if kind == TRAIL:
        return ({303} if path.endswith("verify") else {200}) if role == "server" else {404}
    if kind == LOOK:
        return {200} if SEARCH in may else {403}
    if kind == LINKS:
        return ({404} if "{link}" in path else {200}) if LIST_LINKS in may else {404}
    if kind == SHARE and LIST_LINKS not in may:
        return {404}
    if READ not in may:
        return {403}
    # Whoever runs the whole server holds nothing to be foreign.
    return {200} if what == "own" or what == "foreign" and role == "server" else {404}


@pytest.mark.parametrize("role", ROLES)
def test_the_matrix(world, role):  # noqa: F811
    """AUTH-001, AUTH-002, AUTH-006: each row of each role; what is foreign is told from what never was by nothing."""
    wrong, rows = [], 0
    foreign = {synth.uid(study) for study in (THEIRS, THEIRS_GONE)}
    cookie = enter(world, role)
    # What ends a session comes last.
    for method, path in sorted(routes(), key=lambda one: ("close" in one[1], one[1] == "/sign-out")):
        kind, found = EXPECTED[method, path], {}
        for what, study in (("own", MINE), ("foreign", THEIRS), ("absent", ABSENT), ("deleted", GONE), ("foreign deleted", THEIRS_GONE)):
            if what != "own" and "{study}" not in path:
                continue
            rows += 1
            found[what] = answer = ask(world, cookie, method, path, study)
            if answer.status not in expected(role, kind, method, path, what):
                wrong.append((method, path, what, answer.status))
            # A form leads back to the address that was asked for; nothing else names a study of another.
            shown = {uid for uid in foreign - {synth.uid(study)} if uid.encode() in answer.body}
            if shown and role != "server":
                wrong.append((method, path, what, "shows what is another's", shown))
        for what in found.keys() & {"foreign", "foreign deleted", "deleted"} if role != "server" else ():
            if shape(found[what]) != shape(found["absent"]):
                wrong.append((method, path, f"{what} is told from absent"))
    assert not wrong, "\n".join(map(str, wrong))
    assert rows >= 60, rows


def test_lists_show_what_one_reaches(world):  # noqa: F811
    """AUTH-006: neither the list nor a search on the page, nor its counts, tell of another's studies."""
    own = {synth.uid(study) for study in (SAME, OTHER, MINE)}
    for role in (role for role in MAY if SEARCH in MAY[role] and role not in GUESTS):
        cookie = enter(world, role)
        for method, form in (("GET", {}), ("POST", {"name": "Synth"}), ("POST", {"modality": "CT"})):
            answer = world.server.request(method, "/studies", urlencode(form).encode() or None,
                                          {"Content-Type": FORM["Content_Type"], "Cookie": cookie})
            listed = set(re.findall(r'href="/studies/([0-9.]+)"', answer.body.decode()))
            assert own <= listed and synth.uid(THEIRS) not in listed and len(listed) == 4, (role, listed)
            assert "of 4<" in answer.body.decode().replace("1–4 ", "")
