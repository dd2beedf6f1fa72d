"""What docs/command.md shows of a command's --json, to compare with what it prints."""

import json
from pathlib import Path
from typing import Any

COMMANDS = Path(__file__).parent.parent.parent / "docs" / "command.md"


def documented(mark: str) -> Any:
    """The first JSON example after these words."""
    text = COMMANDS.read_text(encoding="utf-8")
    assert text.count(mark) == 1, mark
    example = text.partition(mark)[2].partition("```json\n")[2].partition("\n```")[0]
    return json.loads(example)


def same_keys(shown: Any, found: Any, at: str = "") -> None:
    """Whether what was found has the keys that are shown, all the way down; an example may leave out what is empty."""
    if isinstance(shown, list) and isinstance(found, list) and shown and found:
        same_keys(shown[0], found[0], f"{at}[0]")
    if isinstance(shown, dict) and isinstance(found, dict) and shown:
        assert shown.keys() == found.keys(), f"{at}: {shown.keys() ^ found.keys()}"
        for key in shown:
            same_keys(shown[key], found[key], f"{at}.{key}")
