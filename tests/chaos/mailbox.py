"""The archive mailbox: what the mail server delivers to it is found over IMAP, by a server of its own (pymap).

A delivery is a file in a Maildir, written before the mail server answers: "taken" and "to be found" are one moment.
"""

import subprocess
import sys
import time
from contextlib import suppress
from email.message import Message
from email.parser import BytesHeaderParser
from itertools import count
from pathlib import Path

from imap_tools import MailBoxUnencrypted
from pysasl.hashing import BuiltinHash

from shared.children import start_child, stop_child

ADDRESS = "archive@example.org"
USER, PASSWORD = "archive", "a-password-for-chaos"
_numbers = count(1)


def deliver(place: Path, digest: str, content: bytes) -> None:
    """Put a message's header into the mailbox: it is searched by its Message-ID, so the rest is left out."""
    header: Message = BytesHeaderParser().parsebytes(content)
    name = f"{int(time.time())}.{next(_numbers)}_{digest[:16]}.example"
    written = place / "box" / "tmp" / name
    written.write_bytes(f"Message-ID: {header['Message-ID']}\r\n\r\n".encode())
    written.rename(place / "box" / "new" / name)


class Mailbox:
    """The mailbox and its IMAP server, below `place`."""

    def __init__(self, place: Path, port: int) -> None:
        self.place = place
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        for folder in ("tmp", "new", "cur"):
            (place / "box" / folder).mkdir(parents=True)
        secret = BuiltinHash(rounds=1000).hash(PASSWORD)
        (place / "pymap-etc-passwd").write_text(f"{USER}:x::::box:\r\n")
        (place / "pymap-etc-shadow").write_text(f"{USER}:{secret}::::::\r\n")

    @property
    def url(self) -> str:
        """The address for TALENTLINE_MAIL_ARCHIVE."""
        return f"imap://{USER}:{PASSWORD}@127.0.0.1:{self.port}/INBOX?address={ADDRESS}&starttls=never&timeout=30"

    def start(self) -> None:
        """Start the server and wait until it lets its user in."""
        begin = "import sys; from pymap.main import main; sys.exit(main())"
        command = [sys.executable, "-c", begin, "--host", "127.0.0.1", "--port", str(self.port), "--no-tls"]
        with (self.place / "imap.log").open("ab") as log:
            self._process = start_child([*command, "maildir", str(self.place)], stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while True:
            with suppress(OSError):
                MailBoxUnencrypted("127.0.0.1", self.port, timeout=5).login(USER, PASSWORD).logout()
                return
            assert self._process.poll() is None, (self.place / "imap.log").read_text()
            assert time.monotonic() < deadline, "the archive mailbox does not come up"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it; what is in the mailbox stays there."""
        if self._process is not None:
            stop_child(self._process)
            self._process = None
