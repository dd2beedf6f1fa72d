"""The import rules of pyproject.toml bite: each is seen to fail on a copy of the program with one bad import."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = [
    contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
]

BAD_IMPORTS = [
    ("shared/bad.py", "import services.scoring", "deploy knows services"),
    ("shared/bad.py", "import deploy", "deploy knows services"),
    ("services/intake/core/bad.py", "import deploy.composition", "deploy knows services"),
    ("services/reporting/store.py", "import services.scoring.tables", "services know nothing of each other"),
    ("services/intake/core/bad.py", "import services.scoring.core", "services know nothing of each other"),
    ("services/scoring/store.py", "import services.scoring.handlers", "inside a service"),
    ("services/scoring/core/bad.py", "import services.scoring.store", "inside a service"),
    ("services/intake/actors.py", "import services.intake.http", "inside a service"),
    ("services/reporting/commands.py", "import services.reporting.handlers", "inside a service"),
    ("services/intake/vendors/bad.py", "import services.intake.store", "inside a service"),
    ("services/reporting/channels/bad.py", "import services.reporting.channels.folder", "plug-ins know nothing"),
    ("services/scoring/core/bad.py", "import time", "core, vendors and models are pure"),
    ("services/scoring/core/bad.py", "import random", "core, vendors and models are pure"),
    ("services/reporting/core/bad.py", "import os", "core, vendors and models are pure"),
    ("services/intake/core/bad.py", "import logging", "core, vendors and models are pure"),
    ("services/intake/core/bad.py", "import structlog", "core, vendors and models are pure"),
    ("services/intake/core/bad.py", "import shared.clock", "core, vendors and models are pure"),
    ("services/scoring/core/bad.py", "import shared.people", "core, vendors and models are pure"),
    ("services/intake/vendors/bad.py", "import httpx", "core, vendors and models are pure"),
    ("services/scoring/models/bad.py", "import pathlib", "core, vendors and models are pure"),
    ("shared/events/bad.py", "import sqlalchemy", "the contract of events"),
    ("shared/events/bad.py", "import shared.people", "the contract of events"),
    ("shared/framework/bad.py", "import sqlalchemy", "however far one follows"),
    ("shared/outbox.py", "import shared.broker", "the bus does not know its doorbell"),
    ("services/scoring/store.py", "import shared.broker", "the bus does not know its doorbell"),
    ("services/reporting/channels/bad.py", "import shared.people", "channels never see the database"),
    ("services/scoring/core/bad.py", "import shared.equality.store", "equality data are joined"),
    ("services/reporting/commands.py", "import shared.equality", "equality data are joined"),
    ("shared/people.py", "import shared.equality", "equality data are joined"),
    ("shared/outbox.py", "import dramatiq", "dramatiq is known to"),
    ("services/scoring/handlers.py", "import dramatiq", "dramatiq is known to"),
    ("services/intake/http.py", "import redis", "redis is known to"),
    ("services/scoring/commands/bad.py", "import fastapi", "web and terminal"),
    ("shared/logs.py", "import rich", "web and terminal"),
    ("services/intake/handlers.py", "import sqlalchemy", "only store, tables and invariants speak SQL"),
    ("services/reporting/store.py", "import httpx", "the world is reached through one client"),
    ("services/reporting/commands.py", "import smtplib", "the world is reached through one client"),
    ("services/reporting/store.py", "import typst", "documents are made by rendering"),
    ("shared/delivery.py", "import prometheus_client", "metrics and traces are known to deploy"),
    ("shared/db.py", "import alembic", "schema changes are made by shared.migrations"),
]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each broken rule once a copy of the program holds every bad import."""
    copy = tmp_path_factory.mktemp("copy")
    for package in ("deploy", "services", "shared", "tests/contracts"):
        shutil.copytree(ROOT / package, copy / package, ignore=lambda _, names: [n for n in names if not _is_code(n)])
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "services/intake/new_kind_of_part.py").touch()
    for file, line, _ in BAD_IMPORTS:
        with (copy / file).open("a") as source:
            source.write(f"\n{line}\n")
    status, report = lint(copy)
    assert status == 1, report
    return by_rule(report)


def _is_code(name: str) -> bool:
    return name.endswith(".py") or "." not in name


def lint(place: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, env=os.environ | {"COLUMNS": "500"})
    return done.returncode, done.stdout + done.stderr


def by_rule(report: str) -> dict[str, str]:
    """The part of the report on broken rules, cut at the rules' names."""
    rules = f"^({'|'.join(map(re.escape, CONTRACTS))})$"
    _, *parts = re.split(rules, report.partition("Broken contracts")[2], flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_program_keeps_every_rule() -> None:
    status, report = lint(ROOT)
    assert status == 0, report


@pytest.mark.parametrize(
    ("file", "line", "rule"), BAD_IMPORTS, ids=[f"{file}: {line}" for file, line, _ in BAD_IMPORTS]
)
def test_a_bad_import_breaks_its_rule(reports: dict[str, str], file: str, line: str, rule: str) -> None:
    importer = file.removesuffix(".py").replace("/", ".")
    said = next(part for name, part in reports.items() if rule in name)
    assert f"{importer} -> {line.removeprefix('import ')} " in f"{said} ".replace("\n", " ")


def test_a_new_part_of_a_service_needs_a_place_in_the_layers(reports: dict[str, str]) -> None:
    said = next(part for name, part in reports.items() if "inside a service" in name)
    assert "- services.intake.new_kind_of_part" in said


def test_every_rule_has_a_bad_import_that_breaks_it() -> None:
    untested = [name for name in CONTRACTS if not any(rule in name for _, _, rule in BAD_IMPORTS)]
    assert not untested


NEVER_CALLED = {
    "now": "a time comes in as a value",
    "today": "a time comes in as a value",
    "utcnow": "a time comes in as a value",
    "open": "core reads no file",
    "urlopen": "core reaches nobody",
    "make_msgid": "ids come in as values",
    "formatdate": "a time comes in as a value",
    "localtime": "a time comes in as a value",
    "print": "core returns what it has to say",
    "input": "core asks nobody",
    "hash": "differs from process to process",
    "id": "differs from process to process",
    "eval": "never",
    "exec": "never",
    "seed": "chance comes from a generator made from a stated seed",
}
"""Calls that the import rules can't see, and why core and the pure plug-ins don't make them."""


def pure_modules() -> Iterator[Path]:
    places = [*ROOT.glob("services/*/core"), ROOT / "services/intake/vendors", ROOT / "services/scoring/models"]
    yield from chain.from_iterable(place.rglob("*.py") for place in places)


def impurities(source: str) -> list[str]:
    """The calls in `source` that a pure module doesn't make.

    >>> impurities("from datetime import datetime; x = datetime.now()")
    ['now() in line 1: a time comes in as a value']
    >>> impurities("import numpy as np; x = np.random.default_rng()")
    ['default_rng() in line 1: needs a seed']
    >>> impurities("import numpy as np; x = np.random.normal(0, 1)")
    ['normal() in line 1: chance comes from a generator made from a stated seed']
    >>> impurities("import numpy as np; x = np.random.default_rng(7)")
    []
    """
    found = []
    for call in ast.walk(ast.parse(source)):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        of_numpy = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).endswith(
            ("np.random", "numpy.random")
        )
        if name == "default_rng":
            why = None if call.args or call.keywords else "needs a seed"
        else:
            why = NEVER_CALLED.get("seed") if of_numpy and name[:1].islower() else NEVER_CALLED.get(name)
        if why:
            found.append(f"{name}() in line {call.lineno}: {why}")
    return found


def test_core_and_pure_plugins_make_no_impure_call() -> None:
    found = {str(path.relative_to(ROOT)): impurities(path.read_text()) for path in pure_modules()}
    assert len(found) > 10
    assert not {path: calls for path, calls in found.items() if calls}


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py", "base_service.py"}
    code = chain.from_iterable((ROOT / package).rglob("*.py") for package in ("deploy", "services", "shared"))
    assert not [path for path in code if path.name in drawers]
