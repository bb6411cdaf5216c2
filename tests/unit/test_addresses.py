"""IP addresses: every part of the program that counts, compares or trusts one reads it in the same way."""

import pytest

from promapp_lite import addresses
from promapp_lite.ops.trusted_proxies import networks, trusts
from promapp_lite.server.listeners import Listener


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("no address", "no address"),
        (None, ""),
    ],
)
def test_how_a_client_is_counted(address, counted):
    """IPv6 by its /64, IPv4 the same however it comes."""
    assert addresses.client(address) == counted


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.7", False),
        ("::", False),
        ("localhost.example.org", False),
        ("", False),
        (None, False),
    ],
)
def test_loopback(address, own):
    """Only this machine's own addresses are; a name is not looked up."""
    assert addresses.is_loopback(address) is own


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://localhost", True),
        ("http://[::1]:8480", True),
        ("http://[::ffff:127.0.0.1]", True),
        ("http://0.0.0.0", False),
        ("http://scim.example.org", False),
    ],
)
def test_a_listener_on_loopback(url, own):
    """Plain http is allowed there only."""
    assert Listener.parse(url).loopback is own


@pytest.mark.parametrize(
    ("trusted", "peer", "does"),
    [
        (["::1"], "::1", True),
        (["10.1.0.0/16"], "10.1.2.3", True),
        (["10.1.0.0/16"], "::ffff:10.1.2.3", True),
        (["10.1.0.0/16"], "10.2.0.1", False),
        (["127.0.0.1"], "", True),
        (["10.1.0.0/16"], "", False),
        (["127.0.0.1"], "no address", False),
    ],
)
def test_trust(trusted, peer, does):
    """A proxy is trusted by its address or its network."""
    assert trusts(networks(trusted), peer) is does
