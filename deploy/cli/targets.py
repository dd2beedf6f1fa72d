"""How listings show the distance from a target to an estimate, with its interval; nothing where there is no target."""

from shared.cohort.definition import Distance


def to_target(distance: Distance | None) -> str:
    """For a table.

    >>> to_target(Distance(3.5, -0.5, -0.9, -0.1)), to_target(None)
    ('-0.50 (-0.90 to -0.10)', '')
    """
    return f"{distance.gap:+.2f} ({distance.low:+.2f} to {distance.high:+.2f})" if distance else ""


def distance_shown(distance: Distance | None) -> dict[str, float] | None:
    """For JSON, rounded as estimates are."""
    if distance is None:
        return None
    return {name: round(getattr(distance, name), 6) + 0.0 for name in ("target", "gap", "low", "high")}
