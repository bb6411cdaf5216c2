"""Certificates: the files a listener shows, and the self-signed one that `init` makes."""

import codecs
import contextlib
import hashlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from promapp_lite import clock
from promapp_lite.config import Settings, host_name
from promapp_lite.errors import UserError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

# Of the suites Entra names those without CBC, and CHACHA20; TLS 1.3 brings its own.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
BEGIN, END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
FOLDER, CERT, KEY = "tls", "cert.pem", "key.pem"
RENEW_BEFORE = timedelta(days=30)  # the end of a self-signed one
DAYS = 825  # as long as systems accept one that was trusted by hand


class Certificate(NamedTuple):
    """A certificate with its chain, and its key: two PEM files."""

    cert: Path
    key: Path

    def stamps(self) -> list[tuple[int, int, int]]:
        """What changes when a file is written or replaced; OSError where one is missing."""
        return [(stat.st_mtime_ns, stat.st_ino, stat.st_size) for stat in (file.stat() for file in self)]

    def context(self) -> ssl.SSLContext:
        """A server's context, TLS 1.2 and 1.3; OSError or ValueError where the files cannot be used."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        made.set_ciphers(CIPHERS)
        made.set_alpn_protocols(["http/1.1"])
        for file in self:
            if fault := form_of(file):
                raise ValueError(fault)
        try:
            made.load_cert_chain(self.cert, self.key, password=str)  # none: a service cannot ask for one
        except ssl.SSLError as error:
            raise ValueError(mismatch(self) or str(error)) from None
        return made

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, as browsers show it; OSError or ValueError where there is none."""
        text = self.cert.read_text("latin-1")  # names may stand before it, in any encoding
        pem = text[text.index(BEGIN) : text.index(END) + len(END)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()


def why(error: OSError | ValueError) -> str:
    """Why a certificate cannot be used, in a few words."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} cannot be read: {error.strerror}"
    return str(error)


def form_of(file: Path) -> str | None:
    """What is wrong with the form of a file that should be PEM, and how to convert it; OSError."""
    data = file.read_bytes()
    if data.startswith(codecs.BOM_UTF8):
        return f"{file} begins with a byte order mark; save it as UTF-8 without one"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return f"{file} is in UTF-16; save it as ASCII or UTF-8"
    if b"-----BEGIN TRUSTED CERTIFICATE-----" in data:
        return f"{file} is OpenSSL's TRUSTED CERTIFICATE; convert it: openssl x509 -in {file} -out plain.pem"
    if b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in data or b"\nProc-Type: 4,ENCRYPTED" in data:
        return (
            f"the key {file} is protected by a password, which a service cannot type; "
            f"remove it: openssl pkey -in {file} -out plain.pem"
        )
    if b"-----BEGIN " not in data:
        return not_pem(file, data)
    return None


def not_pem(file: Path, data: bytes) -> str:
    """What a file is that holds no PEM, and how to convert it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    if not data.startswith(b"0"):  # of ASN.1, as all other forms are
        return f"{file} holds neither a certificate nor a key in PEM form"
    for load, command in (
        (x509.load_der_x509_certificate, "x509"),
        (lambda der: load_der_private_key(der, None), "pkey"),
    ):
        with contextlib.suppress(ValueError, TypeError):
            load(data)
            return f"{file} is in DER form; convert it: openssl {command} -inform der -in {file} -out new.pem"
    return (
        f"{file} is PKCS#12 or unreadable; convert it: openssl pkcs12 -in {file} -nodes -out both.pem, "
        "and give that file as --tls-cert and as --tls-key"
    )


def mismatch(files: Certificate) -> str | None:
    """Why a certificate and a key are no pair, None where that is not what is wrong with them."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    try:
        found = x509.load_pem_x509_certificates(files.cert.read_bytes())
    except ValueError:
        return f"{files.cert} holds no certificate that can be read"
    try:
        own = serialization.load_pem_private_key(files.key.read_bytes(), None).public_key()
    except (ValueError, TypeError):
        return f"{files.key} holds no private key that can be read"
    chain = [each.public_key() for each in found]
    if own in chain[1:]:
        return f"in {files.cert} the server's certificate must come first, before those of its issuers"
    return None if own in chain else f"{files.key} is not the key of {files.cert}"


class Facts(NamedTuple):
    """What a certificate says: whom it names, who signed it, and from when to when it is good."""

    names: str
    issuer: str
    begins: str
    ends: str
    self_signed: bool
    alone: bool  # issued by another whose certificate does not follow

    def covers(self, host: str) -> bool:
        """Whether it names a host, by a wildcard in the place of the first label too (RFC 9525 §6.3)."""
        host = host.lower().rstrip(".")
        names = {name.lower() for name in self.names.split(", ")}
        return bool({host, f"*.{host.partition('.')[2]}"} & names)


def facts(file: Path) -> Facts:
    """The facts of the first certificate in a PEM file; OSError or ValueError where there is none."""
    from cryptography import x509

    found, *others = x509.load_pem_x509_certificates(file.read_bytes())
    begins, ends = map(clock.stamp, (found.not_valid_before_utc, found.not_valid_after_utc))
    self_signed = found.issuer == found.subject
    alone = not self_signed and found.issuer not in {each.subject for each in others}
    return Facts(subject(found), common_name(found.issuer), begins, ends, self_signed, alone)


def is_known(issuer: str) -> bool:
    """Whether this machine trusts an issuer of that common name without being sent its certificate."""
    known = ssl.create_default_context().get_ca_certs()
    names = [dict(part[0] for part in each["subject"]) for each in known]  # type: ignore[misc]
    return any(each.get("commonName") == issuer for each in names)


def subject(found: "x509.Certificate") -> str:
    """The names a certificate is for."""
    from cryptography import x509

    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return common_name(found.subject)
    return ", ".join(str(name.value) for name in names)


def common_name(name: "x509.Name") -> str:
    """The readable part of a certificate's name."""
    from cryptography import x509

    found = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def configured(settings: Settings) -> Certificate | None:
    """The one of the https listeners, None where there are none: the given files, else the data folder's."""
    if not any(each.startswith("https:") for each in settings.listen):
        return None
    if settings.tls_cert and settings.tls_key:
        return Certificate(settings.tls_cert, settings.tls_key)
    return of(settings.data_dir)


def of(data_dir: Path) -> Certificate:
    """Where a data folder has it."""
    return Certificate(data_dir / FOLDER / CERT, data_dir / FOLDER / KEY)


def ensure(data_dir: Path, url_host: str | None = None) -> Certificate:
    """The data folder's certificate, made where there is none; UserError where it cannot be written."""
    found = of(data_dir)
    if not found.cert.exists():
        try:
            make(found, names(url_host))
        except OSError as error:
            raise UserError(f"Cannot write to {found.cert.parent}: {error.strerror}.") from None
    return found


def renew(data_dir: Path) -> bool:
    """Sign the data folder's own certificate anew where it ends soon, with its key and names; whether it did.

    OSError or ValueError where that cannot be.
    """
    from cryptography.hazmat.primitives import serialization

    files = of(data_dir)
    if not files.cert.exists():
        return False
    found = facts(files.cert)
    if not found.self_signed or found.ends > clock.stamp(datetime.now(UTC) + RENEW_BEFORE):
        return False
    key: Any = serialization.load_pem_private_key(files.key.read_bytes(), None)
    write(files.cert, pem(signed(key, found.names.split(", "))))
    return True


def names(url_host: str | None) -> list[str]:
    """What this machine is called: the public name, its own names, and the loopback ones. Each once."""
    every = [url_host or "", host_name(), socket.gethostname(), "localhost", "127.0.0.1", "::1"]
    return [name for name in dict.fromkeys(every) if name and name.isascii() and len(name) < 254]


def make(files: Certificate, hosts: list[str]) -> None:
    """Write a new P-256 key, readable by its owner only, and a certificate for these hosts; OSError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    files.cert.parent.mkdir(mode=0o700, exist_ok=True)
    write(
        files.key,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    write(files.cert, pem(signed(key, hosts)))


def pem(certificate: "x509.Certificate") -> bytes:
    """A certificate in PEM form."""
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM)


def write(file: Path, data: bytes) -> None:
    """Put a file in place whole, readable by its owner only."""
    fresh = file.with_suffix(".new")
    with open(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
    fresh.replace(file)


def signed(key: "EllipticCurvePrivateKey", hosts: list[str]) -> "x509.Certificate":
    """A certificate that its own key signed, for a server and for nothing else."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, hosts[0][:64])])
    begin = datetime.now(UTC) - timedelta(hours=1)
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=begin + timedelta(days=DAYS),
    )
    for extension, critical in extensions(key, hosts):
        builder = builder.add_extension(extension, critical)
    return builder.sign(key, hashes.SHA256())


def extensions(
    key: "EllipticCurvePrivateKey", hosts: list[str]
) -> Iterable[tuple["x509.ExtensionType", bool]]:
    """Its names and the limits of its use (RFC 5280 §4.2), each with whether it is critical."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    use = dict.fromkeys(
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement key_cert_sign "
        "crl_sign encipher_only decipher_only".split(),
        False,
    )
    yield x509.SubjectAlternativeName([general_name(host) for host in hosts]), False
    yield x509.BasicConstraints(ca=False, path_length=None), True
    yield x509.KeyUsage(**(use | {"digital_signature": True})), True
    yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False


def general_name(host: str) -> "x509.GeneralName":
    """A name or an address, as a certificate holds it."""
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
