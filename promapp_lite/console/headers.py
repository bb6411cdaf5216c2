"""The security headers of every page, and the nonce of its own style and script."""

import secrets

from flask import Response, g, request

from promapp_lite.console.session import safe

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
POLICY = (
    "default-src 'none'; script-src {nonce}; style-src {nonce}; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HSTS = "max-age=31536000"


def nonce() -> str:
    """The nonce of this answer's own style and script."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    made: str = g.nonce
    return made


def with_headers(answer: Response) -> Response:
    """The answer with its headers."""
    source = f"'nonce-{g.nonce}'" if "nonce" in g else "'none'"
    answer.headers.update(HEADERS)
    answer.headers["Content-Security-Policy"] = POLICY.format(nonce=source)
    if safe(request):
        answer.headers["Strict-Transport-Security"] = HSTS
    if answer.status_code == 503:
        answer.headers.setdefault("Retry-After", "5")
    return answer
