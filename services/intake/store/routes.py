"""Routes: which cohort a connection feeds, what its senders are, and where its secret lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
import structlog
from pydantic import ValidationError

from shared.cohort.store import cohort_of_connection, cohorts, connections, definition_of
from shared.ids import CohortId

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Route:
    """Where a connection leads. `secret_env` names the variable that holds its secret, `settings` are the vendor's."""

    cohort: CohortId
    vendor: str
    secret_env: str
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes of an installation at one moment."""

    of: Mapping[str, Route] = field(default_factory=dict)
    """By the connection's name."""
    digests: Mapping[CohortId, str] = field(default_factory=dict)
    """The definitions that the routes are from."""


def route_of(connection: sa.Connection, name: str) -> Route | None:
    """The route of one connection, None for an unknown one."""
    cohort = cohort_of_connection(connection, name)
    return _of_cohort(connection, cohort).get(name) if cohort else None


def routes(connection: sa.Connection, known: Routes) -> Routes:
    """All routes; of what is `known`, those whose cohort has changed are read anew."""
    query = sa.select(connections.c.connection, cohorts.c.cohort, cohorts.c.digest).join(cohorts)
    rows = connection.execute(query).all()
    digests = {CohortId(row.cohort): str(row.digest) for row in rows}
    changed = {cohort for cohort, digest in digests.items() if known.digests.get(cohort) != digest}
    fresh = {cohort: _of_cohort(connection, cohort) for cohort in changed}
    found: dict[str, Route] = {}
    for row in rows:
        route = fresh[row.cohort].get(row.connection) if row.cohort in changed else known.of.get(row.connection)
        if route is not None and route.cohort == row.cohort:
            found[row.connection] = route
    return Routes(found, digests)


def _of_cohort(connection: sa.Connection, cohort: CohortId) -> dict[str, Route]:
    try:
        named = definition_of(connection, cohort).connections
    except ValidationError:
        log.exception("cohort.unreadable", cohort=cohort)  # such as one of a newer release: its senders come again
        query = sa.select(connections.c.connection).where(connections.c.cohort == cohort)
        return {name: Route(cohort, "", "") for name in connection.execute(query).scalars()}
    return {name: Route(cohort, each.vendor, each.secret_env, each.settings) for name, each in named.items()}
