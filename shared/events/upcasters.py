"""How the events of older releases are read: each old version's way to the next one.

A change that is not additive makes a new version: a class with the next number in `EVENTS` in place of the old one, and
here a line that leads from the old wire name to it. An upcaster is a pure function of one payload; it may rename, split
and fill in, but it invents no figure: what the old version did not know stays unknown. It is kept for as long as an
event of its version is in any database, and so for ever. `docs/evolution.md` shows the whole way.
"""

from collections.abc import Callable, Mapping
from typing import Any

Payload = Mapping[str, Any]
"""An event as it is stored: the JSON object, by wire names."""
Upcaster = Callable[[Payload], tuple[str, Payload]]
"""The payload of an old version → wire name and payload of the next version. It changes nothing in what it is given."""

UPCASTERS: dict[str, Upcaster] = {}
"""Wire name of an old version → its upcaster. Every released version so far is the newest of its event."""
