"""The mail as bytes: the same every time, right in every script, silent about results. Pure."""

from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.core.documents import MailWords, RenderedMail
from services.reporting.core.keys import message_id
from services.reporting.core.message import (
    Envelope,
    UnusableAddress,
    attachment_of,
    file_name,
    mail_words,
    message_for,
    size_in_words,
)
from shared.ids import CohortId, ParticipantId
from tests.core.test_reporting_plan import PERSON, a_plan

PLAN = a_plan()
PDF = b"%PDF-1.7\r\n.\r\n\x00\xff" * 40
MAIL = RenderedMail(text="Annwyl Siân,\n\n.\nThe plan is attached.\n", html="<p>Annwyl Siân</p>")
ENVELOPE = Envelope(
    key="<0123456789abcdef0123456789abcdef@example.org>",
    sender="Rhaglen Dalent – Cymru <plans@example.org>",
    reply_to="",
    recipient="sian@example.org",
    recipient_name="Siân Llŷr",
    released_at=datetime(2026, 4, 7, 9, 30, tzinfo=UTC),
)


def words(**changes: object) -> MailWords:
    return replace(mail_words(PLAN, len(PDF), "plans@example.org"), **changes)  # type: ignore[arg-type]


def a_message(envelope: Envelope = ENVELOPE, mail: MailWords | None = None) -> bytes:
    return message_for(envelope, mail or words(), MAIL, PDF)


def parsed(content: bytes) -> EmailMessage:
    return message_from_bytes(content, policy=default)


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert a_message() == a_message()


def test_it_is_ascii_with_crlf_on_the_wire() -> None:
    content = a_message()
    assert content.isascii()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert max(len(line) for line in content.split(b"\r\n")) < 998


def test_headers_say_who_what_when_and_that_a_machine_wrote() -> None:
    message = parsed(a_message())
    assert message["From"] == "Rhaglen Dalent – Cymru <plans@example.org>"
    assert message["To"] == "Siân Llŷr <sian@example.org>"
    assert message["Subject"] == "Your personal development plan: Aspiring leaders"
    assert message["Message-ID"] == ENVELOPE.key
    assert message["Date"].datetime == ENVELOPE.released_at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en-GB"
    assert message["Reply-To"] is None
    assert parsed(a_message(replace(ENVELOPE, reply_to="Us <us@example.org>")))["Reply-To"] == "Us <us@example.org>"


def test_both_bodies_and_the_plan_come_back_as_they_were() -> None:
    message = parsed(a_message())
    text, html = (message.get_body([kind]) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == MAIL.text.splitlines()
    assert html.get_content().strip() == MAIL.html
    (attachment,) = message.iter_attachments()
    assert attachment.get_content() == PDF
    assert attachment.get_filename() == "Personal development plan – Siân Llŷr.pdf"
    assert attachment_of(a_message()) == PDF


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=40)
def test_no_name_breaks_a_header_or_the_attachment(name: str) -> None:
    plan = replace(PLAN, name=name)
    content = a_message(replace(ENVELOPE, recipient_name=name), words(file_name=file_name(plan), subject=f"For {name}"))
    message = parsed(content)
    assert message["To"].addresses[0].addr_spec == "sian@example.org"
    assert set(message.keys()) == set(parsed(a_message()).keys())
    (attachment,) = message.iter_attachments()
    found = attachment.get_filename() or ""
    assert found.endswith(".pdf")
    assert not set('/\\:*?"<>|\n\r\x00') & set(found)


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@", "@b.org", "a b@example.org", "a@b.org\r\nBcc: c@d.org", "ŵyn@b.org"]
)
def test_an_address_that_cannot_work_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(UnusableAddress, match=r"roster.csv") as raised:
        a_message(replace(ENVELOPE, recipient=address))
    assert not address or address not in str(raised.value)


def test_a_domain_of_any_script_is_written_in_ascii() -> None:
    message = parsed(a_message(replace(ENVELOPE, recipient="a@cymru-ŵyn.example")))
    assert message["To"].addresses[0].domain.startswith("xn--")


def test_a_revision_says_so() -> None:
    plan = a_plan(revision=2)
    found = mail_words(plan, 200_000, "")
    assert found.is_revision
    assert found.subject.startswith("Your updated personal development plan")
    assert found.file_name.endswith(", version 2.pdf")
    assert found.first_review == date(2026, 4, 21)


def test_words_hold_no_score_comment_or_goal() -> None:
    said = " ".join(str(getattr(words(), name)) for name in MailWords.__slots__)
    assert not any(goal.title in said or goal.competency in said for goal in PLAN.goals)
    assert not any(section.name in said for section in PLAN.domains)
    assert PLAN.name == PERSON.name


def test_sizes_are_told_as_people_read_them() -> None:
    assert [size_in_words(n) for n in (1, 129_300, 2_000_000)] == ["1 KB", "129 KB", "2 MB"]


def test_a_key_is_stable_and_two_plans_never_share_one() -> None:
    def key(cohort: str, participant: str, revision: int) -> str:
        return message_id(CohortId(cohort), ParticipantId(participant), revision, "example.org")

    assert key("pilot-p", "P-0001", 1) == "<e7a83d0dd9367f9ed459da1727823606@example.org>"
    keys = [key("a", "b:c", 1), key("a:b", "c", 1), key("a", "b", 1), key("a", "b", 11), key("a", "b1", 1)]
    assert len(set(keys)) == len(keys)
