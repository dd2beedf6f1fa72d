"""How a body is kept: compressed where that pays. Survey tools send their whole form along with every response, so a
body shrinks to about a quarter; what is hashed and signed is always the bytes as they came.
"""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD = "zstd"
COMPRESSOR = zstd.ZstdCompressor(level=1)
"""One for all threads: making one costs as much as using it. Higher levels gain little and cost the sender's time."""
WORTHWHILE = 512
"""Bytes below which nothing is gained."""


def packed(body: bytes) -> tuple[bytes, str | None]:
    """The bytes to keep, and how they are encoded: None if they are kept as they came.

    >>> packed(b"short")
    (b'short', None)
    >>> kept, encoding = packed(b"a long body " * 1000)
    >>> encoding, len(kept) < 100, unpacked(kept, encoding) == b"a long body " * 1000
    ('zstd', True, True)
    """
    if len(body) < WORTHWHILE:
        return body, None
    smaller = COMPRESSOR.compress(body, zstd.ZstdCompressor.FLUSH_FRAME)
    return (smaller, ZSTD) if len(smaller) < len(body) * 9 // 10 else (body, None)


def unpacked(kept: bytes, encoding: str | None) -> bytes:
    """The bytes as they came. Raises ValueError for an encoding that this release does not know."""
    if encoding is None:
        return kept
    if encoding != ZSTD:
        raise ValueError(f"a body is kept as {encoding!r}, which this release does not know; upgrade the workers")
    return zstd.decompress(kept)
