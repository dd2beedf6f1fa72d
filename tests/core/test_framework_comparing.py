"""Which results stay comparable between two versions of a pack: each kind of change, and the laws that hold for all."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.framework import Competency, Domain, FrameworkPack, Item, Scale
from shared.framework.comparing import Kind, compared
from shared.words import Facet
from tests.builders.scoring_case import FRAMEWORK

A, B = "A", "B"
KNOW, APPLY = Facet.KNOW, Facet.APPLY


def version_2(items: Mapping[str, Any] | None = None, added: Item | None = None, **changes: Any) -> FrameworkPack:
    """The small pack's next version; `items`: code → changes of that item, None takes it out."""
    changed = items or {}
    kept = tuple(
        each.model_copy(update=changed.get(each.code) or {})
        for each in FRAMEWORK.items
        if changed.get(each.code, {}) is not None
    ) + ((added,) if added else ())
    was = {name: getattr(FRAMEWORK, name) for name in FrameworkPack.model_fields}
    return FrameworkPack(**was | {"version": "2", "items": kept} | changes)


def broken(new: FrameworkPack) -> set[tuple[str, Facet | None]]:
    return {place for place, why in compared(FRAMEWORK, new).places.items() if why}


def test_another_version_with_the_same_content_keeps_everything() -> None:
    found = compared(FRAMEWORK, version_2())
    assert found.changes == ()
    assert all(not why for why in [*found.places.values(), *found.competencies.values()])


@pytest.mark.parametrize(
    ("new", "kind", "expected"),
    [
        (version_2({"A1k": {"statement": "Something else"}}), Kind.WORDING, {(A, None), (A, KNOW)}),
        (version_2({"A1k": {"statement": "a1  KNOW!"}}), Kind.SPELLING, set()),
        (version_2({"A1k": {"facet": APPLY}}), Kind.FACET, {(A, KNOW), (A, APPLY)}),
        (version_2({"A1k": {"competency": "A2"}}), Kind.MOVED, set()),
        (version_2({"A1k": {"competency": "B1"}}), Kind.MOVED, {(A, None), (A, KNOW), (B, None), (B, KNOW)}),
        (version_2({"B1a": None}), Kind.REMOVED, {(B, None), (B, APPLY)}),
        (
            version_2(added=Item(code="B1z", competency="B1", statement="New", facet=KNOW)),
            Kind.NEW,
            {(B, None), (B, KNOW)},
        ),
        (version_2(licence="MIT"), Kind.LICENCE, set()),
        (version_2(domains=(Domain(code=A, name="Renamed"), FRAMEWORK.domains[1])), Kind.NAME, set()),
        (version_2(domains=FRAMEWORK.domains[::-1]), Kind.ORDER, set()),
        (
            version_2(scale=Scale(minimum=1, maximum=7)),
            Kind.SCALE,
            {(domain, facet) for domain in (A, B) for facet in (None, KNOW, APPLY)},
        ),
        (
            version_2(
                competencies=(
                    FRAMEWORK.competencies[0].model_copy(update={"name": "Other"}),
                    *FRAMEWORK.competencies[1:],
                )
            ),
            Kind.NAME,
            {(A, None), (A, KNOW), (A, APPLY)},
        ),
        (
            version_2(competencies=(*FRAMEWORK.competencies, Competency(code="A3", name="A3", domain=A))),
            Kind.NEW,
            {(A, None), (A, KNOW), (A, APPLY)},
        ),
    ],
)
def test_a_change_breaks_what_raters_are_asked_otherwise_and_nothing_else(
    new: FrameworkPack, kind: Kind, expected: set[Any]
) -> None:
    assert kind in {change.kind for change in compared(FRAMEWORK, new).changes}
    assert broken(new) == expected


def test_an_item_that_moves_within_its_domain_breaks_the_two_competencies_only() -> None:
    found = compared(FRAMEWORK, version_2({"A1k": {"competency": "A2"}}))
    assert {code for code, why in found.competencies.items() if why} == {"A1", "A2"}
    assert found.comparable(A)
    assert found.comparable(A, KNOW)
    assert not found.comparable(A, None, "A1")
    assert found.comparable(B, None, "B1")


def test_two_frameworks_have_nothing_comparable_however_alike() -> None:
    found = compared(FRAMEWORK, version_2(pack="other"))
    assert not any(found.comparable(*place) for place in found.places)
    assert found.changes[0].kind is Kind.OTHER_PACK


def test_what_neither_version_has_is_not_comparable() -> None:
    found = compared(FRAMEWORK, version_2())
    assert not found.comparable("Z")
    assert not found.comparable(A, None, "Z9")


ITEM_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "statement": st.sampled_from(["A1 know", "Other words", "a1, know."]),
        "facet": st.sampled_from(list(Facet)),
        "competency": st.sampled_from(["A1", "A2", "B1"]),
    },
)
VERSIONS = st.dictionaries(
    st.sampled_from([item.code for item in FRAMEWORK.items]), st.none() | ITEM_CHANGES, max_size=4
).map(version_2)


@settings(max_examples=120, deadline=None)
@given(VERSIONS, VERSIONS)
def test_a_place_is_comparable_only_if_its_statements_are_the_same_both_ways(
    one: FrameworkPack, other: FrameworkPack
) -> None:
    forth, back = compared(one, other), compared(other, one)
    for (domain, facet), why in forth.places.items():
        assert bool(why) == bool(back.places[domain, facet])
        asked = [
            sorted(
                " ".join(item.statement.casefold().replace(",", "").replace(".", "").split())
                for item in pack.items
                if pack.domain_of(item.competency) == domain and facet in {None, item.facet}
            )
            for pack in (one, other)
        ]
        assert why or asked[0] == asked[1]
