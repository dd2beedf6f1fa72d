"""One spelling of a value, and its hash: what results, calibrations and layers are named by."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from services.scoring.core.scales import rounded


def canonical(value: Any) -> str:
    """JSON in one spelling: keys sorted, no spaces, no NaN.

    >>> canonical({"b": 1.0, "a": [None]})
    '{"a":[null],"b":1.0}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def hashed(text: str) -> str:
    """SHA-256 (hex) of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def stored(value: Any) -> Any:
    """A value as documents hold it: every float in it rounded, tuples as lists.

    >>> stored({"a": (1.00000049, None)})
    {'a': [1.0, None]}
    """
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, Mapping):
        return {name: stored(each) for name, each in value.items()}
    return [stored(each) for each in value] if isinstance(value, list | tuple) else value
