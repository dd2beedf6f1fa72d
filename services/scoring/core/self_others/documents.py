"""Self beside others as JSON, with keys that stay."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from services.scoring.core.self_others.cohort import DomainPicture, Profile
from services.scoring.core.self_others.comparing import Category
from services.scoring.core.self_others.surface import SelfOthers


def document(profiles: Sequence[Profile], pictures: Sequence[DomainPicture]) -> dict[str, Any]:
    """{"profiles": [...], "domains": [...]}: see docs/command.md."""
    return {"profiles": [_profile(each) for each in profiles], "domains": [_picture(each) for each in pictures]}


def surface_document(found: SelfOthers) -> dict[str, Any]:
    """One group of people: see docs/command.md."""
    return {
        "n": found.n,
        "correlation": asdict(found.correlation),
        "mean_difference": asdict(found.mean_difference),
        "over": found.over,
        "under": found.under,
        "fit": asdict(found.fit) if found.fit else None,
        "withheld": found.withheld,
        "words": list(found.words),
    }


def _profile(each: Profile) -> dict[str, Any]:
    domain, facet, competency = each.key
    return {"participant": each.participant, "domain": domain, "facet": facet, "competency": competency} | _compared(
        each
    )


def _compared(each: Profile) -> dict[str, Any]:
    row = asdict(each.compared)
    row["self"] = row.pop("own")
    return row


def _picture(each: DomainPicture) -> dict[str, Any]:
    return {
        "domain": each.domain,
        "categories": {str(category): each.categories.get(category, 0) for category in Category},
        "correlation": asdict(each.correlation),
        "mean_difference": asdict(each.mean_difference),
        "surfaces": [{"outcome": outcome} | surface_document(found) for outcome, found in each.surfaces.items()],
    }
