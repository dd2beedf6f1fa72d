"""The mail that brings a plan, as bytes. The same words, attachment, key and release time give the same bytes.

Nothing in it tells a result before the attachment is opened: no score, no comment, no goal in subject or body.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import format_datetime, parseaddr

from services.reporting.core.documents import MailWords, PlanDocument, RenderedMail
from services.reporting.core.english import mark_of, one_line
from shared.errors import PermanentError

_FORBIDDEN_IN_NAMES = '/\\:*?"<>|'


class UnusableAddress(PermanentError):
    """An address that no mail can be sent to or from. The message does not repeat it."""

    def __init__(self, whose: str) -> None:
        super().__init__(f"the email address of {whose} is not usable: correct it, then retry")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Everything about the mail but its words. `sender` and `reply_to` may hold a name: "Team <team@example.org>"."""

    key: str
    """Its Message-ID, with angle brackets."""
    sender: str
    reply_to: str
    """Empty: answers go to the sender."""
    recipient: str
    """The address alone."""
    recipient_name: str
    released_at: datetime


def mail_words(document: PlanDocument, pdf_size: int, contact: str) -> MailWords:
    """What the mail says, from the plan as it goes out and the size of its PDF in bytes."""
    is_revision = document.revision > 1
    what = "Your updated personal development plan" if is_revision else "Your personal development plan"
    return MailWords(
        subject=f"{what}: {document.cohort_title}",
        name=document.name,
        given_name=document.given_name,
        cohort_title=document.cohort_title,
        reference=document.reference,
        revision=document.revision,
        is_revision=is_revision,
        first_review=min((review.on for review in document.reviews), default=None),
        attached=True,
        file_name=file_name(document),
        size=size_in_words(pdf_size),
        contact=contact,
    )


def file_name(document: PlanDocument) -> str:
    """The attachment's name as its owner reads it; no character that a file system refuses."""
    name = "".join(" " if c in _FORBIDDEN_IN_NAMES else c for c in one_line(document.name))
    name = " ".join(name.split())[:80].strip(". ") or document.reference.replace("/", "-")
    version = f", version {document.revision}" if document.revision > 1 else ""
    return f"Personal development plan – {name}{version}.pdf"


def size_in_words(size: int) -> str:
    """A number of bytes as people read it.

    >>> size_in_words(129_300), size_in_words(2_400_000)
    ('129 KB', '2.4 MB')
    """
    if size >= 1_000_000:
        return f"{mark_of(round(size / 1_000_000, 1))} MB"
    return f"{max(1, round(size / 1_000))} KB"


def message_for(envelope: Envelope, words: MailWords, mail: RenderedMail, pdf: bytes) -> bytes:
    """The whole message with CRLF line ends, plain ASCII on the wire. Raises UnusableAddress."""
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = _address(envelope.sender, "the sender (TALENTLINE_MAIL_FROM)")
    message["To"] = _addressed(envelope.recipient_name, envelope.recipient, "the participant (roster.csv)")
    if envelope.reply_to:
        message["Reply-To"] = _address(envelope.reply_to, "replies (TALENTLINE_REPLY_TO)")
    message["Subject"] = one_line(words.subject)
    message["Date"] = format_datetime(envelope.released_at)
    message["Message-ID"] = envelope.key
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    message.add_attachment(pdf, maintype="application", subtype="pdf", filename=words.file_name)
    message["Content-Language"] = "en-GB"
    _set_boundaries(message, envelope.key)
    return message.as_bytes()


def _set_boundaries(message: EmailMessage, key: str) -> None:
    """Boundaries from the key (the library draws them by lot). No quoted-printable or base64 line holds `=_`."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:24]
    message.set_boundary(f"=_mixed_{digest}")
    for part in message.iter_parts():
        if part.is_multipart():
            part.set_boundary(f"=_alternative_{digest}")


def address_of(mailbox: str, whose: str) -> str:
    """The bare address in "Name <address>", its domain in ASCII. Raises UnusableAddress.

    >>> address_of("Team <plans@exämple.org>", "the sender")
    'plans@xn--exmple-cua.org'
    """
    return _address(mailbox, whose).addr_spec


def _address(mailbox: str, whose: str) -> Address:
    name, address = parseaddr(mailbox)
    return _addressed(name, address, whose)


def _addressed(name: str, address: str, whose: str) -> Address:
    """A name of any script; an address of ASCII but for its domain, which has an ASCII form."""
    local, _, domain = address.rpartition("@")
    try:
        found = Address(one_line(name), addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (ValueError, IndexError, MessageError) as error:
        raise UnusableAddress(whose) from error
    if not found.username or not found.domain or len(address.split()) != 1:
        raise UnusableAddress(whose)
    return found


@dataclass(frozen=True, slots=True)
class Letter:
    """What a message says, for a way out that does not send it as it is."""

    name: str
    """The recipient's."""
    subject: str
    file_name: str
    pdf: bytes


def letter_of(content: bytes) -> Letter:
    """The parts of a message that was made here. Raises ValueError if it carries no PDF."""
    message = BytesParser(policy=policy.SMTP).parsebytes(content)
    name = next((address.display_name for address in message["To"].addresses), "")
    for part in message.iter_attachments():
        if part.get_content_type() == "application/pdf":
            return Letter(name, str(message["Subject"]), part.get_filename() or "plan.pdf", bytes(part.get_content()))
    raise ValueError("the message has no PDF attached")


def attachment_of(content: bytes) -> bytes:
    """The PDF that a message carries. Raises ValueError if it carries none."""
    return letter_of(content).pdf
