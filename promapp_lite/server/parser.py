"""A strict HTTP parser: what two parties could read differently is refused (RFC 9112 §3.2, §6.3)."""

from waitress.parser import HTTPRequestParser, ParsingError

LENGTH, CODING = b"\r\ncontent-length:", b"\r\ntransfer-encoding:"
ONCE = (b"\r\nhost:", LENGTH, CODING, b"\r\nauthorization:", b"\r\ncontent-type:")


class Parser(HTTPRequestParser):
    """Refuses what lets two parties read one message differently (request smuggling, RFC 9112 §6.3, §3.2)."""

    def parse_header(self, header_plus: bytes) -> None:
        """Raise ParsingError for a doubled framing header, or both ways of framing."""
        lower = header_plus.lower()
        for name in ONCE:
            if lower.count(name) > 1:
                raise ParsingError("A header that may be there once was sent twice")
        if LENGTH in lower and CODING in lower:
            raise ParsingError("Both Content-Length and Transfer-Encoding were sent")
        super().parse_header(header_plus)
