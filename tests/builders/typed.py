"""Commands as they are typed, in this process: quicker than one of their own, and a defect keeps its traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from shared.db import Database
from shared.errors import TalentlineError

Type = Callable[..., tuple[int, str]]
"""Words of a command → exit status, and what it said."""
Said = Callable[..., str]
"""Words of a command → what it said; `status` is what it must end with."""


def typist(db: Database, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Somebody who types commands into the installation of this database."""
    monkeypatch.setenv("TALENTLINE_DATABASE_URL", db.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TALENTLINE_DATA_DIR", str(data_dir))

    def typed(*words: str) -> tuple[int, str]:
        done = CliRunner(env={"COLUMNS": "240"}).invoke(app, list(words))
        if isinstance(done.exception, TalentlineError):
            return 1, str(done.exception)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output

    return typed


def said_by(type_: Type) -> Said:
    """The same typist, for commands whose status is known before: 0 unless said otherwise."""

    def said(*words: str, status: int = 0) -> str:
        ended, told = type_(*words)
        assert ended == status, told
        return told

    return said
