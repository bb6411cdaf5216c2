"""The Tenant URL."""

import ssl
import urllib.request
from collections.abc import Iterator

from promapp_lite.config import Settings
from promapp_lite.doctor.result import Result

SECONDS = 5
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy's answer would say nothing


def tenant_url(settings: Settings) -> Iterator[Result]:
    """Whether the Tenant URL answers from here, with a certificate this machine trusts."""
    url = settings.tenant_url
    if not url.startswith("https:"):
        yield Result("warn", f"{url} is not https", "set --url https://your.public.name")
        return
    try:
        DIRECT.open(f"{settings.public_url}/healthz", timeout=SECONDS).close()
        yield Result("ok", f"{url} answers")
    except (OSError, ValueError) as error:
        cause = getattr(error, "reason", error)
        untrusted = isinstance(cause, ssl.SSLCertVerificationError)
        advice = (
            "trust the certificate, see docs/certificate.md" if untrusted else "check DNS, firewall and proxy"
        )
        yield Result("warn", f"{url}: {cause}", advice)
