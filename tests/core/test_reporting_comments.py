"""Comments in a plan: whose, in which order, with whose names. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.core.comments import Names, comment_themes, masking
from services.reporting.core.disclosure import screened
from services.reporting.core.documents import CommentTheme
from shared.events import ParticipantScored
from shared.ids import EvidenceId
from shared.people import Comment
from tests.builders.reporting import MANAGER, PEER, REPORT, SELF, a_comment, a_rater, a_scored

TITLES = {"strengths": "What people value", "development": "What people would like to see more of"}
TEXTS = ["Listens well", "Keeps her word", "Sees the whole", "Calm under pressure", "Generous with credit"]


def themes(
    comments: list[Comment],
    scored: ParticipantScored | None = None,
    seed: str = "P-1:1:abc",
    names: Names | None = None,
) -> tuple[CommentTheme, ...]:
    scored = scored or a_scored()
    return comment_themes(comments, scored, screened(scored, 3), TITLES, names or Names(), seed)


def from_peers(texts: list[str]) -> list[Comment]:
    return [a_comment(a_rater(PEER, n), text) for n, text in enumerate(texts[:4], 1)]


@given(st.permutations(from_peers(TEXTS)))
def test_the_order_does_not_depend_on_who_wrote_first(comments: list[Comment]) -> None:
    assert themes(comments) == themes(from_peers(TEXTS))


def test_the_order_is_another_in_another_revision() -> None:
    orders = {themes(from_peers(TEXTS), seed=f"P-1:{n}:abc")[0].quotes for n in range(12)}
    assert len(orders) > 3


def test_what_the_participant_wrote_stands_apart() -> None:
    (theme,) = themes([*from_peers(TEXTS), a_comment(a_rater(SELF, 1), "I try to listen")])
    assert theme.own == ("I try to listen",)
    assert "I try to listen" not in theme.quotes


def test_equal_texts_are_shown_once() -> None:
    (theme,) = themes(from_peers(["Listens  well", "Listens well ", "Calm", "Calm"]))
    assert sorted(theme.quotes) == ["Calm", "Listens well"]


def test_themes_stand_in_the_librarys_order_then_by_name() -> None:
    kinds = ["zeal", "development", "any_other_words", "strengths"]
    comments = [a_comment(a_rater(PEER, n), "Words", kind) for n, kind in enumerate(kinds, 1)]
    titles = [theme.title for theme in themes(comments)]
    assert titles == ["What people value", "What people would like to see more of", "Any other words", "Zeal"]


def test_raters_of_a_withheld_group_are_not_quoted() -> None:
    few = a_scored(groups={MANAGER: 1, PEER: 4, REPORT: 1}, shown=[(MANAGER,), (PEER,)], withheld=(REPORT,))
    found = themes([*from_peers(TEXTS), a_comment(a_rater(REPORT, 1), "From the only report")], few)
    assert "From the only report" not in found[0].quotes
    assert len(found[0].quotes) == 4


def test_too_few_raters_are_not_quoted_at_all() -> None:
    manager_only = a_scored(groups={MANAGER: 1, REPORT: 2}, shown=[(MANAGER,)], withheld=(REPORT,))
    comments = [a_comment(a_rater(MANAGER, 1), "From the manager"), a_comment(a_rater(SELF, 1), "Mine")]
    (theme,) = themes(comments, manager_only)
    assert (theme.quotes, theme.own) == ((), ("Mine",))


def test_words_that_came_with_other_evidence_are_not_shown() -> None:
    newer = Comment(a_rater(PEER, 1), "strengths", EvidenceId("f" * 64), "Written later")
    assert themes([newer]) == ()


def test_a_comment_without_words_is_none() -> None:
    assert themes([a_comment(a_rater(PEER, 1), " \n\x00 ")]) == ()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Thanks from Yusuf Østergaard", "Thanks from [name]"),
        ("Yusuf's team agrees", "[name]'s team agrees"),
        ("Yusufs are many", "Yusufs are many"),
        ("She will, Will says", "She will, [name] says"),
        ("Siân and Will work well", "Siân and [name] work well"),
        ("قالت أمل حداد ذلك", "قالت [name] ذلك"),
        ("李小龙说得对", "[name]说得对"),
        ("Ask Yusuf\nØstergaard", "Ask [name]"),
    ],
)
def test_raters_names_are_masked_and_the_participants_own_is_not(text: str, shown: str) -> None:
    raters = ("Yusuf Østergaard", "Will Llŷr", "أمل حداد", "李小龙", "Siân Parry")
    assert masking(Names(raters=raters, participant=("Siân Llŷr",)))(text) == shown
