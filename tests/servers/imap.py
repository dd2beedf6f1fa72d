"""A real IMAP server in a thread, with one mailbox: the archive that gets a copy of every mail."""

import asyncio
import ssl
import threading
from argparse import ArgumentParser, Namespace
from contextlib import suppress
from typing import Self
from urllib.parse import quote

import imap_tools
from proxyprotocol.noop import ProxyProtocolNoop
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer, IMAPService

from tests.servers.mail import TLS, tls_context

ADDRESS = "archive@example.org"
USER, PASSWORD = "archive", "pass:word@/?"


class ArchiveServer:
    """A mailbox on a free port of this machine. `tls`: none, `start` (STARTTLS is to be had) or `always`."""

    def __init__(self, tls: str = "none") -> None:
        self.port = 0
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(30), "the IMAP server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Listen no more, and hang up."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
            self._thread.join(30)

    def url(self, password: str = PASSWORD, options: str = "&timeout=10") -> str:
        """The address that `TALENTLINE_MAIL_ARCHIVE` names."""
        scheme = "imaps" if self._tls == "always" else "imap"
        if self._tls == "none":
            options += "&starttls=never"
        else:
            options += f"&ca={TLS / 'localhost.pem'}"
        login = f"{USER}:{quote(password, safe='')}"
        return f"{scheme}://{login}@localhost:{self.port}/INBOX?address={ADDRESS}{options}"

    def deliver(self, message: bytes) -> None:
        """Put a message into the mailbox, as the mail server does that has it as a recipient."""
        with self._mailbox().login(USER, PASSWORD) as mailbox:
            mailbox.append(message, "INBOX")

    def _mailbox(self) -> imap_tools.BaseMailBox:
        trusted = ssl.create_default_context(cafile=TLS / "localhost.pem")
        if self._tls == "always":
            return imap_tools.MailBox("localhost", self.port, timeout=10, ssl_context=trusted)
        return imap_tools.MailBoxUnencrypted("127.0.0.1", self.port, timeout=10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        backend, config = await DictBackend.init(_arguments(self._tls))
        config.apply_context()
        answering = ProxyProtocolReader(ProxyProtocolNoop()).get_callback(IMAPServer(backend.login, config))
        always = tls_context() if self._tls == "always" else None
        server = await asyncio.start_server(answering, "127.0.0.1", 0, ssl=always)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await server.serve_forever()


def _arguments(tls: str) -> Namespace:
    """What the server's own command would be given."""
    parser = ArgumentParser()
    parser.set_defaults(debug=False, passlib_cfg=None)
    IMAPService.add_arguments(parser)
    DictBackend.add_subparser("dict", parser.add_subparsers(dest="backend"))
    secured = ["--cert", str(TLS / "localhost.pem"), "--key", str(TLS / "localhost.key")]
    login = ["dict", "--demo-user", USER, "--demo-password", PASSWORD]
    return parser.parse_args([*(secured if tls == "start" else ["--no-tls"]), *login])
