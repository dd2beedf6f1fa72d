"""The shape of what plans are written from: an action library and rules, held as data in `services.reporting.library`.

Every number in it (thresholds, how many goals, weeks) is our choice and can be changed there without a change of code.
Thresholds are shares of the scale, 0 its minimum and 1 its maximum, so that they fit any scale.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from shared.framework import Scale
from shared.framework.pack import Frozen

Share = Annotated[float, Field(ge=0, le=1)]
Weeks = Annotated[int, Field(ge=1)]


def at_share(scale: Scale, share: float) -> float:
    """The point of a scale at a share of its width.

    >>> at_share(Scale(minimum=1, maximum=5), 0.5)
    3.0
    """
    return scale.minimum + share * (scale.maximum - scale.minimum)


class GoalText(Frozen):
    """What a goal says. `{name}` stands for the competency; only general texts need it."""

    title: str
    why: str
    experience: str
    people: str
    course: str
    know: str
    """The course where knowing is clearly behind doing."""
    apply: str
    """The experience where doing is clearly behind knowing."""
    support: str
    measure: str
    question: str
    """To take to the line manager, a coach or colleagues."""


class PlanRules(Frozen):
    """How a plan is put together from figures."""

    goals_least: int = Field(ge=1)
    goals_usual: int = Field(ge=1)
    goals_most: int = Field(ge=1)
    goal_below: Share
    """Beyond the least number a competency becomes a goal only if its estimate is below this; beyond the usual number
    only if its whole likely range is.
    """
    per_domain_most: int = Field(ge=1)
    """Goals of one domain, unless there are too few others."""
    strengths_most: int
    priorities_most: int
    strength_clear: Share
    """A strength whose whole likely range is above this is called clear."""
    wide_from: Share
    """A likely range wider than this share of the scale is called wide."""
    sources_differ: float
    """Two sources differ if they are more than this many standard errors of their difference apart."""
    close_most: int
    """How many competencies of similar standing are named before saying "most"."""
    statements_most: int
    """Observable statements that the reason of a goal without a text of its own quotes."""
    goal_review_weeks: tuple[Weeks, ...]
    """Weeks to the first review of goal 1, 2, …; the last one stands for all further goals."""


class ReviewStep(Frozen):
    """A date for the diary, so many weeks after the plan."""

    weeks: Weeks
    what: str


class PlanWords(Frozen):
    """The plan's sentences; `{…}` are filled in from figures."""

    opening: str
    opening_similar: str
    opening_high: str
    opening_low: str
    opening_reduced: str
    opening_yours: str
    summary: str
    inner: str
    band_one: str
    band_some: str
    provisional: str
    close_to: str
    between: str
    on_scale: str
    wide: str
    target: str
    target_facet: str
    sources_agree: str
    sources_differ: str
    others_less: str
    others_more: str
    facet_know: str
    facet_apply: str
    all_raters: str
    strength_clear: str
    strength_open: str
    priority: str
    similar: str
    partly_similar: str
    close: str
    close_most: str
    too_few: str
    reason: str
    reason_weakest: str
    reason_weakest_similar: str
    reason_statements: str
    goals_note: str
    comments_note: str
    comments_masked: str
    comments_none: str
    comments_too_few: str


class MadeWords(Frozen):
    """How a plan was made and what it can't tell, a sentence or two each."""

    raters: str
    no_raters: str
    exempt: str
    group_rule: str
    merged: str
    withheld: str
    day: str
    written: str
    weights: str
    self_apart: str
    interval: str
    adjusted: str
    not_adjusted: str
    anchored: str
    left_out: str
    late: str
    reduced: str
    rules: str
    pool_propose: str
    pool_automatic: str
    limits: tuple[str, ...]
    provenance: str


class PlanLibrary(Frozen):
    """Everything that plans of one framework pack are written from."""

    version: str
    rules: PlanRules
    words: PlanWords
    made: MadeWords
    reviews: tuple[ReviewStep, ...]
    comment_titles: Mapping[str, str]
    """Kind of comment → title, in the order in which themes are shown; other kinds follow by name."""
    general: tuple[GoalText, ...]
    """For competencies that no pack text knows; taken in turn."""
    competencies: Mapping[str, GoalText] = {}
    """Competency name in lower case → its own text."""

    def knows(self, name: str) -> bool:
        """Whether a competency has a text of its own."""
        return name.casefold() in self.competencies

    def text_for(self, name: str, turn: int) -> GoalText:
        """The text of a competency by name, or else a general one with the name filled in."""
        own = self.competencies.get(name.casefold())
        if own is not None:
            return own
        general = self.general[turn % len(self.general)]
        return GoalText(**{field: text.replace("{name}", name) for field, text in general.model_dump().items()})
