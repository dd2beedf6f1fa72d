"""Checking a shared-secret signature, once for all vendors: every secret is tried, each in constant time."""

import hmac
from collections.abc import Callable, Iterable, Sequence


def signed(
    message: bytes,
    secrets: Sequence[str],
    given: Iterable[bytes],
    *,
    algorithm: str = "sha256",
    encode: Callable[[bytes], bytes],
) -> bool:
    """Whether one of the `given` signatures is the HMAC of `message` under one of the `secrets`.

    `encode` turns a digest into the form it was sent in (hex, base64). No secret, or an empty one, signs nothing.

    >>> from base64 import b64encode
    >>> given = [b64encode(hmac.digest(b"secret", b"body", "sha256"))]
    >>> signed(b"body", ["new", "secret"], given, encode=b64encode)
    True
    >>> signed(b"another body", ["secret"], given, encode=b64encode)
    False
    """
    keys = [secret.encode("utf-8", "surrogatepass") for secret in secrets]
    return signed_with(message, keys, given, algorithm=algorithm, encode=encode)


def signed_with(
    message: bytes,
    keys: Iterable[bytes],
    given: Iterable[bytes],
    *,
    algorithm: str = "sha256",
    encode: Callable[[bytes], bytes] = bytes,
) -> bool:
    """The same for keys that are bytes."""
    good, signatures = False, list(given)
    for key in keys:
        if key:
            expected = encode(hmac.digest(key, message, algorithm))
            for signature in signatures:
                good |= hmac.compare_digest(expected, signature)
    return good
