"""The web door in the words of OpenAPI 3.1, served as `/openapi.json`.

Written by hand, because webhooks pass FastAPI by; a test calls the door as this document says, and in every other way
it can think of (`tests/contracts/test_openapi.py`).
"""

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI

Described = dict[str, Any]

_WORDS = {
    200: "Done, or known already.",
    202: "Taken; workers do the rest.",
    400: "The body did not arrive whole, or can't be read.",
    401: "Nobody is believed without the right signature or token.",
    404: "There is no such cohort.",
    405: "Another method is needed.",
    413: "The body is too large.",
    415: "Another content type is needed.",
    422: "The file has mistakes, each of them named; nothing of it counts.",
    500: "This went wrong on our side; send it again later.",
    503: "Not now; come again after Retry-After.",
    507: "The disk is nearly full; come again after Retry-After.",
}
_TEXT: Described = {"type": "string"}
_PROBLEM: Described = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": _TEXT, "mistakes": {"type": "array", "items": {"type": "object"}}},
}
_ID: Described = {"type": "string", "minLength": 1, "maxLength": 100}


def _object(**properties: Described) -> Described:
    return {"type": "object", "required": sorted(properties), "properties": properties}


def _answers(good: dict[int, Described], bad: Iterable[int]) -> Described:
    schemas = good | dict.fromkeys(bad, _PROBLEM)
    return {
        str(status): {"description": _WORDS[status], "content": {"application/json": {"schema": schema}}}
        for status, schema in schemas.items()
    }


def _at(name: str) -> Described:
    return {"name": name, "in": "path", "required": True, "schema": _ID}


_TAKEN = _object(status={"enum": ["accepted", "duplicate"]}, submission=_TEXT)
_FILE = _object(submission=_TEXT, kind=_TEXT, new={"type": "boolean"}, summary=_TEXT)
_BEARER: list[Described] = [{"token": []}]

DOCUMENT: Described = {
    "openapi": "3.1.0",
    "info": {"title": "talentline", "version": "1", "description": "Webhooks, uploads, runs. See docs/vendors.md."},
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "paths": {
        "/webhooks/{connection}": {
            "post": {
                "summary": "A survey tool delivers; how it proves itself depends on the tool.",
                "parameters": [_at("connection")],
                "requestBody": {"content": {"application/json": {"schema": {}}}},
                "responses": _answers({200: _TAKEN}, (400, 401, 413, 500, 503)),
            }
        },
        "/cohorts/{cohort}/submissions": {
            "post": {
                "summary": "Take one file of score sheets or marks.",
                "security": _BEARER,
                "parameters": [_at("cohort")],
                "requestBody": {
                    "required": True,
                    "content": {
                        "multipart/form-data": {"schema": _object(file={"type": "string", "format": "binary"})}
                    },
                },
                "responses": _answers({200: _FILE, 202: _FILE}, (400, 401, 404, 413, 415, 422, 500, 503, 507)),
            }
        },
        "/cohorts/{cohort}/runs": {
            "post": {
                "summary": "Ask for a run: every case is looked at again.",
                "security": _BEARER,
                "parameters": [_at("cohort")],
                "responses": _answers({202: _object(run=_TEXT)}, (401, 404, 500, 503, 507)),
            }
        },
        "/healthz": {
            "get": {"summary": "Is the process alive?", "responses": _answers({200: _object(status=_TEXT)}, ())}
        },
        "/readyz": {
            "get": {
                "summary": "Can it take submissions?",
                "responses": _answers({200: _object(status=_TEXT)}, (500, 503)),
            }
        },
        "/openapi.json": {
            "get": {"summary": "This document.", "responses": _answers({200: {"type": "object"}}, ())},
        },
    },
}


def routes(door: FastAPI) -> None:
    """Add the document's own route to a door."""

    @door.get("/openapi.json")
    async def document() -> Described:
        """How to talk to this door."""
        return DOCUMENT
