"""Fixtures for every test: databases that are real, made anew for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.db import Database
from shared.tables import metadata


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An empty database with every table."""
    import services.intake.tables
    import services.reporting.tables
    import services.scoring.tables
    import shared.bus
    import shared.cohort.store
    import shared.people  # noqa: F401

    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()
