"""What reporting does with what it hears: draft plans, propose pool records, report on a cohort, send what is released.

Order between events is never relied on: a run's CohortScored may come before a participant's ParticipantScored, so a
run leaves an authorisation, and whichever comes second releases the plan.
"""

from datetime import date, datetime
from functools import partial

from services.reporting.channels import channel_for
from services.reporting.core.channel import Channel
from services.reporting.core.cohort_report import report_for
from services.reporting.core.comments import Names
from services.reporting.core.disclosure import shown_answers
from services.reporting.core.plan import person_of, plan_for
from services.reporting.core.pool import PoolEntry, entries_after, expired, proposed
from services.reporting.core.release import PlanState, day_of, goes_out_at_once, revision_for
from services.reporting.library import plan_library, pool_rule, report_words
from services.reporting.sending import Proving, Rendering, Sending
from services.reporting.settings import ReportingSettings
from services.reporting.store import people, plans, pool, reports
from services.reporting.store.plans import Plan
from services.reporting.store.reports import StoredReport
from shared import clock
from shared.cohort.definition import CohortDefinition
from shared.cohort.store import definition_of
from shared.db import UnitOfWork
from shared.events import (
    CohortReported,
    CohortScored,
    MailProofDue,
    ParticipantScored,
    PlanReleased,
    PoolExpiryDue,
    TalentPoolUpdated,
)
from shared.handling import Effect, Handlers
from shared.ids import CohortId, ParticipantId
from shared.outbox import publish, publish_all
from shared.people import Participant, comments_about
from shared.words import ReleasePolicy


def handlers(
    settings: ReportingSettings | None = None, channel: Channel | None = None, rendering: Rendering | None = None
) -> Handlers:
    """What reporting does with each event; without settings, those of the environment."""
    settings, rendering = settings or ReportingSettings(), rendering or Rendering()
    channel = channel or channel_for(settings.mail, settings.mail_archive)
    sending, proving = Sending(settings, channel, rendering), Proving(settings, channel)
    return {
        ParticipantScored.name: participant_scored,
        CohortScored.name: partial(cohort_scored, rendering),
        PoolExpiryDue.name: pool_expiry_due,
        PlanReleased.name: Effect(sending.begin, sending.act, sending.settle, sending.failed, sending.lane),
        MailProofDue.name: Effect(proving.begin, proving.act, proving.settle, lane=proving.lane),
    }


# ------------------------------------------------------------------------------------------------- a result arrives


def participant_scored(uow: UnitOfWork, event: ParticipantScored) -> None:
    """Draft the plan, or its next revision, and renew the pool record. An older result than the one known is passed
    over. A first plan goes out at once where the policy or a run says so.
    """
    if plans.lock_case(uow, event.cohort, event.participant) >= event.version:
        return
    plans.note_version(uow, event.cohort, event.participant, event.version)
    definition = definition_of(uow.connection, event.cohort)
    participant = people.on_roster(uow.connection, event.cohort, event.participant)
    now = clock.now()
    plan = _drafted(uow, definition, event, participant, day_of(definition, now))
    plans.keep_draft(uow, plan, now)
    _renew_pool_record(uow, definition, event, participant, now)
    is_authorised = plans.is_authorised(uow.connection, event.cohort, event.participant)
    if goes_out_at_once(plan.revision, definition.release.policy, is_authorised=is_authorised):
        plans.release(uow, plan, by=definition.release.policy.value, at=now)
        publish(uow, PlanReleased(cohort=event.cohort, participant=event.participant, revision=plan.revision))


def _drafted(
    uow: UnitOfWork, definition: CohortDefinition, event: ParticipantScored, participant: Participant, today: date
) -> Plan:
    known = {plan.revision: plan.state for plan in plans.plans_about(uow.connection, event.cohort, event.participant)}
    revision = revision_for(known)
    raters = people.raters_of(uow.connection, event.cohort, event.participant)
    document = plan_for(
        person_of(definition, participant),
        definition,
        event,
        comments_about(uow.connection, event.cohort, event.participant),
        Names(raters=raters, participant=(participant.name, participant.given_name, participant.family_name)),
        revision=revision,
        drafted=today,
        library=plan_library(definition.framework.pack),
    )
    return Plan(
        cohort=event.cohort,
        participant=event.participant,
        revision=revision,
        result=event.result,
        version=event.version,
        state=PlanState.DRAFT,
        document=document,
        shown=shown_answers(event),
        released_at=None,
    )


def _renew_pool_record(
    uow: UnitOfWork, definition: CohortDefinition, event: ParticipantScored, participant: Participant, now: datetime
) -> None:
    rule = pool_rule()
    entries = entries_after(
        proposed(event, definition.framework, rule),
        pool.standing(uow.connection, event.cohort, event.participant),
        agreed=participant.pool_consent,
        policy=definition.pool.policy,
        rule=rule,
        on=day_of(definition, now),
    )
    for entry in entries:
        until = definition.end_of(entry.expires_on)
        pool.append(uow, event.cohort, event.participant, entry, result=event.result, at=now, until=until)
        publish(uow, _pool_updated(event.cohort, event.participant, entry))


def pool_expiry_due(uow: UnitOfWork, event: PoolExpiryDue) -> None:
    """Note that a pool record is over, if nobody has renewed it since the timer was set."""
    plans.lock_case(uow, event.cohort, event.participant)
    definition, now = definition_of(uow.connection, event.cohort), clock.now()
    for standing in pool.standing(uow.connection, event.cohort, event.participant):
        entry = expired(standing, pool_rule(), day_of(definition, now)) if standing.level == event.level else None
        if entry is not None:
            until = definition.end_of(entry.expires_on)
            pool.append(uow, event.cohort, event.participant, entry, result=None, at=now, until=until)
            publish(uow, _pool_updated(event.cohort, event.participant, entry))


def _pool_updated(cohort: CohortId, participant: ParticipantId, entry: PoolEntry) -> TalentPoolUpdated:
    return TalentPoolUpdated(
        cohort=cohort, participant=participant, level=entry.level, readiness=entry.readiness, status=entry.status
    )


# --------------------------------------------------------------------------------------------------- a run has ended


def cohort_scored(rendering: Rendering, uow: UnitOfWork, event: CohortScored) -> None:
    """Write the run's report; with policy `at_run`, release the first plan of everyone scored, drafted or not yet."""
    if reports.is_reported(uow.connection, event.run):
        return
    definition, now = definition_of(uow.connection, event.cohort), clock.now()
    if definition.release.policy is ReleasePolicy.AT_RUN:
        scored = [each.participant for each in event.scored]
        plans.lock_cases(uow, event.cohort, scored)
        plans.authorise(uow, event.cohort, scored, event.run, now)
        released = plans.release_authorised(uow, event.cohort, by=f"run {event.run}", at=now)
        publish_all(uow, [PlanReleased(cohort=event.cohort, participant=each, revision=1) for each in released])
    document = report_for(definition, event, report_words(), day_of(definition, now))
    report = StoredReport(event.run, document, rendering.cohort_report_pdf(document), now)
    if reports.keep_report(uow, event.cohort, report):
        publish(uow, CohortReported(run=event.run, cohort=event.cohort))
