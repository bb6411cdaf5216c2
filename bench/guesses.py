"""Guessing an admin's password, and its owner who signs in meanwhile, as browsers do it.

Each guess comes from an address of its own, from 127.0.0.0/8: that is the case in which the limits on an
address help least.
"""

import contextlib
import itertools
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

GUESSERS, PAUSE = 16, 1  # seconds, as a person or a tool waits that is told to come back
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
NUMBERS = itertools.count(256)  # of addresses, from 127.0.1.0 on


class Browser:
    """A browser that remembers cookies; its address is another one where it moves."""

    def __init__(self, port: int) -> None:
        self.port, self.cookies, self.token = port, dict[str, str](), ""
        self.move()

    def move(self) -> None:
        """Come from an address that nobody has come from."""
        number = next(NUMBERS)
        self.address = f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def ask(self, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
        """The status and text of an answer."""
        link = HTTPConnection("127.0.0.1", self.port, 60, source_address=(self.address, 0))
        with contextlib.closing(link):
            cookies = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
            link.request(method, path, fields and urlencode(fields), (FORM if fields else {}) | cookies)
            answer = link.getresponse()
            for sent in answer.headers.get_all("Set-Cookie") or ():
                name, value = sent.partition(";")[0].split("=", 1)
                self.cookies[name] = value
            return answer.status, answer.read().decode()

    def sign_in(self, name: str, password: str) -> int:
        """The status of an attempt; 303 lets in."""
        if not self.token:
            found = TOKEN.search(self.ask("GET", "/")[1])
            assert found  # noqa: S101
            self.token = found[1]
        return self.ask("POST", "/sign-in", {"csrf_token": self.token, "name": name, "password": password})[0]

    def forget_session(self) -> None:
        """Sign out here alone; what is known of the browser stays."""
        self.cookies.pop("promapp-lite", None)
        self.token = ""


@contextlib.contextmanager
def guessing(port: int, name: str) -> Iterator[Counter[int]]:
    """Guess at one name's password as long as the block lasts; how often each status was the answer."""
    over, answers = threading.Event(), Counter[int]()

    def guess() -> None:
        browser = Browser(port)
        while not over.is_set():
            with contextlib.suppress(OSError, HTTPException):
                answers[browser.sign_in(name, "not the password at all")] += 1
            browser.move()
            over.wait(PAUSE)

    threads = [threading.Thread(target=guess, daemon=True) for _ in range(GUESSERS)]
    for each in threads:
        each.start()
    try:
        yield answers
    finally:
        over.set()
        for each in threads:
            each.join()


def seconds_to_enter(browser: Browser, name: str, password: str) -> float:
    """How long the right password takes, tried again at once where it is told to come back."""
    began = time.monotonic()
    while browser.sign_in(name, password) != 303:
        time.sleep(0.2)
        browser.move()
    return time.monotonic() - began
