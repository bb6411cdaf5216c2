"""The console's gate, forms, headers and page, through WSGI."""

import re
import sqlite3

import pytest
from helpers import PASSWORD
from helpers.browser import FIELD, Browser
from jinja2 import UndefinedError

from promapp_lite.config import mount_of
from promapp_lite.store.access import admins, hashing, login_throttle, sessions, setup, tokens

OPEN = {"ops.healthz", "ops.livez", "ops.metrics", "ops.security_txt"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture
def stranger(app):
    """A browser nobody is signed in with."""
    return Browser(app)


def test_it_works(signed_in):
    """The page shows all its parts."""
    page = signed_in.get()
    assert page.status_code == 200
    for part in ("setup", "profile", "people", "activity", "health"):
        assert re.search(rf'<section\s+id="{part}"', page.text)
    assert "Azure AD has not connected yet." in page.text


def test_a_template_names_nothing_it_does_not_get(app):
    """A misspelt name is an error, not an empty place on the page."""
    for text in ("{{ nothing }}", "{% if nothing %}x{% endif %}", "{{ {}.nothing }}"):
        with pytest.raises(UndefinedError):
            app.jinja_env.from_string(text).render()


@pytest.mark.parametrize("part", ["setup", "profile", "people", "activity", "health"])
def test_a_part_alone(signed_in, part):
    """Script asks for one part and gets only that."""
    shown = signed_in.get(headers={"X-Part": part}).text
    assert re.findall(r'<section\s+id="(\w+)"', shown) == [part]
    assert "<html" not in shown


def console_routes(app):
    """(method, path, endpoint) of every route that is not the API's."""
    for rule in app.url_map.iter_rules():
        if not mount_of(rule.rule.partition("<")[0]) and rule.endpoint not in OPEN:
            path = re.sub(r"<[^>]+>", "1", rule.rule)
            yield from ((method, path, rule.endpoint) for method in METHODS)


def test_every_route_is_closed(app, stranger, send):
    """Without a session every route shows the sign-in form, or nothing; none shows a person."""
    send("POST", "/Users", {"userName": "secret.person@x"})
    found = list(console_routes(app))
    assert len(found) > 50
    for method, path, endpoint in found:
        answer = stranger.client.open(path, method=method)
        assert answer.status_code in (200, 400, 401, 405, 410), (method, path)
        assert "secret.person" not in answer.text and "pms_" not in answer.text
        if answer.status_code == 200 and method == "GET":
            assert endpoint in ("console.console", "console.favicon"), path


@pytest.mark.parametrize(
    "path",
    ["/tokens", "/tokens/1/revoke", "/restore/1", "/password", "/sessions/1/end", "/sign-out", "/sign-in"],
)
def test_no_form_without_its_token(signed_in, app, path):
    """A POST without the CSRF token, or with another browser's, changes nothing (400)."""
    other = Browser(app)
    foreign = FIELD.search(other.get().text)[1]
    for fields in ({}, {"csrf_token": "x"}, {"csrf_token": foreign}):
        answer = signed_in.client.post(
            path, data={"description": "t", "scope": "scim", "days": "30"} | fields
        )
        assert answer.status_code == 400
        assert "Content-Security-Policy" in answer.headers
    assert signed_in.get().status_code == 200 and "No live access token" in signed_in.get().text


HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/sign-in", "/setup", "/activity.csv", "/favicon.svg", "/?row=x"]
)
def test_headers(signed_in, path):
    """Every answer of the console has the headers, errors included."""
    answer = signed_in.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'n")
    for part in ("form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert part in policy
    assert "unsafe" not in policy and "Strict-Transport-Security" not in answer.headers


def test_each_answer_has_its_own_nonce(signed_in):
    """The nonce is the page's and is used once."""
    pages = [signed_in.get() for _ in range(2)]
    nonces = [re.search(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"])[1] for page in pages]
    assert nonces[0] != nonces[1]
    for page, nonce in zip(pages, nonces, strict=True):
        assert set(re.findall(r'nonce="([^"]+)"', page.text)) == {nonce}
        assert not re.search(r'\sstyle="|\son\w+="', page.text)


def test_under_tls(app):
    """The cookie is __Host-, Secure, HttpOnly, SameSite=Lax, and browsers are told to stay on TLS."""
    answer = app.test_client().get("/", base_url="https://scim.example.org")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-promapp-lite=")
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie and answer.headers["Strict-Transport-Security"].startswith("max-age=")


def test_no_session_for_the_api(send):
    """API answers set no cookie and have no policy."""
    answer = send("GET", "/Users")
    assert "Set-Cookie" not in answer.headers and "Content-Security-Policy" not in answer.headers


def test_sign_in_renews_the_cookie(stranger, store):
    """A cookie planted before signing in is worth nothing after; only its digest is kept."""
    stranger.get()
    before = stranger.cookie
    stranger.sign_in()
    assert stranger.cookie != before
    assert sessions.find(store, before) is None
    assert sessions.find(store, stranger.cookie).name == "ada"
    assert stranger.cookie not in str(store.database.execute_sql("SELECT * FROM session").fetchall())


def test_sign_out(signed_in, store, app):
    """The session is gone from the server, not only from the browser."""
    cookie = signed_in.cookie
    assert signed_in.post("/sign-out").status_code == 303
    assert sessions.find(store, cookie) is None
    assert "Sign in" in signed_in.get().text
    thief = app.test_client()
    thief.set_cookie("promapp-lite", cookie)
    assert "Access Tokens" not in thief.get("/").text


@pytest.mark.parametrize(
    ("column", "ago", "alive"),
    [("seen", 29, True), ("seen", 31, False), ("created", 11 * 60, True), ("created", 12 * 60 + 1, False)],
)
def test_a_session_ends(signed_in, store, column, ago, alive):
    """Idle for 30 minutes or 12 hours old, it is over."""
    store.database.execute_sql(
        f"UPDATE session SET {column} = strftime('%Y-%m-%dT%H:%M:%S.000Z', 'now', ?)",  # noqa: S608
        (f"-{ago} minutes",),
    )
    assert ("Access Tokens" in signed_in.get().text) is alive


def test_an_admin_who_is_off_is_out(signed_in, store):
    """A session dies with its admin."""
    store.database.execute_sql("UPDATE admin SET active = 0")
    assert "Access Tokens" not in signed_in.get().text


def test_wrong_password(stranger):
    """401, the name stays in the form, the password does not."""
    answer = stranger.sign_in(password="wrong wrong wrong")
    assert answer.status_code == 401
    assert 'value="ada"' in answer.text and "wrong wrong" not in answer.text
    assert "Wrong user name or password." in answer.text
    assert "Wrong user name or password." in stranger.sign_in(name="nobody").text


def test_many_sign_ins_are_limited(stranger, send, monkeypatch):
    """One address may try 10 times a minute; then 429, and the API goes on."""
    monkeypatch.setattr(admins, "DUMMY", admins.hash_password("of nobody at all"))
    token = FIELD.search(stranger.get().text)[1]
    codes = [
        stranger.client.post(
            "/sign-in", data={"csrf_token": token, "name": f"n{n}", "password": "x"}
        ).status_code
        for n in range(11)
    ]
    assert codes == [401] * 10 + [429]
    assert send("GET", "/Users").status == 200


def test_the_queue_for_passwords_is_short(stranger, monkeypatch):
    """A sign-in that finds it full is asked to come again: waiting would hold a thread of the API."""
    monkeypatch.setattr(hashing.QUEUE, "most_waiting", 0)
    with hashing.QUEUE.turn(hashing.Rank.KNOWN), hashing.QUEUE.turn(hashing.Rank.KNOWN):
        answer = stranger.sign_in()
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
    assert "Too many passwords" in answer.text
    assert stranger.sign_in().status_code == 303


def test_first_admin(app, store):
    """The set-up link makes the first admin once, and signs in."""
    store.database.execute_sql("DELETE FROM admin")
    key, browser = setup.make(store), Browser(app)
    assert "No admin yet" in browser.get().text
    page = f"/setup?key={key}"
    fields = {"key": key, "name": "grace", "password": PASSWORD, "again": PASSWORD}
    assert browser.get(page).status_code == 200
    assert "do not match" in browser.post("/setup", page, **fields | {"again": "another password"}).text
    assert "12 to" in browser.post("/setup", page, **fields | {"password": "short", "again": "short"}).text
    assert browser.post("/setup", page, **fields).status_code == 303
    assert "Signed in as grace." in browser.get().text
    assert browser.get(page).status_code == 410
    assert key not in str(store.database.execute_sql("SELECT * FROM setup").fetchall())


@pytest.mark.parametrize("key", ["", "wrong", "x" * 5000, "ä\0"])
def test_no_other_link_works(stranger, store, key):
    """A wrong link makes nobody an admin, with an admin or without."""
    for _ in range(2):
        assert stranger.get("/setup", query_string={"key": key}).status_code == 410
        store.database.execute_sql("DELETE FROM admin")


def test_change_password(signed_in, app, store):
    """Proved by the old one; all other sessions end."""
    other = Browser(app)
    other.sign_in()
    new = {"password": "another good password", "again": "another good password"}
    assert "current password is wrong" in signed_in.post("/password", present="no", **new).text
    assert "do not match" in signed_in.post("/password", present=PASSWORD, **new | {"again": "x"}).text
    assert signed_in.post("/password", present=PASSWORD, **new).status_code == 303
    assert "Password changed" in signed_in.get("/?done=password").text
    assert "Access Tokens" not in other.get().text
    assert Browser(app).sign_in().status_code == 401
    assert Browser(app).sign_in(password="another good password").status_code == 303


def test_sessions_are_listed_and_ended(signed_in, app, store):
    """An admin ends a session of their own, not another admin's."""
    other = Browser(app)
    other.client.environ_base["HTTP_USER_AGENT"] = "Firefox/999 <b>"
    other.sign_in()
    page = signed_in.get().text
    assert "2 active sessions" in page and "Firefox/999 &lt;b&gt;" in page and "This one" in page
    signed_in.post("/sessions/2/end")
    assert "Access Tokens" not in other.get().text
    store.database.execute_sql("UPDATE session SET admin_id = 99 WHERE id = 1")
    grace = sessions.Visitor(5, 7, "grace")
    sessions.end(store, grace, 1)
    assert store.database.execute_sql("SELECT COUNT(*) FROM session").fetchone() == (1,)


def test_a_token_is_shown_once(signed_in, send):
    """The secret is in the direct answer of the form, works, and is nowhere afterwards."""
    answer = signed_in.post("/tokens", description="Azure <AD>", scope="scim", days="365")
    secret = re.search(r'value="(pms_\w{42})"', answer.text)[1]
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert send("GET", "/Users", headers={"Authorization": f"Bearer {secret}"}).status == 200
    page = signed_in.get().text
    assert secret not in page and secret[:8] in page and "Azure &lt;AD&gt;" in page
    assert "in 364 days" in page and "by ada" in page


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("description", " ", "1 to 200"),
        ("description", "x" * 201, "1 to 200"),
        ("scope", "admin", "The scope must be"),
        ("days", "731", "1 to 730"),
        ("days", "-1", "1 to 730"),
        ("days", "", "1 to 730"),
    ],
)
def test_a_token_that_cannot_be(signed_in, store, field, value, told):
    """400 says why in the form's place, which keeps what was typed."""
    fields = {"description": "Azure AD", "scope": "scim", "days": "30"} | {field: value}
    answer = signed_in.post("/tokens", **fields)
    assert answer.status_code == 400 and told in answer.text
    assert tokens.listed(store) == []


def test_revoking(signed_in, token, send):
    """The page asks first; the next request with the token is refused."""
    asking = signed_in.get("/?revoke=1").text
    assert "<dialog open" in asking and re.search(r"autofocus\s*>\s*Cancel", asking)
    assert send("GET", "/Users").status == 200
    assert signed_in.post("/tokens/1/revoke").status_code == 303
    assert send("GET", "/Users").status == 401
    assert signed_in.post("/tokens/1/revoke").status_code == 409
    assert "1 revoked or expired token" in signed_in.get().text


def test_an_ending_token_is_spoken_of(signed_in, store, token):
    """Within 30 days of its end the page says so."""
    assert "expires in 29 days" in signed_in.get().text
    store.database.execute_sql("UPDATE token SET expires = '2099-01-01T00:00:00.000Z'")
    assert "Create a second token" not in signed_in.get().text


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=" + "a" * 5000,
        "q=%F0%9F%98%80",
        "show=x",
        "from=-1",
        "from=99999999999999999999",
        "user=x",
        "group=%00",
        "user=" + "x" * 3000,
        "row=١٢",
        "row=7",
        "cycle=1e3",
        "cycle=5",
        "action=fail",
        "result=x",
        "who=%25_%27%22",
        "before=abc",
        "after=%00",
        "revoke=x",
        "done=<b>",
        "of=%ff",
        "cycles=0",
    ],
)
def test_odd_addresses(signed_in, query):
    """Whatever stands in the address, the page is shown."""
    answer = signed_in.get(f"/?{query}")
    assert answer.status_code == 200 and '<section id="health"' in answer.text


@pytest.mark.parametrize(
    "path", ["/tokens/99999999999999999999/revoke", "/restore/x", "/favicon.ico", "/%00"]
)
def test_nothing_there(signed_in, path):
    """A plain page, no traceback."""
    answer = signed_in.post(path) if "restore" in path or "tokens" in path else signed_in.get(path)
    assert answer.status_code == 404 and "Back to the console" in answer.text


HOSTILE = "<img src=x onerror=alert(1)>\"'</script></style>{{7*7}}"


def test_what_is_hostile_is_text(signed_in, send):
    """Names are shown as text in every place."""
    user = send("POST", "/Users", {"userName": HOSTILE, "displayName": HOSTILE, "title": HOSTILE}).json["id"]
    group = send("POST", "/Groups", {"displayName": HOSTILE, "members": [{"value": user}]}).json["id"]
    send("POST", "/Users", {"userName": HOSTILE, "externalId": HOSTILE})
    send("DELETE", f"/Groups/{group}")
    signed_in.post("/tokens", description=HOSTILE, scope="scim", days="30")
    for path in (f"/?user={user}&row=4", "/?show=deleted&row=5", "/?q=img&who=img&row=1", "/?revoke=2"):
        page = signed_in.get(path).text
        assert "<img src=x" not in page and "{{7*7}}" in page and 'onerror=alert(1)>"' not in page


def test_a_backup_is_downloaded(signed_in, send, store):
    """Health gives a copy of the database as it is now, and leaves none behind."""
    send("POST", "/Users", {"userName": "kept@x"})
    answer = signed_in.post("/backup")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=promapp-lite-")
    copy = sqlite3.connect(":memory:")
    copy.deserialize(answer.data)
    assert copy.execute("SELECT display_name FROM users").fetchall() == [("kept@x",)]
    copy.close()
    answer.close()
    assert list(store.path.parent.glob("download-*")) == []


def test_a_backup_that_cannot_be_made(signed_in, monkeypatch):
    """It says why, on the page."""
    monkeypatch.setattr("promapp_lite.store.snapshots.copies.copy", failing)
    answer = signed_in.post("/backup")
    assert answer.status_code == 503
    assert "no room" in answer.text


def failing(*_):
    """A disk that is full."""
    raise OSError("no room")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Origin": "null"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "https://evil.example"}, 400),
        ({"Origin": "http://localhost.evil.example"}, 400),
        ({"Origin": "http://localhost:8080"}, 400),
        ({"Origin": "evil"}, 400),
        ({"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
    ],
)
def test_another_sites_form_is_refused(signed_in, headers, status):
    """Even with a good CSRF token; what the browser does not say is left to the token."""
    form = {"csrf_token": FIELD.search(signed_in.get("/").text)[1]}
    answer = signed_in.client.post("/sign-out", data=form, headers=headers)
    assert answer.status_code == status


def test_a_browser_that_has_signed_in_gets_in_while_others_guess(signed_in, app, store):
    """Its device cookie is HttpOnly, kept as a digest, and spares it the others' waits; others do wait."""
    signed_in.post("/sign-out")
    for _ in range(15):
        login_throttle.wrong(store, "ada", "127.0.0.1")
    device = signed_in.client.get_cookie("promapp-lite-device").value
    assert device not in str(store.database.execute_sql("SELECT * FROM device").fetchall())
    assert Browser(app).sign_in().status_code == 429
    answer = signed_in.sign_in()
    assert answer.status_code == 303
    cookie = next(each for each in answer.headers.getlist("Set-Cookie") if "-device=" in each)
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age=7776000" in cookie
    assert store.database.execute_sql("SELECT COUNT(*) FROM device").fetchone() == (1,)


OLD = "UPDATE session SET proved = '2020-01-01T00:00:00.000Z'"


@pytest.mark.parametrize(
    ("path", "fields"), [("/tokens", {"description": "t", "scope": "scim", "days": "30"}), ("/backup", {})]
)
def test_what_does_great_harm_asks_for_the_password_again(signed_in, store, path, fields):
    """15 minutes after it was given, until it is given again; a fresh session is asked nothing."""
    assert "Your password again" not in signed_in.get().text
    store.database.execute_sql(OLD)
    assert signed_in.get().text.count("Your password again") == 2
    refused = signed_in.post(path, **fields)
    assert refused.status_code == 400 and "15 minutes" in refused.text and tokens.listed(store) == []
    assert "current password is wrong" in signed_in.post(path, **fields, present="no").text
    signed_in.post(path, **fields, present=PASSWORD).close()
    assert "Your password again" not in signed_in.get().text
    answer = signed_in.post(path, **fields)
    assert answer.status_code == 200
    answer.close()
