"""The web door keeps what its OpenAPI document says, however it is called: schemathesis makes the calls."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from services.intake.http import app, openapi
from services.intake.settings import IntakeSettings
from shared.db import Database
from tests.builders.intake import PILOT_SECRET, PILOT_SECRET_ENV, open_pilot

TOKEN = "a-token-for-tests"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
    ignored_auth,
]


@pytest.fixture
def door(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv(PILOT_SECRET_ENV, PILOT_SECRET)
    open_pilot(db)
    found = app(db, IntakeSettings(api_token=TOKEN))
    yield schemathesis.openapi.from_asgi("/openapi.json", found)
    found.close()


OPERATIONS = [(path, method) for path, item in openapi.DOCUMENT["paths"].items() for method in item]
over = pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])


def call(door: Any, path: str, method: str, *, cohort: str | None = None) -> None:
    """Call an operation in some dozen ways, right ones and wrong ones."""
    ways = [door[path][method].as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode]

    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=st.one_of(ways))
    def called(case: Any) -> None:
        if cohort:
            case.path_parameters = {"cohort": cohort}
        case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {TOKEN}"})

    called()


@over
def test_the_door_answers_as_its_document_says(door: Any, path: str, method: str) -> None:
    call(door, path, method)


@pytest.mark.parametrize("path", [path for path, _ in OPERATIONS if path.startswith("/cohorts/")])
def test_the_door_answers_so_about_a_cohort_that_is_there(door: Any, path: str) -> None:
    call(door, path, "post", cohort="pilot-p")


def test_every_route_is_in_the_document(db: Database) -> None:
    door = app(db, IntakeSettings())
    rest = door._rest  # (only it knows its routes)
    assert isinstance(rest, FastAPI)
    found = [route for route in rest.routes if isinstance(route, APIRoute)]
    routed = {(route.path, method.lower()) for route in found for method in route.methods or ()}
    assert set(OPERATIONS) == routed | {("/webhooks/{connection}", "post")}
    door.close()
