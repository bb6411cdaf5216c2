"""A browser without a screen: one cookie jar, and forms with their CSRF token."""

import re

from helpers import PASSWORD

FIELD = re.compile(r'name="csrf_token" value="([^"]+)"')


class Browser:
    """A browser with one cookie jar that sends forms with their CSRF token."""

    def __init__(self, app):
        self.client = app.test_client()

    def get(self, path="/", **facts):
        """A page."""
        return self.client.get(path, **facts)

    def post(self, path, page="/", **fields):
        """A form as the page holds it."""
        token = FIELD.search(self.get(page).text)
        return self.client.post(path, data={"csrf_token": token and token[1], **fields})

    def sign_in(self, name="ada", password=PASSWORD):
        """Sign in."""
        return self.post("/sign-in", name=name, password=password)

    @property
    def cookie(self):
        """The session cookie's value."""
        return self.client.get_cookie("promapp-lite").value
