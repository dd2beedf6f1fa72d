"""What a participant costs on disk: `python -m tests.measures.table_sizes [--participants N] [--postgres] [--no-pdf]`.

A generated cohort of the pilot’s layout goes through intake, scoring and reporting; then each table is weighed with its
indexes. docs/sizing.md rests on these figures.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.migration import every_table
from services.reporting.handlers import handlers
from shared import logs
from shared.db import Database
from shared.migrations import migrate
from shared.words import Service
from tests.builders.bench import PILOT, Bench
from tests.builders.cohort_folder import write_cohort
from tests.builders.reporting_bench import QUICK
from tests.servers.postgres import PostgresServer

SECRET = "a-secret-for-weighing"


@contextmanager
def database(folder: Path, *, postgres: bool) -> Iterator[Database]:
    """An empty database with every table."""
    if not postgres:
        url = f"sqlite:///{folder / 'talentline.db'}"
        migrate(url)
        yield Database(url)
        return
    with PostgresServer() as server, server.database() as url:
        migrate(url)
        yield Database(url)


def fill(db: Database, folder: Path, participants: int, *, pdf: bool) -> int:
    """Put a cohort through, from the first webhook to the mails; 0: the pilot. Gives how many participants it has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALENTLINE_SECRET_WEIGHED", SECRET)
        bench = Bench(db, folder, patch)
        if not pdf:
            everything = bench.installation.handlers(Service)
            quick = {**everything, Service.REPORTING: handlers(bench.installation.reporting, rendering=QUICK)}
            patch.setattr(bench.installation, "handlers", lambda _: quick)
        where, name = PILOT, "pilot-p"
        if participants:
            where, name = folder / "cohort", "weighed"
            write_cohort(where, cohort=name, participants=participants, secret=SECRET, incomplete=False)
        opened, _ = bench.open(where)
        bench.feed(where, name)
        bench.run(name)
    return len(opened.participants)


def rows(db: Database) -> dict[str, int]:
    """How many rows each table has."""
    with db.read() as connection:
        count = sa.func.count()
        return {
            table.name: connection.execute(sa.select(count).select_from(table)).scalar_one()
            for table in every_table().sorted_tables
        }


def weights(db: Database) -> dict[str, int]:
    """How many bytes each table takes on disk, its indexes and long values included."""
    names = [table.name for table in every_table().sorted_tables]
    if not db.is_sqlite:
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM FULL")
            size = sa.select(sa.func.pg_total_relation_size(sa.bindparam("name")))
            return {name: connection.execute(size, {"name": name}).scalar_one() for name in names}
    with db.read() as connection:
        theirs = "SELECT name FROM sqlite_schema WHERE tbl_name = :name"
        pages = sa.text(f"SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name IN ({theirs})")
        return {name: connection.execute(pages, {"name": name}).scalar_one() for name in names}


def table(before: dict[str, int], after: dict[str, int], count: dict[str, int], participants: int) -> Iterator[str]:
    """Lines of Markdown: rows and bytes of each table for one participant, largest first."""
    total_rows, total = 0.0, 0.0
    yield "| table | rows | bytes |"
    yield "|---|---:|---:|"
    for name in sorted(after, key=lambda name: before[name] - after[name]):
        number, size = count[name] / participants, (after[name] - before[name]) / participants
        total_rows, total = total_rows + number, total + size
        if size >= 50:
            yield f"| `{name}` | {number:.1f} | {size:,.0f} |"
    yield f"| all | {total_rows:.1f} | {total:,.0f} |"


def main() -> None:
    """Weigh one cohort and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--participants", type=int, default=500, help="0: the pilot")
    arguments.add_argument("--postgres", action="store_true")
    arguments.add_argument("--no-pdf", action="store_true", help="stand-ins for PDFs: many participants sooner")
    asked = arguments.parse_args()
    logs.configure("WARNING", role="measure")
    with tempfile.TemporaryDirectory() as place, database(Path(place), postgres=asked.postgres) as db:
        before = weights(db)
        participants = fill(db, Path(place), asked.participants, pdf=not asked.no_pdf)
        lines = table(before, weights(db), rows(db), participants)
        sys.stdout.write("\n".join(lines) + "\n")
        db.close()


if __name__ == "__main__":
    main()
