"""How secrets are kept: tokens, cookies and the set-up link's key."""

import hashlib


def digest(secret: str) -> str:
    """SHA-256 in hexadecimal. One round is enough, as each of these secrets is long and random."""
    return hashlib.sha256(secret.encode()).hexdigest()
