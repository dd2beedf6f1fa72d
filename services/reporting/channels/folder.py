"""A folder as a way out: one `.eml` file a message, for demos, tests and hand-delivery.

Exact once by construction: the file is named by the Message-ID, written aside, flushed to disk, and linked into place.
A link fails if the name is taken, so the same key twice, at once or after a crash, leaves one whole message.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from services.reporting.core.channel import ChannelAway, HandingOver, OutgoingMessage, Proof, Receipt, named


@dataclass(frozen=True, slots=True)
class FolderChannel:
    """Address: `folder:PATH`. The folder is made when it is needed, readable by its owner only."""

    path: Path
    exact_once: ClassVar[bool] = True
    has_proof: ClassVar[bool] = True

    @classmethod
    def of_url(cls, url: str, archive: str | None = None) -> "FolderChannel":
        """The channel of an address `folder:PATH` or `folder:///PATH`. Raises ValueError without a path."""
        if archive:
            raise ValueError("a folder needs no archive mailbox: unset TALENTLINE_MAIL_ARCHIVE")
        path = re.sub("^///", "/", url.removeprefix("folder:"))
        if not path or path.startswith("//"):
            raise ValueError("give the folder's path, such as folder:var/mail or folder:/srv/mail")
        return cls(Path(path))

    @property
    def name(self) -> str:
        """Its own for each folder."""
        return named("folder", str(self.path.resolve()))

    def lane(self, recipient: str) -> None:
        """Nothing outside this machine."""

    def send(self, message: OutgoingMessage, handing_over: HandingOver) -> Receipt:
        """Put the message into the folder. Raises ChannelAway if the folder can't be written."""
        place = self._place(message.key)
        with _writable():
            self._prepare()
        handing_over()
        with _writable():
            if not place.exists():
                self._write(place, message.content)
        return Receipt(place.name)

    def proof(self, key: str, since: datetime) -> Proof:  # noqa: ARG002  (the name says it all)
        """Whether the message lies in the folder."""
        return Proof.ARRIVED if self._place(key).exists() else Proof.ABSENT

    def check(self) -> None:
        """Whether the folder can be written. Raises ChannelAway."""
        with _writable():
            self._prepare()
            with tempfile.TemporaryFile(dir=self.path):
                pass

    def _place(self, key: str) -> Path:
        return self.path / f"{_stem(key)}.eml"

    def _prepare(self) -> None:
        if not self.path.is_dir():
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            _flush_folder(self.path.parent)

    def _write(self, place: Path, content: bytes) -> None:
        """Write aside, then link into place. Another sender of the same message may be at it: whoever is first wins."""
        handle, name = tempfile.mkstemp(dir=self.path, prefix=f".{place.stem}.", suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _link(Path(name), place)
        finally:
            Path(name).unlink(missing_ok=True)
        for left_over in self.path.glob(f".{place.stem}.*.part"):  # of a sender that was killed
            left_over.unlink(missing_ok=True)
        _flush_folder(self.path)


@contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ChannelAway(f"the mail folder can't be written: {error.strerror}") from error


def _stem(key: str) -> str:
    """The Message-ID as a file name."""
    return re.sub(r"[^A-Za-z0-9@._-]", "_", key.strip("<>"))


def _link(written: Path, place: Path) -> None:
    try:
        place.hardlink_to(written)
    except FileExistsError:
        return
    except FileNotFoundError:  # swept away as a left-over by a sender that had finished
        if not place.exists():
            raise


def _flush_folder(path: Path) -> None:
    """Make new names in a folder survive power loss."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
