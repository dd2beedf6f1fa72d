"""Making a connection's webhook at its survey tool, or telling a person how. Sans-I/O, as reading is: a vendor names
the next request from the answers so far, until the webhook is as it should be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

from services.intake.core.vendor import ApiAnswer, RequestNeeded, Secrets

SECRET = "{secret}"  # noqa: S105  (a placeholder)
"""Stands in steps and pastes where the connection's secret belongs: whoever prints them says whether it is shown."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The webhook that a connection needs. `address` is that of the connection, without a secret in it."""

    connection: str
    address: str
    form_id: str
    secrets: Secrets
    anew: bool = False
    """Even a webhook that looks right is made again, such as after its secret was changed: tools don't show that."""

    @property
    def secret(self) -> str:
        """The secret that the tool is to use: the first, while it is being changed."""
        return next(iter(self.secrets.each), "")

    @property
    def private_address(self) -> str:
        """The address for tools that sign nothing: the secret is its last part."""
        return f"{self.address}/{self.secret}"


class Outcome(StrEnum):
    """What became of the webhook."""

    MADE = "made"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Registered:
    """The webhook is as it should be."""

    outcome: Outcome
    until: str | None = None
    """When the tool ends it by itself, as the tool says it; None: never."""
    secret: str = field(default="", repr=False)
    """A secret that the tool has chosen and shows this once; it belongs into the connection's variable."""


@dataclass(frozen=True, slots=True)
class Change:
    """The last request: once it is answered, the webhook is as it should be. `read` says what the answer tells."""

    needed: RequestNeeded
    outcome: Outcome
    read: Callable[[ApiAnswer], Registered] | None = None

    def done(self, answer: ApiAnswer) -> Registered:
        """What the answer says. Raises Unreadable."""
        return self.read(answer) if self.read else Registered(self.outcome)


def changed(there: bool, needed: RequestNeeded) -> Change:
    """The request that changes the webhook that is there, or makes one."""
    return Change(needed, Outcome.CHANGED if there else Outcome.MADE)


@runtime_checkable
class Registrar(Protocol):
    """A vendor whose API makes webhooks."""

    def register(self, wanted: Wanted, answers: Sequence[ApiAnswer]) -> RequestNeeded | Change | Registered:
        """The next look, given the answers so far; the change that is left to make; or that there is none to make.
        Raises Unreadable.
        """


@dataclass(frozen=True, slots=True)
class Paste:
    """A text to be pasted into the tool, exactly as it is. `name` says where it goes."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Steps:
    """What a person does in the tool, in order."""

    lines: tuple[str, ...]
    pastes: tuple[Paste, ...] = ()


@runtime_checkable
class Guide(Protocol):
    """A vendor that can say what a person does in the tool."""

    chooses_secret: ClassVar[bool]
    """Whether the tool makes the secret when it makes the webhook: then none needs to be set before."""

    def steps(self, wanted: Wanted) -> Steps:
        """What to do so that deliveries come; used where the tool's API makes no webhooks."""
