"""The two questions of a supervisor: is the process alive, and can it take submissions?"""

from fastapi import FastAPI, HTTPException

from services.intake import store
from services.intake.accepting import GroupCommit, Pressure
from services.intake.http.answers import DISK_LOW
from shared import migrations
from shared.db import Database

RETRY = {"Retry-After": "60"}


def routes(door: FastAPI, db: Database, commit: GroupCommit, pressure: Pressure) -> None:
    """Add the routes to a door."""
    url = db.url.render_as_string(hide_password=False)
    current: list[bool] = []  # tables that were current once stay so: a release runs on the next one's tables

    @door.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process is there, and its event loop turns: this is answered on it."""
        return {"status": "ok"}

    @door.get("/readyz")
    def readyz() -> dict[str, str]:
        """The process can take submissions: the database answers and is migrated, there is room, somebody commits."""
        with db.read() as connection:
            store.is_reachable(connection)
        if not current:
            if migrations.pending(url):
                raise HTTPException(503, "the tables are not current; run `talentline migrate`", RETRY)
            current.append(True)
        if pressure.disk_low:
            raise HTTPException(503, DISK_LOW, RETRY)
        if not commit.alive:
            raise HTTPException(503, "the committer has died, see the log; the next webhook starts it again", RETRY)
        return {"status": "ready"}
