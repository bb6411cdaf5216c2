"""The middleware for other WSGI servers: X-Forwarded headers of trusted peers count, others are dropped."""

import pytest

from promapp_lite.ops.trusted_proxies import TrustedProxies

TOLD = {
    "HTTP_X_FORWARDED_FOR": "198.51.100.9, 203.0.113.7",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "scim.example.org",
}


def seen(peer, told=TOLD, trusted=("127.0.0.1", "::1")):
    """What the application hears of a request that came from this peer."""
    heard = {}
    environ = {"wsgi.url_scheme": "http", "HTTP_HOST": "inside:8480", "REMOTE_ADDR": peer, **told}
    TrustedProxies(lambda environ, _: heard.update(environ) or [], trusted)(environ, None)
    return heard


def facts(heard):
    """Scheme, host and client."""
    return heard["wsgi.url_scheme"], heard["HTTP_HOST"], heard["REMOTE_ADDR"]


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1", ""])
def test_it_works(peer):
    """A proxy on this machine counts, through a Unix socket too, and of a chain what it added itself."""
    assert facts(seen(peer)) == ("https", "scim.example.org", "203.0.113.7")


@pytest.mark.parametrize("peer", ["192.168.1.9", "203.0.113.5", "2001:db8::1"])
def test_others_do_not_count(peer):
    """What they forge is dropped."""
    heard = seen(peer, TOLD | {"HTTP_FORWARDED": "for=6.6.6.6", "HTTP_X_FORWARDED_PREFIX": "/evil"})
    assert facts(heard) == ("http", "inside:8480", peer)
    assert not [name for name in heard if "FORWARDED" in name]


def test_a_proxy_elsewhere():
    """Then only that one counts."""
    assert facts(seen("10.9.8.7", trusted=["10.9.0.0/16"]))[2] == "203.0.113.7"
    assert facts(seen("127.0.0.1", trusted=["10.9.0.0/16"]))[2] == "127.0.0.1"
    assert facts(seen("", trusted=["10.9.0.0/16"]))[2] == ""


def test_other_headers_are_dropped():
    """Also where the proxy passes them on from its client."""
    told = {"HTTP_FORWARDED": "for=6.6.6.6", "HTTP_X_FORWARDED_PORT": "1", "HTTP_X_FORWARDED_PREFIX": "/evil"}
    heard = seen("127.0.0.1", TOLD | told)
    assert facts(heard)[1] == "scim.example.org"
    assert not set(told) & set(heard)


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("", "127.0.0.1"),
        ("1.2.3.4:99", "1.2.3.4"),
        ("6.6.6.6, [2001:db8::1]:99", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("nonsense", "nonsense"),
    ],
)
def test_addresses(chain, client):
    """IIS adds a port; nothing a proxy adds is a fault."""
    assert seen("127.0.0.1", {"HTTP_X_FORWARDED_FOR": chain})["REMOTE_ADDR"] == client
