"""A strict HTTP parser: what two parties could read differently is refused, and the connection ends.

RFC 9112 §3.2 (Host, request target), §6.1 and §6.3 (framing). Waitress 3.0.2 takes all of these.
"""

import re

from waitress.parser import HTTPRequestParser, ParsingError

from promapp_lite.server.limits import METHOD_LETTERS

START = re.compile(rb"([A-Z]+) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
LENGTH, CODING, HOST = b"\r\ncontent-length:", b"\r\ntransfer-encoding:", b"\r\nhost:"
ONCE = (HOST, LENGTH, CODING, b"\r\nauthorization:", b"\r\ncontent-type:", b"\r\nexpect:")
MAX_DIGITS = 18


class Parser(HTTPRequestParser):
    """Parses one request; what is wrong with its header block becomes `error`, answered with a 400."""

    judged = False  # whether its body has been allowed, see `Channel`

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the header block; ParsingError where it can be read in more than one way."""
        line, _, rest = header_plus.partition(b"\r\n")
        check_start(line)
        check_fields(b"\r\n" + rest.lower(), new=line.endswith(b"1.1"))
        try:
            super().parse_header(header_plus)
        except ValueError:  # urlsplit's, of an address such as http://[::1
            raise ParsingError("The request target cannot be read") from None
        if self.headers.get("EXPECT", "100-continue").lower() != "100-continue":
            raise ParsingError("Expect can only be 100-continue")


def check_start(line: bytes) -> None:
    """ParsingError unless a request line is a method, a target without control characters, a version."""
    match = START.fullmatch(line)
    if match is None:
        raise ParsingError("The request line is not METHOD TARGET HTTP/1.1")
    if len(match[1]) > METHOD_LETTERS:
        raise ParsingError("The method is too long")


def check_fields(lower: bytes, new: bool) -> None:
    """ParsingError where the fields do not say plainly where the message ends and whom it is for."""
    for name in ONCE:
        if lower.count(name) > 1:
            raise ParsingError("A header that may be there once was sent twice")
    if new and HOST not in lower:
        raise ParsingError("Host is missing")
    if CODING in lower:
        if not new or LENGTH in lower:
            raise ParsingError("Transfer-Encoding goes with HTTP/1.1 and without Content-Length")
        if value_of(CODING, lower) != b"chunked":
            raise ParsingError("Transfer-Encoding can only be chunked")
    elif LENGTH in lower and len(value_of(LENGTH, lower)) > MAX_DIGITS:
        raise ParsingError("Content-Length is too long")


def value_of(name: bytes, lower: bytes) -> bytes:
    """The value of a field in a lower-case header block."""
    return lower.split(name, 1)[1].partition(b"\r\n")[0].strip(b" \t")
