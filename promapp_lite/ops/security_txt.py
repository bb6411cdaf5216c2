"""`/.well-known/security.txt` (RFC 9116): where to report a fault."""

from datetime import UTC, datetime, timedelta

from flask import Response, current_app

GOOD_FOR = timedelta(days=180)
TEXT = """\
# Of this service: tell who runs it, at the address below.
# Of the program promapp-lite: its docs/security.md says how to report a fault.
Contact: {url}/
Expires: {expires:%Y-%m-%dT00:00:00Z}
Preferred-Languages: en
Canonical: {url}/.well-known/security.txt
"""


def security_txt() -> Response:
    """The file, for anybody; it is good for half a year from the day it is asked for."""
    text = TEXT.format(
        url=current_app.extensions["settings"].public_url, expires=datetime.now(UTC) + GOOD_FOR
    )
    return Response(text, content_type="text/plain; charset=utf-8")
