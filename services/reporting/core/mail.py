"""What a mail's state means to the people who run a cohort: what is known, and what is to be done."""

from services.reporting.core.release import MessageState

UNSETTLED = frozenset({MessageState.HELD, MessageState.UNCERTAIN})
"""It may have arrived."""
NEEDS_A_PERSON = frozenset({MessageState.HELD, MessageState.UNDELIVERABLE})
"""Nothing happens to it by itself any more."""


def known(state: MessageState, words: str | None) -> str:
    """What is known of a mail, in one sentence.

    >>> known(MessageState.UNDELIVERABLE, "550 no such user")
    'refused for good: 550 no such user'
    """
    match state:
        case MessageState.SENT:
            return f"taken: {words}"
        case MessageState.PENDING:
            return f"not taken yet, it is tried again: {words}" if words else "on its way"
        case MessageState.HANDING_OVER:
            return "being handed over"
        case MessageState.UNDELIVERABLE:
            return f"refused for good: {words}"
        case MessageState.UNCERTAIN | MessageState.HELD:
            return f"it may have arrived: {words}"


def to_do(state: MessageState, cohort: str, participant: str) -> str | None:
    """What a person is to do about a mail; None if nothing."""
    words = f"{cohort} {participant}"
    again = f"`talentline mail send-again {words}`"
    match state:
        case MessageState.UNDELIVERABLE:
            return f"correct the address in roster.csv, `talentline cohort open FOLDER --update`, then {again}"
        case MessageState.UNCERTAIN:
            return (
                f"nothing: its proof is looked up. If you know better, `talentline mail mark-sent {words}` or {again}"
            )
        case MessageState.HELD:
            return f"ask the participant. If it arrived, `talentline mail mark-sent {words}`; if not, {again}"
        case _:
            return None
