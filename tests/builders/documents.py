"""Documents to look at and to render: plans of invented people, a cohort's report, a mail."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from services.reporting.core.documents import (
    Action,
    CohortReportDocument,
    CommentTheme,
    CompetencyRow,
    DomainSection,
    GapRow,
    Goal,
    GroupRow,
    MailWords,
    OrganisationSection,
    PlanDocument,
    Point,
    Range,
    Review,
    Row,
    WaitingRow,
)

DRAFTED = date(2026, 3, 12)

NAMES = (
    "Ffion Nakamura-Llŷr",
    "Wojciech Zażółciński",
    "Nguyễn Thị Phượng",
    "Adébáyọ̀ Ọlátúnjí",
    "Ελένη Παπαδοπούλου",
    "Юлія Шевченко",
    "محمد بن راشد",
    "רחל כהן",
    "प्रिया शर्मा",
    "শ্রেয়া চট্টোপাধ্যায়",
    "ਹਰਪ੍ਰੀਤ ਸਿੰਘ",
    "કૃપા પટેલ",
    "தமிழ்ச்செல்வி முருகன்",
    "శ్రీనివాస్ రెడ్డి",
    "สมชาย ใจดี",
    "ნინო ბერიძე",
    "Անահիտ Սարգսյան",
    "አበበ ተስፋዬ",
    "王小明",
    "佐藤 さくら",
    "김민준",
)

DOMAINS = (
    (
        "SL",
        "Systems leadership",
        (
            "Shared purpose across organisations",
            "Trust and partnership",
            "Seeing the whole",
            "Leading without authority",
        ),
    ),
    (
        "IK",
        "Improvement know-how",
        ("Framing the problem", "Measuring for improvement", "Testing change", "Building capability in others"),
    ),
    (
        "CL",
        "Compassionate leadership",
        ("Attending", "Understanding", "Helping and holding to account", "Inclusion"),
    ),
    ("PH", "Population health and reducing inequalities", ("Reading local need", "Acting on causes")),
    ("DG", "Digital and data", ("Using data with care", "Choosing tools")),
    ("WF", "Workforce and talent", ("Growing successors", "Planning together", "Fair opportunity")),
    ("FR", "Resources and stewardship", ("Spending for value",)),
    ("CO", "Co-production with citizens, carers and communities", ("Sharing decisions", "Listening early")),
)


def a_range(estimate: float, half: float = 0.4, *, anchored: bool = False) -> Range:
    return Range(estimate, max(1.0, estimate - half), min(5.0, estimate + half), anchored)


def a_domain(at: int, **changes: Any) -> DomainSection:
    code, name, competencies = DOMAINS[at]
    level = (3.6, 2.4, 4.1, 3.0, 2.8, 3.3, 4.6, 1.4)[at]
    wobble = (0.1, -0.3, 0.4, -0.1)
    section = DomainSection(
        code=code,
        name=name,
        figure=a_range(level, 0.32),
        self_rating=min(5.0, level + (0.9, -0.4, 0.05)[at % 3]),
        others=level + (0.2, -0.1, 0.1)[at % 3],
        summary=f"Your evidence places you at {level:.1f} on the scale, and most likely between {level - 0.32:.1f} and "
        f"{level + 0.32:.1f}. The three sources agree well, so this is a figure to build on.",
        gap="You rate yourself higher here than the people you work with do. A conversation with two of them would "
        "show what they see less of than you do."
        if at % 3 == 0
        else None,
        facets=(
            Row("Knowing", a_range(level + 0.2, 0.5), "9 raters, 4 assessors, 2 markers"),
            Row("Applying", a_range(level - 0.1, 0.4), "9 raters, 4 assessors"),
        ),
        sources=(
            Row("360 appraisal", a_range(level + 0.2, 0.35), "9 raters"),
            Row("Development day", a_range(level - 0.2, 0.45), "4 assessors, 4 exercises"),
            Row("Written assessment", a_range(level - 0.3, 0.9, anchored=True), "2 markers"),
        ),
        groups=(
            GroupRow("line manager", 1, level + 0.4),
            GroupRow("peers and system partners", 5, level),
            GroupRow("direct reports", 3, level + 0.3),
        ),
        competencies=tuple(
            CompetencyRow(
                name=title,
                figure=a_range(level + wobble[n], 0.5 + 0.1 * n, anchored=n == 3),
                self_rating=None if n == 2 else min(5.0, level + wobble[n] + 0.05 * n),
                others=level + wobble[n] + 0.02,
                behind="9 raters, 2 assessors",
            )
            for n, title in enumerate(competencies)
        ),
    )
    return replace(section, **changes)


def a_goal(number: int, domain: str, competency: str, title: str, **changes: Any) -> Goal:
    goal = Goal(
        number=number,
        domain=domain,
        competency=competency,
        title=title,
        reason="This is your lowest competency in the domain, and the 360 appraisal and the development day say so. "
        "It is also one where practice shows quickly.",
        actions=(
            Action(
                "experience",
                "Try one change with one team for two weeks. Write down beforehand what you expect to see.",
            ),
            Action("people", "Ask an improvement coach to look at your data with you once a month."),
            Action("course", "Take the short course on run charts and measurement over time."),
        ),
        support="Your line manager agrees two hours a week; the improvement team lends a coach.",
        measure="Two small tests are written up, each with a measure that was chosen before the test began.",
        review=DRAFTED + timedelta(weeks=6 * number),
    )
    return replace(goal, **changes)


def a_plan(many: int = 3, **changes: Any) -> PlanDocument:
    plan = PlanDocument(
        reference="PLAN-P-0001-1",
        revision=1,
        cohort_title="Aspiring Talent pilot",
        name=NAMES[0],
        given_name="Ffion",
        organisation="Fenland Community Care Group",
        drafted=DRAFTED,
        scale_minimum=1.0,
        scale_maximum=5.0,
        scale_low_word="Never",
        scale_high_word="Always",
        opening="Thank you for the work you put into this, Ffion. Your evidence shows a leader whom people trust, most "
        "of all in compassionate leadership. The clearest opportunity is improvement know-how: turning good ideas into "
        "small, measured tests that others can see and copy.",
        domains=tuple(a_domain(at) for at in range(many)),
        strengths=(
            Point(
                "CL",
                "Attending",
                "People describe you as someone who listens, also when it is busy. All sources agree.",
            ),
            Point("CL", "Inclusion", "Direct reports rate this among your highest."),
            Point("SL", "Trust and partnership", "Partners say that you keep promises across organisations."),
        ),
        strengths_note="",
        priorities=(
            Point("IK", "Testing change", "Plans went straight to full roll-out, in the exercises and at work."),
            Point(
                "IK", "Measuring for improvement", "Before-and-after figures stood where a run chart would show more."
            ),
            Point("SL", "Leading without authority", "You see this in yourself more often than others do."),
        ),
        priorities_note="The figures of these three lie close together: choose the one that matters most to you.",
        goals=(
            a_goal(1, "IK", "Testing change", "Run two small tests of change and share what you learn"),
            a_goal(2, "IK", "Measuring for improvement", "Show data over time in every team review"),
            a_goal(
                3, "SL", "Leading without authority", "Bring one decision to a shared agreement between organisations"
            ),
        ),
        goals_note="These goals follow from your priorities. They are a draft: change the words until they are yours.",
        questions=(
            "Which of these results rings true, and which one surprises you?",
            "What would my team notice first if the first goal went well?",
            "Who could I ask to watch me try, and to tell me honestly what they saw?",
        ),
        reviews=(
            Review(DRAFTED + timedelta(weeks=2), "Agree this plan with your line manager"),
            Review(DRAFTED + timedelta(weeks=6), "What did the first test teach you?"),
            Review(DRAFTED + timedelta(weeks=12), "Check each measure, change what does not work"),
            Review(DRAFTED + timedelta(weeks=26), "A short repeat 360 on your priorities"),
        ),
        comments=(
            CommentTheme(
                "What should this person keep doing?",
                (
                    "She makes time when it is busy, and remembers what you said last time.",
                    "Brings people with very different views into the same conversation.",
                    "Mae hi’n gwrando’n astud ac yn rhoi hyder i’r tîm.",
                    "تستمع إلى الجميع باهتمام، وتذكر ما قيل لها.",
                ),
                ("I try to be there when something goes wrong.",),
            ),
            CommentTheme(
                "What could this person do differently?",
                (
                    "I would like to know how we will tell whether a new idea has worked. 👍",
                    "Try it with one team first, then show us what you learned.\nThen let us decide together.",
                ),
                (),
            ),
        ),
        comments_note="Comments are shown in random order and without names, exactly as they were written.",
        made=(
            "Three sources stand behind this plan: a 360 appraisal, a development day and a written assessment.",
            "Your own ratings are shown beside the others and enter no estimate.",
            "The likely range is a 95 % interval. Where it rests on an assumption, the bar is dashed and says “about”.",
            "A group of fewer than three raters is never shown on its own.",
            "A plan is no verdict. It can’t know your circumstances; you and your line manager can.",
        ),
    )
    return replace(plan, **changes)


def a_gap(domain: int, facet: str, estimate: float | None, n: int = 7, **changes: Any) -> GapRow:
    code, name, _ = DOMAINS[domain]
    row = GapRow(
        domain=code,
        domain_name=name,
        facet=facet,
        facet_name={"know": "Knowing how", "apply": "Putting it into practice"}[facet],
        n=n,
        figure=None if estimate is None else a_range(estimate, 0.3),
        note="" if estimate is not None else "Withheld: fewer than 3 participants.",
    )
    return replace(row, **changes)


def a_cohort_report(**changes: Any) -> CohortReportDocument:
    gaps = (
        a_gap(1, "apply", 2.3),
        a_gap(1, "know", 2.6),
        a_gap(0, "apply", 3.1),
        a_gap(0, "know", 3.4),
        a_gap(2, "apply", 3.7),
        a_gap(2, "know", None, n=0),
    )
    report = CohortReportDocument(
        reference="COHORT-pilot-p-2",
        cohort_title="Aspiring Talent pilot",
        drafted=DRAFTED,
        scale_minimum=1.0,
        scale_maximum=5.0,
        participants=7,
        scored=5,
        summary="Improvement know-how is the cohort’s widest gap, in applying (2.3) and in knowing (2.6). "
        "Compassionate leadership is strongest. Five of seven participants are scored; two wait for evidence.",
        gaps=gaps,
        organisations=(
            OrganisationSection("Fenland Community Care Group", "4 participants", gaps, ""),
            OrganisationSection(
                "North Cam University Hospitals",
                "fewer than 3",
                tuple(a_gap(domain, facet, None) for domain in range(3) for facet in ("know", "apply")),
                "Not shown: with fewer than 3 participants the figures would tell about single people.",
            ),
        ),
        waiting=(
            WaitingRow("P-0003", ("W3: markers differ by 5, a third mark is needed",)),
            WaitingRow("P-0007", ("direct reports: 1 of 3",)),
        ),
        made=(
            "A cohort’s figure is the mean of its participants’ domain results. The range is a 95 % interval.",
            "Figures of fewer than 3 participants are not shown, nor a second one from which they follow.",
        ),
        domains=("SL", "IK", "CL"),
    )
    return replace(report, **changes)


def a_mail(**changes: Any) -> MailWords:
    mail = MailWords(
        subject="Your personal development plan is ready",
        name=NAMES[0],
        given_name="Ffion",
        cohort_title="Aspiring Talent pilot",
        reference="PLAN-P-0001-1",
        revision=1,
        is_revision=False,
        first_review=DRAFTED + timedelta(weeks=2),
        attached=True,
        file_name="development-plan.pdf",
        size="240 KB",
        contact="academy@example.org",
    )
    return replace(mail, **changes)
