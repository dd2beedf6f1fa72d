"""What `talentline check` looks at: settings, connections, secrets, invariants. Each problem names its cure."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import redis
import sqlalchemy as sa

from deploy.composition import Installation
from deploy.invariants import INVARIANTS
from services.reporting import mail
from services.reporting.channels import channel_for
from services.reporting.core.channel import ChannelError
from shared import migrations, restores
from shared.broker import client_for
from shared.bus import deliveries
from shared.clock import now
from shared.cohort.store import cohorts_open, definition_of
from shared.errors import TalentlineError
from shared.invariants import findings as kept

LOW_WATER_MB = 500
MENDED_OF_LATE = timedelta(days=7)
"""How long something that the reconciler had to put right stays a problem here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: fine or not, in words, with the cure."""

    what: str
    fine: bool
    words: str


def findings(installation: Installation) -> list[Finding]:
    """Everything that was looked at. What needs the database is left out when the database is away."""
    found = [
        _data_dir(installation),
        _database(installation),
        _queue(installation),
        _mail(installation),
        _token(installation),
    ]
    if found[1].fine:
        found += [*_secrets(installation), _parked(installation), _held(installation), _restore(installation)]
        found += [_mended(installation), *_invariants(installation)]
    return found


def _data_dir(installation: Installation) -> Finding:
    place = installation.settings.data_dir
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free // 2**20
    except OSError as error:
        return Finding("data directory", False, f"{place} can't be written ({error.strerror}); set TALENTLINE_DATA_DIR")
    return Finding("data directory", free > LOW_WATER_MB, f"{place.resolve()}, {free} MB free")


def _database(installation: Installation) -> Finding:
    shown = installation.settings.database_shown
    try:
        if migrations.pending(installation.settings.database):
            return Finding("database", False, f"{shown} lacks tables; run `talentline migrate`")
        with installation.db.read() as connection:
            connection.execute(sa.select(1))
    except (TalentlineError, sa.exc.SQLAlchemyError) as error:
        return Finding(
            "database", False, f"{shown} does not answer ({type(error).__name__}); check TALENTLINE_DATABASE_URL"
        )
    return Finding("database", True, shown)


def _queue(installation: Installation) -> Finding:
    url = installation.settings.redis_url
    if url is None:
        return Finding(
            "queue server", True, "none set: `talentline up` starts its own; workers find their work by sweeping"
        )
    try:
        client_for(url).ping()
    except redis.RedisError as error:
        return Finding(
            "queue server",
            False,
            f"no answer ({type(error).__name__}); nothing is lost, work is slower; check TALENTLINE_REDIS_URL",
        )
    return Finding("queue server", True, "answers")


def _mail(installation: Installation) -> Finding:
    try:
        channel_for(installation.reporting.mail, installation.reporting.mail_archive).check()
    except ChannelError as error:
        archive = " and TALENTLINE_MAIL_ARCHIVE" if installation.reporting.mail_archive else ""
        return Finding("mail", False, f"{error}; check TALENTLINE_MAIL_URL{archive}")
    return Finding("mail", True, installation.reporting.mail_shown)


def _token(installation: Installation) -> Finding:
    if installation.intake.api_token:
        return Finding("uploads", True, "a token is set")
    return Finding("uploads", True, "off over HTTP; set TALENTLINE_API_TOKEN to allow them")


def _secrets(installation: Installation) -> Iterator[Finding]:
    with installation.db.read() as connection:
        for cohort in cohorts_open(connection):
            for name, each in definition_of(connection, cohort).connections.items():
                fine = bool(os.environ.get(each.secret_env))
                words = (
                    "secret is set"
                    if fine
                    else f"set {each.secret_env} for the web process; until then deliveries are refused"
                )
                yield Finding(f"connection {name} of {cohort}", fine, words)


def _parked(installation: Installation) -> Finding:
    with installation.db.read() as connection:
        query = sa.select(sa.func.count()).select_from(deliveries).where(deliveries.c.state == "parked")
        count = connection.execute(query).scalar_one()
    return Finding(
        "deliveries", count == 0, f"{count} parked" + ("; see `talentline deliveries list --parked`" if count else "")
    )


def _held(installation: Installation) -> Finding:
    with installation.db.read() as connection:
        count = len(mail.held(connection))
    words = f"{count} need a person; see `talentline mail held`" if count else "none needs a person"
    return Finding("mails", count == 0, words)


def _restore(installation: Installation) -> Finding:
    with installation.db.read() as connection:
        is_open = restores.is_open(connection)
    words = "its gap is open: mails are looked up or held before they go out; docs/backup.md says how to settle it"
    return Finding("restore", not is_open, words if is_open else "none is open")


def _mended(installation: Installation) -> Finding:
    with installation.db.read() as connection:
        recent = [each for each in kept.found(connection) if each.mended_at and each.mended_at > now() - MENDED_OF_LATE]
    words = ", ".join(f"{each.mended} × {each.name}" for each in recent)
    cure = "it is mended, but must not happen; `talentline status` and the audit trail say more; report it"
    return Finding(
        "reconciler", not recent, f"put right by itself: {words}; {cure}" if recent else "had nothing to mend"
    )


def _invariants(installation: Installation) -> Iterator[Finding]:
    for name, rule in INVARIANTS.items():
        with installation.db.read() as connection:
            ids = rule(connection)
        words = "holds" if not ids else f"broken for {len(ids)} ({', '.join(ids[:5])}): {rule.means}. {rule.cure}"
        yield Finding(f"invariant {name}", not ids, words)
