"""Change as JSON, with keys that stay."""

from dataclasses import asdict
from typing import Any

from services.scoring.core.observations import FigureKey
from services.scoring.core.remeasuring.change import Verdict
from services.scoring.core.remeasuring.cohort import GroupChange, Remeasured

NONE = dict.fromkeys(("earlier", "later", "change", "standard_error", "low", "high", "index", "verdict"))


def person_document(each: Remeasured) -> dict[str, Any]:
    """One figure of one person: see docs/command.md."""
    found = each.compared
    row = {"participant": each.participant, "earlier_participant": each.earlier} | _key(found.key)
    return (
        row | {"basis": found.basis} | (asdict(found.change) if found.change else NONE) | {"withheld": found.withheld}
    )


def group_document(each: GroupChange) -> dict[str, Any]:
    """One figure over the group."""
    verdicts = {str(verdict): each.verdicts.get(verdict, 0) for verdict in Verdict}
    return _key(each.key) | {"basis": each.basis, "verdicts": verdicts, "mean": asdict(each.mean)}


def _key(key: FigureKey) -> dict[str, Any]:
    return dict(zip(("domain", "facet", "competency"), key, strict=True))
