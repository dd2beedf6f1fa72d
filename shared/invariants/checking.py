"""Checking invariants on a timer, and the reconciler: what can be put right without harm is put right, loudly.

The rules are asked with no write transaction open; only what is broken is asked again in the one that mends it.
"""

from collections.abc import Mapping
from functools import partial

import structlog

from shared import clock
from shared.db import Database, UnitOfWork
from shared.events import InvariantsDue
from shared.failure import explained
from shared.handling import Commit, Effect
from shared.invariants.findings import note, note_mended
from shared.invariants.rule import Invariant

log = structlog.get_logger()

Rules = Mapping[str, Invariant]
Findings = Mapping[str, list[str]]
"""Name of an invariant → the ids that break it. One that could not be asked is left out, so its last check ages."""


def checking(db: Database, rules: Rules) -> Effect[InvariantsDue, InvariantsDue, Findings]:
    """Check these rules whenever it is time, keep the result, and mend what has a way to be mended."""

    def ask(_: InvariantsDue, __: Commit) -> Findings:
        return asked(db, rules)

    return Effect(begin=lambda _, event: event, act=ask, settle=partial(_settle, rules))


def asked(db: Database, rules: Rules) -> Findings:
    """What breaks each rule now. A rule that fails is logged and left out: the others are still asked."""
    found: dict[str, list[str]] = {}
    for name, rule in rules.items():
        try:
            with db.read() as connection:  # one snapshot each: a long one would keep dead rows alive
                found[name] = rule(connection)
        except Exception as error:  # noqa: BLE001  (see above)
            log.error("invariant.not_checked", invariant=name, reason=explained(error))  # noqa: TRY400
    return found


def _settle(rules: Rules, uow: UnitOfWork, _event: InvariantsDue, _: InvariantsDue, found: Findings) -> None:
    for name, ids in found.items():
        rule = rules[name]
        still = _mended(uow, name, rule, ids) if ids and rule.mend else ids
        note(uow, name, still, clock.now())


def _mended(uow: UnitOfWork, name: str, rule: Invariant, ids: list[str]) -> list[str]:
    """Mend what is still broken of what was found; what is broken after that."""
    assert rule.mend is not None
    known = set(ids)
    still = [each for each in rule(uow.connection) if each in known]
    if still:
        rule.mend(uow, still)
        note_mended(uow, name, still)
    return rule(uow.connection)
