"""A worker process that dies for real, at a named step of sending a mail. It is forked, so it starts quickly."""

import importlib
import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from typing import Any

from services.reporting.handlers import handlers
from services.reporting.settings import ReportingSettings
from shared import delivery
from shared.db import Database
from shared.ids import DeliveryId
from tests.builders.reporting_bench import QUICK

KILLED = 137
_HAND_OVER = "services.reporting.sending.hand_over"
_STEPS = "services.reporting.channels.smtp.steps"
PLACES = {
    "before it is printed": (_HAND_OVER, "printed", "before"),
    "before it is stored": (f"{_HAND_OVER}.messages", "keep_printed", "after"),
    "before the relay is called": (_STEPS, "connect", "before"),
    "before the login": (_STEPS, "secure", "before"),
    "before the sender is named": (_STEPS, "mail", "before"),
    "before the recipient is named": (_STEPS, "rcpt", "before"),
    "before DATA": (_STEPS, "announce", "before"),
    "after 354": (_STEPS, "announce", "after"),
    "before the hand-over is committed": (f"{_HAND_OVER}.messages", "begin_hand_over", "after"),
    "after the hand-over is committed": (_STEPS, "body", "before"),
    "before the closing dot": (_STEPS, "dot", "before"),
    "after the closing dot": (_STEPS, "dot", "after"),
    "after 250": (_STEPS, "reply", "after"),
    "before the receipt is committed": (f"{_HAND_OVER}", "note_sent", "after"),
}
"""Where a worker may die → module, function, and whether before or after it."""


def worker_that_dies(url: str, due: Sequence[DeliveryId], settings: ReportingSettings, place: str) -> None:
    """Do what is due in a process of its own, which ends at a place as `kill -9` ends it."""
    context: ForkServerContext = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.builders.dying"])
    process = context.Process(target=_work, args=(url, list(due), settings, place))
    process.start()
    process.join(60)
    assert process.exitcode == KILLED, f"it went on to its end, or failed otherwise: {process.exitcode}"


def _work(url: str, due: list[DeliveryId], settings: ReportingSettings, place: str) -> None:
    _arm(*PLACES[place])
    db = Database(url)
    known = handlers(settings, rendering=QUICK)
    for each in due:
        delivery.run(db, each, known)


def _arm(path: str, name: str, when: str) -> None:
    owner = _owner(path)
    meant = getattr(owner, name)

    def dying(*args: Any, **more: Any) -> None:
        if when == "after":
            meant(*args, **more)
        os._exit(KILLED)

    setattr(owner, name, dying)


def _owner(path: str) -> Any:
    """A module, or one that a module names."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)
