"""https listeners: both TLS versions, certificates that change, and clients that are slow, silent or rude."""

import contextlib
import http.client
import json
import socket
import ssl
import stat
import time
from types import SimpleNamespace

import pytest

from promapp_lite.config import Settings
from promapp_lite.errors import UserError
from promapp_lite.server import channels, dispatcher, run, tls
from promapp_lite.system import certificates


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate of its own."""
    return certificates.ensure(tmp_path)


@pytest.fixture
def listener(certificate, app, monkeypatch, open_listeners):
    """A running https listener over the application; `plain` is the port of an http one beside it."""
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0)
    monkeypatch.setitem(channels.DEADLINES, "handshake", 1)
    monkeypatch.setattr(dispatcher, "LOOK_SECONDS", 0.2)
    settings = Settings(app.extensions["store"].path.parent)
    port, plain = open_listeners(app, settings, ("https", "http"), tls.ServedCertificate(certificate))
    return SimpleNamespace(port=port, plain=plain, certificate=certificate)


def trusting(certificate, version=None):
    """A client's context that trusts this certificate and nothing else."""
    context = ssl.create_default_context(cafile=certificate.cert)
    if version:
        context.minimum_version = context.maximum_version = version
    return context


@pytest.fixture
def connect(listener):
    """connect(version=None): a connection that checks certificate and name; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def connect(version=None):
            context = trusting(listener.certificate, version)
            made = http.client.HTTPSConnection("localhost", listener.port, timeout=10, context=context)
            return stack.enter_context(contextlib.closing(made))

        yield connect


def healthy(connection):
    """Whether /healthz answers 200."""
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    return answer.status == 200 and json.loads(answer.read())["status"] == "ok"


def test_it_works(listener, connect):
    """The listener answers over TLS to a client that checks certificate and host name."""
    assert healthy(connect())


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_versions(listener, version, connect):
    """TLS 1.2, which Entra speaks, and 1.3."""
    connection = connect(ssl.TLSVersion[version])
    assert healthy(connection)
    assert connection.sock.version().replace(".", "_") == version
    assert "GCM" in connection.sock.cipher()[0] or "CHACHA20" in connection.sock.cipher()[0]


def test_older_versions_are_refused(listener):
    """TLS 1.1 gets no handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError), socket.create_connection(("127.0.0.1", listener.port), 5) as raw:
        context.wrap_socket(raw, server_hostname="localhost")


def test_keep_alive(listener, connect):
    """Many requests on one connection, and the connection stays."""
    connection = connect()
    assert healthy(connection)
    first = connection.sock
    assert all(healthy(connection) for _ in range(50))
    assert connection.sock is first


def test_large_answers_come_whole(listener, open_path, connect):
    """20 MB through one connection, byte for byte, and a client that reads slowly gets them too."""
    sent = bytes(range(256)) * 4096 * 20

    def large():
        return sent

    open_path("/large", large)
    connection = connect()
    connection.request("GET", "/large")
    answer = connection.getresponse()
    time.sleep(0.3)
    assert answer.read() == sent
    assert healthy(connection)


def test_large_bodies_come_whole(listener, open_path, connect):
    """20 MB of bodies on one connection, 1 MB each, arrive as they were sent."""
    open_path("/echo", echo, methods=["POST"])
    connection = connect()
    body = bytes(range(256)) * 4096
    for _ in range(20):
        connection.request("POST", "/echo", body, {"Authorization": "Bearer x"})
        assert connection.getresponse().read() == body


def echo():
    """What was sent."""
    from flask import request

    return request.get_data()


def test_a_body_byte_by_byte(listener, connect):
    """A request in records of one byte is one request."""
    connection = connect()
    connection.connect()
    for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
        connection.sock.sendall(bytes([byte]))
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 200")


def test_pipelined_requests_are_all_answered(listener, connect):
    """Several requests in one record are answered in order."""
    connection = connect()
    connection.connect()
    connection.sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
    got = b""
    while got.count(b"200 OK") < 5:
        more = connection.sock.recv(65536)
        assert more
        got += more


def test_half_open_connections_do_no_harm(listener, connect):
    """200 connections that never shake hands: others are served within 2 s, and they are dropped."""
    silent = [socket.create_connection(("127.0.0.1", listener.port), 5) for _ in range(200)]
    begun = time.monotonic()
    assert healthy(connect())
    assert time.monotonic() - begun < 2
    silent[0].settimeout(10)
    assert silent[0].recv(1) == b""
    for each in silent:
        each.close()


@pytest.mark.parametrize("scheme", ["plain", "port"])
def test_slow_and_idle_clients_do_no_harm(listener, scheme, connect):
    """S9: 150 half-sent, idle and never-reading connections, and a request is answered within 2 s."""
    port = getattr(listener, scheme)
    context = trusting(listener.certificate)
    with contextlib.ExitStack() as stack:
        for number in range(150):
            each = socket.create_connection(("localhost", port), 5)
            if scheme == "port":
                each = context.wrap_socket(each, server_hostname="localhost")
            stack.enter_context(each)
            each.sendall(
                (b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20)[number % 3]
            )
        begun = time.monotonic()
        assert healthy(connect())
        assert time.monotonic() - begun < 2


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\0" * 64, b"\0"])
def test_what_is_no_tls_is_dropped(listener, rubbish, connect):
    """Plain HTTP and garbage end that connection only."""
    with socket.create_connection(("127.0.0.1", listener.port), 5) as raw:
        raw.sendall(rubbish)
        with contextlib.suppress(ConnectionResetError):
            while raw.recv(4096):
                pass
    assert healthy(connect())


def test_a_client_that_vanishes_does_no_harm(listener, connect):
    """A reset in the middle of handshake or request ends that connection only."""
    for started in (False, True):
        raw = socket.create_connection(("127.0.0.1", listener.port), 5)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if started:
            raw.sendall(b"\x16\x03\x01")
        raw.close()
    assert healthy(connect())


def test_the_end_is_said(listener):
    """The listener says close_notify: the client sees an end, not a cut."""
    context = trusting(listener.certificate)
    with socket.create_connection(("localhost", listener.port), 5) as raw:
        with context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            got = b""
            while more := connection.recv(65536):
                got += more
    assert got.startswith(b"HTTP/1.0 200")


def test_a_changed_certificate_is_shown_at_once(listener, connect):
    """A renewed certificate serves the next connection; the listener stays open."""
    before = connect()
    assert healthy(before)
    certificates.make(listener.certificate, ["localhost", "127.0.0.1"])
    assert healthy(connect())
    assert healthy(before)


def test_a_broken_certificate_changes_nothing(listener, caplog, connect):
    """While the new files cannot be used the one before is shown, and the log says so once."""
    cert = listener.certificate.cert
    good = cert.read_bytes()
    context = trusting(listener.certificate)
    for broken in (b"rubbish", None, b"rubbish"):
        cert.unlink() if broken is None else cert.write_bytes(broken)
        line = http.client.HTTPSConnection("localhost", listener.port, context=context)
        with contextlib.closing(line) as one:
            assert healthy(one)
    assert sum("stays in use" in record.message for record in caplog.records) == 3
    cert.write_bytes(good)
    assert healthy(connect())


def test_scheme_is_https(listener, open_path, connect):
    """The application knows that the request came over TLS."""
    open_path("/scheme", asked_scheme)
    for made, expected in (
        (connect(), b"https"),
        (http.client.HTTPConnection("localhost", listener.plain), b"http"),
    ):
        made.request("GET", "/scheme")
        assert made.getresponse().read() == expected
        made.close()


def asked_scheme():
    """How the request came."""
    from flask import request

    return request.scheme


def test_the_key_is_the_owners_only(certificate):
    """Nobody else reads the key or the folder."""
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(certificate.key.parent.stat().st_mode) == 0o700


def test_the_certificate_names_this_host(certificate):
    """P-256, this host's names and the loopback ones, for servers only, not for ever."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    found = x509.load_pem_x509_certificate(certificate.cert.read_bytes())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", socket.gethostname()} <= set(names.get_values_for_type(x509.DNSName))
    assert {str(each) for each in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}
    assert isinstance(found.public_key().curve, ec.SECP256R1)
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (found.not_valid_after_utc - found.not_valid_before_utc).days == certificates.DAYS


def test_the_certificate_is_made_once(certificate, tmp_path):
    """A second start keeps it: who trusted it need not do so again."""
    before = certificate.fingerprint
    assert certificates.ensure(tmp_path, "other.example").fingerprint == before
    assert len(before) == 95 and before == before.upper()


def test_the_public_name_comes_first(tmp_path):
    """The host of --url is in the certificate."""
    assert certificates.names("scim.example.org")[0] == "scim.example.org"


@pytest.mark.parametrize("given", [{"tls_cert": "cert.pem"}, {"tls_key": "key.pem"}])
def test_certificate_and_key_go_together(tmp_path, given):
    """One without the other is refused."""
    with pytest.raises(UserError, match="given together"):
        run.certificate(Settings(tmp_path, **given))


def test_unusable_files_are_refused(tmp_path, certificate):
    """A missing file, a file that is none, and somebody else's key: one clear line."""
    other = certificates.ensure(make_folder(tmp_path / "other"))
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for cert, key in (
        (tmp_path / "none.pem", certificate.key),
        (broken, certificate.key),
        (certificate.cert, other.key),
    ):
        with pytest.raises(UserError, match="cannot be used"):
            run.certificate(Settings(tmp_path, tls_cert=cert, tls_key=key))


def test_a_protected_key_is_refused(tmp_path, certificate):
    """A key with a password would wait for somebody to type it."""
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_private_key(certificate.key.read_bytes(), None)
    certificate.key.write_bytes(
        key.private_bytes(
            form.Encoding.PEM, form.PrivateFormat.PKCS8, form.BestAvailableEncryption(b"secret")
        )
    )
    with pytest.raises(UserError, match="protected by a password"):
        tls.ServedCertificate(certificate)


def make_folder(path):
    """A new folder."""
    path.mkdir()
    return path
