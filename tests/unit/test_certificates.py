"""Certificates as people have them: what can be served is, and what cannot is told with its remedy."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from promapp_lite import clock
from promapp_lite.system import certificates
from promapp_lite.system.certificates import Certificate, Facts

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
BOM = b"\xef\xbb\xbf"


def issued(name, key, issuer, issuer_key, days=90):
    """A certificate of one name, signed by another."""
    named = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, issuer)]
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder(named[1], named[0], key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


KEY, ISSUER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
LEAF = issued("scim.example.org", KEY, "Example CA", ISSUER_KEY)
ISSUER = issued("Example CA", ISSUER_KEY, "Example Root", ec.generate_private_key(ec.SECP256R1()))


def private(key, form=PEM, lock=None):
    """A private key as the bytes of a file."""
    return key.private_bytes(form, serialization.PrivateFormat.PKCS8, lock or serialization.NoEncryption())


CERT, CHAIN, PRIVATE = LEAF.public_bytes(PEM), ISSUER.public_bytes(PEM), private(KEY)
P12 = pkcs12.serialize_key_and_certificates(b"x", KEY, LEAF, None, serialization.NoEncryption())
LOCKED = private(KEY, lock=serialization.BestAvailableEncryption(b"secret"))

GOOD = {
    "one": (CERT, PRIVATE),
    "with its issuer's": (CERT + CHAIN, PRIVATE),
    "a name outside ASCII before it": ("subject=München\n".encode() + CERT, PRIVATE),
    "the same in Latin-1": ("subject=München\n".encode("latin-1") + CERT, PRIVATE),
    "CR LF": (CERT.replace(b"\n", b"\r\n"), PRIVATE.replace(b"\n", b"\r\n")),
    "both in both": (CERT + PRIVATE, CERT + PRIVATE),
}
WRONG = {
    "byte order mark": (BOM + CERT, PRIVATE, "cert.pem begins with a byte order mark"),
    "byte order mark of two": (BOM + CERT + CHAIN, PRIVATE, "cert.pem begins with a byte order mark"),
    "byte order mark in the key": (CERT, BOM + PRIVATE, "key.pem begins with a byte order mark"),
    "UTF-16": (CERT.decode().encode("utf-16"), PRIVATE, "cert.pem is in UTF-16"),
    "TRUSTED": (CERT.replace(b" CERT", b" TRUSTED CERT"), PRIVATE, "openssl x509 -in "),
    "DER": (LEAF.public_bytes(DER), PRIVATE, "openssl x509 -inform der"),
    "a key in DER": (CERT, private(KEY, DER), "openssl pkey -inform der"),
    "PKCS#12": (P12, P12, "openssl pkcs12 -in "),
    "a key with a password": (CERT, LOCKED, "protected by a password"),
    "order": (CHAIN + CERT, PRIVATE, "must come first"),
    "another's key": (CERT, private(ISSUER_KEY), "key.pem is not the key of "),
    "text": (b"no certificate", PRIVATE, "cert.pem holds neither"),
    "nothing": (CERT, b"", "key.pem holds neither"),
    "no key": (CERT, CERT, "key.pem holds no private key"),
    "no certificate": (PRIVATE, PRIVATE, "cert.pem holds no certificate"),
}


@pytest.fixture
def files(tmp_path):
    """files(cert, key): a pair of files with these bytes."""

    def files(cert, key):
        made = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
        made.cert.write_bytes(cert)
        made.key.write_bytes(key)
        return made

    return files


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_served(files, name):
    """It has a context and a fingerprint, the leaf's."""
    made = files(*GOOD[name])
    assert made.context()
    assert made.fingerprint == LEAF.fingerprint(hashes.SHA256()).hex(":").upper()


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot(files, name):
    """It names the file, what is wrong, and the command where one helps."""
    cert, key, told = WRONG[name]
    with pytest.raises(ValueError) as refused:
        files(cert, key).context()
    assert told in certificates.why(refused.value)


def test_a_file_that_is_missing(tmp_path):
    """It is named."""
    made = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    with pytest.raises(OSError) as refused:
        made.stamps()
    assert certificates.why(refused.value) == f"{made.cert} cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("names", "host", "covered"),
    [
        ("scim.example.org", "SCIM.example.org", True),
        ("scim.example.org", "scim.example.org.", True),
        ("a.example.org, scim.example.org", "scim.example.org", True),
        ("*.example.org", "scim.example.org", True),
        ("*.example.org", "a.scim.example.org", False),
        ("example.org", "scim.example.org", False),
        ("192.0.2.1", "192.0.2.1", True),
    ],
)
def test_the_names_it_covers(names, host, covered):
    """By RFC 9525."""
    assert Facts(names, "x", "", "", False, False).covers(host) is covered


def test_an_issuer_that_is_missing(files):
    """Clients cannot prove a leaf alone, unless its issuer is one that everybody has."""
    assert certificates.facts(files(CERT, PRIVATE).cert).alone
    assert not certificates.facts(files(CERT + CHAIN, PRIVATE).cert).alone
    assert not certificates.is_known("Example CA")


@pytest.mark.parametrize(("days", "renewed"), [(-800, True), (-790, False), (-900, True)])
def test_the_own_one_is_renewed(tmp_path, monkeypatch, days, renewed):
    """In the last thirty days and after, with the same key and names."""
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)

    class Then(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return moment

    with monkeypatch.context() as patch:
        patch.setattr(certificates, "datetime", Then)
        made = certificates.ensure(tmp_path, "scim.example.org")
    before, key = certificates.facts(made.cert), made.key.read_bytes()
    assert certificates.renew(tmp_path) is renewed
    after = certificates.facts(made.cert)
    assert (after.names, made.key.read_bytes()) == (before.names, key)
    assert (after.ends > before.ends) is renewed
    assert made.context() and (after.ends > clock.now() or not renewed)
    assert certificates.renew(tmp_path) is False


def test_a_given_one_is_not_renewed(tmp_path):
    """Nor is anything made where there is none."""
    assert certificates.renew(tmp_path) is False
    (tmp_path / "tls").mkdir()
    ending = issued("scim.example.org", KEY, "Example CA", ISSUER_KEY, days=10).public_bytes(PEM)
    certificates.of(tmp_path).cert.write_bytes(ending)
    certificates.of(tmp_path).key.write_bytes(PRIVATE)
    assert certificates.renew(tmp_path) is False
