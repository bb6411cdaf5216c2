"""app.py for tests of other WSGI servers: the daily jobs look ten times a second."""

from promapp_lite.store.snapshots import backup

backup.FIRST_SECONDS = backup.LOOK_SECONDS = 0.1

from app import app  # noqa: E402, F401
