"""Explaining a participant's latest result, down to items, within the rules of disclosure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.scoring import store
from services.scoring.core.explaining.explanation import DomainExplained, explained
from services.scoring.core.replay import pieces_of
from services.scoring.store.replays import Kept, kept_results
from shared.cohort.store import definition_version
from shared.db import Database
from shared.errors import PermanentError
from shared.ids import CohortId


class NotExplained(PermanentError):
    """An id that is not of one participant, or a domain that the result does not have."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A participant's latest result, explained."""

    kept: Kept
    document: Mapping[str, Any]
    domains: tuple[DomainExplained, ...]


def explain(db: Database, name: str, *, cohort: CohortId | None = None, domain: str | None = None) -> Explained:
    """The latest result of a participant (or the participant of a result), all domains or one.

    Raises NoSuchResult, NotExplained.
    """
    with db.read() as connection:
        found = kept_results(connection, name, cohort)
        people = sorted({(each.cohort, each.stored.participant) for each in found})
        if len(people) > 1:
            there = ", ".join(f"{participant} of {of}" for of, participant in people[:5])
            raise NotExplained(f"{name} is not one participant: {there}; name one, with --cohort where several have it")
        of, participant = people[0]
        *before, latest = kept_results(connection, participant, of)
        definition = definition_version(connection, of, latest.definition)
        document = json.loads(latest.stored.document)
        pieces, _ = pieces_of(document, store.cases_of(connection, of, [participant])[participant].pieces)
    earlier = [json.loads(each.stored.document)["evidence"] for each in before]
    domains = explained(definition, document, pieces, earlier)
    return Explained(latest, document, _chosen(domains, name, domain))


def _chosen(domains: tuple[DomainExplained, ...], name: str, domain: str | None) -> tuple[DomainExplained, ...]:
    if not domains:
        raise NotExplained(f"{name} was scored by a release without layers; its next result can be explained")
    chosen = tuple(
        each
        for each in domains
        if domain is None or domain.casefold() in {each.domain.casefold(), each.name.casefold()}
    )
    if not chosen:
        there = ", ".join(f"{each.domain} ({each.name})" for each in domains)
        raise NotExplained(f"{name} has no domain {domain}; there are: {there}")
    return chosen
