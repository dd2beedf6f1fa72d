"""`talentline webhook explain`: what talentline makes of a delivery, for whoever asks what happened to it."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.cli.access import ready
from deploy.cli.output import complain
from services.intake import commands
from services.intake.core.explaining import Recorded, explain_all, recorded
from services.intake.vendors import VENDORS
from shared.chains import submission_of
from shared.ids import DeliveryId

group = typer.Typer(no_args_is_help=True, help="What survey tools send.")


@group.callback()
def _webhooks() -> None:
    """Keeps `explain` a command of its own."""


@group.command("explain")
def explain(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE…]", exists=True, dir_okay=False, help="Recorded deliveries (docs/vendors.md)."),
    ] = None,
    delivery: Annotated[
        str | None,
        typer.Option(
            "--delivery", metavar="ID", help="A stored one: by the id that the door answered or the sender's."
        ),
    ] = None,
) -> None:
    """What becomes of recorded deliveries, or of a stored one: one JSON object a line. Nothing is stored."""
    if bool(files) == bool(delivery):
        complain("Say which: FILE… with recorded deliveries, or --delivery ID for a stored one.")
        raise typer.Exit(2)
    if not (_stored(delivery) if delivery else _recorded(files or [])):
        raise typer.Exit(1)


def _stored(id_: str) -> bool:
    db = ready().db
    with db.read() as connection:
        submission = submission_of(connection, DeliveryId(int(id_))) if re.fullmatch("[0-9]{1,15}", id_) else None
    found = commands.explained(db, submission or id_)
    for each in found:
        _print(each)
    if not found:
        complain(f"No stored webhook is known as {id_}: give the id that the door answered, the sender's own id of the")
        complain("delivery, or a number of `talentline deliveries list`. What was refused at the door is not kept.")
    return bool(found)


def _recorded(files: list[Path]) -> bool:
    read = {file: _read(file) for file in files}
    found = {file: each for file, each in read.items() if each is not None}
    beside = [each for folder in dict.fromkeys(file.parent for file in found) for each in _beside(folder, found)]
    explained = explain_all([*found.values(), *beside], VENDORS)
    for file, each in found.items():
        _print({"file": str(file), "id": each.id} | explained[each.id])
    return len(found) == len(read)


def _read(file: Path) -> Recorded | None:
    """The recording in a file; None, with a complaint, if it is none."""
    try:
        return _recording(file)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"“{error.args[0]}” is missing" if isinstance(error, KeyError) else type(error).__name__
        complain(f"{file}: not a recorded delivery as docs/vendors.md describes it ({what})")
        return None


def _recording(file: Path) -> Recorded:
    found = recorded(json.loads(file.read_text(encoding="utf-8")))
    if found.vendor not in VENDORS:
        raise KeyError(f"vendor {found.vendor[:50]} of talentline")
    return found


def _beside(folder: Path, asked: dict[Path, Recorded]) -> list[Recorded]:
    """The other recordings of a folder, if any of those that are asked about names others in `after`."""
    if not any(each.after for each in asked.values()):
        return []
    found: list[Recorded] = []
    for file in sorted(set(folder.glob("*.json")) - set(asked)):
        try:
            found.append(_recording(file))
        except (OSError, KeyError, TypeError, ValueError, AttributeError):
            continue  # not asked about
    return found


def _print(said: dict[str, Any]) -> None:
    typer.echo(json.dumps(said, ensure_ascii=False))
