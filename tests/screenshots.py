"""Writes docs/console-*.png from a running promapp-lite with an organisation provisioned over SCIM."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import sync_playwright

from promapp_lite import clock
from promapp_lite.store import opening
from promapp_lite.store.access import admins, tokens
from promapp_lite.store.activity import indexer
from promapp_lite.text import fold

ROOT = Path(__file__).parent.parent
URL = "http://127.0.0.1:8479"
PASSWORD = "correct horse battery"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
FIRST = "Anna Björn Dora Émile Greta Ines Jonas Katarzyna Lars Mei Nadia Olu Priya Rosa Tomasz Zoë".split()
LAST = "Bianchi Costa Dubois Fischer García Haddad Jansen Kowalski Müller Nakamura Petrov Weiß".split()
PARTS = ("Finance", "Sales", "Engineering", "Legal", "Operations")
TITLES = ("Analyst", "Account Manager", "Engineer", "Counsel", "Team Lead")
SHOTS = {
    "light": ({"color_scheme": "light", "viewport": {"width": 1280, "height": 1000}}, "top"),
    "dark": ({"color_scheme": "dark", "viewport": {"width": 1280, "height": 1000}}, "activity"),
    "phone": ({"color_scheme": "light", "viewport": {"width": 390, "height": 844}}, "top"),
}


def main():
    """Make the data, serve it, take the pictures."""
    folder = Path(tempfile.mkdtemp())
    store = opening.create(folder)
    admins.create(store, "ada", PASSWORD)
    secret = tokens.create(store, "Azure AD", "scim", 365, 1)
    command = [sys.executable, str(ROOT / "cli.py"), "serve", "--no-browser", "--listen", URL]
    command += ["--url", "https://scim.contoso.com", "--data-dir", str(folder)]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        wait()
        provision(secret)
        in_the_past(store)
        again(secret)
        take()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(15)
        store.close()
        shutil.rmtree(folder)


def wait():
    """Return when the server answers."""
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{URL}/healthz", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{URL} never answered")


def call(secret, method, path, body=None):
    """One SCIM request as Azure AD sends it."""
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/scim+json; charset=utf-8"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/api/scim{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return json.loads(error.read())


def patch(path, value):
    """A PATCH body of one operation."""
    return {"Operations": [{"op": "Replace", "path": path, "value": value}]}


def person(chance, number):
    """A user as Azure AD sends one."""
    first, last = chance.choice(FIRST), chance.choice(LAST)
    name = f"{fold(first)}.{fold(last)}{number}@contoso.com"
    return {
        "userName": name,
        "displayName": f"{first} {last}",
        "active": True,
        "title": chance.choice(TITLES),
        "emails": [{"type": "work", "value": name, "primary": True}],
        "name": {"givenName": first, "familyName": last},
        ENTERPRISE: {"department": chance.choice(PARTS), "employeeNumber": str(1000 + number)},
    }


def provision(secret):
    """The initial cycle: people, managers, groups."""
    chance = random.Random(7)
    call(secret, "GET", "/Users?filter=userName+eq+%227d420df3-9995-4831-a406-ecf8166f5f6a%22")
    ids = [call(secret, "POST", "/Users", person(chance, number))["id"] for number in range(160)]
    for each in ids[5:60]:
        call(secret, "PATCH", f"/Users/{each}", patch(f"{ENTERPRISE}:manager", chance.choice(ids[:5])))
    for name in PARTS:
        members = [{"value": each} for each in chance.sample(ids, 30)]
        call(secret, "POST", "/Groups", {"displayName": name, "members": members})


def in_the_past(store):
    """Let that cycle be of 26 days ago, with a usual one on each working day since."""
    indexer.catch_up(store)
    now, chance = datetime.now(UTC), random.Random(3)
    first = clock.stamp(now - timedelta(days=26))
    tables = {"activity": ("at",), "cycle": ("started", "ended"), "users": ("created", "modified")}
    for table, columns in tables.items():
        for column in columns:
            store.database.execute_sql(f"UPDATE {table} SET {column} = ?", (first,))  # noqa: S608
    for back in range(25, 0, -1):
        moment = now - timedelta(days=back, minutes=7)
        if moment.weekday() < 5:
            row = (
                clock.stamp(moment),
                clock.stamp(moment + timedelta(seconds=back)),
                chance.randrange(2, 14),
            )
            store.database.execute_sql(
                "INSERT INTO cycle (token_id, started, ended, updated, created, disabled, failed, tested, "
                "enabled, deleted, first, last) VALUES (1, ?, ?, ?, ?, ?, ?, 1, 0, 0, 0, 0)",
                (*row, chance.randrange(0, 3), chance.randrange(0, 2), back % 9 == 0),
            )
    store.database.execute_sql("UPDATE token SET created = ?", (first,))


def again(secret):
    """The cycle of this moment: movers, leavers, one conflict."""
    call(secret, "GET", "/Users?filter=userName+eq+%227d420df3-9995-4831-a406-ecf8166f5f6a%22")
    found = call(secret, "GET", "/Users?startIndex=100&count=12")["Resources"]
    for each in found[:6]:
        call(secret, "PATCH", f"/Users/{each['id']}", patch("title", "Director"))
    for each in found[6:8]:
        call(secret, "PATCH", f"/Users/{each['id']}", patch("active", "False"))
    call(secret, "DELETE", f"/Users/{found[9]['id']}")
    call(secret, "POST", "/Users", found[0])
    call(secret, "POST", "/Users", person(random.Random(1), 500))


def take():
    """The pictures."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        for name, (facts, view) in SHOTS.items():
            context = browser.new_context(locale="en-GB", timezone_id="UTC", **facts)
            page = context.new_page()
            page.goto(URL)
            page.get_by_label("User name").fill("ada")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_selector("#health")
            if view == "activity":
                page.get_by_label("Result").select_option("Failure")
                page.wait_for_url("**result=failed**")
                page.locator("#activity .event").first.click()
                page.wait_for_selector(".opened")
                page.locator("#activity").evaluate("each => each.scrollIntoView({behavior: 'instant'})")
            page.mouse.move(0, 0)
            file = ROOT / "docs" / f"console-{name}.png"
            file.parent.mkdir(exist_ok=True)
            page.evaluate("document.activeElement.blur()")
            page.screenshot(path=file)
            print(file.relative_to(ROOT), os.path.getsize(file) // 1000, "kB")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
