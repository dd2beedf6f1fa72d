"""Files that an analyst hands in: text, gzipped or not, and what the machine says of it in our words."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from services.scoring.core.analysis.long_table import UnreadableTable


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    """The file's text. Raises UnreadableTable, also for what is found wrong while it is open, with the file's name."""
    try:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    except FileNotFoundError as error:
        raise UnreadableTable(f"{file}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise UnreadableTable(f"{file}: it is not UTF-8 text; save it as CSV UTF-8 and try again") from error
    except (OSError, EOFError) as error:
        raise UnreadableTable(f"{file}: it can't be read: {error}") from error
    except UnreadableTable as error:
        raise UnreadableTable(f"{file}: {error}") from error
