"""Plans, cohort reports and mails as people get them. How to look at them: services/reporting/templates/README.md."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import page
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from services.reporting.core.documents import CommentTheme, PlanDocument, Range
from services.reporting.rendering import cohort_report_pdf, plan_mail, plan_pages_png, plan_pdf
from services.reporting.rendering.glyphs import FONTS, drawable
from services.reporting.rendering.streams import with_clear_ends
from tests.builders.documents import DOMAINS, NAMES, a_cohort_report, a_domain, a_goal, a_mail, a_plan

STANDARDS = (page.ValidationProfile.PDF_UA_1, page.ValidationProfile.PDF_A_2A)
SENTENCE = "What was seen, when, and what it did to the people in the room. "


def a_small_plan(**changes: Any) -> PlanDocument:
    """One domain and what was changed: quick to set."""
    bare = a_domain(0, facets=(), sources=(), groups=(), competencies=())
    rest: dict[str, Any] = {"domains": (bare,), "goals": (), "reviews": (), "questions": (), "comments": (), "made": ()}
    return a_plan(**(rest | changes))


def many_comments() -> PlanDocument:
    quotes = tuple(f"{NAMES[n % len(NAMES)]}: {SENTENCE * (1 + n % 9)}" for n in range(40))
    long_words = ("x" * 3000, "https://example.org/" + "a-very-long-path/" * 12)
    return a_plan(
        1, comments=(CommentTheme("Keep doing", quotes, ("My own words.",)), CommentTheme("More", long_words, ()))
    )


def wide_scale() -> PlanDocument:
    figures = (Range(0, 0, 7.5, anchored=True), Range(50, 35, 65, anchored=False), Range(100, 80, 100, anchored=True))
    domains = tuple(a_domain(n, figure=figures[n], facets=(), sources=(), groups=(), competencies=()) for n in range(3))
    return a_plan(domains=domains, scale_minimum=0.0, scale_maximum=100.0, scale_low_word="")


def eight_domains() -> PlanDocument:
    goals = tuple(a_goal(n + 1, DOMAINS[n][0], DOMAINS[n][2][0], "Run two small tests of change") for n in range(5))
    long_name = "Bartholomew-Alexander Featherstonehaugh-Cholmondeley of the Upper Northern Valleys"
    return a_plan(8, name=long_name, goals=goals, revision=3)


SAMPLES: dict[str, Callable[[], PlanDocument]] = {
    "usual": a_plan,
    "no-comments": lambda: a_plan(2, comments=(), comments_note="No comments can be shown.", scale_high_word=""),
    "eight-domains": eight_domains,
    "many-comments": many_comments,
    "wide-scale": wide_scale,
    "sparse": lambda: a_small_plan(priorities=(), strengths=(), comments_note="", organisation=""),
} | {
    f"name-{n:02}": lambda name=name: a_small_plan(name=name, given_name=name.split()[0])
    for n, name in enumerate(NAMES)
}


def breaches(pdf: bytes) -> list[str]:
    reports = [page.validate_pdf_bytes(pdf, profile=standard) for standard in STANDARDS]
    return [failure.rule_id for report in reports for failure in report.failures]


def words(pdf: bytes) -> str:
    pages = pypdf.PdfReader(BytesIO(pdf), strict=True).pages
    return " ".join(" ".join(each.extract_text() for each in pages).split())


def alternatives(pdf: bytes) -> list[str]:
    """The alternative texts of a PDF's figures."""

    def walk(node: Any) -> Iterator[str]:
        found = node.get_object()
        if isinstance(found, dict):
            if found.get("/S") == "/Figure":
                yield str(found["/Alt"])
            children = found.get("/K", [])
            for child in children if isinstance(children, list) else [children]:
                yield from walk(child)

    root: Any = pypdf.PdfReader(BytesIO(pdf)).trailer["/Root"]
    return list(walk(root["/StructTreeRoot"]))


# -------------------------------------------------------------------------------------------------------------- plans


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_of_plans_meet_both_standards(sample: str, tmp_path: Path) -> None:
    pdf = plan_pdf(SAMPLES[sample]())
    (tmp_path / f"{sample}.pdf").write_bytes(pdf)
    assert breaches(pdf) == []


def test_the_validator_finds_what_is_missing() -> None:
    pdf = plan_pdf(a_small_plan())
    assert any("ALT" in rule for rule in breaches(re.sub(rb"/Alt(?=[ (<])", b"/Xxx", pdf)))
    assert any("LANG" in rule for rule in breaches(pdf.replace(b"/Lang", b"/Xxxx")))


def test_the_same_plan_gives_the_same_bytes() -> None:
    assert plan_pdf(a_plan()) == plan_pdf(a_plan())
    assert plan_pdf(a_plan()) != plan_pdf(a_plan(drafted=date(2026, 3, 13)))


def test_a_plan_says_everything_in_its_document() -> None:
    plan = a_plan()
    text = words(plan_pdf(plan))
    said = [plan.name, plan.organisation, plan.cohort_title, "12 March 2026", plan.opening, plan.goals_note, *plan.made]
    said += [text for domain in plan.domains for text in (domain.name, domain.summary, domain.gap) if text]
    said += [text for goal in plan.goals for text in (goal.title, goal.reason, goal.support, goal.measure)]
    said += [action.text for goal in plan.goals for action in goal.actions]
    said += [review.what for review in plan.reviews] + list(plan.questions)
    said += [theme.title for theme in plan.comments]
    unbroken = text.replace("- ", "-")
    assert [each for each in said if each not in text and each.replace("- ", "-") not in unbroken] == []


def test_a_drawing_says_all_its_numbers() -> None:
    found = alternatives(plan_pdf(a_plan()))
    assert "Systems leadership: estimate 3.6, likely range 3.3 to 3.9, you 4.5, others in the 360 3.8" in found
    assert "Written assessment: estimate 3.3, likely range about 2.4 to 4.2" in found
    assert "Peers and system partners rate you 3.6 on average" in found
    assert "Scale from 1, Never, to 5, Always" in found


def test_the_summary_stays_on_the_first_page() -> None:
    first, second, *_ = pypdf.PdfReader(BytesIO(plan_pdf(a_plan()))).pages
    assert "Your next dates" in first.extract_text()
    assert "What we looked at" in second.extract_text()


def test_text_is_never_read_as_markup() -> None:
    hostile = '#read("/etc/passwd") $x^2$ *bold* @ref <b>&amp;</b> {{ 7 * 7 }} \\u{41} = Heading'
    text = words(plan_pdf(a_small_plan(name=hostile, opening=hostile)))
    assert text.count(hostile) >= 2


def test_a_whole_number_is_a_figure_like_any_other() -> None:
    figure = Range(3, 2, 4, anchored=False)
    found = alternatives(plan_pdf(a_small_plan(domains=(a_domain(0, figure=figure),))))
    assert "All evidence together: estimate 3.0, likely range 2.0 to 4.0" in found


def test_pictures_show_the_same_pages() -> None:
    plan = a_plan()
    pictures = plan_pages_png(plan, ppi=20)
    assert len(pictures) == len(pypdf.PdfReader(BytesIO(plan_pdf(plan))).pages)
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)


# --------------------------------------------------------------------------------------------------- text in any script


def test_what_no_font_draws_is_marked_and_reported_without_the_text() -> None:
    with capture_logs() as logs:
        text = words(plan_pdf(a_small_plan(name="𓀀𓀁 Nakamura")))
    assert "�� Nakamura" in text
    (log,) = logs
    assert log["event"] == "rendering.characters_replaced"
    assert (log["characters"], log["scripts"], log["reference"]) == (2, ["EGYPTIAN"], "PLAN-P-0001-1")
    assert "Nakamura" not in str(log)


def test_control_and_direction_characters_are_left_out() -> None:
    assert drawable("Si\x00ân\u202e \u2067Ll\u0079\u0302r\ufe0f\r\nyes").text == "Siân Llŷr\nyes"


def test_a_long_word_may_break_and_a_usual_one_may_not() -> None:
    assert drawable("Featherstonehaugh-Cholmondeley").text == "Featherstonehaugh-Cholmondeley"
    assert drawable("x" * 30).text == "\u00ad".join(["x" * 11, "x" * 11, "x" * 8])


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=60))
def test_any_text_can_be_set(text: str) -> None:
    plan = a_small_plan(name=text, comments=(CommentTheme("Keep doing", (text,), ()),))
    assert plan_pdf(plan).startswith(b"%PDF")


def test_every_folder_of_fonts_holds_its_licence() -> None:
    folders = [folder for folder in FONTS.iterdir() if folder.is_dir()]
    assert folders
    for folder in folders:
        licences = "".join(file.read_text(encoding="utf-8") for file in folder.glob("OFL*.txt"))
        assert "SIL OPEN FONT LICENSE Version 1.1" in licences


# ----------------------------------------------------------------------------------------------------- ends of streams


def test_a_stream_that_ends_in_a_carriage_return_gets_a_clear_end() -> None:
    head = b"%PDF-1.7\n"
    objects = [b"1 0 obj\n<</Length 2>>\nstream\na\r\nendstream\nendobj\n", b"2 0 obj\n<</Pages 3 0 R>>\nendobj\n"]
    table = b"xref\n0 3\n0000000000 65535 f\r\n0000000009 00000 n\r\n%010d 00000 n\r\n" % (len(head + objects[0]))
    end = b"trailer\n<</Size 3/Root 2 0 R>>\nstartxref\n%d\n%%%%EOF" % len(head + b"".join(objects))
    clear = with_clear_ends(head + b"".join(objects) + table + end)
    assert b"stream\na\r\r\nendstream" in clear
    (start,) = re.findall(rb"startxref\n(\d+)", clear)
    assert clear[int(start) :].startswith(b"xref")
    assert [clear[int(at) :][:5] for at in re.findall(rb"(\d{10}) 00000 n", clear)] == [b"1 0 o", b"2 0 o"]


# ------------------------------------------------------------------------------------------------------ cohort report


def test_samples_of_cohort_reports_meet_both_standards(tmp_path: Path) -> None:
    for name, report in (
        ("report", a_cohort_report()),
        ("nothing-yet", a_cohort_report(gaps=(), organisations=(), scored=0, waiting=(), made=())),
        ("many", a_cohort_report(participants=240, scored=180, organisations=a_cohort_report().organisations * 6)),
    ):
        pdf = cohort_report_pdf(report)
        (tmp_path / f"{name}.pdf").write_bytes(pdf)
        assert breaches(pdf) == []


def test_a_cohort_report_keeps_the_order_of_its_gaps_and_says_what_is_withheld() -> None:
    pdf = cohort_report_pdf(a_cohort_report())
    text, found = words(pdf), alternatives(pdf)
    estimates = [each for each in found if "participants" in each and "estimate" in each]
    assert estimates[0].startswith(
        "Improvement know-how, Putting it into practice: estimate 2.3, likely range 2.0 to 2.6"
    )
    assert "5 of 7 participants are scored" in found
    assert "Withheld: fewer than 3 participants." in text
    assert "Direct reports: 1 of 3" in text


# --------------------------------------------------------------------------------------------------------------- mail


def test_samples_of_mails_can_be_opened_in_a_browser(tmp_path: Path) -> None:
    for name, mail in (
        ("first", a_mail()),
        ("updated", a_mail(is_revision=True, revision=2, given_name="نور", contact="")),
    ):
        (tmp_path / f"mail-{name}.html").write_text(plan_mail(mail).html, encoding="utf-8")
        (tmp_path / f"mail-{name}.txt").write_text(plan_mail(mail).text, encoding="utf-8")


def test_both_bodies_say_the_same() -> None:
    mail = plan_mail(a_mail())
    for said in (
        "Dear",
        "Ffion",
        "development-plan.pdf",
        "240 KB",
        "26 March 2026",
        "academy@example.org",
        "PLAN-P-0001-1",
    ):
        assert said in mail.text
        assert said in mail.html


def test_names_are_escaped_in_html_and_plain_in_text() -> None:
    mail = plan_mail(a_mail(given_name="<b>Ffi & on</b>\x00\u202e"))
    assert "<b>Ffi &amp; on" not in mail.html
    assert "&lt;b&gt;Ffi &amp; on&lt;/b&gt;" in mail.html
    assert "Dear <b>Ffi & on</b>,\n" in mail.text


def test_the_mail_fetches_nothing_and_has_no_script() -> None:
    html = plan_mail(a_mail()).html
    assert not re.search(r"<script|<img|<link|@import|url\(|src=", html)
    assert 'lang="en"' in html
    assert "prefers-color-scheme: dark" in html


def test_what_is_not_known_is_not_said() -> None:
    mail = plan_mail(a_mail(first_review=None, contact="", size="", attached=True))
    assert "line manager.\n" in mail.text
    assert "ask your programme team" in mail.text
    assert "development-plan.pdf\n" in mail.text
    assert "mailto:" not in mail.html
    assert "None" not in mail.text + mail.html


def test_an_update_says_that_it_takes_the_place_of_the_earlier_plan() -> None:
    mail = plan_mail(replace(a_mail(), is_revision=True, revision=2, attached=False))
    assert "This is version 2; it takes the place of the one you have." in mail.text
    assert "development-plan.pdf" not in mail.text + mail.html
