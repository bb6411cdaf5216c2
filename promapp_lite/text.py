"""Text comparison: case-folded, NFKC-normalised keys."""

import unicodedata


def fold(text: str) -> str:
    """The key under which two texts are the same to a reader: NFKC, case-folded, NFKC."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
