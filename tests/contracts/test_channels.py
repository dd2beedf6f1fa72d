"""Every way out for mail: one message a key where it says so, and errors whose type says what to do next.

A channel enters by a line in `STANDS`: how its other side is set up, and what lies there afterwards.
"""

import logging
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest

from services.reporting.channels import CHANNELS, UnknownChannel, channel_for
from services.reporting.channels.smtp import SmtpChannel
from services.reporting.core.channel import (
    Channel,
    ChannelAway,
    ChannelError,
    ChannelUnavailable,
    OutgoingMessage,
    Proof,
    PutOff,
    Uncertain,
    Undeliverable,
)
from tests.servers.imap import ADDRESS as ARCHIVE
from tests.servers.imap import ArchiveServer
from tests.servers.mail import PASSWORD, TLS, USER, HangUp, MailServer, Postbox
from tests.servers.notify import SECRET, SERVICE, NotifyServer, Office
from tests.servers.notify import TEMPLATE as NOTIFY_TEMPLATE

ADDRESS = "ffion.nakamura@example.org"
PDF = b"%PDF-1.7\r\n.\r\nnot much of one\r\n"


def a_mail(pdf: bytes = PDF) -> bytes:
    """A mail with lines that begin with dots, and a plan."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["To"] = Address("Ffion Nakamura", addr_spec=ADDRESS)
    mail["Message-ID"] = "<0123456789abcdef0123456789abcdef@example.org>"
    mail["Subject"] = "Your plan"
    mail.set_content(".\n..two dots\n.one\nend\n", cte="7bit")
    mail.add_attachment(pdf, maintype="application", subtype="pdf", filename="Personal development plan – Ffion.pdf")
    return mail.as_bytes()


MESSAGE = OutgoingMessage(
    key="<0123456789abcdef0123456789abcdef@example.org>",
    sender="plans@example.org",
    recipient=ADDRESS,
    content=a_mail(),
)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def noted() -> None:
    """Nothing stands against the hand-over."""


@dataclass(frozen=True)
class Stand:
    """A channel and its other side. `proves`: whether it is set up so that it has a proof; `sent`: what of a message is
    to arrive.
    """

    channel: Channel
    received: Callable[[], list[bytes]]
    proves: bool = False
    sent: bytes = MESSAGE.content


Stands = Callable[[Path], AbstractContextManager[Stand]]


@contextmanager
def a_folder(tmp_path: Path) -> Iterator[Stand]:
    folder = tmp_path / "not" / "there yet"
    channel = channel_for(f"folder:{folder}")
    yield Stand(channel, lambda: [file.read_bytes() for file in sorted(folder.glob("*.eml"))], proves=True)


@contextmanager
def a_mail_server(tmp_path: Path) -> Iterator[Stand]:
    with MailServer() as server:
        yield Stand(channel_for(f"smtp://127.0.0.1:{server.port}?timeout=5"), lambda: server.postbox.taken)


@contextmanager
def a_mail_server_with_tls(tmp_path: Path) -> Iterator[Stand]:
    with MailServer(tls="always") as server:
        url = f"smtps://localhost:{server.port}?timeout=5&ca={TLS / 'localhost.pem'}"
        yield Stand(channel_for(url), lambda: server.postbox.taken)


@contextmanager
def a_mail_server_with_an_archive(tmp_path: Path) -> Iterator[Stand]:
    with ArchiveServer() as archive, MailServer(Postbox(mailboxes={ARCHIVE: archive.deliver})) as server:
        channel = channel_for(f"smtp://127.0.0.1:{server.port}?timeout=5", archive.url())
        yield Stand(channel, lambda: server.postbox.taken, proves=True)


@contextmanager
def a_notification_service(tmp_path: Path) -> Iterator[Stand]:
    with NotifyServer() as server:
        yield Stand(channel_for(server.url()), server.office.pdfs, proves=True, sent=PDF)


STANDS: dict[str, Stands] = {
    "folder": a_folder,
    "smtp": a_mail_server,
    "smtps": a_mail_server_with_tls,
    "smtp with an archive": a_mail_server_with_an_archive,
    "govuk-notify": a_notification_service,
}
"""Scheme, and in which company → a channel with its other side."""


@pytest.fixture(params=list(STANDS))
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    with STANDS[request.param](tmp_path) as made:
        yield made


def test_every_channel_is_under_contract() -> None:
    assert {stand.partition(" ")[0] for stand in STANDS} == set(CHANNELS)


def test_a_message_arrives_as_it_was_sent(stand: Stand) -> None:
    receipt = stand.channel.send(MESSAGE, noted)
    assert stand.received() == [stand.sent]
    assert receipt.words
    assert ADDRESS not in str(receipt)


def test_the_same_key_twice_is_one_message_where_the_channel_says_so(stand: Stand) -> None:
    stand.channel.send(MESSAGE, noted)
    stand.channel.send(MESSAGE, noted)
    assert len(stand.received()) == (1 if stand.channel.exact_once else 2)


def test_two_keys_are_two_messages(stand: Stand) -> None:
    for key in ("<a@example.org>", "<b@example.org>"):
        stand.channel.send(OutgoingMessage(key, MESSAGE.sender, MESSAGE.recipient, MESSAGE.content), noted)
    assert len(stand.received()) == 2


class NotOurs(Exception):
    """Another worker has the message by now."""


def test_what_stands_against_the_hand_over_goes_through_and_nothing_is_sent(stand: Stand) -> None:
    def not_ours() -> None:
        raise NotOurs

    with pytest.raises(NotOurs):
        stand.channel.send(MESSAGE, not_ours)
    assert stand.received() == []
    stand.channel.send(MESSAGE, noted)
    assert len(stand.received()) == 1


def test_the_hand_over_is_told_once_before_the_other_side_has_anything(stand: Stand) -> None:
    seen: list[list[bytes]] = []
    stand.channel.send(MESSAGE, lambda: seen.append(list(stand.received())))
    assert seen == [[]]


def test_a_proof_tells_what_arrived_from_what_did_not(stand: Stand) -> None:
    assert stand.channel.has_proof == stand.proves
    stand.channel.send(MESSAGE, noted)
    proofs = [stand.channel.proof(key, LONG_AGO) for key in (MESSAGE.key, "<another@example.org>")]
    assert proofs == ([Proof.ARRIVED, Proof.ABSENT] if stand.proves else [Proof.UNKNOWN, Proof.UNKNOWN])


def test_a_channel_has_a_short_name_that_tells_nothing_but_its_kind(stand: Stand) -> None:
    assert re.fullmatch(r"[a-z-]+(\+[0-9a-f]{8})?", stand.channel.name)
    assert len(stand.channel.name) <= 20


def test_a_lane_names_no_person(stand: Stand) -> None:
    assert stand.channel.lane(ADDRESS) in {None, "mail:example.org", "mail:govuk-notify"}


def test_a_check_sends_nothing(stand: Stand) -> None:
    stand.channel.check()
    assert stand.received() == []


# ------------------------------------------------------------------------------------------------------------ folder


def test_many_senders_of_one_key_leave_one_whole_message(tmp_path: Path) -> None:
    channel = channel_for(f"folder:{tmp_path}")
    large = OutgoingMessage(MESSAGE.key, MESSAGE.sender, MESSAGE.recipient, b"x" * 400_000)
    start = threading.Barrier(8)

    def send() -> None:
        start.wait()
        channel.send(large, noted)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [file.name for file in tmp_path.iterdir()] == [f"{MESSAGE.key.strip('<>')}.eml"]
    assert next(tmp_path.iterdir()).stat().st_size == 400_000


def test_a_sender_that_was_killed_leaves_no_message_and_no_rubbish_after_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from services.reporting.channels import channel_for\n"
        "from services.reporting.core.channel import OutgoingMessage\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"channel_for('folder:{tmp_path}').send(OutgoingMessage({MESSAGE.key!r}, 'a', 'b', b'x' * 9999), print)\n"
    )
    died = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert died.returncode == -signal.SIGKILL
    assert list(tmp_path.glob("*.eml")) == []
    assert len(list(tmp_path.iterdir())) == 1
    channel_for(f"folder:{tmp_path}").send(MESSAGE, noted)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [MESSAGE.content]


def test_a_full_disk_is_a_channel_that_is_away(tmp_path: Path) -> None:
    channel = channel_for(f"folder:{tmp_path}")
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        with pytest.raises(ChannelAway, match="can't be written"):
            channel.send(OutgoingMessage(MESSAGE.key, "a", "b", b"x" * 100_000), noted)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == []
    channel.send(MESSAGE, noted)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made_is_a_channel_that_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    channel = channel_for(f"folder:{tmp_path / 'file' / 'mail'}")
    with pytest.raises(ChannelAway, match="can't be written"):
        channel.send(MESSAGE, noted)
    with pytest.raises(ChannelUnavailable):
        channel.check()


def test_no_key_leads_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    channel_for(f"folder:{folder}").send(OutgoingMessage("<../../x@example.org>", "a", "b", b"x"), noted)
    assert [file.parent for file in tmp_path.rglob("*.eml")] == [folder]


def test_only_the_owner_can_read_the_mail(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    channel_for(f"folder:{folder}").send(MESSAGE, noted)
    assert folder.stat().st_mode & 0o077 == 0
    assert next(folder.iterdir()).stat().st_mode & 0o077 == 0


# -------------------------------------------------------------------------------------------------------------- smtp


def sent_to(
    postbox: Postbox, options: str = "timeout=0.5", tls: str = "none", user: str = "", *, login: bool = False
) -> str:
    """Send to a server that behaves so; gives the receipt's words."""
    with MailServer(postbox, tls, login=login) as server:
        host = "localhost" if tls != "none" else "127.0.0.1"
        return channel_for(f"smtp://{user}{host}:{server.port}?{options}").send(MESSAGE, noted).words


def test_the_envelope_holds_the_bare_addresses() -> None:
    postbox = Postbox()
    assert sent_to(postbox) == "250 2.0.0 taken as 4711"
    assert (postbox.senders, postbox.recipients) == ([MESSAGE.sender], [ADDRESS])


REFUSED = f"550 5.1.1 <{ADDRESS}>: no mailbox {ADDRESS} here"


@pytest.mark.parametrize(
    ("postbox", "error"),
    [
        pytest.param(Postbox(rcpt=REFUSED), Undeliverable, id="no such mailbox"),
        pytest.param(Postbox(data="554 5.7.1 not wanted"), Undeliverable, id="content refused"),
        pytest.param(Postbox(announce="554 5.5.1 no valid recipients"), Undeliverable, id="DATA refused"),
        pytest.param(Postbox(mail="552 5.3.4 too large"), Undeliverable, id="too large"),
        pytest.param(Postbox(rcpt="552 5.2.2 mailbox full"), Undeliverable, id="mailbox full"),
        pytest.param(Postbox(data="552 5.3.4 too large"), Undeliverable, id="too large, found out late"),
        pytest.param(Postbox(rcpt="452 4.2.2 mailbox full"), ChannelUnavailable, id="mailbox full for now"),
        pytest.param(Postbox(data="452 4.3.1 system storage"), ChannelUnavailable, id="server full"),
        pytest.param(Postbox(rcpt="450 4.2.0 busy"), ChannelUnavailable, id="recipient put off"),
        pytest.param(Postbox(announce="451 4.3.0 later"), ChannelUnavailable, id="DATA put off"),
        pytest.param(Postbox(data="451 4.3.0 later"), ChannelUnavailable, id="content put off"),
        pytest.param(Postbox(rcpt="450 4.2.1 greylisted"), PutOff, id="greylisted"),
        pytest.param(Postbox(rcpt="451 4.7.1 try again in 30 seconds"), PutOff, id="told when to come again"),
        pytest.param(Postbox(mail="550 5.7.1 sender not allowed"), ChannelAway, id="sender refused: a setting"),
        pytest.param(Postbox(mail="451 4.3.0 busy"), ChannelAway, id="sender put off"),
        pytest.param(Postbox(rcpt="421 4.3.2 going down"), ChannelAway, id="server goes down"),
        pytest.param(Postbox(announce="421 4.3.2 going down"), ChannelAway, id="server goes down at DATA"),
        pytest.param(Postbox(data="421 4.3.2 going down"), ChannelAway, id="server goes down, the message not taken"),
        pytest.param(Postbox(stall="mail"), ChannelAway, id="silence before the message"),
        pytest.param(Postbox(stall="rcpt"), ChannelAway, id="silence after the sender"),
        pytest.param(Postbox(stall="announce"), ChannelAway, id="silence after DATA"),
        pytest.param(Postbox(hang_up="rcpt"), ChannelAway, id="hangs up before the message"),
        pytest.param(Postbox(hang_up="announce"), ChannelAway, id="hangs up at DATA"),
        pytest.param(Postbox(stall="data"), Uncertain, id="silence after the closing dot"),
        pytest.param(Postbox(hang_up="data"), Uncertain, id="hangs up after the closing dot"),
        pytest.param(Postbox(data="354 go on"), Uncertain, id="an answer that answers nothing"),
    ],
)
def test_what_the_server_does_decides_what_happens_next(postbox: Postbox, error: type[ChannelError]) -> None:
    with pytest.raises(ChannelError) as raised:
        sent_to(postbox)
    assert type(raised.value) is error
    assert ADDRESS not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ("450 4.2.0 Greylisted for 300 seconds", 300),
        ("450 4.7.1 greylisted, please try again in 7 minutes", 420),
        ("451 4.7.1 Greylisting in action, please come back in 00:04:59", 299),
        ("450 4.2.0 Recipient address rejected: Greylisted", 300),
        ("421 4.7.0 too many connections, try again in 90 seconds", 90),
        ("450 4.2.0 try again in 99999 hours", 6 * 3600),
    ],
)
def test_the_time_that_the_server_asks_for_is_read_from_its_words(answer: str, seconds: int) -> None:
    with pytest.raises(ChannelUnavailable) as raised:
        sent_to(Postbox(rcpt=answer))
    assert raised.value.retry_after == timedelta(seconds=seconds)


def test_a_message_of_which_only_a_part_went_out_is_not_taken() -> None:
    with HangUp(after_bytes=50_000) as server, pytest.raises(ChannelAway, match="while the message was being sent"):
        large = OutgoingMessage(MESSAGE.key, MESSAGE.sender, ADDRESS, b"x" * 76 + b"\r\n" * 4_000_000)
        channel_for(f"smtp://127.0.0.1:{server.port}?timeout=5").send(large, noted)


def test_not_a_byte_of_the_message_leaves_before_the_hand_over_is_noted() -> None:
    def not_ours() -> None:
        raise NotOurs

    with HangUp(after_bytes=50_000) as server:
        with pytest.raises(NotOurs):
            channel_for(f"smtp://127.0.0.1:{server.port}?timeout=5").send(MESSAGE, not_ours)
        server.wait()
    assert server.after_go_ahead == b""


# ----------------------------------------------------------------------------------------------------- archive mailbox


def test_the_archive_mailbox_gets_a_copy_and_nobody_sees_its_address(tmp_path: Path) -> None:
    with a_mail_server_with_an_archive(tmp_path) as stand:
        stand.channel.send(MESSAGE, noted)
        assert stand.channel.proof(MESSAGE.key, LONG_AGO) is Proof.ARRIVED
        assert all(ARCHIVE.encode() not in message for message in stand.received())


@pytest.mark.parametrize("answer", ["550 5.1.1 no such user", "451 4.3.0 later"])
def test_nothing_is_sent_while_the_archive_mailbox_is_refused(answer: str) -> None:
    with ArchiveServer() as archive, MailServer(Postbox(rcpt=answer, refused=ARCHIVE)) as server:
        with pytest.raises(ChannelAway, match="refused the archive mailbox"):
            channel_for(f"smtp://127.0.0.1:{server.port}?timeout=5", archive.url()).send(MESSAGE, noted)
        assert server.postbox.taken == []


def test_an_archive_mailbox_that_is_away_proves_nothing_and_the_check_says_so() -> None:
    with MailServer() as server:
        with ArchiveServer() as archive:
            channel = channel_for(f"smtp://127.0.0.1:{server.port}?timeout=5", archive.url())
            channel.check()
        for ask in (lambda: channel.proof(MESSAGE.key, LONG_AGO), channel.check):
            with pytest.raises(ChannelAway, match="archive mailbox can't be asked"):
                ask()


def test_a_wrong_password_of_the_archive_mailbox_is_seen_by_the_check_and_not_shown() -> None:
    with MailServer() as server, ArchiveServer() as archive:
        channel = channel_for(f"smtp://127.0.0.1:{server.port}?timeout=5", archive.url(password="wrong-one"))
        with pytest.raises(ChannelAway, match="archive mailbox can't be asked") as raised:
            channel.check()
    assert "wrong-one" not in f"{raised.value}{channel!r}"


@pytest.mark.parametrize("tls", ["start", "always"])
def test_the_archive_mailbox_is_reached_over_tls(tls: str) -> None:
    with ArchiveServer(tls) as archive:
        url = archive.url()
        channel = channel_for("smtp://relay.example.org", url)
        assert channel.proof(MESSAGE.key, LONG_AGO) is Proof.ABSENT
        distrusting = channel_for("smtp://relay.example.org", re.sub("&ca=[^&]*", "", url))
        with pytest.raises(ChannelAway, match="SSLCertVerificationError"):
            distrusting.proof(MESSAGE.key, LONG_AGO)


@pytest.mark.parametrize(
    ("url", "archive", "problem"),
    [
        ("smtp://h", "pop3://u:hunter2@h/", "give the mailbox as imaps://"),
        ("smtp://h", "imaps://h/INBOX?address=a@example.org", "give the mailbox as imaps://"),
        ("smtp://h", "imaps://u:hunter2@h/INBOX", r"say with \?address="),
        ("smtp://h", "imaps://u:hunter2@h/INBOX?address=a@example.org&folder=x", "options are"),
        ("folder:mail", "imaps://u:hunter2@h/INBOX?address=a@example.org", "needs no archive mailbox"),
    ],
)
def test_an_archive_mailbox_that_cannot_be_understood_is_refused_with_what_is_wrong(
    url: str, archive: str, problem: str
) -> None:
    with pytest.raises(UnknownChannel, match=problem) as raised:
        channel_for(url, archive)
    assert "hunter2" not in str(raised.value)


def test_another_archive_mailbox_is_another_name() -> None:
    archives = [None, *(f"imaps://u:p@h/{folder}?address=a@example.org" for folder in ("INBOX", "Archive"))]
    assert len({channel_for("smtp://h", archive).name for archive in archives}) == 3


# -------------------------------------------------------------------------------------------------- connections and TLS


def test_a_refusal_is_told_in_the_servers_words_without_addresses() -> None:
    with pytest.raises(Undeliverable) as raised:
        sent_to(Postbox(rcpt=REFUSED))
    assert raised.value.words == "550 5.1.1 [address]: no mailbox [address] here"


def test_nobody_listening_is_a_channel_that_is_away() -> None:
    with MailServer() as server:
        port = server.port
    channel = channel_for(f"smtp://127.0.0.1:{port}?timeout=0.5")
    for attempt in (lambda: channel.send(MESSAGE, noted), channel.check):
        with pytest.raises(ChannelUnavailable, match="no connection"):
            attempt()


def test_a_server_that_never_greets_times_out() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        channel = channel_for(f"smtp://127.0.0.1:{silent.getsockname()[1]}?timeout=0.3")
        began = time.monotonic()
        with pytest.raises(ChannelUnavailable):
            channel.send(MESSAGE, noted)
        assert time.monotonic() - began < 5


TRUSTED = f"timeout=5&ca={TLS / 'localhost.pem'}"
LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


def test_starttls_is_used_where_it_is_offered() -> None:
    postbox = Postbox()
    sent_to(postbox, TRUSTED, tls="start")
    assert postbox.secured == [True]


def test_starttls_that_is_required_and_not_offered_is_no_way_out() -> None:
    postbox = Postbox()
    with pytest.raises(ChannelUnavailable, match="does not offer STARTTLS"):
        sent_to(postbox, "starttls=required")
    assert postbox.taken == []


def test_a_certificate_that_nobody_vouches_for_is_not_believed() -> None:
    postbox = Postbox()
    with pytest.raises(ChannelUnavailable, match="SSLCertVerificationError"):
        sent_to(postbox, "timeout=5", tls="start")
    assert postbox.taken == []


def test_user_and_password_from_the_address_are_used_over_tls() -> None:
    postbox = Postbox()
    sent_to(postbox, TRUSTED, tls="start", user=LOGIN, login=True)
    assert len(postbox.taken) == 1


def test_a_wrong_password_is_a_setting_to_correct_and_no_verdict_on_the_message() -> None:
    with pytest.raises(ChannelUnavailable, match="did not accept") as raised:
        sent_to(Postbox(), TRUSTED, tls="start", user="relay:wrong-one@", login=True)
    assert "wrong-one" not in str(raised.value)


def test_a_password_is_not_sent_in_the_clear() -> None:
    with pytest.raises(ChannelUnavailable, match="not sent without TLS"):
        sent_to(Postbox(), user=LOGIN)


# ------------------------------------------------------------------------------------------------------- GOV.UK Notify


def notified(office: Office, options: str = "&timeout=10", message: OutgoingMessage = MESSAGE) -> str:
    """Have a mail sent by a service that behaves so; gives the receipt's words."""
    with NotifyServer(office) as server:
        return channel_for(server.url(options=options)).send(message, noted).words


def test_the_plan_becomes_a_file_behind_a_link_for_its_owner_alone() -> None:
    office = Office()
    assert notified(office, "&timeout=10&weeks=8&reply_to=8e222534") == "201 740e5834-3a29-46b4-9a6f-16142fde533a"
    (asked,) = office.taken
    assert (asked["email_address"], asked["template_id"]) == (ADDRESS, NOTIFY_TEMPLATE)
    assert asked["reference"] == MESSAGE.key.strip("<>")
    assert asked["email_reply_to_id"] == "8e222534"
    file = asked["personalisation"].pop("link_to_file")
    assert asked["personalisation"] == {"subject": "Your plan", "name": "Ffion Nakamura"}
    assert file["filename"] == "Personal development plan – Ffion.pdf"
    assert (file["confirm_email_before_download"], file["retention_period"]) == (True, "8 weeks")


@pytest.mark.parametrize(
    ("office", "error"),
    [
        (Office(answer=(400, "ValidationError: email_address Not a valid email address")), Undeliverable),
        (Office(answer=(400, "BadRequestError: File did not pass the virus scan")), Undeliverable),
        (Office(answer=(400, "BadRequestError: Can't send to this recipient using a team-only API key")), ChannelAway),
        (Office(answer=(400, "BadRequestError: Send files by email has not been set up")), ChannelAway),
        (Office(placeholders=("link_to_file", "surname")), ChannelAway),
        (Office(placeholders=("subject",)), ChannelAway),
        (Office(answer=(429, "RateLimitError: Exceeded rate limit for key type LIVE")), ChannelAway),
        (Office(answer=(500, "Exception: Internal server error")), Uncertain),
        (Office(answer=(302, "Moved: somewhere")), Uncertain),
        (Office(stall_s=3), Uncertain),
    ],
)
def test_what_the_notification_service_answers_decides_what_happens_next(
    office: Office, error: type[ChannelError]
) -> None:
    with pytest.raises(ChannelError) as raised:
        notified(office, "&timeout=1")
    assert type(raised.value) is error
    assert ADDRESS not in str(raised.value)


def test_a_days_limit_is_waited_for() -> None:
    with pytest.raises(ChannelAway) as raised:
        notified(Office(answer=(429, "TooManyRequestsError: Exceeded send limits (50) for today")))
    assert raised.value.retry_after == timedelta(hours=1)


def test_a_mail_that_the_service_took_without_saying_so_is_found_by_its_reference() -> None:
    office = Office(stall_s=3)
    with NotifyServer(office) as server:
        channel = channel_for(server.url(options="&timeout=1"))
        with pytest.raises(Uncertain):
            channel.send(MESSAGE, noted)
        assert channel.proof(MESSAGE.key, datetime.now(UTC)) is Proof.ARRIVED
        assert channel.proof(MESSAGE.key, datetime.now(UTC) + timedelta(hours=1)) is Proof.ABSENT
        office.status = "technical-failure"
        assert channel.proof(MESSAGE.key, datetime.now(UTC)) is Proof.ABSENT


def test_nothing_is_handed_over_with_a_wrong_key_or_a_template_without_the_link() -> None:
    handed: list[bool] = []
    with NotifyServer(Office(placeholders=("subject",))) as server:
        for url in (server.url(), server.url(secret=SECRET.replace("3", "4"))):
            with pytest.raises(ChannelAway):
                channel_for(url).send(MESSAGE, lambda: handed.append(True))
            with pytest.raises(ChannelAway):
                channel_for(url).check()
    assert handed == []


def test_a_service_that_cannot_be_reached_proves_nothing() -> None:
    with NotifyServer() as server:
        channel = channel_for(server.url())
    for ask in (lambda: channel.send(MESSAGE, noted), lambda: channel.proof(MESSAGE.key, LONG_AGO), channel.check):
        with pytest.raises(ChannelAway, match=r"GOV\.UK Notify can't be"):
            ask()


def test_a_plan_that_is_too_large_for_a_link_is_refused_before_anything_is_asked() -> None:
    large = OutgoingMessage(MESSAGE.key, MESSAGE.sender, ADDRESS, a_mail(b"x" * (2 * 2**20 + 1)))
    with pytest.raises(Undeliverable, match="2 MB"):
        notified(Office(), message=large)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"govuk-notify://api.example.org?template={NOTIFY_TEMPLATE}", "give the API key"),
        (f"govuk-notify://:hunter2@api.example.org?template={NOTIFY_TEMPLATE}", "give the API key"),
        (f"govuk-notify://:k-{SERVICE}-{SECRET}@api.example.org", r"say with \?template="),
        (f"govuk-notify://:k-{SERVICE}-{SECRET}@h?template={NOTIFY_TEMPLATE}&weeks=99", "from 1 to 78"),
        (f"govuk-notify://:k-{SERVICE}-{SECRET}@h?template={NOTIFY_TEMPLATE}&key=x", "options are"),
    ],
)
def test_an_address_of_the_notification_service_is_refused_with_what_is_wrong(url: str, problem: str) -> None:
    with pytest.raises(UnknownChannel, match=problem) as raised:
        channel_for(url)
    assert SECRET not in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_the_key_of_the_notification_service_is_never_printed() -> None:
    assert SECRET not in repr(channel_for(f"govuk-notify://:k-{SERVICE}-{SECRET}@h?template={NOTIFY_TEMPLATE}"))


# ------------------------------------------------------------------------------------------------- addresses and logs


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "must begin with"),
        ("carrier-pigeon:loft", "must begin with"),
        ("folder:", "give the folder's path"),
        ("folder://host/path", "give the folder's path"),
        ("smtp://", "give the mail server"),
        ("smtp://host?starttls=perhaps", "starttls is one of"),
        ("smtp://host?tls=yes", "options are"),
        ("smtp://host:seven", "Port could not be cast"),
        ("smtp://me:hunter2@host?timeout=soon", "could not convert"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_with_what_is_wrong(url: str, problem: str) -> None:
    with pytest.raises(UnknownChannel, match=problem) as raised:
        channel_for(url)
    assert "hunter2" not in str(raised.value)


def test_a_password_is_never_printed() -> None:
    assert "hunter2" not in repr(channel_for("smtp://me:hunter2@relay.example.org"))


@pytest.mark.parametrize(
    ("url", "port"), [("smtp://h", 25), ("smtp://u:p@h", 587), ("smtps://h", 465), ("smtp://h:26", 26)]
)
def test_ports_are_the_usual_ones(url: str, port: int) -> None:
    channel = channel_for(url)
    assert isinstance(channel, SmtpChannel)
    assert channel.relay.port == port


def test_nothing_personal_is_logged(
    stand: Stand, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG, logger="services"):
        stand.channel.send(MESSAGE, noted)
        with pytest.raises(Undeliverable):
            sent_to(Postbox(rcpt=REFUSED))
    written = "".join(capfd.readouterr())
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("mail", "asyncio"))]
    assert "ffion" not in (written + "".join(ours)).lower()
