"""Started by double-click: opens a browser on a desktop, and keeps the window open on an error."""

import logging
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser

log = logging.getLogger("promapp_lite")

SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
READY_SECONDS = 60


def present() -> bool:
    """Whether there is a desktop, and this is no service."""
    if os.environ.get("INVOCATION_ID"):  # systemd started us
        return False
    if sys.platform == "win32":
        return windows_session() > 0
    return sys.platform == "darwin" or any(os.environ.get(name) for name in SCREENS)


def windows_session() -> int:
    """The Windows session; 0 is where services run."""
    import ctypes

    session = ctypes.c_ulong()
    ctypes.windll.kernel32.ProcessIdToSessionId(os.getpid(), ctypes.byref(session))  # type: ignore[attr-defined]
    return session.value


def own_window() -> bool:
    """Whether a console window was opened for us alone, which closes when we end."""
    if sys.platform == "win32" and sys.stdin and sys.stdin.isatty():
        import ctypes

        starters = 2 if getattr(sys, "frozen", False) else 1
        return ctypes.windll.kernel32.GetConsoleProcessList((ctypes.c_ulong * 8)(), 8) <= starters
    return False


def hold() -> None:
    """Keep an own window open until it was read."""
    if own_window():
        input("Press Enter to close this window. ")


def show_when_ready(url: str) -> None:
    """Open the page in the browser as soon as the service answers, beside the caller."""
    threading.Thread(target=show, args=(url,), daemon=True).start()


def show(url: str) -> None:
    """Wait for the service, then open the page."""
    if answers(url, READY_SECONDS):
        log.info("opening %s", url)
        webbrowser.open(url)


def answers(url: str, seconds: float) -> bool:
    """Whether the server answers there within these seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 (our own listener)
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
    return False
