"""For developers: `python -m deploy.migration "add waivers"` drafts the schema change from the last migration to the
tables as the services now declare them. Words that begin with "post" make one that waits until no older worker runs any
more: it may take away, and says `POST_DEPLOY = True` (docs/evolution.md).
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path

import sqlalchemy as sa

from shared import migrations
from shared.tables import metadata

TABLES = (
    "services.intake.tables",
    "services.reporting.tables",
    "services.scoring.tables",
    "shared.bus",
    "shared.cohort.store",
    "shared.equality.store",
    "shared.people",
    "shared.restores",
)
"""Importing them registers every table."""


def every_table() -> sa.MetaData:
    """The tables of all services and of what they share."""
    for module in TABLES:
        import_module(module)
    return metadata


def draft(words: str) -> Path:
    """Write the draft of a migration; where it lies."""
    with tempfile.TemporaryDirectory() as place:
        url = f"sqlite:///{place}/migrated.db"
        migrations.migrate(url)
        return migrations.write(words, url, every_table())


if __name__ == "__main__":
    sys.stdout.write(f"{draft(' '.join(sys.argv[1:]))}\n")
