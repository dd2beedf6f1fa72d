"""The demo's last words at the terminal: what a coordinator wants to know, in the order they want to know it."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.demo.told import Told


def tell(console: Console, told: Told, page: Path) -> bool:
    """Print the summary. True if every promise was kept."""
    definition = told.opened.definition
    console.rule(f"[bold]{definition.title}[/bold]")
    _status(console, told)
    _trouble(console, told)
    _results(console, told)
    _plans(console, told)
    _pool(console, told)
    _gaps(console, told)
    broken = [words for words, kept in told.promises if not kept]
    for words in broken:
        console.print(f"[bold red]Not so:[/bold red] {words}")
    console.print(f"\nAll of it as a page, with plans, mails and charts: [bold]{page}[/bold]")
    return not broken


def _status(console: Console, told: Told) -> None:
    table = Table(
        "participant", "after the first run", "after the late arrivals", title="Who is complete, who waits for what"
    )
    after = {status.participant: status for status in told.after}
    for status in told.before:
        now = after[status.participant]
        words = ["scored" if s.scored else "waits: " + "; ".join(s.missing) for s in (status, now)]
        table.add_row(status.participant, *words)
    console.print(table, markup=False)


def _trouble(console: Console, told: Told) -> None:
    table = Table("submission", "why", title="Quarantined (kept; `talentline quarantine retry` reads them again)")
    for each in told.quarantined:
        table.add_row(each.id[-12:], each.reason)
    console.print(table, markup=False)
    for refusal in told.refusals:
        console.print(f"Refused at the door: {refusal.count} × {refusal.reason}. Nothing of it counts.", markup=False)
    for upload in told.rejected:
        mistakes = upload.body.get("mistakes", [])
        console.print(f"{upload.file} was refused whole, with {len(mistakes)} mistakes:", markup=False)
        for mistake in mistakes:
            where = ", ".join(f"{key} {mistake[key]}" for key in ("sheet", "row", "column") if mistake.get(key))
            console.print(f"  {where}: {mistake['reason']}", markup=False)
    console.print()


def _results(console: Console, told: Told) -> None:
    framework = told.opened.definition.framework
    table = Table(
        "participant", *(d.name for d in framework.domains), title="Domain results: estimate (95 % interval), self"
    )
    for person in told.opened.participants:
        cells = []
        for domain in framework.domains:
            row = next(
                (
                    r
                    for r in told.results
                    if r.participant == person.participant and r.domain == domain.code and not r.facet
                ),
                None,
            )
            own = "" if row is None or row.self_rating is None else f", self {row.self_rating:.1f}"
            cells.append("–" if row is None else f"{row.estimate:.1f} ({row.low:.1f} to {row.high:.1f}){own}")
        table.add_row(f"{person.participant} {person.name}", *cells)
    console.print(table, markup=False)


def _plans(console: Console, told: Told) -> None:
    table = Table("participant", "plan (PDF)", "email", title=f"Plans and emails, under {told.folder}")
    for plan in told.plans:
        mail = plan.eml.relative_to(told.folder) if plan.eml else "not sent"
        table.add_row(plan.participant, str(plan.pdf.relative_to(told.folder)), str(mail))
    console.print(table, markup=False)


def _pool(console: Console, told: Told) -> None:
    table = Table("participant", "level", "readiness (our rule)", "status", "review", title="Talent pool")
    for record in told.records:
        table.add_row(record.participant, record.level, record.readiness, record.status, str(record.review_on))
    console.print(table, markup=False)


def _gaps(console: Console, told: Told) -> None:
    table = Table("domain", "facet", "estimate", "95 % interval", "n", title="The cohort's gaps, weakest first")
    for gap in told.report.document.gaps:
        figure = gap.figure
        shown = (f"{figure.estimate:.2f}", f"{figure.low:.2f} to {figure.high:.2f}") if figure else ("–", gap.note)
        table.add_row(gap.domain_name, gap.facet_name, *shown, str(gap.n))
    console.print(table, markup=False)
