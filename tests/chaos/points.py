"""Named points at which a process can be made to die: before and after every commit, and around every step of SMTP.

There is no crash code in production. The launcher (`tests.chaos.launch`) calls `install` in the process that is to
die; it wraps `Database.write`, whose callers name the commits, and the client half of `smtplib`.
`CHAOS_CRASH_AT=point:n,…` is the n-th time that a point is passed: the process then kills itself with SIGKILL, as the
kernel would; of several points at whichever comes first.

A commit is named after the function that opened the transaction. One that is not in `COMMITS` is recorded as
`?function`, and the run fails until it has a name here.
"""

import os
import signal
import smtplib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from shared.db import Cause, Database, UnitOfWork

COMMITS = {
    "shared.claims.claim": "claim",
    "shared.claims.claim_fresh": "claim_batch",
    "shared.delivery._alone": "handle",
    "shared.delivery._at_once": "handle_batch",
    "shared.attempt.Attempt._commit": "mid_act",
    "shared.attempt.Attempt._settle": "settle",
    "shared.failure.note_failure": "failure_note",
    "shared.failure.park": "park",
    "shared.leases.Leases.renew": "lease",
    "shared.sweeper.Sweeper._start_jobs": "job",
    "shared.timers.fire": "timer",
    "shared.parked.take_up": "take_up",
    "services.intake.accepting.group_commit.GroupCommit._transaction": "webhook",
    "services.intake.accepting.tallies.Tallies.write": "tally",
    "services.intake.http.coordinators.routes.<locals>.submitted": "upload",
    "services.intake.http.coordinators.routes.<locals>.run": "run",
    "deploy.cli.deliveries._retried": "replay",
}
"""Function that opens a write transaction → the name of its commit."""

BEFORE, AFTER, RUNG = "before", "after", "rung"
"""Before the commit; after it and before the doorbell; after the doorbell (if there was something to ring for)."""

SMTP_STEPS = ("connect", "ehlo", "mail", "rcpt", "data", "body", "dot", "reply", "quit")

_OF_THE_DOOR = ("webhook", "tally", "upload", "run")
_OF_THE_COMMAND = ("replay",)
_SILENT = ("claim", "claim_batch", "failure_note", "park", "lease", "mid_act", "webhook", "tally")
"""Commits after which nobody is rung up (the webhooks' doorbell rings off the senders' path)."""
_ELSEWHERE = ("take_up",)
"""Commits that belong to an upgrade, which is a scenario of its own."""


_OFTEN = ("claim", "webhook", "smtp.")


def turn(point: str, fate: Random) -> int:
    """Which passing of a point is to be fatal: one of the first three, or the first of a rare one."""
    return fate.randint(1, 3) if point.startswith(_OFTEN) else 1


def points_of(role: str) -> list[str]:
    """Every point that a role passes: `web`, `worker` or `deliveries` (the command)."""
    by_role = {"web": _OF_THE_DOOR, "deliveries": _OF_THE_COMMAND}
    elsewhere = {*_OF_THE_DOOR, *_OF_THE_COMMAND, *_ELSEWHERE}
    commits = by_role.get(role, tuple(name for name in dict.fromkeys(COMMITS.values()) if name not in elsewhere))
    found = [f"{name}:{when}" for name in commits for when in (BEFORE, AFTER)]
    found += [f"{name}:{RUNG}" for name in commits if name not in _SILENT]
    if role == "worker":
        found += [f"smtp.{step}:{when}" for step in SMTP_STEPS for when in (BEFORE, AFTER)]
    return found


class Points:
    """The points of one process: tells what was passed, and dies where it was told to."""

    def __init__(self, crash_at: str, record: Path | None) -> None:
        asked = (each.rpartition(":") for each in crash_at.split(",") if each)
        self._left = {name: int(number) for name, _, number in asked}
        self._record = record
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def passed(self, name: str) -> None:
        """This thread has come to a point."""
        with self._lock:
            if name not in self._seen:
                self._seen.add(name)
                self._write(f"passed {name}")
            if name in self._left:
                self._left[name] -= 1
                if self._left[name] == 0:
                    self._write(f"crashed {name}")
                    os.kill(os.getpid(), signal.SIGKILL)

    def _write(self, line: str) -> None:
        if self._record is not None:
            handle = os.open(self._record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(handle, f"{line}\n".encode())  # one write: whole lines, whoever else writes
            os.close(handle)


def install(points: Points) -> None:
    """Wrap what production code commits and says to mail servers, in this process."""
    _wrap_commits(points)
    _wrap_smtp(points)


def _wrap_commits(points: Points) -> None:
    write, ring_for = Database.write, Database.ring_for
    here = threading.local()

    @contextmanager
    def observed(db: Database, cause: Cause | None, name: str) -> Iterator[UnitOfWork]:
        with write(db, cause) as uow:
            yield uow
            points.passed(f"{name}:{BEFORE}")
            here.committing = name
        if uow.due:
            points.passed(f"{name}:{RUNG}")

    def watched_write(db: Database, cause: Cause | None = None) -> AbstractContextManager[UnitOfWork]:
        return observed(db, cause, _name_of_commit(sys._getframe(1)))

    def watched_ring(db: Database, due: Any) -> None:
        name, here.committing = getattr(here, "committing", None), None
        if name is not None:
            points.passed(f"{name}:{AFTER}")
        ring_for(db, due)

    _replace(Database, write=watched_write, ring_for=watched_ring)


def _name_of_commit(frame: Any) -> str:
    code = frame.f_code
    site = f"{frame.f_globals['__name__']}.{getattr(code, 'co_qualname', code.co_name)}"
    return COMMITS.get(site, f"?{site}")


def _wrap_smtp(points: Points) -> None:
    """Around each step; `body` is everything before the closing dot, `reply` what the server says after it."""
    plain: dict[str, Callable[..., Any]] = {
        "connect": smtplib.SMTP.connect,
        "ehlo": smtplib.SMTP.ehlo,
        "mail": smtplib.SMTP.mail,
        "rcpt": smtplib.SMTP.rcpt,
        "quit": smtplib.SMTP.quit,
    }
    for name, step in plain.items():
        setattr(smtplib.SMTP, step.__name__, _around(points, f"smtp.{name}", step))
    docmd, send, getreply = smtplib.SMTP.docmd, smtplib.SMTP.send, smtplib.SMTP.getreply
    said_data, said_dot = _around(points, "smtp.data", docmd), _around(points, "smtp.dot", send)
    said_body, heard = _around(points, "smtp.body", send), _around(points, "smtp.reply", getreply)
    here = threading.local()

    def watched_docmd(client: smtplib.SMTP, command: str, *more: Any) -> Any:
        if command.upper() != "DATA":
            return docmd(client, command, *more)
        answer = said_data(client, command, *more)
        here.state = "body"
        return answer

    def watched_send(client: smtplib.SMTP, content: Any) -> Any:
        state = getattr(here, "state", None)
        if state is None:
            return send(client, content)
        is_dot = content in (b"\r\n.\r\n", b".\r\n")
        here.state = "reply" if is_dot else "body"
        return (said_dot if is_dot else said_body)(client, content)

    def watched_reply(client: smtplib.SMTP) -> Any:
        state = getattr(here, "state", None)
        if state != "reply":
            return getreply(client)
        here.state = None
        return heard(client)

    _replace(smtplib.SMTP, docmd=watched_docmd, send=watched_send, getreply=watched_reply)


def _replace(owner: type, **methods: Any) -> None:
    for name, method in methods.items():
        setattr(owner, name, method)


def _around(points: Points, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*arguments: Any, **options: Any) -> Any:
        points.passed(f"{name}:{BEFORE}")
        answer = step(*arguments, **options)
        points.passed(f"{name}:{AFTER}")
        return answer

    return watched
