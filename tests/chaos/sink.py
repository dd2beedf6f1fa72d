"""A mail server as a process of its own, whose log says what it took: the evidence that no mail was lost or doubled.

    python -m tests.chaos.sink DIRECTORY PORT SEED

A message counts as taken when its line in `accepted.jsonl` is on the disk; only then the server says 250. What goes
wrong stands in `script.json` and may be changed at any time: a fault's name → how probable it is (0 to 1) at each
transaction. `faults.jsonl` says which faults landed. `Sink` is the same server seen from the test.
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from shared.children import start_child, stop_child
from tests.chaos import mailbox

FAULTS = {
    "ehlo_421": "421 4.3.2 shutting down",
    "mail_451": "451 4.3.0 try again",
    "rcpt_451": "451 4.7.1 try again in 1 second",
    "rcpt_452": "452 4.2.2 mailbox full at present",
    "data_451": "451 4.3.0 local error",
    "data_552": "552 5.3.4 too large for this server",
}
"""Fault → what the server says. Beside these: `rcpt_550` (for the addresses in `unknown`), `drop_mail`, `drop_before`
and `drop_after` (the connection ends without an answer, before or after the message was taken), `stall_before` and
`stall_after` (no answer for `stall_seconds`). `rcpt_552` is for the addresses in `full`. `at_least`: fault → how often
it is to land in any case, soon."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the server took. `at`: seconds since 1970."""

    at: float
    message_id: str
    to: str
    recipients: int
    digest: str


class _Handler:
    """What the server does. One event loop: no two transactions at once inside a step."""

    def __init__(self, place: Path, seed: str) -> None:
        self._place = place
        self._fate = random.Random(f"sink {seed}")
        self._script: dict[str, Any] = {}
        self._read_at = 0
        self._landed: Counter[str] = Counter()

    async def handle_EHLO(  # noqa: N802  (the library's names)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [FAULTS["ehlo_421"]] if self._strikes("ehlo_421") else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._strikes("drop_mail"):
            return await _hang_up(server)
        if self._strikes("mail_451"):
            return FAULTS["mail_451"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        for listed, fault, words in (
            ("unknown", "rcpt_550", "550 5.1.1 no such mailbox"),
            ("full", "rcpt_552", "552 5.2.2 mailbox full"),
        ):
            if address in self._now().get(listed, ()):
                self._note(fault)
                return words
        for fault in ("rcpt_451", "rcpt_452"):
            if self._strikes(fault):
                return FAULTS[fault]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """The message and its closing dot have come."""
        for fault in ("data_451", "data_552"):
            if self._strikes(fault):
                return FAULTS[fault]
        if self._strikes("drop_before"):
            return await _hang_up(server)
        if self._strikes("stall_before"):
            await self._stall()
            return await _hang_up(server)
        self._accept(envelope)
        if self._strikes("drop_after"):
            return await _hang_up(server)
        if self._strikes("stall_after"):
            await self._stall()
        return "250 2.0.0 taken"

    async def _stall(self) -> None:
        await asyncio.sleep(float(self._now().get("stall_seconds", 10)))

    def _accept(self, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        key = message_from_bytes(envelope.content, policy=default)["Message-ID"]
        digest = hashlib.sha256(envelope.content).hexdigest()
        (self._place / "taken" / f"{digest}.eml").write_bytes(envelope.content)
        told = {
            "at": time.time(),
            "message_id": str(key).strip(),
            "to": envelope.rcpt_tos[0],
            "recipients": len(envelope.rcpt_tos),
            "digest": digest,
        }
        if mailbox.ADDRESS in envelope.rcpt_tos:
            mailbox.deliver(self._place, digest, envelope.content)
        self._append("accepted.jsonl", told)

    def _strikes(self, fault: str) -> bool:
        strikes = self._fate.random() < float(self._now().get(fault, 0))
        owed = self._now().get("at_least", {}).get(fault, 0) - self._landed[fault]
        strikes = strikes or (owed > 0 and self._fate.random() < 0.4)  # not all of them at the first mail
        if strikes:
            self._note(fault)
            self._landed[fault] += 1
        return strikes

    def _note(self, fault: str) -> None:
        self._append("faults.jsonl", {"at": time.time(), "fault": fault})

    def _append(self, name: str, told: dict[str, Any]) -> None:
        with (self._place / name).open("a", encoding="utf-8") as log:
            log.write(f"{json.dumps(told)}\n")
            log.flush()
            os.fsync(log.fileno())

    def _now(self) -> dict[str, Any]:
        """The script as it is now."""
        changed = (self._place / "script.json").stat().st_mtime_ns
        if changed != self._read_at:
            self._script = json.loads((self._place / "script.json").read_text(encoding="utf-8"))
            self._read_at = changed
        return self._script


async def _hang_up(server: SMTP) -> str:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()
    await asyncio.sleep(0.01)
    return "421 gone"  # nobody hears it


def serve(place: Path, port: int, seed: str) -> None:
    """Take mail until SIGTERM."""
    controller = Controller(_Handler(place, seed), hostname="127.0.0.1", port=port, ready_timeout=30)
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    controller.start()
    (place / "ready").touch()
    stopping.wait()


class Sink:
    """The mail server as a test sees it."""

    def __init__(self, place: Path, port: int, seed: int) -> None:
        self.place = place
        self.port = port
        self._seed = seed
        self._process: subprocess.Popen[bytes] | None = None
        (place / "taken").mkdir(parents=True)
        self.script()

    @property
    def url(self) -> str:
        """The address for TALENTLINE_MAIL_URL; each step has three seconds."""
        return f"smtp://127.0.0.1:{self.port}?starttls=never&timeout=3"

    def script(self, **faults: Any) -> None:
        """From now on these faults, and no others."""
        made = self.place / "script.json.new"
        made.write_text(json.dumps(faults), encoding="utf-8")
        made.rename(self.place / "script.json")

    def start(self) -> "Sink":
        """Start it, and wait until it listens."""
        (self.place / "ready").unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.chaos.sink", str(self.place), str(self.port), str(self._seed)]
        with (self.place / "sink.log").open("ab") as log:
            self._process = start_child(command, when_orphaned=signal.SIGKILL, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not (self.place / "ready").exists():
            assert self._process.poll() is None, (self.place / "sink.log").read_text()
            assert time.monotonic() < deadline, "the sink does not come up"
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End it: connections are refused until it is started again. What it took stays taken."""
        if self._process is not None:
            stop_child(self._process)
            self._process = None

    def accepted(self) -> list[Accepted]:
        """Every message that it took, in order."""
        return [Accepted(**told) for told in self._told("accepted.jsonl")]

    @property
    def count(self) -> int:
        """How many messages it took."""
        try:
            return (self.place / "accepted.jsonl").read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def faults(self) -> Counter[str]:
        """How often each fault landed."""
        return Counter(told["fault"] for told in self._told("faults.jsonl"))

    def _told(self, name: str) -> list[dict[str, Any]]:
        try:
            text = (self.place / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
