"""What the health part tells of the data folder: sizes, the last backup, the certificate."""

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from promapp_lite import wire
from promapp_lite.store.db import Store

if TYPE_CHECKING:
    from cryptography import x509

BACKUPS, CERTIFICATE = "backups", Path("tls") / "cert.pem"


class Certificate(NamedTuple):
    """A TLS certificate: whom it names, who signed it, and its last moment."""

    names: str
    issuer: str
    ends: str
    own: bool


class Copy(NamedTuple):
    """A backup."""

    name: str
    made: str
    size: int


def size(store: Store) -> int:
    """The bytes of the database with its log."""
    files = (store.path, store.path.with_name(store.path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def free(store: Store) -> int:
    """The bytes left on the disk of the data folder."""
    return shutil.disk_usage(store.path.parent).free


def last_backup(store: Store) -> Copy | None:
    """The newest backup, None where there is none yet."""
    found = [(file.stat(), file.name) for file in (store.path.parent / BACKUPS).glob("*.db")]
    if not found:
        return None
    facts, name = max(found, key=lambda each: each[0].st_mtime)
    return Copy(name, wire.stamp(datetime.fromtimestamp(facts.st_mtime, UTC)), facts.st_size)


def certificate(store: Store, given: Path | None) -> Certificate | None:
    """The certificate the https doors use, None where there is none or it cannot be read."""
    from cryptography import x509

    file = given or store.path.parent / CERTIFICATE
    try:
        found = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        return None
    ends = wire.stamp(found.not_valid_after_utc)
    return Certificate(subject(found), common(found.issuer), ends, found.issuer == found.subject)


def subject(found: "x509.Certificate") -> str:
    """The names a certificate is for."""
    from cryptography import x509

    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return common(found.subject)
    return ", ".join(str(name.value) for name in names)


def common(name: "x509.Name") -> str:
    """The readable part of a certificate's name."""
    from cryptography import x509

    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()
