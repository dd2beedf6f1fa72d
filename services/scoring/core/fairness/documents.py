"""The fairness report as JSON, with keys that stay. A count that is hidden is null."""

from dataclasses import asdict
from typing import Any

from services.scoring.core.fairness.differing import Difference
from services.scoring.core.fairness.pairings import Pairing
from services.scoring.core.fairness.report import Characteristic, GroupSelected


def document(each: Characteristic) -> dict[str, Any]:
    """One characteristic: see docs/command.md."""
    return {
        "characteristic": each.characteristic,
        "n": each.n,
        "reference": each.reference,
        "groups": [{"group": group, "n": n} for group, n in each.groups.items()],
        "hidden_groups": each.hidden,
        "selections": [
            {"outcome": found.outcome, "withheld": found.withheld, "groups": [_selected(row) for row in found.groups]}
            for found in each.selections
        ],
        "domains": [
            {"domain": found.domain, "group": found.group} | _difference(found.difference) for found in each.domains
        ],
        "pairings": [_pairing(found) for found in each.pairings],
        "own_pairings": [_pairing(found) for found in each.own_pairings],
        "items": [asdict(found) for found in each.items],
        "cannot": list(each.cannot),
        "comparisons": each.comparisons,
    }


def _selected(row: GroupSelected) -> dict[str, Any]:
    share, impact = row.share, row.impact
    return {
        "group": row.group,
        "selected": share.selected if share else None,
        "decided": share.n if share else None,
        "undecided": row.undecided,
        "rate": share.rate if share else None,
        "low": share.low if share else None,
        "high": share.high if share else None,
        "impact": None
        if impact is None
        else {
            "ratio": impact.ratio,
            "p": impact.p,
            "difference": impact.difference,
            "low": impact.low,
            "high": impact.high,
            "conclusive": impact.conclusive,
            "reading": impact.reading,
        },
    }


def _difference(found: Difference) -> dict[str, Any]:
    return asdict(found)


def _pairing(found: Pairing) -> dict[str, Any]:
    return asdict(found)
