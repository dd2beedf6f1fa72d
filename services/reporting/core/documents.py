"""What a rendered document says: every word and figure, in order, with no layout. Templates add layout only.

`services.reporting.core.plan` writes a `PlanDocument`, `core.cohort_report` a `CohortReportDocument`; `rendering` turns
them into PDF. A document is what was shown to somebody: it is stored, and holds no rater's name.
"""

from dataclasses import dataclass
from datetime import date

from shared.cohort.definition import Distance


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate with its 95 % interval, on the cohort's scale. `anchored`: its width rests on a stated assumption."""

    estimate: float
    low: float
    high: float
    anchored: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A named figure with what stands behind it in words, such as "9 raters"."""

    name: str
    figure: Range
    behind: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A rater group that may be shown: its average and how many raters it has."""

    name: str
    raters: int
    estimate: float


@dataclass(frozen=True, slots=True)
class CompetencyRow:
    """One competency: all sources together, and the participant's own rating of it where there is one."""

    name: str
    figure: Range
    self_rating: float | None
    others: float | None
    """The 360 appraisal's figure without self, where it may be shown."""
    behind: str


@dataclass(frozen=True, slots=True)
class DomainSection:
    """A domain: its result, what it is made of, and what the participant sees differently."""

    code: str
    name: str
    figure: Range
    self_rating: float | None
    others: float | None
    """The 360 appraisal's figure without self."""
    summary: str
    """One or two sentences: where the estimate lies, how sure it is."""
    gap: str | None
    """A sentence on self and others, only where the difference says something."""
    facets: tuple[Row, ...]
    sources: tuple[Row, ...]
    groups: tuple[GroupRow, ...]
    competencies: tuple[CompetencyRow, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A strength or a priority: a competency, why it is one, and the domain it belongs to."""

    domain: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do. `kind` is experience, people or course."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Goal:
    """A development goal with everything needed to act on it."""

    number: int
    domain: str
    competency: str
    title: str
    reason: str
    actions: tuple[Action, ...]
    support: str
    measure: str
    review: date


@dataclass(frozen=True, slots=True)
class Review:
    """A date for the diary."""

    on: date
    what: str


@dataclass(frozen=True, slots=True)
class CommentTheme:
    """What people wrote to one question, in random order, without names; `own` is what the participant wrote."""

    title: str
    quotes: tuple[str, ...]
    own: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """A personal development plan. Domains stand in the framework's order."""

    reference: str
    revision: int
    cohort_title: str
    name: str
    given_name: str
    organisation: str
    drafted: date
    scale_minimum: float
    scale_maximum: float
    scale_low_word: str
    """What the lowest rating was called on the form, such as "Never"; empty if unknown."""
    scale_high_word: str
    opening: str
    domains: tuple[DomainSection, ...]
    strengths: tuple[Point, ...]
    strengths_note: str
    """How far the strengths can be told apart, such as "similar"; empty where there is nothing to say."""
    priorities: tuple[Point, ...]
    priorities_note: str
    goals: tuple[Goal, ...]
    goals_note: str
    """How the goals were chosen, in a sentence or two."""
    questions: tuple[str, ...]
    """Questions to take to the line manager, a coach or colleagues."""
    reviews: tuple[Review, ...]
    comments: tuple[CommentTheme, ...]
    comments_note: str
    """How the comments are shown, or why there are none."""
    made: tuple[str, ...]
    """How the plan was made and what it can't tell: a sentence or two each."""


@dataclass(frozen=True, slots=True)
class MailWords:
    """What the mail to a participant says. No score, comment or goal: a locked phone's preview may show it."""

    subject: str
    name: str
    given_name: str
    cohort_title: str
    reference: str
    revision: int
    is_revision: bool
    """An earlier plan went out; this one takes its place."""
    first_review: date | None
    attached: bool
    file_name: str
    """The attachment's name; empty without one."""
    size: str
    """The attachment's size as people read it, such as "126 KB"; empty without one."""
    contact: str
    """Whom to write to with questions or for another format; empty if nobody is named."""


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """The mail's two bodies, which say the same."""

    text: str
    html: str


@dataclass(frozen=True, slots=True)
class GapRow:
    """A domain × facet figure of the cohort; `figure` is None where it is withheld, and `note` says why."""

    domain: str
    domain_name: str
    facet: str
    facet_name: str
    n: int
    figure: Range | None
    note: str
    distance: Distance | None = None
    """From what the cohort's role asks for; None where nothing is asked for, or the figure is withheld."""
    aim: str = ""
    """The distance in words."""
    drawn: str = ""
    """An organisation's figure drawn towards the cohort's, in words."""


@dataclass(frozen=True, slots=True)
class OrganisationSection:
    """One organisation's figures, or why they are not shown."""

    name: str
    participants: str
    """How many, in words; "fewer than 3" where the number itself would tell."""
    rows: tuple[GapRow, ...]
    note: str


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A participant (by id) who is not scored yet, and why."""

    participant: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReducedRow:
    """A participant (by id) whose result rests on reduced evidence, and what it does without."""

    participant: str
    waived: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CohortReportDocument:
    """A cohort's report: gaps weakest first, completeness, what is missing."""

    reference: str
    cohort_title: str
    drafted: date
    scale_minimum: float
    scale_maximum: float
    participants: int
    scored: int
    summary: str
    gaps: tuple[GapRow, ...]
    organisations: tuple[OrganisationSection, ...]
    waiting: tuple[WaitingRow, ...]
    made: tuple[str, ...]
    domains: tuple[str, ...] = ()
    """The domains' codes in the framework's order, as in plans: a domain has the same colour in both."""
    reduced: tuple[ReducedRow, ...] = ()
    """Who is scored on reduced evidence; their figures are in the gaps."""
