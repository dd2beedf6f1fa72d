"""Adding a connection to cohort.toml: the file stays as its author wrote it, comments and all, with one table more."""

import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from shared.cohort.definition import Connection
from shared.cohort.mistakes import Findings, FolderMistakes
from shared.cohort.rules import FILE, Tool, read_rules
from shared.errors import PermanentError


class CantAdd(PermanentError):
    """The connection can't be added; the file is as it was."""


def add_connection(
    folder: Path, cohort: str, name: str, connection: Connection, *, vendors: Mapping[str, Tool]
) -> None:
    """Write a connection's table into the cohort.toml of a cohort's folder.

    Raises:
        CantAdd: there is no such file, it can't be read or written, it is another cohort's, or a connection has that
            name.
        FolderMistakes: with the table cohort.toml would hold mistakes.
    """
    path = folder / FILE
    try:
        before = path.read_text(encoding="utf-8")
        document = tomlkit.parse(before)
    except (OSError, UnicodeDecodeError) as error:
        raise CantAdd(f"{path} can't be read ({type(error).__name__}); say with --folder where it is") from None
    except TOMLKitError as error:
        raise CantAdd(f"{path} is not valid TOML ({error}); correct it first") from None
    if document.get("cohort") != cohort:
        raise CantAdd(
            f"{path} describes cohort {document.get('cohort')}, not {cohort}; give that id, or another --folder"
        )
    there = document.setdefault("connections", tomlkit.table(is_super_table=True))
    if not isinstance(there, MutableMapping):
        raise CantAdd(f"{path}: connections is no table of tables; correct it first")
    if name in there:
        raise CantAdd(f"{path} has a connection {name} already; change it there, or choose another name")
    there[name] = _table(connection)
    after = tomlkit.dumps(document)
    _check(after, vendors)
    try:
        path.write_text(after, encoding="utf-8")
    except OSError as error:
        raise CantAdd(f"{path} can't be written ({error.strerror})") from None


def _table(connection: Connection) -> tomlkit.items.Table:
    table = tomlkit.table()
    for key, value in connection.model_dump(mode="json", exclude={"settings"}).items():
        table[key] = value
    if connection.settings:
        settings = tomlkit.inline_table()
        settings.update(sorted(connection.settings.items()))
        table["settings"] = settings
    table.add(tomlkit.nl())
    return table


def _check(text: str, vendors: Mapping[str, Tool]) -> None:
    """Raises FolderMistakes for a text that is no cohort.toml."""
    found = Findings()
    with tempfile.TemporaryDirectory() as place:
        Path(place, FILE).write_text(text, encoding="utf-8")
        rules = read_rules(Path(place), vendors, found)
    if found.mistakes or rules.toml is None:
        raise FolderMistakes(found.mistakes)
