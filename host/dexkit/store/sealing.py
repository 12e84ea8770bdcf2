"""Seals: AES-256-GCM bound to what is sealed, and the keys for it; the cryptography is the library's."""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
#: RFC 9106, second recommended option; OWASP asks for less.
ARGON2: dict[str, int] = {"iterations": 3, "lanes": 4, "memory_cost": 65536}


class SealBrokenError(Exception):
    """What was sealed is not what is there, or the key is another; never shown, always turned into words."""


def new_key() -> bytes:
    """Return a key of the system's own randomness."""
    return os.urandom(KEY_BYTES)


def derive(key: bytes, purpose: str) -> bytes:
    """Return the key for one purpose (HKDF, RFC 5869).

    Parameters
    ----------
    key
        The root key.
    purpose
        What it is for: one word.
    """
    return HKDF(SHA256(), KEY_BYTES, None, f"dexkit {purpose}".encode()).derive(key)


def from_passphrase(passphrase: str, salt: bytes, costs: dict[str, int]) -> bytes:
    """Return the key that belongs to a passphrase (Argon2id, RFC 9106); slow on purpose.

    Parameters
    ----------
    passphrase
        What a person typed.
    salt
        16 random bytes.
    costs
        As in `ARGON2`.
    """
    return Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=costs["iterations"],
        lanes=costs["lanes"],
        memory_cost=costs["memory_cost"],
    ).derive(passphrase.encode())


def seal(key: bytes, clear: bytes, context: str) -> bytes:
    """Return bytes that only the key's owner can read, and only as what they are.

    Parameters
    ----------
    key
        32 bytes.
    clear
        What to seal.
    context
        What it is and where it belongs; it opens nowhere else.
    """
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, clear, context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> bytes:
    """Return what was sealed.

    Parameters
    ----------
    key, context
        As it was sealed with.
    sealed
        What `seal` returned.

    Raises
    ------
    SealBrokenError
        When a bit, the key or the context is another.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        raise SealBrokenError(context) from None


def tag(key: bytes, text: str) -> str:
    """Return what stands for a text where the text itself must not be readable (HMAC-SHA-256).

    Parameters
    ----------
    key
        32 bytes.
    text
        Any.
    """
    return hmac.digest(key, text.encode(), "sha256").hex()
