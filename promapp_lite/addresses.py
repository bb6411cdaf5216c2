"""IP addresses of clients: as they are counted, compared and trusted."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NETWORK_BITS = 64  # of IPv6: one customer has all the addresses of such a network


def parse(text: str | None) -> Address | None:
    """The address in a text, IPv4 the same where it is mapped into IPv6; None where the text holds none."""
    try:
        found = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def client(text: str | None) -> str:
    """Under which name a client is counted: IPv6 by its /64 network; what is no address as it is."""
    found = parse(text)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(found), NETWORK_BITS), strict=False).network_address)
    return str(found or text or "")


def is_loopback(text: str | None) -> bool:
    """Whether the address is this machine's own."""
    found = parse(text)
    return found is not None and found.is_loopback
