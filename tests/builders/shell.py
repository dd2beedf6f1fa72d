"""Commands as a coordinator types them, into an installation of their own.

In this process (`Here`), since a process for each would cost two seconds and the command's function is the same; with a
process for each (`Shell`) where that is what is tested.
"""

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import structlog

from deploy.cli import main
from tests.builders.bench import TOKEN

SECRET = "another-secret"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command ended with, and what it printed."""

    status: int
    out: str
    err: str


def environment_of(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of an installation in `data_dir`; its tables are printed wide."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TALENTLINE_")}
    return {**kept, "TALENTLINE_DATA_DIR": str(data_dir), "COLUMNS": "200", **more}


def typed_here(environment: Mapping[str, str], *words: str) -> Ended:
    """Run `talentline` with these words in this process, and leave everything as it was."""
    out, err, logging = io.StringIO(), io.StringIO(), structlog.get_config()
    status: object = 0
    with (
        patch.dict(os.environ, environment, clear=True),
        patch.object(sys, "argv", ["talentline", *words]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        finally:
            structlog.configure(**logging)
    assert isinstance(status, int), status
    return Ended(status, out.getvalue(), err.getvalue())


def typed(environment: Mapping[str, str], *words: str) -> Ended:
    """Run `talentline` with these words as a process."""
    command = [sys.executable, "-m", "deploy", *words]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=120)
    return Ended(done.returncode, done.stdout, done.stderr)


class Shell:
    """Types commands into one installation with a door of its own."""

    run = staticmethod(typed)

    def __init__(self, data_dir: Path, secret_env: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        more = {"TALENTLINE_HTTP_PORT": str(self.port), "TALENTLINE_API_TOKEN": TOKEN, secret_env: SECRET}
        self.environment = environment_of(data_dir, **more)

    def type(self, *words: str, status: int = 0) -> str:
        """Run a command; it must end with this status. Gives what it printed."""
        done = self.run(self.environment, *words)
        assert done.status == status, done.out + done.err
        return done.out + done.err

    def json(self, *words: str) -> Any:
        """Run a listing with --json."""
        return json.loads(self.type(*words, "--json"))


class Here(Shell):
    """The same in this process."""

    run = staticmethod(typed_here)
