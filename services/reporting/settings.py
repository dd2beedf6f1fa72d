"""What reporting takes from the environment."""

from datetime import timedelta
from email.utils import parseaddr
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from services.reporting.core.message import UnusableAddress, address_of
from shared.settings import Settings


class ReportingSettings(Settings):
    """Settings of the reporting service."""

    mail_url: str | None = Field(
        default=None,
        repr=False,
        description="the way out for mail: folder:PATH or smtp://…; default a folder in DATA_DIR",
    )
    mail_archive: str | None = Field(
        default=None,
        repr=False,
        description="mailbox that gets a copy of every mail, to prove later on that it arrived: "
        "imaps://user:password@host/INBOX?address=archive@example.org",
    )
    mail_proof_after_seconds: float = Field(
        default=900, ge=0, description="when a mail that may have arrived is first looked for"
    )
    mail_absent_after_seconds: float = Field(
        default=86400, gt=0, description="when a mail that is not found has not arrived, and is sent again"
    )
    mail_at_once: int = Field(default=8, ge=1, description="mails to one domain that are handed over at a time")
    mail_from: str = Field(
        default="Talent programme <plans@example.org>", description="sender of the mails: a name and an address"
    )
    reply_to: str = Field(default="", description="where answers go and whom to ask; default: the sender")
    message_domain: str = Field(default="", description="right half of the Message-IDs; default: the sender's domain")

    @model_validator(mode="after")
    def _addresses_are_usable(self) -> "ReportingSettings":
        for value, name in ((self.mail_from, "TALENTLINE_MAIL_FROM"), (self.reply_to, "TALENTLINE_REPLY_TO")):
            if value:
                _check(value, name)
        return self

    @property
    def mail(self) -> str:
        """The way out's address, the embedded default included."""
        return self.mail_url or f"folder:{self.data_dir.resolve() / 'mail'}"

    @property
    def mail_shown(self) -> str:
        """The same without user and password, for people and logs."""
        parts = urlsplit(self.mail)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

    @property
    def proof_after(self) -> timedelta:
        """How long after a hand-over was cut off its proof is first asked for."""
        return timedelta(seconds=self.mail_proof_after_seconds)

    @property
    def absent_after(self) -> timedelta:
        """How long after a hand-over began "not there" means that the mail did not arrive."""
        return timedelta(seconds=self.mail_absent_after_seconds)

    @property
    def sender(self) -> str:
        """The sender's bare address."""
        return address_of(self.mail_from, "TALENTLINE_MAIL_FROM")

    @property
    def domain(self) -> str:
        """The right half of Message-IDs. It must stay the same while plans are on their way."""
        return self.message_domain or self.sender.rpartition("@")[2]

    @property
    def contact(self) -> str:
        """The address that a mail names for questions."""
        return parseaddr(self.reply_to or self.mail_from)[1]


def _check(mailbox: str, name: str) -> None:
    try:
        address_of(mailbox, name)
    except UnusableAddress as error:
        raise ValueError(f"{name} must be a name and an address, such as Plans <plans@example.org>") from error
