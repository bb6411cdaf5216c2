"""The settings: one table, and the only place that reads the environment and config.toml."""

import contextlib
import difflib
import functools
import ipaddress
import os
import re
import shlex
import socket
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from platformdirs import user_data_path

from promapp_lite.errors import UserError
from promapp_lite.text import decoded

PREFIX = "PROMAPP_LITE_"
CONFIG_FILE, DATABASE = "config.toml", "promapp-lite.db"
UNIT = Path("/etc/systemd/system/promapp-lite.service")
MOUNTS = ("/api/scim", "/scim/v2", "/scim")
LISTEN = ("http://127.0.0.1:8480", "https://0.0.0.0:8443")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound to)
PROXIES = ("127.0.0.1", "::1")
LOG_FORMATS = ("text", "json")
PORTS = {"http": 80, "https": 443}
MOST_PROCESSES = 4
HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.?", re.ASCII)
BOOLEANS = {  # what Click takes for a flag in the environment
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}
TOML_TYPES = {
    str: "a string",
    bool: "a boolean",
    int: "a whole number",
    float: "a fraction",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True)
class Text:
    """A string, which `check` may refuse or put into its usual form."""

    check: Callable[[str], str] = str
    wanted: str = "a string"
    toml: type = str

    def convert(self, value: str) -> str:
        """The string in its usual form."""
        return self.check(value)


@dataclass(frozen=True)
class Location:
    """The path of a file or a folder."""

    folder: bool = False
    wanted: str = "a path, as a string"
    toml: type = str

    def convert(self, value: str) -> Path:
        """The path."""
        return Path(value)


@dataclass(frozen=True)
class Number:
    """A whole number between two limits."""

    low: int
    high: int
    toml: type = int

    @property
    def wanted(self) -> str:
        """The limits."""
        return f"a whole number from {self.low} to {self.high}"

    def convert(self, value: int | str) -> int:
        """The number."""
        try:
            number = int(value)
        except ValueError:
            number = self.low - 1
        if not self.low <= number <= self.high:
            raise ValueError(f"expected {self.wanted}")
        return number


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]
    toml: type = str

    @property
    def wanted(self) -> str:
        """The words."""
        return " or ".join(f'"{word}"' for word in self.words)

    def convert(self, value: str) -> str:
        """The word."""
        if value not in self.words:
            raise ValueError(f"expected {self.wanted}")
        return value


@dataclass(frozen=True)
class Flag:
    """Yes or no."""

    wanted: str = "true or false"
    toml: type = bool

    def convert(self, value: bool | str) -> bool:
        """The answer."""
        if isinstance(value, bool):
            return value
        if value.strip().lower() not in BOOLEANS:
            raise ValueError(f"expected {self.wanted}")
        return BOOLEANS[value.strip().lower()]


ValueType = Text | Location | Number | Choice | Flag  # each with its type in TOML, and how a value is read


@dataclass(frozen=True)
class Setting:
    """One row of the table; `commands` take it as an option, `shown` describes a default that is computed."""

    type: ValueType
    default: Any
    help: str
    metavar: str | None
    multiple: bool
    shown: str | None
    commands: tuple[str, ...]


def setting(
    type: ValueType,
    default: Any,
    help: str,
    *,
    metavar: str | None = None,
    multiple: bool = False,
    shown: str | None = None,
    commands: tuple[str, ...] = ("serve",),
) -> Any:
    """A field of `Settings` with its row of the table; a default that is a function is called."""
    row = {"setting": Setting(type, default, help, metavar, multiple, shown, commands)}
    if callable(default):
        return field(default_factory=default, metadata=row)
    return field(default=default, metadata=row)


def default_data_dir() -> Path:
    """The installed service's data folder, else the user's; UserError where both have data, or none is."""
    service = service_data_dir()
    try:
        own = user_data_path("promapp-lite", appauthor=False)
    except RuntimeError:
        raise UserError("This user has no home folder: give --data-dir.") from None
    if service is None or service == own:
        return own
    if (own / DATABASE).exists():
        raise UserError(
            f"The service's data is in {service}, but there is data in {own} too: give --data-dir."
        )
    return service


def service_data_dir() -> Path | None:
    """The data folder of the service that `service install` has made; None where there is none."""
    with contextlib.suppress(OSError):
        for line in UNIT.read_text("utf-8").splitlines():
            key, _, value = line.partition("=")
            if key == "ReadWritePaths":
                return Path(shlex.split(value)[0].replace("%%", "%").replace("$$", "$"))
    return None


def usual_processes() -> int:
    """One per core, up to four, as more gain nothing; one where fork is missing."""
    return min(os.cpu_count() or 1, MOST_PROCESSES) if hasattr(os, "fork") else 1


def listen_url(text: str) -> str:
    """An address to listen on, http(s)://host[:port]; ValueError where it is none."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in PORTS and parts.hostname and parts.path in ("", "/") and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("expected an address such as http://127.0.0.1:8480")
    return text


def public_url(text: str) -> str:
    """The base http(s)://host[:port] of a public URL; a Tenant URL is cut to it, a host is turned to IDNA."""
    parts = split(text.strip())
    if parts.scheme not in PORTS:
        raise ValueError("it must begin with https:// or http://")
    if re.search(r"[?#\s]", text.strip()):
        raise ValueError(
            "it must have no query, fragment or space: expected https://host or https://host:port"
        )
    if parts.username is not None:
        raise ValueError("it must have no user name or password: expected https://host or https://host:port")
    if parts.path.rstrip("/") not in ("", *MOUNTS):
        raise ValueError(
            f"it must not have the path {parts.path}: expected https://host or https://host:port"
        )
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{ascii_host(parts.hostname or '')}{port}"


def split(text: str) -> SplitResult:
    """The parts of a URL; ValueError for a port or an IPv6 address that is none."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port, parts = 0, urlsplit("")
    if port == 0:
        raise ValueError("its host or port cannot be read: expected https://host or https://host:port")
    return parts


def ascii_host(host: str) -> str:
    """A host as it stands in a URL: a name outside ASCII in IDNA, an IPv6 address in brackets."""
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host)}]"
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not HOST.fullmatch(name):
        raise ValueError("it has no valid host name: expected https://host or https://host:port")
    return name


def network(text: str) -> str:
    """An IP address or network; ValueError where it is none."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"expected an IP address or network: {error}") from None
    return text


@dataclass(frozen=True)
class Settings:
    """The table of settings: every option, variable, key of config.toml and default is made from it."""

    data_dir: Path = setting(
        Location(folder=True),
        default_data_dir,
        "Folder of the database and config.toml.",
        shown="the installed service's, else in the user's data folder",
        commands=("serve", "init", "export", "install", "data"),
    )
    admin: str = setting(Text(), "admin", "Name of the first admin.", metavar="NAME", commands=("init",))
    listen: tuple[str, ...] = setting(
        Text(listen_url),
        LISTEN,
        "Address to listen on; repeatable.",
        metavar="URL",
        multiple=True,
        commands=("serve", "init", "export", "install"),
    )
    url: str | None = setting(
        Text(public_url),
        None,
        "Public base of the Tenant URL and of location: https://host or https://host:port.",
        metavar="URL",
        commands=("serve", "init", "export"),
    )
    threads: int = setting(Number(1, 64), 4, "Worker threads of each process.")
    processes: int = setting(
        Number(1, 32),
        usual_processes,
        "Worker processes.",
        shown="one per core, up to 4; 1 on Windows",
    )
    behind_proxy: bool = setting(
        Flag(), False, "A proxy in front terminates TLS; allows http listeners that other machines can reach."
    )
    trusted_proxy: tuple[str, ...] = setting(
        Text(network),
        PROXIES,
        "Address or network of a proxy whose X-Forwarded-* headers are trusted; repeatable.",
        metavar="ADDRESS",
        multiple=True,
    )
    tls_cert: Path | None = setting(
        Location(),
        None,
        "Certificate and chain (PEM) for the https listeners, instead of the self-signed one; "
        "reloaded when it changes.",
    )
    tls_key: Path | None = setting(Location(), None, "Private key of --tls-cert (PEM).")
    keep_backups: int = setting(
        Number(0, 3650),
        7,
        "Copy the database daily to backups/ in the data folder and keep the newest N; 0 turns it off.",
        metavar="N",
    )
    activity_days: int = setting(
        Number(0, 36500),
        90,
        "Days to keep the provisioning activity, and always the newest 10,000 rows; 0 keeps it for ever.",
        metavar="DAYS",
    )
    index: tuple[str, ...] = setting(
        Text(),
        (),
        "Attribute to index: Azure AD's matching attribute, if it is not userName, externalId, "
        "displayName or an e-mail address; repeatable.",
        metavar="ATTRIBUTE",
        multiple=True,
    )
    log_format: str = setting(Choice(LOG_FORMATS), "text", "Format of the log on stderr.")
    no_browser: bool = setting(Flag(), False, "Never open a browser.")

    def __post_init__(self) -> None:
        """UserError for nothing to listen on: an empty list, a variable of spaces."""
        if not self.listen:
            raise UserError("listen: got nothing, expected an address such as http://127.0.0.1:8480.")

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Each setting from environment, config.toml or default, in this order; UserError for a wrong one."""
        given = {}
        for name, row in SETTINGS.items():
            if text := environ.get(variable(name)):
                found = text.split() if row.multiple else text
                given[name] = convert(row, found, variable(name))
        folder = given.get("data_dir") or default_data_dir()
        return cls(**{**read_config(folder), **given})

    @property
    def public_url(self) -> str:
        """The base of Tenant URL and every `location`; a caller's Host header never gets in here."""
        return (self.url or url_of(self.listen)).rstrip("/")

    @property
    def console_url(self) -> str:
        """Where a browser on this machine finds the console: the first http listener, else the first one."""
        listeners = [urlsplit(each) for each in self.listen]
        shown = next((each for each in listeners if each.scheme == "http"), listeners[0])
        host = "localhost" if shown.hostname in EVERYWHERE else shown.netloc.rsplit(":", 1)[0]
        return f"{shown.scheme}://{host}:{shown.port}/" if shown.port else f"{shown.scheme}://{host}/"

    @property
    def tenant_url(self) -> str:
        """What is pasted into the Azure portal."""
        return self.public_url + MOUNTS[0]


SETTINGS: dict[str, Setting] = {each.name: each.metadata["setting"] for each in fields(Settings)}


def option(name: str) -> str:
    """A setting's option without its dashes, and its key in config.toml."""
    return name.replace("_", "-")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


@functools.cache
def url_of(listen: tuple[str, ...]) -> str:
    """The first https listener under this host's name, else the first http one."""
    for each in listen:
        parts = urlsplit(each)
        if parts.scheme == "https":
            return f"https://{host_name()}:{parts.port or PORTS['https']}"
    return listen[0]


def host_name() -> str:
    """This machine's full name where it knows one."""
    full = socket.getfqdn()
    return socket.gethostname() if full.startswith("localhost") else full


def read_config(folder: Path) -> dict[str, Any]:
    """The settings in a data folder's config.toml; UserError names the file, the key and what is wrong."""
    file = folder / CONFIG_FILE
    found: dict[str, Any] = {}
    for key, value in parsed(file).items():
        name = known(file, key, value)
        if name in found:
            raise UserError(f"{file}: {option(name)} is set twice, with a dash and with an underscore.")
        found[name] = from_toml(SETTINGS[name], value, f"{file}: {key}")
    return found


def parsed(file: Path) -> dict[str, Any]:
    """What a TOML file holds, nothing where there is none; UserError where it cannot be read."""
    try:
        data = file.read_bytes() if file.exists() else b""
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}.") from None
    try:
        return tomllib.loads(contents(file, data))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file} cannot be read: {error}.") from None


def contents(file: Path, data: bytes) -> str:
    """The text of a file; UserError where its encoding cannot be told."""
    try:
        found = decoded(data)
    except UnicodeDecodeError:
        found = "\0"
    if "\0" in found:  # UTF-16 without a byte order mark is full of these
        raise UserError(f"{file} is not in UTF-8; save it as UTF-8.")
    return found


def known(file: Path, key: str, value: object) -> str:
    """The setting that a key of config.toml names; UserError where it names none."""
    name = key.replace("-", "_")
    names = [each for each in SETTINGS if each != "data_dir"]  # the file is in it
    if name in names:
        return name
    if name == "data_dir":
        raise UserError(f"{file}: data-dir is where this file is: use --data-dir or {variable(name)}.")
    if isinstance(value, dict):
        raise UserError(f"{file}: [{key}] is a table; write settings at the top level, such as threads = 4.")
    nearest = difflib.get_close_matches(name, names, 1, cutoff=0)[0]
    raise UserError(f"{file}: there is no setting {key!r}; did you mean {option(nearest)!r}?")


def from_toml(row: Setting, value: object, origin: str) -> Any:
    """A value of config.toml converted; UserError where its type is another."""
    wanted = 'a list of strings, such as ["…"]' if row.multiple else row.type.wanted
    parts = value if row.multiple and isinstance(value, list) else [value]
    if row.multiple is not isinstance(value, list) or any(type(each) is not row.type.toml for each in parts):
        raise UserError(f"{origin}: got {shown(value)}, expected {wanted}.")
    return convert(row, value, origin)


def shown(value: object) -> str:
    """A value as an error names it, in one line."""
    name = next((words for each, words in TOML_TYPES.items() if type(value) is each), "a date or time")
    if isinstance(value, str):
        return f'the string "{value}"'.replace("\n", "\\n")
    return name if isinstance(value, dict) else f"{name} {value}"


def convert(row: Setting, value: Any, origin: str) -> Any:
    """A value as the program uses it; UserError names its origin, the value and what was expected."""
    if row.multiple:
        return tuple(converted(row, each, origin) for each in value)
    return converted(row, value, origin)


def converted(row: Setting, value: Any, origin: str) -> Any:
    """One value as the program uses it."""
    try:
        return row.type.convert(value)
    except ValueError as error:
        raise UserError(f"{origin}: got {value!r}, {error}.") from None


def mount_of(path: str) -> str | None:
    """The SCIM mount a path is under, None for what is not SCIM."""
    return next((mount for mount in MOUNTS if path == mount or path.startswith(mount + "/")), None)
