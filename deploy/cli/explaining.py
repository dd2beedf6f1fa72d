"""A delivery in plain words: why it is where it is, what happens next by itself and when, what a person can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.chains import LaneState, Standing, Whereabouts
from shared.delivery import CRASH_LIMIT
from shared.words import ParkReason


@dataclass(frozen=True, slots=True)
class Explanation:
    """`then` is what happens without anybody doing anything; `can` what a person may do, most useful first."""

    why: str
    then: str
    can: tuple[str, ...] = ()


def explained(found: Whereabouts) -> Explanation:
    """The delivery's state in words."""
    tellers: Mapping[str, Callable[[Whereabouts], Explanation]] = {
        "pending": _pending,
        "running": _running,
        "done": _done,
        "parked": _parked,
        "discarded": _discarded,
    }
    return tellers[found.delivery.state](found)


def _pending(found: Whereabouts) -> Explanation:
    each = found.delivery
    start = f"see that a worker for {each.service} runs (`talentline check`); it needs nothing else"
    if each.due_at <= found.at:
        why = (
            f"It is due since {_moment(each.due_at)} ({_span(found.at - each.due_at)}) and no worker has taken it yet."
        )
        return Explanation(why, "A worker takes it within seconds, if one runs.", (start,))
    when = f"{_moment(each.due_at)} (in {_span(each.due_at - found.at)})"
    if each.last_error is None:
        return Explanation("It is not due yet.", f"A worker takes it at {when}.")
    if lane := _lane_of(found):
        return Explanation(_waits_for(lane), f"It comes again at {when}.", (f"look after {lane.name}", start))
    if each.attempts == 0:
        why = f"It was put off, without spending an attempt: {each.last_error}."
        return Explanation(why, f"It comes again at {when}.", (start,))
    why = f"Attempt {each.attempts} failed: {each.last_error}."
    return Explanation(why, f"It is tried again at {when}, with longer waits each time.", (start,))


def _running(found: Whereabouts) -> Explanation:
    each = found.delivery
    lane = f" in {each.lane}" if each.lane else ""
    if each.lease_until is not None and each.lease_until > found.at:
        why = f"A worker has it in hand{lane}: attempt {each.attempts}, fence {each.fence}."
        return Explanation(why, f"It is finished, or passes to another worker after {_moment(each.lease_until)}.")
    ended = _moment(each.lease_until) if each.lease_until else "some time ago"
    before = f" That happened {each.crashes} time(s) before." if each.crashes else ""
    why = f"The worker that had it{lane} died or hung: its lease ended {ended}.{before}"
    then = f"The next worker takes it within seconds. After {CRASH_LIMIT} such ends it is parked as poison."
    return Explanation(why, then, (f"see that a worker for {each.service} runs",))


def _done(found: Whereabouts) -> Explanation:
    each = found.delivery
    when = _moment(each.done_at) if each.done_at else "some time ago"
    return Explanation(f"It was done at {when}, in {each.attempts} attempt(s).", "Nothing: its work is committed.")


def _discarded(found: Whereabouts) -> Explanation:
    last = next((each for each in reversed(found.decisions) if each["action"] == "delivery.discard"), None)
    by = f" by {last['actor']} at {_moment(last['at'])}: {last['why']}" if last else ""
    error = f" It was parked because: {found.delivery.last_error}." if found.delivery.last_error else ""
    return Explanation(
        f"It was laid aside{by}.{error}",
        "Nothing: it is kept and no alarm.",
        (f"have it done after all: {_retry(found.delivery)}",),
    )


def _parked(found: Whereabouts) -> Explanation:
    each = found.delivery
    why = f"{_WHY[each.reason]} {each.last_error or 'No reason was noted.'}"
    then = "Nothing: it waits for a person, for as long as that takes."
    if each.reason is ParkReason.UNKNOWN_SCHEMA:
        then = "A worker of a release that knows it takes it up by itself, within a minute of its start."
    alike = f" --reason {each.reason}" if each.reason else f" --event {each.event}"
    discard = f"if it can never work: `talentline deliveries discard {each.id} --because '…'`"
    retry = f"then {_retry(each)}, or all those alike: `talentline deliveries retry{alike}`"
    return Explanation(why, then, (_CURE[each.reason], retry, discard))


_WHY: Mapping[ParkReason | None, str] = {
    ParkReason.VALIDATION: "What it carries, or the present state of things, does not allow the work:",
    ParkReason.VENDOR: "Somebody outside refused it:",
    ParkReason.POISON: "It cost several workers their lives, and would cost more:",
    ParkReason.UNKNOWN_SCHEMA: "A newer release wrote it:",
    ParkReason.EXHAUSTED: "It failed too often in a way that might have passed:",
    ParkReason.INVARIANT: "Doing it would break a promise, or something that always holds did not hold:",
    None: "An older release parked it:",
}
_CURE: Mapping[ParkReason | None, str] = {
    ParkReason.VALIDATION: "put right what the words name",
    ParkReason.VENDOR: "put right what the other side objects to (rights, address, token)",
    ParkReason.POISON: "find in the workers' logs what ended them (memory, a hanging call), and mend that",
    ParkReason.UNKNOWN_SCHEMA: "upgrade the workers",
    ParkReason.EXHAUSTED: "mend what it failed of",
    ParkReason.INVARIANT: "report it with this delivery's id; retry it only when the cause is understood",
    None: "put right what the words name",
}


def _retry(each: Standing) -> str:
    return f"`talentline deliveries retry {each.id}`"


def _lane_of(found: Whereabouts) -> LaneState | None:
    """The lane that the last words are about."""
    words = found.delivery.last_error or ""
    return next((lane for lane in found.lanes if lane.name in words), None)


def _waits_for(lane: LaneState) -> str:
    if not lane.failures:
        return f"It waits for a place in {lane.name}: as many as may use it at once do. That spends no attempt."
    shut = f" and is shut until {_moment(lane.shut_until)}" if lane.shut_until else ""
    return f"It waits for {lane.name}, which failed {lane.failures} time(s) in a row{shut}. That spends no attempt."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _span(length: timedelta) -> str:
    """A length of time as people say it.

    >>> _span(timedelta(seconds=59)), _span(timedelta(minutes=90)), _span(timedelta(days=3))
    ('59 s', '90 min', '72 h')
    """
    seconds = round(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
