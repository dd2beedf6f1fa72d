"""What happened in a demo, collected for the summary at the terminal and for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from deploy.composition import Installation
from deploy.demo.sending import Answer, Upload
from services.intake import store as intake
from services.reporting import store as reporting
from services.reporting.commands import plan_pdf
from services.reporting.rendering import plan_pages_png
from services.scoring import store as scoring
from shared.cohort.folder import CohortFolder
from shared.ids import CohortId


@dataclass(frozen=True, slots=True)
class PlanTold:
    """One plan and its mail, with the files to look at (paths within the demo's folder)."""

    participant: str
    name: str
    sent: bool
    message_id: str
    pdf: Path
    pictures: tuple[Path, ...]
    eml: Path | None
    mail: Path | None


@dataclass(frozen=True, slots=True)
class Told:
    """Everything the demo has to tell."""

    folder: Path
    opened: CohortFolder
    answers: Sequence[Answer]
    uploads: Sequence[Upload]
    rejected: Sequence[Upload]
    before: Sequence[scoring.ParticipantStatus]
    after: Sequence[scoring.ParticipantStatus]
    sent_before: int
    quarantined: Sequence[intake.Quarantined]
    refusals: Sequence[intake.Refusal]
    results: Sequence[scoring.ResultRow]
    plans: Sequence[PlanTold]
    records: Sequence[reporting.PoolRecord]
    report: reporting.StoredReport
    report_pdf: Path

    @classmethod
    def collected(
        cls,
        installation: Installation,
        folder: Path,
        opened: CohortFolder,
        answers: Sequence[Answer],
        uploads: Sequence[Upload],
        rejected: Sequence[Upload],
        before: Sequence[scoring.ParticipantStatus],
        sent_before: int,
    ) -> "Told":
        """Look at the installation when all is done, and write the files to look at."""
        cohort = CohortId(opened.definition.cohort)
        with installation.db.read() as connection:
            report = reporting.latest_report(connection, cohort)
            assert report is not None, "two runs have made a report"
            report_pdf = folder / "cohort-report.pdf"
            report_pdf.write_bytes(report.pdf)
            return cls(
                folder=folder,
                opened=opened,
                answers=answers,
                uploads=uploads,
                rejected=rejected,
                before=before,
                after=scoring.status_of(connection, opened.definition),
                sent_before=sent_before,
                quarantined=intake.quarantined(connection, cohort),
                refusals=intake.refusals(connection, cohort),
                results=scoring.results_of(connection, cohort),
                plans=[
                    _plan(folder, opened, connection, cohort, plan) for plan in reporting.plans_of(connection, cohort)
                ],
                records=reporting.pool_of(connection, cohort=cohort),
                report=report,
                report_pdf=report_pdf,
            )

    @property
    def promises(self) -> list[tuple[str, bool]]:
        """What a demo promises, and whether it happened."""
        everyone = len(self.opened.participants)
        waiting: dict[str, str] = {
            status.participant: " ".join(status.missing) for status in self.before if not status.scored
        }
        mails = list((self.folder / "mail").glob("*.eml"))
        return [
            ("every delivery was answered as its sender must see it", all(a.as_expected for a in self.answers)),
            ("every score sheet and mark was taken", all(u.status < 300 for u in self.uploads)),
            ("the sheet with mistakes was refused whole", all(u.status == 422 for u in self.rejected)),
            ("five were scored by the first run", sum(s.scored for s in self.before) == 5),
            (
                "P-0003 waited for a mark, P-0007 for direct reports",
                "W3" in waiting["P-0003"] and "direct reports" in waiting["P-0007"],
            ),
            ("five plans went out with the first run", self.sent_before == 5),
            ("all are scored after the late arrivals", all(s.scored for s in self.after)),
            ("everybody has one plan, sent once", len(mails) == everyone == sum(plan.sent for plan in self.plans)),
            ("everybody has a pool record", len(self.records) == everyone),
            ("four submissions are in quarantine, with reasons", len(self.quarantined) == 4),
            ("one forged delivery was refused", sum(refusal.count for refusal in self.refusals) == 1),
            ("the gap is improvement know-how, in knowing and in applying", self._gap() == {"IK"}),
        ]

    def _gap(self) -> set[str]:
        """The weakest domain in each facet."""
        weakest: dict[str, str] = {}
        for gap in self.report.document.gaps:
            weakest.setdefault(gap.facet, gap.domain)
        return set(weakest.values())


def _plan(
    folder: Path, opened: CohortFolder, connection: reporting.Connection, cohort: CohortId, plan: reporting.PlanRow
) -> PlanTold:
    """One plan's files: the PDF, its pages as pictures, the mail as a page."""
    names = {person.participant: person.name for person in opened.participants}
    document = reporting.plan_document(connection, cohort, plan.participant, plan.revision)
    place = folder / "plans"
    place.mkdir(exist_ok=True)
    pdf = place / f"{plan.participant}.pdf"
    pdf.write_bytes(plan_pdf(connection, cohort, plan.participant, plan.revision))
    pictures = []
    for number, picture in enumerate(plan_pages_png(document), start=1):
        pictures.append(place / f"{plan.participant}-{number}.png")
        pictures[-1].write_bytes(picture)
    eml = next(iter(_mails(folder, plan.message_id)), None)
    return PlanTold(
        participant=plan.participant,
        name=names[plan.participant],
        sent=plan.sent,
        message_id=plan.message_id or "",
        pdf=pdf,
        pictures=tuple(pictures),
        eml=eml,
        mail=_readable(eml, folder / "mails" / f"{plan.participant}.html") if eml else None,
    )


def _mails(folder: Path, message_id: str | None) -> list[Path]:
    found = [file for file in (folder / "mail").glob("*.eml") if _message(file)["Message-ID"] == message_id]
    return sorted(found)


def _message(file: Path) -> EmailMessage:
    return message_from_bytes(file.read_bytes(), policy=default)


def _readable(eml: Path, to: Path) -> Path:
    """The mail's HTML part as a page of its own, under its subject and sender."""
    body = _message(eml).get_body(preferencelist=("html",))
    assert body is not None, "every plan's mail has an HTML part"
    to.parent.mkdir(exist_ok=True)
    to.write_text(body.get_content(), encoding="utf-8")
    return to
