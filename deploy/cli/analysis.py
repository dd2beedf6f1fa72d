"""`talentline score | agreement`: ratings of a CSV file, for analysts; no cohort and no database are needed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.output import AsJson, number, say, show, table
from services.scoring import commands
from services.scoring.core.agreement.statistic import Statistic
from services.scoring.core.analysis.agreeing import Agreement
from services.scoring.core.analysis.documents import agreement_document, document
from services.scoring.core.analysis.long_table import Columns
from services.scoring.core.analysis.results import CombinedResult, FitResult, ParticipantResult
from services.scoring.core.analysis.scoring import DEFAULT_MODEL, FILE_MODELS, SELF

SHOWN = 40
"""Rows of a table that people see; --all and --json have every one."""

File = Annotated[
    Path, typer.Argument(metavar="FILE.csv", help="One row a rating; .gz too. A blank score: not observed.")
]
Items = Annotated[
    Path | None, typer.Option(metavar="ITEMS.csv", help="item, source, domain, optional exercise: one fit for each.")
]
ParticipantColumn = Annotated[str, typer.Option("--participant", metavar="NAME", help="Column of who was rated.")]
SourceColumn = Annotated[str, typer.Option("--source", metavar="NAME", help="Column of the source; may be absent.")]
GroupColumn = Annotated[str, typer.Option("--rater-group", metavar="NAME", help="Column of the group; may be absent.")]
RaterColumn = Annotated[str, typer.Option("--rater", metavar="NAME", help="Column of who rated.")]
ItemColumn = Annotated[str, typer.Option("--item", metavar="NAME", help="Column of what was rated.")]
ScoreColumn = Annotated[str, typer.Option("--score", metavar="NAME", help="Column of the rating.")]
SelfGroup = Annotated[str, typer.Option("--self", metavar="NAME", help="The group of self-ratings: never counted.")]
All = Annotated[bool, typer.Option("--all", help="Every row of every table.")]
Model = Annotated[str, typer.Option(metavar="NAME", help="; ".join(f"{n}: {w}" for n, (_, w) in FILE_MODELS.items()))]
Weight = Annotated[
    list[str] | None, typer.Option("--weight", metavar="SOURCE=NUMBER", help="Of a source in domains; again for more.")
]


def score(
    file: File,
    items: Items = None,
    model: Model = DEFAULT_MODEL,
    weight: Weight = None,
    participant: ParticipantColumn = "participant",
    source: SourceColumn = "source",
    rater_group: GroupColumn = "rater_group",
    rater: RaterColumn = "rater",
    item: ItemColumn = "item",
    score_: ScoreColumn = "score",
    self_group: SelfGroup = SELF,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """Score ratings in a CSV file: estimates with honest intervals, severities, items, fit. Self is never counted."""
    columns = Columns(participant, source, rater_group, rater, item, score_)
    weights = dict(_weight(each) for each in weight or ())
    found = commands.score_file(file, items=items, columns=columns, model=model, weights=weights, self_group=self_group)
    if as_json:
        show(document(found))
        return
    most = None if every else SHOWN
    for fit in found.fits:
        _show_fit(fit, most)
    for each in found.combined:
        _show_combined(each, most)


def _weight(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        weight = float(value)
    except ValueError:
        weight = -1.0
    if not name or weight < 0:
        raise typer.BadParameter(f"{text!r} is not SOURCE=NUMBER, such as 360=2", param_hint="--weight")
    return name, weight


def agreement(
    file: File,
    items: Items = None,
    lowest: Annotated[float | None, typer.Option(help="Lowest answer of the scale, for rwg's null.")] = None,
    highest: Annotated[float | None, typer.Option(help="Highest answer of the scale, for rwg's null.")] = None,
    participant: ParticipantColumn = "participant",
    source: SourceColumn = "source",
    rater_group: GroupColumn = "rater_group",
    rater: RaterColumn = "rater",
    item: ItemColumn = "item",
    score_: ScoreColumn = "score",
    self_group: SelfGroup = SELF,
    every: All = False,
    as_json: AsJson = False,
) -> None:
    """Agreement and reliability of ratings in a CSV file: every statistic the data allow, or why it is withheld."""
    if (lowest is None) != (highest is None):
        raise typer.BadParameter("give both ends of the scale, or neither", param_hint="--lowest, --highest")
    scale = None if lowest is None or highest is None else (lowest, highest)
    columns = Columns(participant, source, rater_group, rater, item, score_)
    found = commands.agreement_in_file(file, items=items, columns=columns, self_group=self_group, scale=scale)
    if as_json:
        show(agreement_document(found))
        return
    for each in found:
        _show_agreement(each, None if every else SHOWN)


# ------------------------------------------------------------------------------------------------------------- score


def _title(source: str | None, domain: str | None) -> str:
    return " · ".join(name for name in (source, domain) if name) or "All ratings"


def _cut(rows: Sequence[Sequence[object]], most: int | None) -> Sequence[Sequence[object]]:
    return rows if most is None or len(rows) <= most else rows[:most]


def _listed(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], most: int | None) -> None:
    table(title, columns, _cut(rows, most), empty=f"{title}: none.")
    if most is not None and len(rows) > most:
        say(f"… and {len(rows) - most} more; --all shows them.")


def _show_participants(title: str, lines: Sequence[ParticipantResult], most: int | None) -> None:
    """Reasons stand once below the table, by number."""
    reasons = list(dict.fromkeys(line.reason for line in lines if line.reason))
    rows = [
        (
            line.participant,
            number(line.estimate),
            "–" if line.low is None or line.high is None else f"{line.low:.2f} to {line.high:.2f}",
            number(line.fair),
            number(line.raw),
            line.n_raters,
            f"no ({reasons.index(line.reason) + 1})" if line.reason else "yes",
        )
        for line in lines
    ]
    columns = ("participant", "estimate", "95 % interval", "fair", "raw", "raters", "adjusted")
    _listed(title, columns, rows, most)
    for count, reason in enumerate(reasons[:SHOWN], start=1):
        say(f"({count}) not adjusted: {reason}")


def _show_fit(fit: FitResult, most: int | None) -> None:
    title = _title(fit.source, fit.domain)
    _show_participants(f"{title}: participants (logits, 0 is their mean)", fit.participants, most)
    squares = {each.name: each for each in fit.fit_raters}
    rows = [
        (
            rater.rater,
            number(rater.severity),
            number(rater.se),
            *(
                (number(s.infit), number(s.outfit), s.n, number(s.spread))
                if (s := squares.get(rater.rater))
                else ("",) * 4
            ),
        )
        for rater in fit.raters
    ]
    _listed(
        f"{title}: raters (severity positive: harsher)",
        ("rater", "severity", "se", "infit", "outfit", "ratings", "spread"),
        rows,
        most,
    )
    squares = {each.name: each for each in fit.fit_items}
    rows = [
        (
            item.item,
            number(item.difficulty),
            "  ".join(number(step) for step in item.steps),
            *((number(s.infit), number(s.outfit), s.n) if (s := squares.get(item.item)) else ("",) * 3),
        )
        for item in fit.items
    ]
    _listed(f"{title}: items", ("item", "difficulty", "steps", "infit", "outfit", "ratings"), rows, most)
    v = fit.variance
    parts = {
        "participant": v.participant,
        "severity": v.severity,
        "participant × rater": v.participant_rater,
        "participant × exercise": v.participant_exercise,
    }
    shown = ", ".join(f"{name} {number(value)}" for name, value in parts.items() if value is not None)
    say(f"Variance ({'estimated' if v.estimated else 'anchored'}, squared logits): {shown}.")
    for note in fit.notes:
        say(f"Note: {note}.")
    if len(fit.subsets) > 1:
        sizes = ", ".join(f"{s.subset} ({len(s.participants)})" for s in fit.subsets[:10])
        say(f"Subsets (participants): {sizes}{' …' if len(fit.subsets) > 10 else ''}.")
    say(f"{fit.model}, {fit.seconds:.2f} s.\n")


def _show_combined(each: CombinedResult, most: int | None) -> None:
    _show_participants(f"{each.domain}: {' + '.join(each.sources) or 'all'} combined", each.participants, most)
    kind = "estimated" if each.estimated else "anchored"
    say(f"Method variance ({kind}): {number(each.method_variance)}.\n")


# --------------------------------------------------------------------------------------------------------- agreement


def _interval(each: Statistic) -> str:
    return f"{each.low:.2f} to {each.high:.2f}" if each.low is not None and each.high is not None else "–"


def _show_groups(found: Agreement, most: int | None) -> None:
    """One line a group; a figure that is withheld is a dash, its reason is in --json."""
    if not found.groups:
        return
    names = [each.name for each in found.groups[0].statistics]
    rows = []
    for group in found.groups:
        by_name = {each.name.removeprefix("rwg(j)").removeprefix("rwg"): each for each in group.statistics}
        cells = [by_name[name.removeprefix("rwg(j)").removeprefix("rwg")] for name in names]
        shown = [number(c.value) + (f" ({_interval(c)})" if c.low is not None else "") for c in cells]
        rows.append((group.participant, group.rater_group or "", *shown, cells[0].n))
    columns = ("participant", "rater group", *names, "raters")
    _listed("agreement within the raters of one participant (not a reliability; AD in points)", columns, rows, most)


def _show_agreement(found: Agreement, most: int | None) -> None:
    title = _title(found.source, found.domain)
    counts = f"{found.participants} participants, {found.raters} raters, {found.items} items, {found.ratings} ratings"
    say(f"{title}: {counts}")
    columns = ("statistic", "value", "95 % interval", "n", "of what, or why not")
    for family in found.families:
        rows = [
            (each.name, number(each.value), _interval(each), each.n, each.withheld or each.meaning)
            for each in family.statistics
        ]
        _listed(f"{family.name}: {family.question}", columns, rows, None)
    _show_groups(found, most)
    study = found.study
    if study.withheld or study.now is None:
        say(f"Generalizability ({study.design}): withheld, {study.withheld}.\n")
        return
    parts = [(effect, f"{value:.4f}", f"{study.errors[effect]:.4f}") for effect, value in study.components.items()]
    _listed(f"generalizability, {study.design}, {study.people} people", ("effect", "variance", "se"), parts, None)
    decisions = [
        (
            d.conditions["rater"],
            d.conditions["item"],
            number(d.g),
            number(d.phi),
            number(d.sem_relative),
            number(d.sem_absolute),
        )
        for d in (study.now, *study.more)
    ]
    _listed("with so many raters and items", ("raters", "items", "G", "Phi", "SEM", "absolute SEM"), decisions, None)
    for words in study.words:
        say(words)
    say("")
