"""Whether anything personal of a cohort stands where none may: logs, metrics, traces, the queue server.

`personal` collects every name, address and comment of the people in a database; `leaks` looks for them, in the ways in
which text is written down by machines. `RedisWatch` records everything that a queue server is told.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import redis
import sqlalchemy as sa

from shared.db import Database
from shared.people import assessors, comments, participants, raters

SHORTEST = 3
"""Letters of a name that are looked for by themselves."""
SHORTEST_WORDS = 12
"""Letters of a part of a comment that is looked for by itself."""


def personal(db: Database) -> dict[str, str]:
    """Every text that may stand nowhere → what it is, of everybody in the database."""
    with db.read() as connection:
        return dict(_texts(connection))


def _texts(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    for row in connection.execute(sa.select(participants)):
        yield from _names(f"{row.given_name} {row.family_name}", f"participant {row.participant}")
        yield row.email, f"address of participant {row.participant}"
    for row in connection.execute(sa.select(raters)):
        yield from _names(row.name, f"rater {row.rater}")
        yield row.email, f"address of rater {row.rater}"
    for row in connection.execute(sa.select(assessors)):
        yield from _names(row.name, f"assessor {row.assessor}")
        yield row.email, f"address of assessor {row.assessor}"
    for row in connection.execute(sa.select(comments)):
        parts = (part.strip() for part in re.split(r"[.!?;\n]+", row.text))
        for part in (row.text, *(part for part in parts if len(part) >= SHORTEST_WORDS)):
            yield part, f"comment by {row.rater} on {row.participant}"


def _names(name: str, whose: str) -> Iterator[tuple[str, str]]:
    for part in (name, *name.split()):
        if len(part) >= SHORTEST:
            yield part, f"name of {whose}"


def leaks(secrets: Mapping[str, str], places: Mapping[str, str | bytes]) -> list[str]:
    """`place: what` for each personal text that stands in a place.

    >>> leaks({"Ana Fernández": "name of rater R-1"}, {"log": r'{"who": "Ana Fern\\u00e1ndez"}'})
    ['log: name of rater R-1']
    >>> leaks({"Ann": "name of rater R-1"}, {"log": "Annual channel announced"})
    []
    """
    found = []
    for place, content in places.items():
        text = content if isinstance(content, str) else content.decode("utf-8", errors="backslashreplace")
        found += [f"{place}: {what}" for secret, what in secrets.items() if _stands_in(secret, text)]
    return found


def _stands_in(secret: str, text: str) -> bool:
    spellings = {secret, json.dumps(secret)[1:-1], quote(secret), repr(secret.encode())[2:-1]}
    return any(each in text and re.search(rf"(?<!\w){re.escape(each)}(?!\w)", text) for each in spellings)


class RedisWatch:
    """Records every command that the server at `url` is told while the block runs; `text` is all of it."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=None)
        self._monitor: Any = self._client.monitor()  # type: ignore[no-untyped-call]
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    @property
    def text(self) -> str:
        """The commands so far, one a line."""
        return "\n".join(list(self._lines))

    def __enter__(self) -> Self:
        self._monitor.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.echo("the end")
        for _ in range(200):
            if any("the end" in line for line in self._lines[-50:]):
                break
            self._thread.join(0.05)
        self._monitor.connection.disconnect()
        self._thread.join(5)
        self._client.close()

    def _listen(self) -> None:
        with suppress(redis.ConnectionError, ValueError, OSError, AttributeError):  # it was disconnected
            for command in self._monitor.listen():
                self._lines.append(str(command["command"]))
