"""The console in a real browser, against a running server with data provisioned over SCIM."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from helpers import PASSWORD, ROOT, free_port, usual, wait_for
from playwright.sync_api import sync_playwright

from promapp_lite.store import opening

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = (
    "<img src=x onerror=alert(1)>\"'</script></style><script>alert(2)</script>{{7*7}}javascript:alert(3)"
)
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 5
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


@pytest.fixture(scope="session")
def chromium():
    """Debian's chromium; in CI a missing one is a failure."""
    if not os.path.exists(CHROMIUM):
        assert not os.environ.get("CI"), "chromium is missing"
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def call(server, method, path, body=None, token=None):
    """(status, JSON) of one SCIM request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{server.url}/api/scim{path}", data, usual(token or server.token, None), method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


@pytest.fixture(scope="session")
def people(server):
    """An organisation: people, hostile and long names, groups, failures, somebody deleted."""
    made = {}
    for name in ("Grace Hopper", "Åsa Öberg", "Deleted Person", HOSTILE, LONG):
        body = {
            "userName": f"{name[:200]}@contoso.com",
            "displayName": name,
            "title": name,
            "externalId": name[:200],
            "emails": [{"type": "work", "value": f"{name}@contoso.com"}],
            "name": {"givenName": name, "familyName": name},
            ENTERPRISE: {"department": name, "manager": {"value": name}},
        }
        status, answer = call(server, "POST", "/Users", body)
        assert status == 201, answer
        made[name] = answer["id"]
        members = [{"value": each} for each in made.values()]
        status, group = call(server, "POST", "/Groups", {"displayName": f"Team {name}", "members": members})
        assert status == 201, group
    call(server, "DELETE", f"/Users/{made['Deleted Person']}")
    call(server, "POST", "/Users", {"userName": "GRACE HOPPER@contoso.com", "title": HOSTILE})
    call(server, "POST", "/Users", {"displayName": HOSTILE})
    call(server, "GET", "/Users", token="pms_wrong")
    return made


def watched(context):
    """A page that remembers dialogs, console errors and CSP violations."""
    page = context.new_page()
    page.set_default_timeout(8000)
    page.faults = []
    page.on("console", lambda told: page.faults.append(told.text) if told.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("dialog", lambda dialog: (page.faults.append("dialog"), dialog.dismiss()))
    return page


def sign_in(page, url):
    """Sign in as the admin that init made."""
    page.goto(f"{url}/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("#health")


@pytest.fixture(scope="session")
def cookies(chromium, server, people):
    """The cookies of one sign-in, so that not every test signs in anew."""
    context = chromium.new_context()
    sign_in(watched(context), server.url)
    kept = context.storage_state()
    context.close()
    return kept


@pytest.fixture
def visit(chromium, server, cookies):
    """visit(path, **context): a signed-in page; at the end there was no dialog and no violation."""
    contexts = []

    def visit(path="/", **facts):
        context = chromium.new_context(storage_state=cookies, permissions=["clipboard-read"], **facts)
        contexts.append(context)
        page = watched(context)
        page.goto(server.url + path)
        return page

    yield visit
    for context in contexts:
        for page in context.pages:
            assert page.faults == []
        context.close()


def test_the_tutorial(chromium, server, people):
    """Sign in, Create Token, Scope Scim, copy; it provisions a user; both are seen; revoke; 401."""
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = watched(context)
    sign_in(page, server.url)
    page.get_by_text("Create Token", exact=True).click()
    page.get_by_label("Description").fill("Tutorial")
    page.get_by_label("Scope").select_option("Scim")
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_role("button", name="Copy Secret Token").click()
    secret = page.get_by_label("Secret Token", exact=True).input_value()
    page.get_by_role("status").filter(has_text="Copied to the clipboard").wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == secret
    status, made = call(server, "POST", "/Users", {"userName": "tutorial@contoso.com"}, secret)
    assert status == 201
    page.goto(server.url)
    assert secret not in page.content()
    assert "Azure AD last provisioned just now: 1 created." in page.locator("#setup").inner_text()
    page.get_by_label("Search by name").press_sequentially("tutorial")
    page.locator("#people .item", has_text="tutorial@contoso.com").click()
    page.locator(".detail h3", has_text="tutorial@contoso.com").wait_for()
    assert made["id"] in page.locator(".detail").inner_text()
    assert "tutorial@contoso.com" in page.locator("#activity .event").first.inner_text()
    page.get_by_role("link", name="Revoke Tutorial").click()
    page.wait_for_selector("dialog:modal")
    assert page.evaluate("document.activeElement.textContent") == "Cancel"
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.evaluate("document.activeElement.textContent").split() == ["Revoke", "Tutorial"]
    page.get_by_role("link", name="Revoke Tutorial").click()
    page.locator("dialog").get_by_role("button", name="Revoke").click()
    page.get_by_text("Access token revoked.").wait_for()
    assert call(server, "GET", "/Users", token=secret)[0] == 401
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.faults == []
    context.close()


@pytest.fixture
def link(tmp_path):
    """The set-up link that `promapp-lite` prints on an empty folder, while it serves."""
    url = f"http://127.0.0.1:{free_port()}"
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PROMAPP_")}
    environment |= {"PROMAPP_LITE_DATA_DIR": str(tmp_path / "data"), "PROMAPP_LITE_LISTEN": url}
    environment |= {"PROMAPP_LITE_NO_BROWSER": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, str(ROOT / "cli.py")]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        wait_for(f"{url}/healthz", process)
        yield next(line.strip() for line in process.stdout if "/setup?key=" in line)
        process.send_signal(signal.SIGTERM)


def test_first_sign_in(chromium, link):
    """The set-up link makes the first admin; the second visit finds it used."""
    context = chromium.new_context()
    page = watched(context)
    page.goto(link)
    assert Axe().run(page).violations_count == 0
    page.get_by_label("User name").fill("grace")
    page.get_by_label("Password, at least").fill(PASSWORD)
    page.get_by_label("Confirm password").fill(PASSWORD)
    page.get_by_role("button", name="Create admin").click()
    page.get_by_text("Azure AD has not connected yet.").wait_for()
    assert page.locator(".steps li.now").inner_text().startswith("1")
    assert Axe().run(page).violations_count == 0
    assert page.faults == []
    page.goto(link)
    page.get_by_role("heading", name="This link is not valid").wait_for()
    context.close()


def test_copy_without_the_clipboard_api(visit):
    """On a plain http host there is no clipboard API; the button copies all the same."""
    page = visit()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.get_by_role("button", name="Copy Tenant URL").click()
    page.get_by_role("button", name="Copy Tenant URL").get_by_text("Copied").wait_for()


def test_search_as_you_type(visit):
    """Results follow the typing, the focus stays, the address can be kept."""
    page = visit()
    page.get_by_label("Search by name").press_sequentially("oberg asa", delay=20)
    page.wait_for_url(re.compile("q=oberg\\+asa"))
    assert page.locator("#people .item").count() == 1
    assert "Åsa Öberg" in page.locator("#people .item").inner_text()
    assert page.evaluate("document.activeElement.name") == "q" and "q=oberg" in page.url
    page.reload()
    assert page.locator("#people .item").count() == 1


def test_restore(visit, server, people):
    """Who was deleted comes back under the same id."""
    page = visit("/?show=deleted#people")
    page.get_by_role("button", name="Restore Deleted Person@contoso.com").click()
    page.get_by_text("Restored under the same id.").wait_for()
    assert page.locator(".detail h3").inner_text() == "Deleted Person"
    assert call(server, "GET", f"/Users/{people['Deleted Person']}")[0] == 200


def test_a_failure_is_explained(visit):
    """From the filter to what to change."""
    page = visit()
    page.get_by_label("Result").select_option("Failure")
    page.wait_for_url(re.compile("result=failed"))
    page.locator("#activity .event", has_text="already has the userName").first.click()
    shown = page.locator(".opened")
    shown.wait_for()
    for text in ("What to change", "matching precedence 1", "What Azure AD sent", "409 uniqueness"):
        assert text in shown.inner_text()
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"


VIEWS = {
    "a person": "/?q=grace&user={Grace Hopper}",
    "hostile": "/?user={hostile}&who=img&result=failed",
    "long": "/?user={long}",
    "a group and a failure": "/?show=groups&q=team&result=failed&row={row}",
    "nobody": "/?show=deleted&who=zzzz",
    "revoke": "/?revoke=1",
}


def address(view, server, people):
    """A view's address with the ids of this run."""
    ids = {"hostile": people[HOSTILE], "long": people[LONG]} | people
    store = opening.open_store(server.folder)
    ids["row"] = str(
        store.database.execute_sql("SELECT MAX(id) FROM activity WHERE action = 'fail'").fetchone()[0]
    )
    store.close()
    return re.sub(r"\{([^}]+)\}", lambda match: ids[match[1]], VIEWS[view])


@pytest.mark.parametrize("view", VIEWS)
def test_everybody_can_use_it(visit, server, people, view):
    """axe-core finds nothing, light and dark, wide and 390 px; nothing scrolls sideways."""
    path = address(view, server, people)
    page = visit(path)
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/setup?key=x"])
def test_small_pages_are_usable(chromium, server, path):
    """Errors and the sign-in form too."""
    context = chromium.new_context(color_scheme="dark", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(server.url + path)
    assert Axe().run(page).violations_count == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_hostile_names_everywhere(visit, server, people):
    """Every field of a person, a group, a token and a failure is shown as text; no dialog, no violation."""
    page = visit(address("hostile", server, people))
    page.get_by_text("Create Token", exact=True).click()
    page.get_by_label("Description").fill(HOSTILE)
    page.get_by_role("button", name="Create", exact=True).click()
    page.get_by_text("shown only once").wait_for()
    for link in ("#people .item >> nth=0", "#activity .event >> nth=0"):
        page.click(link)
        page.wait_for_timeout(150)
    page.get_by_label("Search by name").fill("<img")
    page.locator("#people .item", has_text="onerror").first.click()
    page.locator(".detail h3", has_text="onerror").wait_for()
    assert page.locator("img").count() == 0
    page.get_by_role("link", name=re.compile("^Revoke <img")).click()
    page.locator("dialog:modal", has_text="onerror").wait_for()


def test_without_script(visit, server, people):
    """Search, open, create, ask, revoke and restore are plain links and forms."""
    page = visit(java_script_enabled=False)
    assert not page.get_by_role("button", name="Copy Tenant URL").is_visible()
    page.get_by_label("Search by name").fill("grace")
    page.get_by_role("button", name="Search").click()
    page.locator("#people .item", has_text="Grace Hopper").first.click()
    assert page.locator(".detail h3").inner_text() == "Grace Hopper"
    page.get_by_label("Result").select_option("Failure")
    page.get_by_role("button", name="Show", exact=True).click()
    page.locator("#activity .event").first.click()
    assert "What to change" in page.locator(".opened").inner_text()
    page.get_by_text("Create Token", exact=True).click()
    page.get_by_label("Description").fill("No script")
    page.get_by_role("button", name="Create", exact=True).click()
    assert page.get_by_label("Secret Token", exact=True).input_value().startswith("pms_")
    page.get_by_role("link", name="Revoke No script").click()
    page.locator("dialog").get_by_role("button", name="Revoke").click()
    assert page.get_by_text("Access token revoked.").is_visible()


def test_by_keyboard(visit):
    """Skip link first; the search and the first person are reached and opened without a mouse."""
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("Search by name").focus()
    page.keyboard.type("grace")
    page.wait_for_url(re.compile("q=grace"))
    for _ in range(6):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".detail h3").wait_for()
    assert page.evaluate("!!document.activeElement.closest('.detail')")


def test_a_click_wins_over_typing(visit):
    """A person clicked while a search is still waiting to be sent is opened."""
    page = visit("/?q=grace")
    page.get_by_label("Search by name").press_sequentially(" h")
    page.evaluate("document.querySelector('#people .item').click()")
    page.locator(".detail h3", has_text="Grace Hopper").wait_for()
    page.wait_for_timeout(300)
    assert page.locator(".detail h3").inner_text() == "Grace Hopper"
