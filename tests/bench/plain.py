"""The plain route: FastAPI and SQLAlchemy as one writes them, a transaction for each request, durable on both.

It verifies the signature and stores the body and a work row, no more: no headers, no duplicates told apart, no events.
"""

import base64
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from tests.builders.intake import PILOT_SECRET

metadata = sa.MetaData()
inbox = sa.Table(
    "plain_inbox",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("event_id", sa.String(100), nullable=False, unique=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
)
work = sa.Table(
    "plain_work",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("inbox", sa.ForeignKey("plain_inbox.id"), nullable=False),
    sa.Column("state", sa.String(10), nullable=False, index=True),
)


def plain(url: str) -> FastAPI:
    """The route on a database."""
    engine = _engine(url)
    metadata.create_all(engine)
    app = FastAPI()

    def stored(body: bytes, event_id: str) -> str:
        submission = str(uuid.uuid4())
        with engine.begin() as connection:
            connection.execute(
                sa.insert(inbox).values(
                    id=submission,
                    event_id=event_id,
                    sha256=hashlib.sha256(body).hexdigest(),
                    body=body,
                    received_at=datetime.now(UTC),
                )
            )
            connection.execute(sa.insert(work).values(inbox=submission, state="ready"))
        return submission

    @app.post("/webhooks/{name}")
    async def webhook(name: str, request: Request) -> dict[str, str]:
        """Take one webhook."""
        body = await request.body()
        expected = base64.b64encode(hmac.digest(PILOT_SECRET.encode(), body, "sha256")).decode()
        if not hmac.compare_digest(request.headers.get("typeform-signature", ""), f"sha256={expected}"):
            raise HTTPException(401)
        event_id = json.loads(body)["event_id"]
        return {"status": "accepted", "submission": await run_in_threadpool(stored, body, event_id)}

    return app


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), pool_size=10)
    engine = sa.create_engine(url, connect_args={"timeout": 30})

    @sa.event.listens_for(engine, "connect")
    def durable(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
