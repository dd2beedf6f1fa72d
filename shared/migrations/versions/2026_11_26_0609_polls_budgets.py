"""How far each form of a tool was asked, what is known of its responses, and how much of an API's allowance is used."""

import sqlalchemy as sa
from alembic import op

from shared.tables import Json, Moment

revision = "2026_11_26_0609_polls_budgets"
down_revision = "2026_11_24_0412_restores"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intake_form_details",
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False, comment="SHA-256 of method and address"),
        sa.Column("headers", Json, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("cohort", "connection", "request", name=op.f("pk_intake_form_details")),
        comment="what a tool's API said about forms: the same for all responses for a while",
    )
    op.create_table(
        "intake_polls",
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("form", sa.String(length=200), nullable=False),
        sa.Column(
            "cursor",
            sa.Text(),
            nullable=True,
            comment="where a run begins, in the tool's words; NULL: at the cohort's opening",
        ),
        sa.Column("seen", sa.Text(), nullable=True, comment="the cursor after this run, as far as it got"),
        sa.Column(
            "following",
            Json,
            nullable=True,
            comment="the request for the next page of this run; NULL: no run is under way",
        ),
        sa.Column("turn", sa.Integer(), server_default="0", nullable=False, comment="+1 whenever the place moves"),
        sa.Column("pages", sa.Integer(), server_default="0", nullable=False, comment="of this or the last run"),
        sa.Column(
            "news", sa.Integer(), server_default="0", nullable=False, comment="responses in them that were not known"
        ),
        sa.Column(
            "asked_at", Moment(), nullable=True, comment="when a run was asked for that has not ended; NULL: none"
        ),
        sa.Column("ended_at", Moment(), nullable=True, comment="when a run last went through"),
        sa.Column(
            "failed_at",
            Moment(),
            nullable=True,
            comment="when the tool last did not give what was asked for; NULL: it did since",
        ),
        sa.Column("reason", sa.Text(), nullable=True, comment="why"),
        sa.PrimaryKeyConstraint("cohort", "connection", "form", name=op.f("pk_intake_polls")),
        comment="how far each form of a tool has been asked; moved in the transaction that stores a page",
    )
    op.create_table(
        "intake_responses",
        sa.Column("cohort", sa.String(length=100), nullable=False),
        sa.Column("connection", sa.String(length=100), nullable=False),
        sa.Column("response", sa.String(length=64), nullable=False, comment="SHA-256 of the form and response ids"),
        sa.Column("submission", sa.String(length=36), nullable=False, comment="which brought this state"),
        sa.Column("revision", sa.String(length=200), nullable=True, comment="the tool's name for this state"),
        sa.Column("as_of", Moment(), nullable=True, comment="when this state came to be; NULL: the tool does not say"),
        sa.Column("partial", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("polled", sa.Boolean(), server_default=sa.false(), nullable=False, comment="it came by asking"),
        sa.ForeignKeyConstraint(["submission"], ["intake_submissions.id"], name=op.f("fk_intake_responses_submission")),
        sa.PrimaryKeyConstraint("cohort", "connection", "response", name=op.f("pk_intake_responses")),
        comment="what is known of each response of tools that can be asked, so that asking again brings only what is new",
    )
    with op.batch_alter_table("bus_lanes", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("minute", Moment(), nullable=True, comment="when the minute began in which uses are counted")
        )
        batch_op.add_column(sa.Column("minute_uses", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column(
                "day", Moment(), nullable=True, comment="when the day began, at midnight UTC, in which uses are counted"
            )
        )
        batch_op.add_column(sa.Column("day_uses", sa.Integer(), server_default="0", nullable=False))
