"""The judge: what must hold after any faults, read from the database, the mail server's log and the sender's ledger.

Nothing here asks the code under test what it thinks: completeness is counted anew from the stored pieces, and a plan
counts as sent when the mail server's log says so. Each rule gives its violations in words, with ids.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from services.intake.tables import evidence as published
from services.intake.tables import pieces as said
from services.intake.tables import submissions
from services.reporting.tables import messages, plans
from services.scoring.tables import evidence, results
from shared.bus import deliveries, events
from shared.events import ParticipantScored, ReconciliationDue
from tests.builders.cohort_folder import WrittenCohort
from tests.builders.cohort_rules import CohortRules
from tests.chaos.sink import Accepted
from tests.chaos.vendor import Ledger

Row = sa.RowMapping


@dataclass(frozen=True)
class Evidence:
    """All that the judge looks at."""

    connection: sa.Connection
    cohort: WrittenCohort
    ledger: Ledger
    accepted: Sequence[Accepted]
    complete: frozenset[str]
    """Participants about whom everything was sent and acknowledged."""
    unreachable: frozenset[str] = frozenset()
    """Participants whose address the mail server refuses for good."""

    def rows(self, query: sa.Select[Any]) -> Sequence[Row]:
        """Rows by column name."""
        return self.connection.execute(query).mappings().all()

    @cached_property
    def submissions(self) -> dict[str, list[Row]]:
        """What intake has stored, by the SHA-256 of the body."""
        s = submissions.c
        found = defaultdict(list)
        for row in self.rows(sa.select(s.id, s.sha256, s.state, s.reason, s.kind, s.duplicates)):
            found[row["sha256"]].append(row)
        return found

    @cached_property
    def pieces(self) -> dict[str, list[Row]]:
        """What scoring has stored, by participant."""
        found = defaultdict(list)
        for row in self.rows(sa.select(evidence)):
            found[row["participant"]].append(row)
        return found

    @cached_property
    def results(self) -> list[Row]:
        """Every result, by version."""
        return list(self.rows(sa.select(results).order_by(results.c.participant, results.c.version)))

    @cached_property
    def plans(self) -> list[Row]:
        """Every plan."""
        p = plans.c
        return list(self.rows(sa.select(p.participant, p.revision, p.state, p.version)))

    @cached_property
    def messages(self) -> list[Row]:
        """Every mail."""
        return list(self.rows(sa.select(messages)))

    @cached_property
    def deliveries(self) -> list[Row]:
        """Every delivery that is not done."""
        d = deliveries.c
        query = sa.select(deliveries, events.c.name, events.c.payload).join(events, events.c.id == d.event)
        return list(self.rows(query.where(d.state != "done").order_by(d.id)))

    @cached_property
    def person_of(self) -> dict[str, str]:
        """Address → participant."""
        return {person.email: person.participant for person in self.cohort.people}


def judge(found: Evidence) -> list[str]:
    """Everything that is wrong."""
    return [f"{name}: {words}" for name, rule in RULES.items() for words in rule(found)]


# ---------------------------------------------------------------------------------- what was acknowledged is not lost


def acknowledged_and_stored(found: Evidence) -> Iterator[str]:
    """Every delivery that was answered 2xx is stored, once."""
    for digest in found.ledger.acked:
        count = len(found.submissions.get(digest, ()))
        if count != 1:
            yield f"a delivery answered 2xx {found.ledger.acks[digest]} times is stored {count} times ({digest[:12]})"


def worked_off_or_visible(found: Evidence) -> Iterator[str]:
    """Every stored submission was understood, or says why not, or is parked."""
    parked = {row["payload"].get("submission") for row in found.deliveries if row["state"] == "parked"}
    for rows in found.submissions.values():
        for row in rows:
            if row["state"] == "received" and row["id"] not in parked:
                yield f"submission {row['id']} was received and forgotten"
            if row["state"] in {"quarantined", "set_aside"} and not row["reason"]:
                yield f"submission {row['id']} is {row['state']} without a reason"
    in_quarantine = sum(row["state"] == "quarantined" for rows in found.submissions.values() for row in rows)
    if in_quarantine != found.cohort.quarantined:
        yield f"{in_quarantine} submissions are in quarantine, {found.cohort.quarantined} belong there"


def evidence_reached_scoring(found: Evidence) -> Iterator[str]:
    """Whatever a submission said is known to scoring, piece by piece."""
    known = {row["evidence"] for rows in found.pieces.values() for row in rows}
    for row in found.rows(sa.select(published.c.evidence, published.c.submission)):
        if row["evidence"] not in known:
            yield f"evidence {row['evidence'][:12]} of submission {row['submission']} never reached scoring"
    spoke = {row["submission"] for row in found.rows(sa.select(said.c.submission).distinct())}
    for rows in found.submissions.values():
        for row in rows:
            if row["state"] == "recorded" and row["id"] not in spoke:
                yield f"submission {row['id']} counts as recorded and said nothing"


def nothing_on_its_way(found: Evidence) -> Iterator[str]:
    """Nothing is pending or running any more; what is parked says why."""
    for row in found.deliveries:
        if row["state"] != "parked":
            yield f"delivery {row['id']} ({row['name']}) is still {row['state']}: {row['last_error']}"
        elif not row["last_error"]:
            yield f"delivery {row['id']} ({row['name']}) is parked without a reason"


# --------------------------------------------------------------------------------------------- nobody gets a plan twice


def one_mail_a_message(found: Evidence) -> Iterator[str]:
    """No message was taken by the mail server twice."""
    for key, count in Counter(mail.message_id for mail in found.accepted).items():
        if count > 1:
            yield f"message {key} was taken {count} times"


def one_plan_a_person(found: Evidence) -> Iterator[str]:
    """Whoever is complete was sent exactly one plan; nobody else was sent any."""
    sent = Counter(found.person_of.get(mail.to, "a stranger") for mail in found.accepted)
    for participant in sorted(found.complete - found.unreachable):
        if sent[participant] != 1:
            yield f"{participant} was sent {sent[participant]} plans"
    for participant in sorted(set(sent) - (found.complete - found.unreachable)):
        yield f"{participant} was sent {sent[participant]} plans and is not to get any"


def the_bytes_that_were_stored(found: Evidence) -> Iterator[str]:
    """What the mail server took is what had been rendered and stored, byte for byte."""
    stored = {row["message_id"]: hashlib.sha256(row["content"]).hexdigest() for row in found.messages}
    for mail in found.accepted:
        if stored.get(mail.message_id) != mail.digest:
            yield f"message {mail.message_id} went out in other bytes than were stored"


def the_state_tells_the_truth(found: Evidence) -> Iterator[str]:
    """A mail counts as sent if and only if the mail server took it; none is uncertain without anybody knowing."""
    taken = {mail.message_id for mail in found.accepted}
    visible = {row["payload"].get("participant") for row in found.deliveries if row["state"] == "parked"}
    for row in found.messages:
        state, key = row["state"], row["message_id"]
        if (state == "sent") != (key in taken) and state not in {"held", "uncertain"}:
            yield f"message {key} is {state}, and the mail server {'has' if key in taken else 'does not have'} it"
        if state in {"handing_over", "pending"}:
            yield f"message {key} is {state} for ever"
        if state == "uncertain" and row["participant"] not in visible:
            yield f"message {key} is uncertain, and nobody is told"
        if state == "undeliverable" and not row["words"]:
            yield f"message {key} is undeliverable without a reason"
    for row in found.plans:
        if row["revision"] > 1 and row["state"] != "draft":
            yield f"revision {row['revision']} of {row['participant']} is {row['state']}, and nobody has released it"


def one_first_plan(found: Evidence) -> Iterator[str]:
    """Whoever is complete has exactly one first plan, and it was released."""
    first = Counter(row["participant"] for row in found.plans if row["revision"] == 1 and row["state"] != "draft")
    for participant in sorted(found.complete):
        if first[participant] != 1:
            yield f"{participant} has {first[participant]} released first plans"


# ------------------------------------------------------------------------------------ nobody is scored on part of it


def one_result_a_state(found: Evidence) -> Iterator[str]:
    """Each evidence state was scored once, and versions are numbered without a hole."""
    states = Counter((row["participant"], row["evidence_state"], row["model"], row["rules"]) for row in found.results)
    for (participant, state, *_), count in states.items():
        if count > 1:
            yield f"{participant} was scored {count} times on the same evidence ({state[:12]})"
    versions = defaultdict(list)
    for row in found.results:
        versions[row["participant"]].append(row["version"])
    for participant, numbers in versions.items():
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"{participant}'s results are numbered {numbers}"


def scored_on_all_of_it(found: Evidence) -> Iterator[str]:
    """No result came before the evidence was complete, and each rests on pieces that were there by then."""
    for row in found.results:
        document = json.loads(row["document"])
        named = {each["evidence"] for each in document["evidence"]}
        used = [piece for piece in found.pieces[row["participant"]] if piece["evidence"] in named]
        if lacking := missing(found.cohort.rules, used):
            yield f"{row['participant']} version {row['version']} was scored without {', '.join(lacking)}"
        if late := [piece["evidence"][:12] for piece in used if piece["recorded_at"] > row["scored_at"]]:
            yield f"{row['participant']} version {row['version']} rests on what came later: {late}"
        if named - {piece["evidence"] for piece in used}:
            yield f"{row['participant']} version {row['version']} rests on evidence that is not stored"


def scored_on_the_latest(found: Evidence) -> Iterator[str]:
    """Whoever is complete is scored, and the latest result rests on exactly what counts now."""
    latest = {row["participant"]: row for row in found.results}
    for participant in sorted(found.complete):
        if participant not in latest:
            yield f"{participant} is complete and was never scored"
            continue
        counted = {each["evidence"] for each in json.loads(latest[participant]["document"])["evidence"]}
        now = {piece["evidence"] for piece in current(found.pieces[participant])}
        if counted != now:
            yield f"{participant}'s latest result rests on {len(counted)} pieces, {len(now)} count now"
    for participant in sorted(set(latest) - found.complete):
        yield f"{participant} was scored and is not complete"


def nothing_was_mended(found: Evidence) -> Iterator[str]:
    """The reconciler found nobody who was complete and not scored."""
    cause = sa.select(events.c.id).where(events.c.name == ReconciliationDue.name)
    query = sa.select(events.c.id).where(events.c.name == ParticipantScored.name, events.c.causation.in_(cause))
    for row in found.rows(query):
        yield f"the reconciler had to score (event {row['id']})"


def current(pieces: Sequence[Row]) -> list[Row]:
    """Of the pieces that one person gave about one thing, the latest; nothing where all of it was taken back."""
    latest: dict[tuple[str, str, str], tuple[datetime, str, Row]] = {}
    for piece in pieces:
        key = (piece["instrument"], piece["element"], piece["by"])
        mine = (piece["as_of"], piece["evidence"], piece)
        if key not in latest or latest[key][:2] < mine[:2]:
            latest[key] = mine
    return [piece for *_, piece in latest.values() if any(value is not None for value in piece["ratings"].values())]


def missing(rules: CohortRules, pieces: Sequence[Row]) -> list[str]:
    """What these pieces lack by the rules of a generated cohort: counted here, independently of the program."""
    givers: dict[str, set[str]] = defaultdict(set)
    marks: dict[str, list[float]] = defaultdict(list)
    moderated = set()
    for piece in current(pieces):
        if piece["instrument"] == "appraisal_360":
            givers[str(piece["relationship"])].add(piece["by"])
        elif piece["instrument"] == "development_day":
            givers[piece["element"]].add(piece["by"])
        elif piece["moderating"]:
            moderated.add(piece["element"])
        else:
            givers[piece["element"]].add(piece["by"])
            marks[piece["element"]] += [value for value in piece["ratings"].values() if value is not None]
    needed = dict(rules.responses)
    needed |= dict.fromkeys(rules.grid(), rules.assessors) if rules.assessors else {}
    needed |= dict.fromkeys(rules.criteria(), rules.markers) if rules.markers else {}
    few = [f"{len(givers[what])} of {count} {what}" for what, count in needed.items() if len(givers[what]) < count]
    apart = [what for what, given in marks.items() if given and max(given) - min(given) > rules.moderate_above]
    settled = moderated | {what for what in apart if len(givers[what]) > rules.markers}
    return few + [f"another mark of {what}" for what in apart if what not in settled]


RULES: Mapping[str, Callable[[Evidence], Iterator[str]]] = {
    "lost at the door": acknowledged_and_stored,
    "forgotten": worked_off_or_visible,
    "lost on the way to scoring": evidence_reached_scoring,
    "unfinished": nothing_on_its_way,
    "mailed twice": one_mail_a_message,
    "one plan each": one_plan_a_person,
    "other bytes": the_bytes_that_were_stored,
    "untrue state": the_state_tells_the_truth,
    "first plan": one_first_plan,
    "scored once": one_result_a_state,
    "scored on part": scored_on_all_of_it,
    "scored on the latest": scored_on_the_latest,
    "mended": nothing_was_mended,
}
