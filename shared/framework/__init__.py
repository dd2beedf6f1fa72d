"""The framework pack: domains, competencies, facets, items, scale, licence. Data and its schema; no scoring rules."""

from shared.framework.pack import Competency, Domain, FrameworkPack, Item, Scale

__all__ = ["Competency", "Domain", "FrameworkPack", "Item", "Scale"]
