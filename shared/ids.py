"""Names for the ids that travel between services; each is a plain string or integer with a type of its own.

The vocabularies (relationship, instrument, …) are in `shared.words`.
"""

from typing import NewType

import uuid_utils

CohortId = NewType("CohortId", str)
ParticipantId = NewType("ParticipantId", str)
"""Unique within a cohort; (cohort, participant) is unique within an installation."""
RaterId = NewType("RaterId", str)
"""A rater, assessor or marker: whoever gave a rating. Unique within a cohort."""
OrganisationId = NewType("OrganisationId", str)
ConnectionName = NewType("ConnectionName", str)
"""Unique within an installation: it is the last segment of the webhook's address."""
SubmissionId = NewType("SubmissionId", str)
RereadingId = NewType("RereadingId", str)
EvidenceId = NewType("EvidenceId", str)
"""SHA-256 (hex) of what a piece of evidence says, so equal evidence has an equal id on every machine."""
ResultId = NewType("ResultId", str)
WaiverId = NewType("WaiverId", str)
RunId = NewType("RunId", str)
EventId = NewType("EventId", str)
DeliveryId = NewType("DeliveryId", int)
CorrelationId = NewType("CorrelationId", str)
"""One id from the webhook (or command) to the email that it led to."""


def new_id() -> str:
    """A new id that no other process makes: a UUID version 7 (RFC 9562), so ids sort by the time they were made."""
    return str(uuid_utils.uuid7())
