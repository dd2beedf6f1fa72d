"""Plays the outside world to a running installation: the survey tool's webhook calls and the coordinator's uploads."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door said to one recorded request. `kind` is the recording's own word for what it is."""

    file: str
    kind: str
    expected: str
    status: int

    @property
    def as_expected(self) -> bool:
        """Whether the sender saw a status that its recording allows, such as `2xx` or `401`."""
        return any(_fits(self.status, word) for word in self.expected.replace(",", " ").split())


def _fits(status: int, word: str) -> bool:
    return status == int(word) if word.isdigit() else word == f"{status // 100}xx"


@dataclass(frozen=True, slots=True)
class Upload:
    """What the door said to one file."""

    file: str
    status: int
    body: dict[str, Any]


class Sender:
    """The senders of one installation: `client` reaches its web door, `token` allows uploads and runs."""

    def __init__(self, client: httpx.Client, token: str) -> None:
        self._client = client
        self._bearer = {"Authorization": f"Bearer {token}"}

    def deliveries(self, files: Sequence[Path]) -> Iterator[Answer]:
        """Send recorded webhook requests in their order, byte for byte, signatures and all."""
        for file in files:
            recording = json.loads(file.read_text(encoding="utf-8"))
            request = recording["request"]
            answer = self._client.request(
                request["method"], request["path"], headers=request["headers"], content=request["body"].encode()
            )
            yield Answer(file.name, recording["kind"], recording["expect_status"], answer.status_code)

    def uploads(self, cohort: str, files: Sequence[Path]) -> Iterator[Upload]:
        """Upload score sheets and marks as a coordinator does."""
        for file in files:
            with file.open("rb") as content:
                answer = self._client.post(
                    f"/cohorts/{cohort}/submissions", files={"file": (file.name, content)}, headers=self._bearer
                )
            yield Upload(file.name, answer.status_code, answer.json())

    def run(self, cohort: str) -> str:
        """Ask for a run; gives the run's id, which is also the correlation id of all that it causes."""
        answer = self._client.post(f"/cohorts/{cohort}/runs", headers=self._bearer)
        answer.raise_for_status()
        return str(answer.json()["run"])
