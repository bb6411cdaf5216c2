"""HTTP: encoding, TLS with the certificate checked, no token in any error."""

import ssl
import subprocess
import threading

import pytest
from click.testing import CliRunner
from helpers.rehearse_target import TOKEN, Handler, Server, Target, listening
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promapp_lite.rehearse.command import rehearse
from promapp_lite.rehearse.protocol.client import Client, certificate_words, seconds
from promapp_lite.rehearse.protocol.errors import ProvisioningError


def test_the_query_is_encoded_as_entra_does():
    """Plus for blanks, %22 for quotes, everything else percent-encoded."""
    seen = []
    with listening(lambda handler, *_: (seen.append(handler.path), (200, {}))[1]) as base:
        Client(f"{base}/scim/", TOKEN).get("/Users", filter='userName eq "a+b&c%d é"')
    assert seen == ["/scim/Users?filter=userName+eq+%22a%2Bb%26c%25d+%C3%A9%22"]


@pytest.mark.parametrize(
    ("body", "parsed"),
    [('{"a": 1}', {"a": 1}), ("", None), ("<html>", None), ("[" * 100_000, None)],
)
def test_answers_that_are_no_json(body, parsed):
    """They are answers all the same, without a body."""
    with listening(lambda *_: (200, body)) as base:
        assert Client(base, TOKEN).get("/Users").body == parsed


def test_counting():
    """Requests and writes are counted."""
    with listening(lambda *_: (200, {})) as base:
        client = Client(base, TOKEN)
        client.get("/Users")
        client.send("DELETE", "/Users/1")
    assert (client.requests, client.writes) == (2, 1)
    assert TOKEN not in repr(client)


def test_redirects_are_not_followed():
    """The token goes to nobody but the target."""
    with listening(lambda *_: (302, "")) as base:
        assert Client(base, TOKEN).get("/Users").status == 302


@pytest.mark.parametrize(("text", "wait"), [("7", 7.0), (None, 1.0), ("Mon, 1 Jan", 1.0), ("-3", 1.0)])
def test_retry_after(text, wait):
    """Seconds; anything else is one second."""
    assert seconds(text) == wait


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            key,
            "-out",
            cert,
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture
def secure(certificate):
    """The Tenant URL of a target behind TLS."""
    target = Target()
    handler = type(
        "Bound",
        (Handler,),
        {"respond": lambda self, method, body: target.answer(method, self.path, body)},
    )
    with Server(("127.0.0.1", 0), handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}/api/scim"
        server.shutdown()
        thread.join()


def test_certificates_are_checked(secure):
    """A certificate nobody vouches for is refused, and said so."""
    with pytest.raises(ProvisioningError, match="TLS failed: the certificate is not trusted") as caught:
        Client(secure, TOKEN).get("/Users")
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("certificate verify failed: certificate has expired", "the certificate has expired"),
        (
            "certificate verify failed: unable to get local issuer certificate",
            "the certificate is not trusted",
        ),
        ("certificate verify failed: Hostname mismatch, …", "the certificate is for another host"),
        ("wrong version number", "wrong version number"),
    ],
)
def test_what_is_wrong_with_a_certificate(said, plain):
    """A plain sentence stands before OpenSSL's own words."""
    assert certificate_words(said).startswith(plain)
    assert said in certificate_words(said)


def test_a_ca_file_is_trusted(secure, certificate):
    """--ca-file: the certificate is checked against it."""
    client = Client(secure, TOKEN, ca_file=str(certificate[0]))
    assert client.get("/Users").status == 200


def test_the_host_name_is_checked_too(secure, certificate):
    """A trusted certificate for another name is refused."""
    client = Client(secure.replace("127.0.0.1", "localhost"), TOKEN, ca_file=str(certificate[0]))
    with pytest.raises(ProvisioningError, match="TLS failed"):
        client.get("/Users")


def test_insecure_warns(secure):
    """--insecure goes on, with a warning on stderr."""
    result = CliRunner(env={"PROMAPP_LITE_TOKEN": TOKEN}).invoke(
        rehearse, [secure, "--insecure", "--users", "3", "--groups", "1", "--cycles", "0"]
    )
    assert result.exit_code == 0, result.output
    assert "Warning: --insecure" in result.stderr


def test_nobody_listens():
    """A refused connection is said in the system's words, without object addresses."""
    with listening(lambda *_: (200, {})) as base:
        pass
    with pytest.raises(ProvisioningError) as caught:
        Client(base, TOKEN).get("/Users")
    assert caught.value.code == "WebExceptionProtocolError"
    assert "refused" in caught.value.reason
    assert " at 0x" not in caught.value.reason


def test_a_slow_target_is_a_timeout():
    """No answer in time is Timeout, with the operation and without the token."""
    with (
        listening(lambda *_: threading.Event().wait(1) and None) as base,
        pytest.raises(ProvisioningError) as caught,
    ):
        Client(base, TOKEN, timeout=0.2).get("/Users")
    assert caught.value.code == "Timeout"
    assert "GET /Users" in caught.value.reason


NONSENSE = st.sampled_from(
    [None, [], {}, "", "x", 0, -1, True, [None], [3], {"id": 3}, {"id": ""}, "\ud83d\ude00"]
)
RESOURCE = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["1", "a/b?c", "../x", "é", 7, None, [], ""]),
        "userName": NONSENSE,
        "displayName": NONSENSE,
        "members": NONSENSE,
        "emails": NONSENSE,
        "active": NONSENSE,
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": NONSENSE,
    },
)
LISTED = st.fixed_dictionaries(
    {"totalResults": st.sampled_from([0, 1, 5, 10**9, "1", None, 1.5, True])},
    optional={"Resources": NONSENSE | st.lists(RESOURCE, max_size=3)},
)
STATUS = st.sampled_from([200, 200, 200, 201, 204, 301, 400, 403, 404, 409, 500, 503])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_answer_is_a_traceback(data):
    """Whatever a target answers: exit 0 or 1 and sentences, in bounded time."""
    answers = [
        data.draw(st.tuples(STATUS, NONSENSE | RESOURCE | LISTED | st.text(max_size=9))) for _ in range(12)
    ]
    good, count = {"totalResults": 0, "Resources": []}, iter(range(10**9))
    probes = data.draw(st.integers(0, 4))

    def respond(handler, method, body):
        number = next(count)
        return (200, good) if number < probes else answers[number % len(answers)]

    with listening(respond) as base:
        result = CliRunner(env={"PROMAPP_LITE_TOKEN": TOKEN}).invoke(
            rehearse, [base, "--users", "3", "--groups", "2", "--cycles", "1", "--hour", "0"]
        )
    assert result.exit_code in (0, 1)
    assert result.exception is None or isinstance(result.exception, SystemExit)
