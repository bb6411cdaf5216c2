"""HTTP as the provisioning service speaks it: its headers, its encoding, one bearer token."""

import json
import ssl
import time
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import SKIP_HEADER

from promapp_lite.rehearse.protocol.errors import ProvisioningError

FLAG = "aadOptscim062020"
JSON = "application/scim+json; charset=utf-8"
WRITES = ("POST", "PUT", "PATCH", "DELETE")
LONGEST_WAIT = 30.0
NOT_SENT = "WebExceptionProtocolError"
# (what OpenSSL says of a certificate, the same in plain words)
CERTIFICATE = (
    ("certificate has expired", "the certificate has expired"),
    ("not yet valid", "the certificate is not valid yet"),
    ("mismatch", "the certificate is for another host"),
    ("self-signed", "the certificate is not trusted, as it is self-signed"),
    ("self signed", "the certificate is not trusted, as it is self-signed"),
    ("local issuer", "the certificate is not trusted: its issuer is unknown, or an intermediate is missing"),
)


class Answer(NamedTuple):
    """A status, the body read as JSON (None where it is none) and as text."""

    status: int
    body: Any
    text: str


class Stop:
    """Whether the end was asked for.

    CPython drops an exception that a signal handler raises while the answer before is finalized;
    this outlives it.
    """

    asked = False


class Client:
    """One target and one token. The token stands in no error, log line or repr."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        flag: bool = False,
        timeout: float = 30,
        ca_file: str | None = None,
        insecure: bool = False,
        stop: Stop | None = None,
    ) -> None:
        parts = urlsplit(url)
        self.flag = flag or FLAG in parts.query
        self.base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
        self.requests = self.writes = 0
        self.stop = stop or Stop()
        self._token = token
        self._pool = pool(self.base, timeout, ca_file, insecure)

    def __repr__(self) -> str:
        return f"Client({self.base!r})"

    def get(self, path: str, **query: str | int) -> Answer:
        """GET; the query is encoded as Entra does, `+` for blanks."""
        pairs = [f"{name}={quote_plus(str(value))}" for name, value in query.items()]
        return self.send("GET", path, "&".join(pairs))

    def send(self, method: str, path: str, query: str = "", body: Any = None) -> Answer:
        """One request, answered whatever its status; ProvisioningError when no answer comes.

        429 is waited out as Retry-After says, three times. KeyboardInterrupt once the end was asked for.
        """
        if self.stop.asked:
            raise KeyboardInterrupt
        for _ in range(3):
            answer, wait = self._once(method, path, query, body)
            if answer.status != 429:
                break
            time.sleep(min(wait, LONGEST_WAIT))
        return answer

    def _once(self, method: str, path: str, query: str, body: Any) -> tuple[Answer, float]:
        self.requests += 1
        self.writes += method in WRITES
        query = "&".join(part for part in (query, FLAG if self.flag else "") if part)
        url = f"{self.base}{path}{'?' if query else ''}{query}"
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            raw = self._pool.request(
                method, url, body=data, headers=self._headers(body), redirect=False, retries=False
            )
        except (HTTPError, OSError) as error:
            raise unanswered(f"{method} {path}", error) from None
        return self._read(raw), seconds(raw.headers.get("Retry-After"))

    def _headers(self, body: Any) -> dict[str, str]:
        # No source shows Entra sending User-Agent or Accept.
        headers = {
            "Authorization": f"Bearer {self._token}",
            "ADSCIMVersion": "5.0",
            "User-Agent": SKIP_HEADER,
            "Accept-Encoding": SKIP_HEADER,
        }
        return headers if body is None else headers | {"Content-Type": JSON}

    def _read(self, raw: urllib3.BaseHTTPResponse) -> Answer:
        text = raw.data.decode("utf-8", "replace")
        if self._token:
            text = text.replace(self._token, "(the token)")
        try:
            return Answer(raw.status, json.loads(text), text)
        except (ValueError, RecursionError):
            return Answer(raw.status, None, text)


def pool(url: str, timeout: float, ca_file: str | None, insecure: bool) -> urllib3.PoolManager:
    """A connection pool for the URL, through the environment's proxy where it names one."""
    parts = urlsplit(url)
    options: dict[str, Any] = {"timeout": urllib3.Timeout(connect=min(timeout, 10), read=timeout)}
    if parts.scheme == "https":
        options["ssl_context"] = context(ca_file, insecure)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy, **options)
    return urllib3.PoolManager(**options)


def context(ca_file: str | None, insecure: bool) -> ssl.SSLContext:
    """TLS 1.2 or later with the certificate checked, unless insecure."""
    found = ssl.create_default_context(cafile=ca_file)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    found.hostname_checks_common_name = False
    if insecure:
        urllib3.disable_warnings(InsecureRequestWarning)  # the command warns once, on stderr
        found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    return found


def seconds(text: str | None) -> float:
    """Retry-After as seconds; 1 where it is missing or a date."""
    return float(text) if text and text.isdecimal() else 1.0


def unanswered(operation: str, error: Exception) -> ProvisioningError:
    """The error of a request that got no answer; it may have been carried out all the same."""
    if isinstance(error, ReadTimeoutError):
        return ProvisioningError("Timeout", f"{operation}: no answer in time")
    if isinstance(error, NewConnectionError):  # a kind of ConnectTimeoutError to urllib3
        return ProvisioningError(NOT_SENT, f"{operation}: no connection: {words(error)}")
    if isinstance(error, ConnectTimeoutError):
        return ProvisioningError("Timeout", f"{operation}: no connection in time")
    if isinstance(error, SSLError):
        return ProvisioningError(NOT_SENT, f"{operation}: TLS failed: {certificate_words(words(error))}")
    return ProvisioningError(NOT_SENT, f"{operation}: no answer: {words(error)}")


def certificate_words(said: str) -> str:
    """OpenSSL's words with a plain sentence before them when it is the certificate that is at fault."""
    plain = next((plain for part, plain in CERTIFICATE if part in said), "")
    return f"{plain} ({said})" if plain else said


def words(error: Exception) -> str:
    """An exception's innermost sentence, without object addresses."""
    inner = error.args[-1] if error.args else error
    while isinstance(inner, Exception) and inner.args:
        inner = inner.args[-1]
    return str(inner).rpartition(">: ")[2] or type(error).__name__
