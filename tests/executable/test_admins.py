"""What one process does to an admin holds in the one that serves: sessions and tokens end at once."""

import http.cookiejar
import urllib.error
import urllib.parse
import urllib.request

import pytest
from helpers import PASSWORD
from helpers.browser import FIELD

NEW = "another good password"


class Visitor:
    """A browser with a cookie jar, over HTTP."""

    def __init__(self, url):
        self.url = url
        jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    def get(self, path="/"):
        """A page's text."""
        with self.opener.open(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def post(self, path, **fields):
        """The page that a form leads to."""
        fields["csrf_token"] = FIELD.search(self.get())[1]
        with self.opener.open(self.url + path, urllib.parse.urlencode(fields).encode(), timeout=30) as answer:
            return answer.read().decode()


@pytest.fixture(scope="module")
def grace(server):
    """Another admin of the running service, and a token of hers."""
    server.run("admin", "create", "grace", "--password-stdin", text=PASSWORD)
    return server.run("token", "create", "--description", "hers", "--owner", "grace")


def signed_in(server, password=PASSWORD):
    """A browser grace is signed in with."""
    browser = Visitor(server.url)
    assert "Signed in as grace." in browser.post("/sign-in", name="grace", password=password)
    return browser


def test_a_new_password_ends_the_sessions(server, grace):
    """`admin password` in another process: the next request of the old session is refused."""
    browser = signed_in(server)
    server.run("admin", "password", "grace", "--password-stdin", text=NEW)
    assert "Signed in as" not in browser.get()
    server.run("admin", "password", "grace", "--password-stdin", text=PASSWORD)


def test_disable_ends_sessions_and_tokens(server, served, grace):
    """Both are dead with the next request; `enable` brings the tokens back, and no session."""
    browser, headers = signed_in(server), {"Authorization": f"Bearer {grace}"}
    assert served("GET", "/Users", headers=headers).status == 200
    server.run("admin", "disable", "grace")
    assert served("GET", "/Users", headers=headers).status == 401
    assert "Signed in as" not in browser.get()
    with pytest.raises(urllib.error.HTTPError, match="401"):
        Visitor(server.url).post("/sign-in", name="grace", password=PASSWORD)
    server.run("admin", "enable", "grace")
    assert served("GET", "/Users", headers=headers).status == 200
    assert "Signed in as" not in browser.get()
    signed_in(server)
