"""Where packs and crosswalks lie as files: those that come with talentline, and folders of one's own."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.framework.crosswalk import Crosswalk, against, read_crosswalk
from shared.framework.documents import MOST_BYTES, FaultyDocument, loaded, read_pack
from shared.framework.pack import FrameworkPack

SHIPPED = Path(__file__).parent / "packs"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What lies in one place, each with the file it is from; `mistakes` by file."""

    packs: tuple[tuple[Path, FrameworkPack], ...] = ()
    crosswalks: tuple[tuple[Path, Crosswalk], ...] = ()
    mistakes: tuple[tuple[Path, tuple[str, ...]], ...] = ()
    notes: tuple[tuple[Path, str], ...] = ()
    """What could not be looked at, since a pack is not known here."""


def shelved(place: Path, known: Iterable[FrameworkPack] = ()) -> Shelf:
    """A file, or every `.json` file of a folder and its subfolders, by name. `known`: packs that are known besides,
    against which crosswalks are looked at.
    """
    files = [place] if not place.is_dir() else sorted(path for path in place.rglob("*.json") if path.is_file())
    if not files:
        return Shelf(mistakes=((place, ("holds no .json file",)),))
    packs: list[tuple[Path, FrameworkPack]] = []
    crosswalks: list[tuple[Path, Crosswalk]] = []
    mistakes: list[tuple[Path, tuple[str, ...]]] = []
    for file in files:
        try:
            found = document_in(file)
        except FaultyDocument as error:
            mistakes.append((file, error.mistakes))
        else:
            if isinstance(found, Crosswalk):
                crosswalks.append((file, found))
            else:
                packs.append((file, found))
    mistakes += _clashes(packs, known)
    there = [*(pack for _, pack in packs), *known]
    judged = [(file, *against(crosswalk, there)) for file, crosswalk in crosswalks]
    mistakes += [(file, tuple(wrong)) for file, wrong, _ in judged if wrong]
    notes = tuple((file, note) for file, _, unseen in judged for note in unseen)
    return Shelf(tuple(packs), tuple(crosswalks), tuple(mistakes), notes)


def document_in(file: Path) -> FrameworkPack | Crosswalk:
    """The pack or crosswalk in a file. Raises FaultyDocument, with every mistake."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise FaultyDocument(str(file), [f"is larger than {MOST_BYTES // 2**20} MiB"])
        text = file.read_bytes()
    except OSError as error:
        raise FaultyDocument(str(file), [f"can't be read ({type(error).__name__})"]) from None
    found = loaded(text, str(file))
    if isinstance(found, dict) and "crosswalk" in found:
        return read_crosswalk(text, str(file))
    return read_pack(text, str(file))


def _clashes(
    packs: Iterable[tuple[Path, FrameworkPack]], known: Iterable[FrameworkPack]
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A version says one thing for ever: results name it."""
    first: dict[str, tuple[str, FrameworkPack]] = {pack.label: ("what is known here", pack) for pack in known}
    for file, pack in packs:
        where, other = first.setdefault(pack.label, (file.name, pack))
        if other != pack:
            yield file, (f"calls itself {pack.label} and differs from {where}; give it a version of its own",)
