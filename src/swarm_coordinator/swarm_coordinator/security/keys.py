# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Ed25519 to sign, X25519 to agree on a secret, ChaCha20-Poly1305 to encrypt: all that is asked of
`cryptography`.

Owns the calls, which have to be ones that version 38 (Debian 12) has. Refuses to know files and
what is signed.
"""

from __future__ import annotations

from functools import lru_cache

try:
    from cryptography.exceptions import InvalidSignature, InvalidTag
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
    )
except ImportError as missing:
    raise ImportError(
        'the identity of robots needs the Python package cryptography: '
        'apt-get install python3-cryptography, or pip install cryptography'
    ) from missing

__all__ = ['Ed25519PrivateKey', 'Ed25519PublicKey', 'X25519PrivateKey']

CIPHERS_MAX = 512  # one for each key in use; a robot hears some tens
PrivateKey = Ed25519PrivateKey | X25519PrivateKey


def make_sign_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def make_exchange_key() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


def public_bytes(private: PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def to_pem(private: PrivateKey) -> bytes:
    """PKCS #8, as other tools read it."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def sign_key_from_pem(data: bytes) -> Ed25519PrivateKey:
    """Raises ValueError for anything else."""
    key = _from_pem(data)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError('expected an Ed25519 private key in PEM')
    return key


def exchange_key_from_pem(data: bytes) -> X25519PrivateKey:
    """Raises ValueError for anything else."""
    key = _from_pem(data)
    if not isinstance(key, X25519PrivateKey):
        raise ValueError('expected an X25519 private key in PEM')
    return key


def _from_pem(data: bytes) -> object:
    try:
        return load_pem_private_key(data, password=None)
    except Exception as error:  # the library names many, and other ones in each version
        raise ValueError('expected a private key in PEM, without a password') from error


def public_key(public: bytes) -> Ed25519PublicKey:
    """Raises ValueError for what is no key."""
    return Ed25519PublicKey.from_public_bytes(public)


def fits(key: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def signature_fits(public: bytes, signature: bytes, data: bytes) -> bool:
    """Of a key that is seldom used; security/keyring.py keeps those that are."""
    try:
        return fits(public_key(public), signature, data)
    except ValueError:
        return False


def agreed_secret(private: X25519PrivateKey, public: bytes) -> bytes:
    """32 bytes that only the two have; to be hashed before use. Raises ValueError for a key that
    would make it predictable."""
    return private.exchange(X25519PublicKey.from_public_bytes(public))


class NotReadable(ValueError):
    """Another key, or changed on the way."""


_cipher = lru_cache(CIPHERS_MAX)(ChaCha20Poly1305)


def encrypt(key: bytes, nonce: bytes, text: bytes, bound: bytes) -> bytes:
    return _cipher(key).encrypt(nonce, text, bound)


def decrypt(key: bytes, nonce: bytes, body: bytes, bound: bytes) -> bytes:
    """Raises NotReadable."""
    try:
        return _cipher(key).decrypt(nonce, body, bound)
    except InvalidTag:
        raise NotReadable('made with another key, or changed on the way') from None


def derived(secret: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for one purpose."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret)


class LooseKey:
    """A new key pair with no folder and no certificate, which checks signatures of others too: a
    keyring for a measurement or a test."""

    def __init__(self) -> None:
        self._private = make_sign_key()
        self.public = public_bytes(self._private)

    def sign(self, data: bytes) -> bytes:
        return self._private.sign(data)

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        return signature_fits(public, signature, data)
