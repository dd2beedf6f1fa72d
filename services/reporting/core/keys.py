"""Keys that are the same at every attempt, on every machine."""

import hashlib
from urllib.parse import quote

from shared.ids import CohortId, ParticipantId


def message_id(cohort: CohortId, participant: ParticipantId, revision: int, domain: str) -> str:
    """The Message-ID of the mail that brings one revision of one participant's plan.

    The colons that ids themselves may hold are quoted, so that two plans never share a key.

    >>> message_id(CohortId("pilot-p"), ParticipantId("P-0001"), 1, "example.org")
    '<e7a83d0dd9367f9ed459da1727823606@example.org>'
    """
    key = f"{quote(cohort, safe='')}:{quote(participant, safe='')}:{revision}"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def plan_reference(cohort: CohortId, participant: ParticipantId, revision: int) -> str:
    """What people quote when they write about a plan.

    >>> plan_reference(CohortId("pilot-p"), ParticipantId("P-0001"), 2)
    'pilot-p/P-0001/2'
    """
    return f"{cohort}/{participant}/{revision}"
