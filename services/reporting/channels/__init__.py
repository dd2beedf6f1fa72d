"""Ways out for mail: one file each, found by the scheme of `TALENTLINE_MAIL_URL`.

To add one: a file with a class of the shape `services.reporting.core.channel.Channel`, a line in `CHANNELS`, an
entry in the contract test `tests/contracts/test_channels.py`.
"""

from collections.abc import Callable, Mapping

from services.reporting.channels.folder import FolderChannel
from services.reporting.channels.govuk_notify import NotifyChannel
from services.reporting.channels.smtp import SmtpChannel
from services.reporting.core.channel import Channel, ChannelError
from shared.errors import PermanentError

CHANNELS: Mapping[str, Callable[[str, str | None], Channel]] = {
    "folder": FolderChannel.of_url,
    "smtp": SmtpChannel.of_url,
    "smtps": SmtpChannel.of_url,
    "govuk-notify": NotifyChannel.of_url,
}
"""Scheme → makes the channel from its address and its archive mailbox's. Making one contacts nobody."""


class UnknownChannel(ChannelError, PermanentError):
    """A mail address whose scheme no channel has, or which the channel can't read. The message doesn't repeat it."""


def channel_for(url: str, archive: str | None = None) -> Channel:
    """The channel that an address names, such as `folder:var/mail` or `smtp://relay.example.org`; the archive mailbox
    is `TALENTLINE_MAIL_ARCHIVE`.

    Raises UnknownChannel, with what is wrong.
    """
    scheme = url.partition(":")[0]
    if scheme not in CHANNELS:
        known = ", ".join(f"{name}:" for name in CHANNELS)
        raise UnknownChannel(f"TALENTLINE_MAIL_URL must begin with one of {known}")
    try:
        return CHANNELS[scheme](url, archive)
    except ValueError as error:
        raise UnknownChannel(f"{_settings(archive)}: {error}") from error


def _settings(archive: str | None) -> str:
    return "TALENTLINE_MAIL_URL, TALENTLINE_MAIL_ARCHIVE" if archive else "TALENTLINE_MAIL_URL"


__all__ = ["CHANNELS", "UnknownChannel", "channel_for"]
