"""`talentline status`: what waits, how long and why, for a person."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.output import AsJson, say, show, table
from deploy.invariants import INVARIANTS
from deploy.standing import Standing, standing
from deploy.waits import CohortWaits, Group, TimerGroup, cohort_waits, parked, put_off, timers_set
from shared.cohort.store import cohorts_open, definition_of
from shared.db import Database
from shared.ids import CohortId
from shared.words import Service

FEW = 4
"""Kinds of what is missing that are shown of a cohort; `cohort status` shows everything of everybody."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the command shows."""

    now: Standing
    parked: Sequence[Group]
    put_off: Sequence[Group]
    timers: Sequence[TimerGroup]
    cohorts: Sequence[CohortWaits]

    @property
    def waiting(self) -> int:
        """Deliveries that are to be done, now or later, by themselves."""
        return sum(
            count for states in self.now.deliveries.values() for state, count in states.items() if state != "parked"
        )


def status(
    cohort: Annotated[str | None, typer.Argument(metavar="[COHORT]", help="Only this cohort's people.")] = None,
    as_json: AsJson = False,
) -> None:
    """What waits, how long, and why. `talentline check` looks for problems; this tells how things stand."""
    picture = _picture(ready().db, cohort)
    if as_json:
        show(_document(picture))
        return
    _services(picture)
    for line in _lines(picture):
        say(line)


def _picture(db: Database, cohort: str | None) -> Picture:
    with db.read() as connection:
        wanted = [CohortId(cohort)] if cohort else cohorts_open(connection)
        people = [cohort_waits(connection, definition_of(connection, each)) for each in wanted]
        return Picture(standing(connection), parked(connection), put_off(connection), timers_set(connection), people)


def _services(picture: Picture) -> None:
    now = picture.now
    lines = (
        (
            service,
            now.deliveries[service]["due"],
            span(now.oldest_due[service]) if now.deliveries[service]["due"] else "",
            *(now.deliveries[service][state] for state in ("running", "later", "parked")),
        )
        for service in Service
    )
    columns = ("service", "due", "for", "running", "later", "needs a person")
    table("Work", columns, lines, empty="")


def _lines(picture: Picture) -> Iterator[str]:
    now = picture.now
    if picture.waiting == 0 and not picture.parked:
        yield "Nothing waits."
    yield from _why(picture)
    if now.mails:
        yield (
            "Mails: "
            + ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(now.mails.items()))
            + "."
        )
    if now.quarantined:
        yield f"{now.quarantined} submission(s) in quarantine: `talentline quarantine list` says what to correct."
    for timer in picture.timers:
        yield f"To come: {timer.count} × {timer.event}, the first {_when(timer.first, now.at)}."
    for cohort in picture.cohorts:
        yield _of_cohort(cohort)
    yield from _invariants(now)


def _why(picture: Picture) -> Iterator[str]:
    now = picture.now
    for group in picture.parked:
        reason = group.reason or "parked"
        yield f"Needs a person: {_what(group)} ({reason}): {group.example}"
    if picture.parked:
        yield "  `talentline deliveries list --parked` shows each, `talentline deliveries explain ID` what to do."
    for group in picture.put_off:
        assert group.until is not None
        yield f"Put off: {_what(group)}, again {_when(group.until, now.at)}: {group.example}"
    for lane in now.lanes_shut:
        yield f"Shut: {lane.name}, until it is tried again {_when(lane.until, now.at)}: {lane.reason}"
    for service in Service:
        if now.oldest_due[service] > timedelta(minutes=1):
            yield f"Does a worker for {service} run? Its oldest work has been due for {span(now.oldest_due[service])}."


def _what(group: Group) -> str:
    return f"{group.count} × {group.event} to {group.service}"


def _of_cohort(cohort: CohortWaits) -> str:
    reduced = f" ({cohort.reduced} on reduced evidence)" if cohort.reduced else ""
    words = f"Cohort {cohort.cohort}: {cohort.scored} of {cohort.participants} scored{reduced}."
    if not cohort.missing:
        return words
    few = ", ".join(f"{what} ({count})" for what, count in cohort.missing[:FEW])
    more = ", …" if len(cohort.missing) > FEW else ""
    some = f" Of {cohort.looked_at} who wait" if cohort.scored + cohort.looked_at < cohort.participants else " Missing"
    return f"{words}{some}: {few}{more}."


def _invariants(now: Standing) -> Iterator[str]:
    checked = [each.checked_at for each in now.invariants if each.checked_at]
    if len({each.name for each in now.invariants if each.checked_at} & set(INVARIANTS)) < len(INVARIANTS):
        yield "Not every invariant has been checked yet: workers do so every five minutes, `talentline check` at once."
    elif checked:
        yield f"Invariants: last checked {_when(min(checked), now.at)}."
    for each in now.invariants:
        if each.broken and each.name in INVARIANTS:
            rule = INVARIANTS[each.name]
            since = f" since {each.broken_since:%Y-%m-%d %H:%M} UTC" if each.broken_since else ""
            yield f"BROKEN: {each.name} for {each.broken} ({', '.join(each.sample)}){since}: {rule.means}. {rule.cure}."
        if each.mended:
            yield f"Mended by itself: {each.mended} × {each.name}, which is a finding: please report it."


def _document(picture: Picture) -> dict[str, Any]:
    now = picture.now
    return {
        "at": now.at.isoformat(),
        "waiting": picture.waiting,
        "services": [
            {
                "service": service,
                **now.deliveries[service],
                "oldest_due_seconds": round(now.oldest_due[service].total_seconds(), 1),
            }
            for service in Service
        ],
        "parked": [_plain(each) for each in picture.parked],
        "put_off": [_plain(each) for each in picture.put_off],
        "lanes_shut": [_plain(each) for each in now.lanes_shut],
        "mails": [{"state": state, "count": count} for state, count in sorted(now.mails.items())],
        "quarantined": now.quarantined,
        "timers": [_plain(each) for each in picture.timers],
        "cohorts": [_cohort(each) for each in picture.cohorts],
        "invariants": [_plain(each) for each in now.invariants],
    }


def _cohort(each: CohortWaits) -> dict[str, Any]:
    return asdict(each) | {"missing": [{"what": what, "participants": count} for what, count in each.missing]}


def _plain(row: Any) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in asdict(row).items()}


def span(length: timedelta) -> str:
    """A length of time as people say it.

    >>> span(timedelta(seconds=3.2)), span(timedelta(minutes=95)), span(timedelta(days=3, hours=5))
    ('3 s', '95 min', '3 days')
    """
    seconds = round(length.total_seconds())
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _when(moment: datetime, now: datetime) -> str:
    return f"in {span(moment - now)}" if moment > now else f"{span(now - moment)} ago"
