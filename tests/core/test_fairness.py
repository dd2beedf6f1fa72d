"""Fairness: exact tests and honest intervals where people are enough, silence with the reason where they are not."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from services.scoring.core.fairness.differing import difference
from services.scoring.core.fairness.documents import document
from services.scoring.core.fairness.impact import impact, share
from services.scoring.core.fairness.items import _stratum, functioning
from services.scoring.core.fairness.pairings import View, means_by_group, pairings
from services.scoring.core.fairness.report import NOT_STATED, Labels, Seen, characteristic
from services.scoring.core.fairness.suppression import hidden
from shared.ids import ParticipantId, RaterId

# ------------------------------------------------------------------------------------------------------------ impact


@pytest.mark.parametrize(
    ("focal", "reference", "ratio", "p", "interval"),
    [
        ((1, 3), (3, 4), 0.44444444, 0.48571429, (-0.75678769, 0.22568078)),
        ((2, 3), (3, 4), 0.88888889, 1.0, (-0.58579931, 0.44185282)),
        ((12, 40), (30, 60), 0.6, 0.06293413, (-0.37106693, -0.00289213)),
    ],
)
def test_impact_as_r_computes_it(
    focal: tuple[int, int], reference: tuple[int, int], ratio: float, p: float, interval: tuple[float, float]
) -> None:
    """R's fisher.test, and Newcombe's interval from Wilson's."""
    found = impact(share(*focal), share(*reference))
    assert found.ratio == pytest.approx(ratio, abs=1e-7)
    assert found.p == pytest.approx(p, abs=1e-7)
    assert (found.low, found.high) == pytest.approx(interval, abs=1e-7)


def test_newcombes_own_examples() -> None:
    """Newcombe (1998), Stat. Med. 17:873, table II, method 10: (a) 56/70 - 48/80, (f) 10/10 - 0/10."""
    a = impact(share(56, 70), share(48, 80))
    assert (a.low, a.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    f = impact(share(10, 10), share(0, 10))
    assert (f.low, f.high) == pytest.approx((0.6075, 1.0), abs=5e-5)


def test_seven_people_allow_no_conclusion_and_that_is_said() -> None:
    reading = impact(share(1, 3), share(3, 4)).reading
    assert reading == "no conclusion possible: the difference may be anything from -76 to +23 points"


def test_a_large_difference_among_many_is_said() -> None:
    reading = impact(share(20, 100), share(60, 100)).reading
    assert reading.startswith("selected less often than the reference group, beyond chance; the ratio is below four")


COUNTS = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, COUNTS)
@settings(deadline=None)
def test_exchanging_the_groups_turns_the_difference_round(one: tuple[int, int], other: tuple[int, int]) -> None:
    there, back = impact(share(*one), share(*other)), impact(share(*other), share(*one))
    assert there.p == pytest.approx(back.p)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))
    assert -1 - 1e-9 <= there.low <= there.difference + 1e-9 <= there.high + 2e-9 <= 1 + 3e-9


@pytest.mark.parametrize(("selected", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_an_impossible_count_is_refused(selected: int, n: int) -> None:
    with pytest.raises(ValueError, match="can't be selected"):
        share(selected, n)


# --------------------------------------------------------------------------------------------------------- differing


def test_the_interval_of_a_difference_holds_zero_as_often_as_it_says() -> None:
    chance = np.random.default_rng(5)
    missed = [
        difference(chance.normal(3, 0.4, 12).tolist(), chance.normal(3, 0.9, 40).tolist()).conclusive
        for _ in range(2_000)
    ]
    assert 0.035 < np.mean(missed) < 0.065


def test_below_ten_in_a_group_no_difference_is_given() -> None:
    found = difference([1.0, 2.0] * 4, [3.0, 4.0] * 20)
    assert found.difference is None
    assert found.withheld == "a difference of means needs 10 people in each group"
    assert difference([3.0] * 20, [3.0] * 20).withheld is not None


# ------------------------------------------------------------------------------------------------------- suppression

TABLES = st.integers(2, 3).flatmap(
    lambda columns: st.dictionaries(
        st.sampled_from("ABCDE"),
        st.tuples(*[st.integers(0, 14)] * columns).filter(any),
        min_size=1,
        max_size=5,
    )
)


@given(TABLES, st.sampled_from([5, 10]))
@settings(deadline=None, max_examples=150)
def test_no_small_count_is_shown_or_follows_from_the_totals(table: Mapping[str, tuple[int, ...]], minimum: int) -> None:
    """The strongest reader has the table of groups beside this one, every column total, and knows that counts are not
    negative.
    """
    already = hidden({group: (sum(row),) for group, row in table.items()}, minimum)
    covered = sorted(hidden(table, minimum, already))
    for group in table.keys() - set(covered):
        assert not any(0 < n < minimum for n in table[group])
    if len(covered) == len(table):
        return
    for at, column in product(range(len(covered)), range(len(table[covered[0]]) if covered else 0)):
        count = table[covered[at]][column]
        if 0 < count < minimum:
            low, high = (_end(table, covered, already, (at, column), sign) for sign in (1, -1))
            assert high - low > 0.5, f"{count} follows"


def _end(
    table: Mapping[str, tuple[int, ...]], covered: list[str], already: frozenset[str], cell: tuple[int, int], sign: int
) -> float:
    """The least (or greatest) that a hidden count can be, by linear programming over all that is known of it."""
    rows, columns = len(covered), len(table[covered[0]])
    places = [(row, column) for row in range(rows) for column in range(columns)]
    known = [({p for p in places if p[1] == c}, sum(table[group][c] for group in covered)) for c in range(columns)]
    known += [
        ({p for p in places if p[0] == row}, sum(table[group]))
        for row, group in enumerate(covered)
        if group not in already
    ]
    found = linprog(
        [sign * float(place == cell) for place in places],
        A_eq=[[float(place in some) for place in places] for some, _ in known],
        b_eq=[total for _, total in known],
        bounds=(0, None),
    )
    return float(sign * found.fun)


def test_a_single_hidden_group_takes_the_next_smallest_with_it() -> None:
    assert hidden({"A": (3,), "B": (20,), "C": (40,)}, 5) == {"A", "B"}
    assert hidden({"A": (6, 2), "B": (20, 8), "C": (40, 9)}, 5) == {"A", "B"}
    assert hidden({"A": (6, 5), "B": (20, 8)}, 5) == frozenset()


# --------------------------------------------------------------------------------------------------------------- DIF

Items = dict[str, NDArray[np.float64]]


def answered(n: int, *, lower: float = 0.0, harder: float = 0.0, seed: int = 1) -> tuple[Items, NDArray[np.bool_]]:
    """Twelve items about n people of each group, means over eight raters. The focal group is `lower`; about it item Q0
    is answered `harder` points lower than its level explains.
    """
    chance = np.random.default_rng(seed)
    focal = np.arange(2 * n) < n
    level = chance.normal(3, 0.6, 2 * n) - lower * focal
    items = {}
    for item in range(12):
        shift = chance.normal(0, 0.3) - (harder * focal if item == 0 else 0)
        ratings = np.clip(np.rint((level + shift)[:, None] + chance.normal(0, 0.8, (2 * n, 8))), 1, 5)
        items[f"Q{item}"] = ratings.mean(axis=1)
    return items, focal


def test_an_item_that_is_harder_at_the_same_level_is_found_and_no_other() -> None:
    found, reason = functioning(*answered(200, harder=0.4))
    assert reason is None
    flagged = {each.item: each for each in found if each.category != "A"}
    assert set(flagged) == {"Q0"}
    assert flagged["Q0"].smd == pytest.approx(-0.36, abs=0.12)
    assert flagged["Q0"].low <= flagged["Q0"].smd <= flagged["Q0"].high < 0


def test_a_group_that_is_lower_throughout_is_not_taken_for_items_that_differ() -> None:
    """The null, with half a standard deviation between the groups."""
    lines = [each for seed in range(40) for each in functioning(*answered(150, lower=0.3, seed=seed))[0]]
    assert np.mean([each.p < 0.05 for each in lines]) < 0.09
    assert np.mean([each.category != "A" for each in lines]) < 0.01


def test_dif_needs_a_hundred_people_of_each_group_and_is_provisional_below_two_hundred() -> None:
    items, focal = answered(99)
    assert functioning(items, focal) == ([], "DIF needs 100 people in each group; here are 99 and 99")
    assert all(each.provisional for each in functioning(*answered(120))[0])
    assert not any(each.provisional for each in functioning(*answered(230))[0])
    few = dict(list(answered(150)[0].items())[:3])
    assert "four items" in str(functioning(few, answered(150)[1])[1])


@given(st.integers(0, 30))
@settings(deadline=None, max_examples=10)
def test_exchanging_the_groups_turns_dif_round(seed: int) -> None:
    items, focal = answered(110, harder=0.3, seed=seed)
    there, back = functioning(items, focal)[0], functioning(items, ~focal)[0]
    assert [each.p for each in there] == pytest.approx([each.p for each in back])
    assert all(one.smd * other.smd < 0 for one, other in zip(there, back, strict=True) if one.p < 0.05)


def test_mantels_test_of_two_valued_answers_in_one_stratum_is_pearsons() -> None:
    """Mantel (1963): without continuity correction it is (T - 1) / T of Pearson's χ²."""
    focal = np.arange(240) < 120
    answers = np.where(focal, np.arange(240) % 4 == 0, np.arange(240) % 2 == 0).astype(float)
    part = _stratum(answers, focal)
    pearson = 240 * (30 * 60 - 90 * 60) ** 2 / (120 * 120 * 90 * 150)
    assert part.excess**2 / part.variance == pytest.approx(pearson * 239 / 240)
    assert part.difference == pytest.approx(0.25 - 0.5)


# ---------------------------------------------------------------------------------------------------------- pairings


def seen_people(n: int, *, harsh: float = 0.0, seed: int = 1) -> tuple[dict[ParticipantId, list[View]], dict[str, str]]:
    """n people of each of two groups with three peers and a manager; managers are `harsh` on group B alone."""
    chance = np.random.default_rng(seed)
    views, group_of = {}, {}
    for at in range(2 * n):
        who, group = ParticipantId(f"P-{at:03}"), "AB"[at % 2]
        level = chance.normal(3, 0.4)
        peers = [View("peer", RaterId(f"{who}-{k}"), float(level + chance.normal(0, 0.3))) for k in range(3)]
        manager = level + chance.normal(0, 0.3) - (harsh if group == "B" else 0)
        views[who] = [*peers, View("line_manager", RaterId(f"{who}-L"), float(manager))]
        group_of[who] = group
    return views, {str(who): group for who, group in group_of.items()}


def test_raters_who_are_harsh_on_one_group_show_beyond_the_other_raters() -> None:
    views, group_of = seen_people(60, harsh=0.5)
    labels = {ParticipantId(who): group for who, group in group_of.items()}
    found = {(p.rater_group, p.group): p for p in pairings(means_by_group(views), labels, "A", ["B"], 5)}
    manager, peer = found["line_manager", "B"], found["peer", "B"]
    assert manager.gap is not None
    assert manager.beyond is not None
    assert manager.beyond.conclusive
    assert manager.beyond.difference == pytest.approx(-0.5, abs=0.15)
    assert peer.gap is not None
    assert not peer.gap.conclusive
    assert found["line_manager", "A"].gap is None


def test_raters_own_groups_take_the_place_of_relationships() -> None:
    views, _ = seen_people(3)
    own = {view.by: "women" if view.by.endswith("0") else "men" for each in views.values() for view in each[:3]}
    found = means_by_group(views, own)
    assert all(set(each) == {"women", "men"} for each in found.values())


# ------------------------------------------------------------------------------------------------------------ report


def scored(n: int, group: str, *, seed: int = 1) -> list[Seen]:
    chance = np.random.default_rng([seed, n, ord(group[0])])
    return [
        Seen(
            ParticipantId(f"{group}-{at}"),
            {"A": float(chance.normal(3, 0.4))},
            (View("peer", RaterId(f"{group}-{at}-1"), float(chance.normal(3, 0.4))),),
            {},
        )
        for at in range(n)
    ]


def labelled(*people: Seen, reference: str | None = None) -> Labels:
    return Labels("sex", {each.participant: each.participant.split("-")[0] for each in people}, {}, reference)


def test_seven_people_cannot_be_assessed() -> None:
    people = [*scored(3, "men"), *scored(4, "women")]
    found = document(characteristic(people, labelled(*people), {}, 5))
    assert found["groups"] == []
    (reason,) = found["cannot"]
    assert reason.startswith("cannot be assessed: 7 scored participants in 2 groups; groups below 5 are not shown")
    public = document(characteristic(people, labelled(*people), {}, 10))
    assert public["n"] is None
    assert "fewer than 10 scored participants" in public["cannot"][0]


def test_two_groups_that_are_large_enough_are_compared() -> None:
    men, women = scored(30, "men"), scored(20, "women")
    chosen = {each.participant: at % 2 == 0 for at, each in enumerate([*men, *women])}
    found = document(characteristic([*men, *women], labelled(*men, *women), {"admitted": chosen}, 5))
    assert found["reference"] == "men"
    (selection,) = found["selections"]
    rows = {row["group"]: row for row in selection["groups"]}
    assert (rows["women"]["selected"], rows["women"]["decided"], rows["women"]["undecided"]) == (10, 20, 0)
    assert rows["women"]["impact"]["ratio"] == pytest.approx(1.0)
    assert rows["men"]["impact"] is None
    (domain,) = found["domains"]
    assert (domain["n"], domain["reference_n"]) == (20, 30)
    assert found["comparisons"] == 3


def test_people_who_did_not_say_are_counted_and_compared_with_nobody() -> None:
    men, women, silent = scored(30, "men"), scored(20, "women"), scored(8, "x")
    found = document(characteristic([*men, *women, *silent], labelled(*men, *women), {}, 5))
    assert {"group": NOT_STATED, "n": 8} in found["groups"]
    assert {each["group"] for each in found["domains"]} == {"women"}


def test_an_outcome_in_which_nobody_differs_is_not_compared() -> None:
    people = [*scored(30, "men"), *scored(20, "women")]
    for every, said in ((True, "everybody was selected"), (False, "nobody was selected")):
        chosen = dict.fromkeys((each.participant for each in people), every)
        assert f"admitted: {said}" in characteristic(people, labelled(*people), {"admitted": chosen}, 5).cannot
    assert "nobody was decided about yet" in str(characteristic(people, labelled(*people), {"x": {}}, 5).cannot)


def test_a_reason_is_told_once_for_all_that_it_holds_for() -> None:
    people = [*scored(30, "men"), *scored(20, "women"), *scored(8, "x")]
    cannot = characteristic(people, labelled(*people), {}, 5).cannot
    assert cannot.count("x: a difference of means needs 10 people in each group") == 1


def test_a_group_below_the_minimum_is_not_named_anywhere() -> None:
    people = [*scored(30, "men"), *scored(20, "women"), *scored(2, "others"), *scored(3, "silent")]
    chosen = {each.participant: at % 2 == 0 for at, each in enumerate(people)}
    found = document(characteristic(people, labelled(*people[:-3]), {"admitted": chosen}, 5))
    assert "others" not in str(found)
    assert NOT_STATED not in str(found)
    assert found["hidden_groups"] == 2
    assert [each["group"] for each in found["groups"]] == ["men", "women"]


def test_a_reference_group_may_be_chosen_and_a_strange_one_is_refused_in_words() -> None:
    people = [*scored(30, "men"), *scored(20, "women")]
    assert characteristic(people, labelled(*people, reference="women"), {}, 5).reference == "women"
    found = characteristic(people, labelled(*people, reference="martians"), {}, 5)
    assert found.reference is None
    assert "martians" in found.cannot[0]


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.data(), st.sampled_from([5, 10]))
@settings(deadline=None, max_examples=40)
def test_no_count_of_the_report_is_small(groups: list[str], data: st.DataObject, minimum: int) -> None:
    people = [each for group in set(groups) for each in scored(groups.count(group), group)]
    chosen = {
        each.participant: selected
        for each in people
        if (selected := data.draw(st.sampled_from([True, False, None]))) is not None
    }
    found = document(characteristic(people, labelled(*people), {"admitted": chosen}, minimum))
    counts = [row["n"] for row in found["groups"]]
    for selection in found["selections"]:
        for row in selection["groups"]:
            if row["selected"] is not None:
                counts += [row["selected"], row["decided"] - row["selected"], row["undecided"]]
    counts += [row[key] for row in found["domains"] for key in ("n", "reference_n")]
    counts += [row["n"] for row in found["pairings"] if row["n"] is not None]
    assert not [count for count in counts if 0 < count < minimum]
