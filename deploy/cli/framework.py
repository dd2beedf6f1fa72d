"""`talentline framework …`: packs and crosswalks: which there are, whether they hold, what a new version breaks."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.framework_words import change_shown, csv_of, section_of, standing, what_is_comparable
from deploy.cli.output import AsJson, complain, say, show, table
from shared.cohort.mistakes import Findings
from shared.cohort.programme import read_framework
from shared.cohort.rules import FILE
from shared.cohort.store import packs_used
from shared.errors import PermanentError
from shared.framework.comparing import compared
from shared.framework.crosswalk import Crosswalk
from shared.framework.documents import FaultyDocument, written
from shared.framework.pack import FrameworkPack
from shared.framework.shelf import SHIPPED, Shelf, shelved
from shared.ids import CohortId

group = typer.Typer(no_args_is_help=True, help="Framework packs: their versions, and what stays comparable.")
Places = Annotated[list[Path] | None, typer.Argument(metavar="[FILE|FOLDER]…", help="Packs and crosswalks as files.")]
Named = Annotated[
    str, typer.Argument(help="A pack's file, a cohort's folder, or PACK/VERSION as `framework list` shows.")
]


class UnknownPack(PermanentError):
    """No pack of this name is known here, and no file or folder of this name is there."""


@group.command("list")
def list_(places: Places = None, as_json: AsJson = False) -> None:
    """The packs and crosswalks that are known: shipped, of cohorts that are open or were, and of files and folders."""
    rows = [*_listed(shelved(SHIPPED), "shipped"), *_of_cohorts()]
    for place in places or []:
        shelf = _looked_at(place, [pack for _, pack in _known()])
        rows += _listed(shelf, str(place))
        for file, mistakes in shelf.mistakes:
            complain(f"{file}: {len(mistakes)} mistake(s); `talentline framework check {file}` names them.")
    if as_json:
        show({"frameworks": rows})
        return
    lines = ((r["kind"], r["name"], r["licence"], r["holds"], r["where"]) for r in rows)
    table("Frameworks", ("", "name", "licence", "holds", "where"), lines, empty="")


@group.command("check")
def check(
    places: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER…", help="Packs, crosswalks, cohorts' folders.")],
) -> None:
    """Every mistake in packs and crosswalks, with its place. Exit status 1 if there is any."""
    wrong = 0
    for place in places:
        shelf = _looked_at(place, [pack for _, pack in _known()])
        for file, mistakes in shelf.mistakes:
            for mistake in mistakes:
                complain(f"{file}: {mistake}")
            wrong += len(mistakes)
        for file, note in shelf.notes:
            complain(f"note: {file}: {note}")
        faulty = {file for file, _ in shelf.mistakes}
        for file, pack in shelf.packs:
            if file not in faulty:
                say(f"{file}: pack {pack.label}, {_size(pack)}, licence {pack.licence}. In order.")
        for file, crosswalk in shelf.crosswalks:
            if file not in faulty:
                say(f"{file}: crosswalk {crosswalk.label}, {_links(crosswalk)}. In order.")
    if wrong:
        complain(f"{wrong} mistake(s).")
        raise typer.Exit(1)


@group.command("diff")
def diff(old: Named, new: Named, as_json: AsJson = False) -> None:
    """What changed between two versions, and which results of the old one stay comparable."""
    found = compared(_pack(old), _pack(new))
    if as_json:
        show(
            {
                "old": found.old,
                "new": found.new,
                "changes": [change_shown(change) for change in found.changes],
                "comparable": standing(found),
            }
        )
        return
    for change in found.changes:
        say(f"{change.kind.value}: {change.words}")
    for line in what_is_comparable(found):
        say(line)


@group.command("convert")
def convert(
    source: Named,
    to: Annotated[Path, typer.Option(help="A .json file for a pack, or a .csv file for a cohort's programme folder.")],
) -> None:
    """A pack as the other kind of file: JSON to keep and share, framework.csv to use in a cohort's folder."""
    pack = _pack(source)
    if to.suffix not in {".json", ".csv"}:
        complain(f"{to}: give a file that ends in .json (a pack) or .csv (framework.csv of a cohort)")
        raise typer.Exit(2)
    try:
        to.write_text(written(pack) if to.suffix == ".json" else csv_of(pack), encoding="utf-8", newline="")
    except OSError as error:
        complain(f"{to} can't be written ({error.strerror})")
        raise typer.Exit(1) from error
    say(f"{pack.label} is in {to}.")
    if to.suffix == ".csv":
        say(f"In {FILE} beside its folder:\n{section_of(pack)}")


def _looked_at(place: Path, known: Sequence[FrameworkPack]) -> Shelf:
    """What lies in a place; a cohort's folder holds the pack that its programme describes."""
    if not (place / FILE).is_file():
        return shelved(place, known)
    found = Findings()
    pack = read_framework(place, found)
    mistakes = tuple(str(each) for each in sorted(found.mistakes, key=lambda each: each.order))
    return Shelf(((place, pack),) if pack else (), (), ((place, mistakes),) if mistakes else ())


def _known() -> list[tuple[str, FrameworkPack]]:
    """Where each pack is known from: shipped, or the cohorts that use it or did."""
    shipped = [("shipped", pack) for _, pack in shelved(SHIPPED).packs]
    with ready().db.read() as connection:
        return shipped + [(_cohorts(cohorts), pack) for pack, cohorts in packs_used(connection)]


def _pack(name: str) -> FrameworkPack:
    place = Path(name)
    if (place / FILE).is_file() or place.is_file():
        shelf = _looked_at(place, [])
        if shelf.mistakes:
            raise FaultyDocument(str(place), [mistake for _, mistakes in shelf.mistakes for mistake in mistakes])
        if not shelf.packs:
            raise UnknownPack(f"{name} is a crosswalk; give two packs")
        return shelf.packs[0][1]
    known = {pack.label: pack for _, pack in reversed(_known())}
    if name not in known:
        raise UnknownPack(f"{name} is neither a file, a cohort's folder nor a pack that is known; {_there(known)}")
    return known[name]


def _there(known: Iterable[str]) -> str:
    return f"known are {', '.join(sorted(known))}"


def _listed(shelf: Shelf, where: str) -> Iterator[dict[str, Any]]:
    for _, pack in shelf.packs:
        yield {"kind": "pack", "name": pack.label, "licence": pack.licence, "holds": _size(pack), "where": where}
    for _, walk in shelf.crosswalks:
        yield {"kind": "crosswalk", "name": walk.label, "licence": walk.licence, "holds": _links(walk), "where": where}


def _of_cohorts() -> Iterator[dict[str, Any]]:
    with ready().db.read() as connection:
        used = packs_used(connection)
    for pack, cohorts in used:
        where = _cohorts(cohorts)
        yield {"kind": "pack", "name": pack.label, "licence": pack.licence, "holds": _size(pack), "where": where}


def _cohorts(cohorts: Sequence[CohortId]) -> str:
    return f"cohort {', '.join(cohorts)}"


def _size(pack: FrameworkPack) -> str:
    return f"{len(pack.domains)} domains, {len(pack.competencies)} competencies, {len(pack.items)} items"


def _links(walk: Crosswalk) -> str:
    return f"{walk.from_.label} to {walk.to.label}, {len(walk.links)} links"
