"""How every listing of results marks those that rest on reduced evidence, since something was waived."""

from collections.abc import Collection, Iterable
from typing import Any

from deploy.cli.output import say
from services.scoring.store import Reduced
from shared.ids import ParticipantId

MARK = " †"


def is_reduced(participant: ParticipantId, reduced: Iterable[Reduced]) -> bool:
    """Whether the participant's result is one of these."""
    return any(each.participant == participant for each in reduced)


def marked(participant: ParticipantId, reduced: Iterable[Reduced]) -> str:
    """A participant's id, with a mark if the result is one of these."""
    return participant + (MARK if is_reduced(participant, reduced) else "")


def reduced_document(reduced: Iterable[Reduced]) -> list[dict[str, Any]]:
    """As `--json` shows them."""
    return [{"participant": each.participant, "version": each.version, "waived": list(each.waived)} for each in reduced]


def say_reduced(reduced: Collection[Reduced], of: str = "") -> None:
    """What each of these results does without. `of`: whose they are, where that isn't plain."""
    for each in reduced:
        without = "; ".join(each.waived)
        say(f"† reduced evidence{of}: {each.participant}, version {each.version}, does without {without}.")
