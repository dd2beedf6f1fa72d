"""Which mail server messages are given to, and how it is spoken to: what `TALENTLINE_MAIL_URL` says of it."""

import smtplib
import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

_OPTIONS = {"starttls", "timeout", "ca"}
STARTTLS = ("offered", "required", "never")


@dataclass(frozen=True, slots=True)
class Relay:
    """Address: `smtp://[user:password@]host[:port][?options]`, or `smtps://…` for TLS from the start.

    Ports default to 25, 587 with a user, 465 for smtps. Options: `starttls` = `offered` (default: used where the server
    offers it), `required` or `never`; `timeout` in seconds for each step (20); `ca`: a file with the authority that
    signed the server's certificate. A password is never sent in the clear unless `starttls=never` says so.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls_from_start: bool = False
    starttls: str = "offered"
    timeout: float = 20.0
    ca: str | None = None

    @classmethod
    def of_url(cls, url: str) -> "Relay":
        """The relay of an address. Raises ValueError with what is wrong; it does not repeat the password."""
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        starttls = options.get("starttls", "offered")
        if not parts.hostname:
            raise ValueError("give the mail server, such as smtp://relay.example.org:587")
        if set(options) - _OPTIONS or starttls not in STARTTLS:
            raise ValueError(f"options are {', '.join(sorted(_OPTIONS))}; starttls is one of {', '.join(STARTTLS)}")
        is_tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=_port(parts.port, is_tls=is_tls, has_user=bool(parts.username)),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls_from_start=is_tls,
            starttls=starttls,
            timeout=float(options.get("timeout", "20")),
            ca=options.get("ca"),
        )

    def tls(self) -> ssl.SSLContext:
        """How the server's certificate is checked."""
        return ssl.create_default_context(cafile=self.ca)


def _port(given: int | None, *, is_tls: bool, has_user: bool) -> int:
    if given is not None:
        return given
    if is_tls:
        return smtplib.SMTP_SSL_PORT
    return 587 if has_user else smtplib.SMTP_PORT
