"""Back-pressure: the door says no, in plain words, while there is still room to finish what was taken.

Webhooks are taken as long as the database commits and the disk has room: storing one is cheap, and its sender can't be
told to slow down. Files and runs make work for many, and wait while workers are behind.
"""

import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from services.intake import store
from services.intake.settings import IntakeSettings
from shared.db import Database

MIB = 2**20
DISK_HOLDS_S = 1.0
OVERDUE_HOLDS_S = 5.0
"""How long an answer holds before it is asked anew."""


class Pressure:
    """What stands against taking more, on one installation."""

    def __init__(self, db: Database, settings: IntakeSettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._settings = settings
        self._place = _place(db, settings)
        self._monotonic = monotonic
        self._disk_low = self._overdue = False
        self._disk_until = self._overdue_until = float("-inf")

    @property
    def disk_low(self) -> bool:
        """Whether the disk is below its low-water mark. Asks the file system at most once a second."""
        now = self._monotonic()
        if now >= self._disk_until:
            low_water = self._settings.disk_low_water_mb * MIB
            self._disk_low = self._place is not None and _free(self._place) < low_water
            self._disk_until = now + DISK_HOLDS_S
        return self._disk_low

    def overdue(self) -> bool:
        """Whether workers are too far behind. Asks the database now and then. Raises DatabaseUnavailable."""
        now = self._monotonic()
        if now >= self._overdue_until:
            with self._db.read() as connection:
                self._overdue = store.is_overdue(connection, timedelta(minutes=self._settings.overdue_minutes))
            self._overdue_until = now + OVERDUE_HOLDS_S
        return self._overdue


def _place(db: Database, settings: IntakeSettings) -> Path | None:
    """Where this installation writes on this machine. PostgreSQL looks after its own disk; DATA_DIR counts if set."""
    if db.is_sqlite:
        return Path(db.url.database or ".").parent
    return settings.data_dir if "data_dir" in settings.model_fields_set else None


def _free(place: Path) -> float:
    """Bytes free where `place` lies; no limit if it is not there, which is for others to say."""
    try:
        return shutil.disk_usage(place).free
    except OSError:
        return float("inf")
