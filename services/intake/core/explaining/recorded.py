"""A recorded delivery: the raw request, and how its connection was configured. The shape is that of the samples in
`tests/samples/`; docs/vendors.md describes it.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from services.intake.core.identity import PARTICIPANT_FIELDS, RATER_FIELDS, RELATIONSHIP_FIELDS
from services.intake.core.instruments import COMMENT, IDENTITY
from services.intake.core.matching import NULL
from services.intake.core.roster import Roster
from services.intake.core.source import Source
from services.intake.core.submission import RawRequest
from services.intake.core.vendor import ApiAnswer, Secrets
from shared.cohort.definition import (
    AppraisalRequirement,
    CohortDefinition,
    Connection,
    Disclosure,
    Evidence,
    FormField,
    Pool,
    Release,
)
from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.words import Facet, Instrument, PoolPolicy, Relationship, ReleasePolicy

SOURCE = Source("recorded", Instrument.APPRAISAL_360)
ANY_SCALE = Scale(minimum=0, maximum=100)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded delivery, as its connection was configured."""

    id: str
    vendor: str
    request: RawRequest = field(repr=False)
    secrets: Secrets
    settings: Mapping[str, str]
    now: datetime
    definition: CohortDefinition
    after: tuple[str, ...]
    """Recordings that came before it."""
    api: tuple[Mapping[str, Any], ...] = field(repr=False)
    """What the vendor's API answers: `method`, `url`, `status`, `json`."""
    answered: tuple[ApiAnswer, ...] = field(default=(), repr=False)
    """What it answered already, of a delivery that is stored."""
    source: Source = SOURCE
    """The connection that it came in by."""
    roster: Roster | None = None
    """The people of the cohort; None: whoever is named takes part."""


def recorded(content: Mapping[str, Any]) -> Recorded:
    """A recording as it stands in its file. Raises KeyError, TypeError or ValueError for what is none."""
    auth, config = content.get("auth") or {}, content.get("config") or {}
    body = base64.b64decode(content["body_b64"]) if "body_b64" in content else str(content["body"]).encode()
    headers = tuple((str(name), str(value)) for name, value in content["headers"])
    segment = str(content["path"]).rsplit("/", 1)[-1]
    return Recorded(
        id=str(content["id"]),
        vendor=str(content["vendor"]),
        request=RawRequest(body, headers, str(content["method"]), segment, str(content.get("query") or "")),
        secrets=_secrets(auth, content.get("secret")),
        settings=_settings(auth, config, content.get("api_responses") or ()),
        now=datetime.fromisoformat(content["now"]),
        definition=_definition(content.get("form"), str(config.get("timezone") or "UTC")),
        after=tuple(content.get("after") or ()),
        api=tuple(content.get("api_responses") or ()),
    )


def _secrets(auth: Mapping[str, Any], secret: str | None) -> Secrets:
    """What the connection's variable would hold."""
    several = [*auth.get("secrets", ()), *auth.get("public_keys", ())]
    one = auth.get("token") or auth.get("password") or auth.get("email") or secret or ""
    keys = json.dumps(auth["jwks"]) if "jwks" in auth else ""
    return Secrets("\n".join(several) if several else str(one), keys)


def _settings(auth: Mapping[str, Any], config: Mapping[str, Any], api: Any) -> dict[str, str]:
    """What the connection's settings would say. Those that the vendor does not have are ignored later."""
    url = str(next((each["url"] for each in api), ""))
    scheme = auth.get("scheme")
    found = {
        "client_id": auth.get("client_id"),
        "username": auth.get("username"),
        "header": auth.get("header") if scheme == "header_token" else None,
        "audience": auth.get("audience"),
        "time_zone": config.get("timezone"),
        "api_host": urlsplit(url).hostname,
        "api_url": url,
        **(config.get("settings") or {}),
    }
    return {name: str(value) for name, value in found.items() if value}


def _definition(form: Mapping[str, Any] | None, time_zone: str) -> CohortDefinition:
    """A cohort whose only form is the one mapped in the recording."""
    fields = dict(form["fields"]) if form else {}
    form_id = str(form["form_id"]) if form else ""
    items = [spec["item"] for spec in fields.values() if spec["kind"] == "rating"]
    scale = (form or {}).get("scale") or {}
    return CohortDefinition(
        cohort="recorded",
        title="",
        opens=date(2000, 1, 1),
        closes=date(2100, 1, 1),
        time_zone=time_zone,
        framework=FrameworkPack(
            pack="recorded",
            version="1",
            licence="",
            scale=Scale(minimum=scale["min"], maximum=scale["max"]) if scale else ANY_SCALE,
            domains=(Domain(code="D", name=""),),
            competencies=(Competency(code="C", name="", domain="D"),),
            items=tuple(Item(code=item, competency="C", statement="", facet=Facet.APPLY) for item in items),
        ),
        connections={SOURCE.connection: Connection(vendor="", instrument=SOURCE.instrument, secret_env="")},
        evidence=Evidence(appraisal_360=AppraisalRequirement(responses=dict.fromkeys(Relationship, 0))),
        weights={SOURCE.instrument: 1.0},
        disclosure=Disclosure(group_minimum=1),
        release=Release(policy=ReleasePolicy.AT_RUN),
        pool=Pool(policy=PoolPolicy.PROPOSE, levels=()),
        exercises=(),
        criteria=(),
        organisations=(),
        form_fields=tuple(
            FormField(connection=SOURCE.connection, vendor="", form_id=form_id, field_ref=ref, maps_to=_maps_to(spec))
            for ref, spec in fields.items()
        ),
        choices={label: rating for spec in fields.values() for label, rating in _choices(spec)},
    )


def _maps_to(spec: Mapping[str, str]) -> str:
    if spec["kind"] == "text":
        return f"{COMMENT}{spec['item']}"
    return spec["item"] if spec["kind"] == "rating" else f"{IDENTITY}{_who(spec['item'])}"


def _who(item: str) -> str:
    """The identity word that a hidden field's item stands for."""
    for names in (PARTICIPANT_FIELDS, RATER_FIELDS, RELATIONSHIP_FIELDS):
        if item in names:
            return names[0]
    return item


def _choices(spec: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    missing = [NULL if value is None else str(value) for value in spec.get("not_observed_values", ())]
    return [*spec.get("choices", {}).items(), *((label, None) for label in missing)]


def utc(moment: datetime | None) -> str | None:
    """A moment as recordings write it: UTC, `Z`, as exact as it is.

    >>> utc(datetime.fromisoformat("2026-03-11T10:29:52.500+01:00"))
    '2026-03-11T09:29:52.500Z'
    """
    if moment is None:
        return None
    exact = "auto" if moment.microsecond % 1000 else "milliseconds" if moment.microsecond else "seconds"
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=exact)}Z"
