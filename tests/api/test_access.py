"""S4 to S6: nobody without a live token, dead means dead, secrets are kept nowhere."""

import json
import threading

import pytest
from helpers import PASSWORD

from promapp_lite.api.authenticate import NAMES
from promapp_lite.config import MOUNTS, mount_of
from promapp_lite.errors import UserError
from promapp_lite.store.access import admins, tokens

# What needs no token, or decides by itself (test_watch); a new route is closed unless it is named here.
OPEN = {f"{name}.config" for name in NAMES.values()} | {
    "ops.healthz",
    "ops.livez",
    "ops.metrics",
    "ops.security_txt",
}
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


def routes(app):
    """(method, path) of every route, ids filled in."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in OPEN and mount_of(
            rule.rule.partition("<")[0]
        ):  # test_console walks the others
            path = rule.rule.replace("<id>", "x").replace("<unrouted:path>", "/nowhere")
            methods = (rule.methods or {"GET", "PUT"}) | {"OPTIONS", "TRACE", "PROPFIND"}
            yield from ((method, path) for method in sorted(methods))


def hashed(store, **changes):
    """Change the one token in the database."""
    for column, value in changes.items():
        store.database.execute_sql(f"UPDATE token SET {column} = ?", (value,))  # noqa: S608


DEAD = {
    "none": lambda store: None,
    "wrong": lambda store: tokens.make_secret(),
    "no token at all": lambda store: "x" * 46,
    "half": lambda store: "pms_",
    "not ascii": lambda store: "pms_" + "ä" * 42,
}
ENDED = {
    "expired": lambda store: hashed(store, expires="2020-01-01T00:00:00.000Z"),
    "revoked": lambda store: tokens.revoke(store, 1),
    "owner gone": lambda store: hashed(store, owner_id=99),
    "owner off": lambda store: store.database.execute_sql("UPDATE admin SET active = 0"),
}


def test_every_route_is_of_a_room_that_proves_its_caller(app):
    """A route of no blueprint would be open; a mount's are the API's and all others the console's."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint not in OPEN:
            blueprints = set(NAMES.values()) if mount_of(rule.rule.partition("<")[0]) else {"console"}
            assert rule.endpoint.rpartition(".")[0] in blueprints, rule


@pytest.mark.parametrize("name", DEAD)
def test_every_route_is_closed(app, store, name):
    """Each route with each method answers 401 to who has no live token, and tells nothing."""
    secret = DEAD[name](store)
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}".encode().decode("latin-1")}
    found = list(routes(app))
    assert len(found) > 50
    for method, path in found:
        answer = app.test_client().open(path, method=method, headers=headers, data=b"{")
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        if method != "HEAD":
            assert answer.get_json(force=True)["status"] == "401"


@pytest.mark.parametrize("name", ENDED)
def test_an_ended_token_is_dead_at_once(send, store, name):
    """The next request of a token that was alive is refused."""
    assert send("GET", "/Users").status == 200
    ENDED[name](store)
    assert send("GET", "/Users").status == 401
    assert send("POST", "/Users", {"userName": "late"}).status == 401


@pytest.mark.parametrize("header", ["Basic {}", "bearer{}", "Bearer", "Bearer {} {}", "Token {}", "{}"])
def test_other_headers_are_no_token(send, token, header):
    """Only `Bearer` and the token are accepted."""
    assert send("GET", "/Users", headers={"Authorization": header.format(token, token)}).status == 401


@pytest.mark.parametrize("path", ["/%55sers", "/./Users", "//Users", "/Users;x", "/Users%2f", "/USERS"])
@pytest.mark.parametrize("mount", MOUNTS)
def test_no_way_around(app, mount, path):
    """A variant of a path opens nothing."""
    assert app.test_client().get(mount + path).status_code == 401
    assert app.test_client().get("/x/.." + mount + path).status_code in (401, 404)


@pytest.mark.parametrize("mount", MOUNTS)
@pytest.mark.parametrize("path", ["", "/Users", "/nowhere", "/Users/a%0Ab/c"])
def test_what_no_route_answers_is_authenticated_first(app, token, mount, path):
    """Another protocol, an unknown method, an unknown path: 401, and with a token a SCIM error."""
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    for method, headers in (("GET", upgrade), ("PROPFIND", {}), ("TRACE", {})):
        asked = {"method": method, "headers": headers}
        assert app.test_client().open(mount + path, **asked).status_code == 401
        asked["headers"] = {**headers, "Authorization": f"Bearer {token}"}
        answer = app.test_client().open(mount + path, **asked)
        assert answer.status_code in (404, 405) and answer.content_type == "application/scim+json"


def test_a_reading_token_changes_nothing(app, store):
    """scim:read may read and search, everything else is 403."""
    reading = tokens.create(store, "reader", "scim:read", 30, 1)
    headers = {"Authorization": f"Bearer {reading}"}
    for method, path in routes(app):
        answer = app.test_client().open(path, method=method, headers=headers, data=b"{}")
        if method in WRITES and not path.endswith("/.search"):
            assert answer.status_code == 403, (method, path)
        elif method in ("GET", "HEAD", "POST"):
            assert answer.status_code in (200, 404, 405, 501), (method, path)
    assert send_with(app, reading, "/Users/.search").status_code == 200


def send_with(app, secret, path):
    """A search with a token."""
    return app.test_client().post(
        f"/api/scim{path}", headers={"Authorization": f"Bearer {secret}"}, data=b"{}"
    )


def test_revoking_under_fire(app, store, token):
    """No request that begins after the revocation is answered."""
    late, over, stop = [], threading.Event(), threading.Event()

    def ask():
        client = app.test_client()
        while not stop.is_set():
            begun_late = over.is_set()
            status = client.get("/api/scim/Users", headers={"Authorization": f"Bearer {token}"}).status_code
            if begun_late and status != 401:
                late.append(status)
            if begun_late:
                return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    tokens.revoke(store, 1)
    over.set()
    for thread in threads:
        thread.join(20)
    stop.set()
    assert late == []


def test_secrets_are_nowhere(app, send, store, token, caplog):
    """No token and no password stands in the database, its WAL or the log, whatever happens."""
    caplog.set_level("INFO")
    other = tokens.create(store, "second", "scim", 30, 1)
    send("POST", "/Users", {"userName": "a", "password": "open sesame 1"})
    send("POST", "/Users", {"userName": "A", "password": "open sesame 2", "x": other})
    send("POST", "/Users", {"userName": "", "PassWord": "open sesame 3"})
    send("PATCH", "/Users/x", {"Operations": [{"op": "add", "path": "password", "value": "open sesame 4"}]})
    app.test_client().get("/api/scim/Users", headers={"Authorization": f"Bearer {token[:-1]}x"})
    store.database.execute_sql("PRAGMA wal_checkpoint(PASSIVE)")
    held = b"".join(file.read_bytes() for file in store.path.parent.iterdir()) + caplog.text.encode()
    for secret in (token, PASSWORD, "open sesame", token[:-1]):
        assert secret.encode() not in held, secret[:8]


def test_tokens_prove_themselves():
    """46 characters: prefix, 36 random ones, and a CRC32 that a scanner can check without asking."""
    secret = tokens.make_secret()
    assert len(secret) == 46
    assert secret.startswith("pms_")
    assert tokens.checksum(secret[:-6]) == secret[-6:]
    assert len({tokens.make_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"description": " "}, "description"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\nb"}, "description"),
        ({"scope": "admin"}, "scope"),
        ({"days": 0}, "days"),
        ({"days": 731}, "days"),
    ],
)
def test_what_makes_no_token(store, facts, why):
    """A refusal says why, and nothing is made."""
    given = {"description": "ok", "scope": "scim", "days": 30, "owner_id": 1, **facts}
    with pytest.raises(UserError, match=why):
        tokens.create(store, **given)
    assert tokens.listed(store) == []


def test_last_use_is_written_once_a_minute(send, store, token):
    """A busy token costs one write a minute, not one a request."""
    for _ in range(3):
        send("GET", "/Users")
    (first,) = tokens.listed(store)
    assert first.last_used and first.last_address == "127.0.0.1"
    hashed(store, last_used="2020-01-01T00:00:00.000Z")
    send("GET", "/Users")
    assert tokens.listed(store)[0].last_used >= first.last_used


@pytest.mark.parametrize("password", ["short", "x" * 1025, "passwordpassword", "Password1234"])
def test_weak_passwords(store, password):
    """Too short, too long and the commonest are refused."""
    with pytest.raises(UserError):
        admins.create(store, "grace", password)


def test_admins(store):
    """Names are unique whatever their case; a password verifies, and can be changed."""
    with pytest.raises(UserError, match="already"):
        admins.create(store, "ADA", "another password")
    assert admins.verify(store, "Ada", PASSWORD) == 1
    assert admins.verify(store, "ada", "wrong password") is None
    assert admins.verify(store, "nobody", PASSWORD) is None
    admins.set_password(store, "ada", admins.hash_password("a newer password"))
    assert admins.verify(store, "ada", PASSWORD) is None
    assert admins.verify(store, "ada", "a newer password") == 1
    with pytest.raises(UserError, match="no admin"):
        admins.set_password(store, "nobody", "x")


def test_a_real_hash_costs_what_owasp_asks(monkeypatch):
    """scrypt with N 2^17, r 8, p 1, in the product itself."""
    monkeypatch.undo()
    assert admins.METHOD == "scrypt:131072:8:1"
    assert admins.DUMMY.startswith("scrypt:131072:8:1$")


def test_scim_never_touches_an_admin(send, store):
    """A user named as an admin is somebody else, and deleting it changes no admin."""
    user = send("POST", "/Users", {"userName": "ada", "roles": [{"value": "admin"}]}).json
    assert send("DELETE", f"/Users/{user['id']}").status == 204
    assert json.dumps([each.name for each in admins.listed(store)]) == '["ada"]'
