"""Every plug-in file stands in its dictionary: one that nobody can reach is a mistake; so is a line without a file."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from services.intake import invariants as intake_invariants
from services.intake import vendors
from services.intake.vendors import VENDORS
from services.reporting import channels
from services.reporting import invariants as reporting_invariants
from services.reporting.channels import CHANNELS
from services.scoring import invariants as scoring_invariants
from services.scoring import models
from services.scoring.models import MODELS
from shared.invariants import bus as bus_invariants

REGISTRIES: list[tuple[str, str, Mapping[str, object]]] = [
    (vendors.__name__, str(vendors.__file__), VENDORS),
    (channels.__name__, str(channels.__file__), CHANNELS),
    (models.__name__, str(models.__file__), {name: model.adjusts or model.describes for name, model in MODELS.items()}),
    *(
        (package.__name__, str(package.__file__), {name: rule.broken for name, rule in package.INVARIANTS.items()})
        for package in (bus_invariants, intake_invariants, scoring_invariants, reporting_invariants)
    ),
]


def unregistered(folder: Path, package: str, registry: Mapping[str, object]) -> set[str]:
    """The plug-in files and folders of a folder that no entry of the registry comes from."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in folder.glob("*/__init__.py")}
    return (files | folders) - {str(entry.__module__).removeprefix(f"{package}.") for entry in registry.values()}


@pytest.mark.parametrize(("package", "file", "registry"), REGISTRIES, ids=[name for name, _, _ in REGISTRIES])
def test_every_file_is_in_the_dictionary(package: str, file: str, registry: Mapping[str, object]) -> None:
    assert registry
    assert not unregistered(Path(file).parent, package, registry)


@pytest.mark.parametrize(("package", "file", "registry"), REGISTRIES, ids=[name for name, _, _ in REGISTRIES])
def test_every_entry_comes_from_a_file_of_its_package(package: str, file: str, registry: Mapping[str, object]) -> None:
    assert not [name for name, entry in registry.items() if not str(entry.__module__).startswith(f"{package}.")]


def test_a_file_that_is_not_in_the_dictionary_is_seen(tmp_path: Path) -> None:
    for name in ("__init__.py", "typeform.py", "nowhere_named.py"):
        (tmp_path / name).touch()
    (tmp_path / "folder_named_nowhere").mkdir()
    (tmp_path / "folder_named_nowhere" / "__init__.py").touch()
    expected = {"nowhere_named", "folder_named_nowhere"}
    assert unregistered(tmp_path, "services.intake.vendors", VENDORS) == expected
