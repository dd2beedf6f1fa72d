"""One spelling of a value, and its hash: what results, calibrations and layers are named by."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> str:
    """JSON in one spelling: keys sorted, no spaces, no NaN.

    >>> canonical({"b": 1.0, "a": [None]})
    '{"a":[null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hashed(text: str) -> str:
    """SHA-256 (hex) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
