"""--behind-proxy: the right scheme, host and client address, from the proxy alone."""

import contextlib
import http.client
import json
import ssl
import subprocess
import time
from dataclasses import replace
from types import SimpleNamespace

import flask
import pytest
from helpers import free_port, needs, usual

from promapp_lite.application import create_app
from promapp_lite.config import PROXIES, Settings
from promapp_lite.errors import UserError
from promapp_lite.ops import trusted_proxies
from promapp_lite.server import run
from promapp_lite.server.listeners import Listener
from promapp_lite.store.models import Activity
from promapp_lite.system import certificates

TOLD = {
    "HTTP_X_FORWARDED_FOR": "198.51.100.9, 203.0.113.7",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "scim.example.org",
}


def heard(settings, app, peer, told=TOLD):
    """What the application hears of a request that came from this peer."""
    seen = {}

    def probe(environ, start_response):
        seen.update(environ)
        start_response("200 OK", [])
        return [b""]

    app.wsgi_app = probe
    environ = {
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "inside:8480",
        "SERVER_NAME": "inside",
        "SERVER_PORT": "8480",
        **told,
    }
    run.application(app, settings)(environ, lambda *_: None)
    return SimpleNamespace(
        scheme=seen["wsgi.url_scheme"], host=seen["HTTP_HOST"], address=seen["REMOTE_ADDR"], environ=seen
    )


def behind(tmp_path, *trusted):
    """Settings behind a proxy."""
    return Settings(tmp_path, behind_proxy=True, trusted_proxy=trusted or PROXIES)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_it_works(tmp_path, app, peer):
    """A proxy on this machine is believed, and of a chain only what it added itself."""
    found = heard(behind(tmp_path), app, peer)
    assert (found.scheme, found.host, found.address) == ("https", "scim.example.org", "203.0.113.7")


@pytest.mark.parametrize("peer", ["192.168.1.9", "10.0.0.1", "203.0.113.5", "2001:db8::1"])
def test_others_are_not_believed(tmp_path, app, peer):
    """What anybody else says is dropped: also from the same network."""
    found = heard(behind(tmp_path), app, peer)
    assert (found.scheme, found.host, found.address) == ("http", "inside:8480", peer)
    assert not [name for name in found.environ if "FORWARDED" in name]


def test_other_headers_are_dropped(tmp_path, app):
    """Headers that the proxy passes on from the caller mean nothing."""
    told = {
        "HTTP_FORWARDED": "for=1.2.3.4;host=evil",
        "HTTP_X_FORWARDED_PORT": "1",
        "HTTP_X_FORWARDED_BY": "x",
    }
    found = heard(behind(tmp_path), app, "127.0.0.1", TOLD | told)
    assert (found.host, found.address) == ("scim.example.org", "203.0.113.7")
    assert not {"HTTP_FORWARDED", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_BY"} & set(found.environ)


@pytest.mark.parametrize("given", ["10.9.0.0/16", "10.9.8.7"])
def test_a_proxy_elsewhere_is_named(tmp_path, app, given):
    """--trusted-proxy takes addresses and networks, and then only those are believed."""
    settings = behind(tmp_path, given)
    assert heard(settings, app, "10.9.8.7").address == "203.0.113.7"
    assert heard(settings, app, "127.0.0.1").address == "127.0.0.1"


@pytest.mark.parametrize("wrong", ["example.org", "10.0.0.1/8", ""])
def test_what_is_no_address_is_refused(wrong):
    """A name could be anybody's tomorrow; a network with host bits is a slip."""
    with pytest.raises(UserError, match="--trusted-proxy"):
        trusted_proxies.networks([wrong])


def test_without_the_option_nobody_is_believed(tmp_path, app):
    """Without --behind-proxy the application stands as it is, and the listener clears the headers."""
    settings = Settings(tmp_path)
    assert run.application(app, settings) is app
    listener = Listener("http", "127.0.0.1", free_port())
    with listener.bind() as bound:
        assert run.adjustments(settings, listener, bound).clear_untrusted_proxy_headers
        assert not run.adjustments(behind(tmp_path), listener, bound).clear_untrusted_proxy_headers


@pytest.mark.parametrize("count", ["", " ", "nonsense", "1.2.3.4:99", "2001:db8::1"])
def test_odd_addresses_are_no_fault(tmp_path, app, count):
    """IIS adds a port; nothing a proxy adds makes the service fail."""
    found = heard(behind(tmp_path), app, "127.0.0.1", {"HTTP_X_FORWARDED_FOR": count})
    assert found.address in ("127.0.0.1", " ", "nonsense", "1.2.3.4", "2001:db8::1")


# Debian's Caddy and nginx, as the README configures them

CADDY = """{{
    admin off
    auto_https off
}}
https://localhost:{front} {{
    tls {cert} {key}
    reverse_proxy 127.0.0.1:{back}
}}
"""
NGINX = """daemon off; pid {folder}/pid; error_log stderr; events {{}}
http {{
    access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{front} ssl;
        server_name localhost;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        client_max_body_size 5m;
        location / {{
            proxy_pass http://127.0.0.1:{back};
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""
PROXIED = {
    "caddy": (CADDY, ["run", "--adapter", "caddyfile", "--config"]),
    "nginx": (NGINX, ["-c"]),
}
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "Forwarded": "for=6.6.6.6;proto=http;host=evil.example",
}


@pytest.fixture(params=PROXIED)
def fronted(request, tmp_path, store, open_listeners, open_path):
    """fronted(method, path, body): through a real proxy from 127.0.0.2, with forged headers."""
    program = needs(request.param)
    settings = replace(behind(store.path.parent), url="https://scim.example.org")
    app = create_app(settings, store)
    open_path("/who", who, app)
    front, (back,) = free_port(), open_listeners(app, settings, ("http",))
    template, words = PROXIED[request.param]
    shown = certificates.ensure(tmp_path)
    file = tmp_path / "proxy.conf"
    file.write_text(template.format(front=front, back=back, folder=tmp_path, cert=shown.cert, key=shown.key))
    process = subprocess.Popen(
        [program, *words, str(file)], stderr=subprocess.DEVNULL, env={"HOME": str(tmp_path)}
    )
    yield lambda *asked: through(front, shown.cert, *asked)
    process.terminate()
    process.wait(10)


def who():
    """How the request came."""
    return f"{flask.request.scheme} {flask.request.host.split(':')[0]} {flask.request.remote_addr}"


def through(port, trusted, method, path, body=None, headers=None):
    """Status, headers and text of an answer, once somebody answers."""
    context = ssl.create_default_context(cafile=trusted)
    for _ in range(100):
        made = http.client.HTTPSConnection(
            "localhost", port, timeout=5, context=context, source_address=("127.0.0.2", 0)
        )
        with contextlib.closing(made), contextlib.suppress(ConnectionRefusedError):
            made.request(method, path, body, FORGED | (headers or {}))
            answer = made.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        time.sleep(0.05)
    raise AssertionError("nobody answered")


@pytest.mark.extended
def test_a_real_proxy(fronted):
    """Behind Debian's proxy scheme, host and client are the real ones, whatever the caller forges."""
    assert fronted("GET", "/who")[2] == "https localhost 127.0.0.2"


@pytest.mark.extended
def test_provisioning_through_a_real_proxy(fronted, store, token):
    """A user made through the proxy has the public `Location`; the activity tells the client's address."""
    status, headers, _ = fronted(
        "POST", "/api/scim/Users", json.dumps({"userName": "ada"}), usual(token, None)
    )
    assert status == 201
    assert headers["Location"].startswith("https://scim.example.org/api/scim/Users/")
    assert [row.address for row in Activity.select().bind(store.database)] == ["127.0.0.2"]
