"""How the command speaks: one JSON object, or a table a person can read; complaints go to standard error."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from deploy.waiting import Progress, follow
from shared.db import Database
from shared.ids import CorrelationId

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the workers have dealt with it.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Longest wait, in seconds.")]


def say(text: str) -> None:
    """A line for the person."""
    out.print(text, markup=False)


def complain(text: str) -> None:
    """What went wrong and what to do, on standard error."""
    err.print(text, markup=False)


def show(document: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table; `empty` is said instead when there are no rows."""
    named = [Column(name, overflow="fold", no_wrap=name == "id") for name in columns]  # nobody can type half an id
    shown = Table(*named, title=title, title_justify="left", title_style="bold", header_style="bold")
    count = 0
    for row in rows:
        shown.add_row(*("" if cell is None else str(cell) for cell in row))
        count += 1
    if count:
        out.print(shown, markup=False)
    else:
        say(empty)


def number(value: float | None) -> str:
    """A figure as people read it: two decimals, a dash for none."""
    return "–" if value is None else f"{value:.2f}"


def followed(db: Database, chains: list[CorrelationId], timeout: float, what: str) -> Progress:
    """Wait for chains of events behind a progress line (on standard error, at a terminal). Says so if time runs out."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bar(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what)

        def watch(progress: Progress) -> None:
            bar.update(task, description=f"{what}: {progress.done} of {progress.done + progress.open} steps done")

        progress = follow(db, chains, timedelta(seconds=timeout), watch)
    if progress.parked:
        complain(f"{progress.parked} step(s) could not be done; `talentline deliveries list --parked` shows why.")
    if not progress.settled:
        failed = f" ({progress.postponed} after a failure)" if progress.postponed else ""
        complain(f"{what}: accepted, but {progress.open} step(s) are still to be done{failed}. Nothing is lost.")
        complain("Is a worker running? `talentline up` starts one; `talentline deliveries list` shows what is open.")
    return progress
