"""The settings of one running service, read once."""

import functools
import os
import socket
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_data_path

PREFIX = "PROMAPP_LITE_"
MOUNTS = ("/api/scim", "/scim/v2", "/scim")
DOORS = ("http://127.0.0.1:8480", "https://0.0.0.0:8443")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 (compared with, not bound to)
ACTIVITY_DAYS = 90
KEEP = 7  # daily copies of the database
PROXIES = ("127.0.0.1", "::1")


def default_data_dir() -> Path:
    """Where data is kept when nobody says otherwise; never beside the executable's unpacked files."""
    return user_data_path("promapp-lite", appauthor=False)


@dataclass(frozen=True)
class Settings:
    """Where the data is and how the service is reached."""

    data_dir: Path
    url: str | None = None
    listen: tuple[str, ...] = DOORS
    threads: int = 4
    behind_proxy: bool = False
    trusted_proxy: tuple[str, ...] = PROXIES
    tls_cert: Path | None = None
    tls_key: Path | None = None
    keep_backups: int = KEEP
    activity_days: int = ACTIVITY_DAYS
    processes: int = 1

    @classmethod
    def from_env(cls) -> "Settings":
        """The settings for `app.py`: environment before config.toml before default."""
        folder = Path(os.environ.get(f"{PREFIX}DATA_DIR") or default_data_dir())
        url = os.environ.get(f"{PREFIX}URL") or read_config(folder).get("url")
        return cls(folder, url)

    @property
    def public_url(self) -> str:
        """The base of Tenant URL and every `location`; a caller's Host header never gets in here."""
        return (self.url or url_of(self.listen)).rstrip("/")

    @property
    def console_url(self) -> str:
        """Where a browser on this machine finds the console: the first http door, else the first door."""
        doors = [urlsplit(door) for door in self.listen]
        door = next((door for door in doors if door.scheme == "http"), doors[0])
        host = "localhost" if door.hostname in EVERYWHERE else door.netloc.rsplit(":", 1)[0]
        return f"{door.scheme}://{host}:{door.port}/" if door.port else f"{door.scheme}://{host}/"

    @property
    def tenant_url(self) -> str:
        """What is pasted into the Azure portal."""
        return self.public_url + MOUNTS[0]


@functools.cache
def url_of(listen: tuple[str, ...]) -> str:
    """The first https door under this host's name, else the first http door."""
    for door in listen:
        parts = urlsplit(door)
        if parts.scheme == "https":
            return f"https://{host_name()}:{parts.port or 443}"
    return listen[0]


def host_name() -> str:
    """This machine's full name where it knows one."""
    full = socket.getfqdn()
    return socket.gethostname() if full.startswith("localhost") else full


def read_config(folder: Path) -> dict[str, Any]:
    """The data folder's config.toml, empty where there is none; ValueError where it is no TOML."""
    file = folder / "config.toml"
    return tomllib.loads(file.read_text("utf-8")) if file.exists() else {}


def mount_of(path: str) -> str | None:
    """The SCIM mount a path is under, None for what is not SCIM."""
    return next((mount for mount in MOUNTS if path == mount or path.startswith(mount + "/")), None)
