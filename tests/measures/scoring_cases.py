"""Every reference case and simulated cohort of a folder against its stated value and tolerance, one line each.

    python -m tests.measures.scoring_cases FOLDER

FOLDER holds `cases/ID/expected.json` with data beside it, made by other programs (R's psych, irrCAC, multilevel, lme4,
TAM, immer), and `sim/ID`. Their data stay out of this repository; tables printed in papers are retyped in tests/core.
Exit status 1 if a line is not within its tolerance.
"""

import csv
import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.reporting.core.disclosure import screened, singled_out
from services.scoring.core.agreement import chance
from services.scoring.core.agreement.components import estimated
from services.scoring.core.agreement.consistency import Consistency, consistency, omega, one_factor
from services.scoring.core.agreement.generalizability import decision
from services.scoring.core.agreement.icc import intraclass_correlations, of_groups
from services.scoring.core.agreement.statistic import Statistic, Z
from services.scoring.core.agreement.study import study_of
from services.scoring.core.agreement.within_group import average_deviation, rwg_j
from services.scoring.core.analysis.item_table import read_items
from services.scoring.core.analysis.long_table import Columns, read_ratings
from services.scoring.core.analysis.part import Part, fair_average
from services.scoring.core.analysis.results import FitResult
from services.scoring.core.analysis.scoring import score
from services.scoring.core.facets.fit import Options, Variances, fitted
from services.scoring.core.facets.joint import Measures, joint_fit
from services.scoring.core.facets.marginal import MarginalFit, marginal_fit
from services.scoring.core.fairness.impact import impact, share
from services.scoring.core.self_others.surface import self_others
from tests.builders.reporting import PEER, a_figure, a_scored

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: the largest distance from what is expected, of one figure or many."""

    case: str
    what: str
    found: float
    expected: float
    tolerance: float
    kind: str = "within"

    @property
    def holds(self) -> bool:
        """Within the tolerance, or on the right side of it."""
        if self.kind == "at most":
            return self.found <= self.expected + self.tolerance
        if self.kind == "at least":
            return self.found >= self.expected - self.tolerance
        return abs(self.found - self.expected) <= self.tolerance


def table_of(file: Path) -> Table:
    """Numbers of a CSV with a header; NaN where a cell is empty or NA."""
    with file.open() as lines:
        rows = list(csv.reader(lines))[1:]
    return np.array([[float(cell) if cell not in {"", "NA"} else np.nan for cell in row] for row in rows])


def furthest(case: str, what: str, found: Any, expected: Any, tolerance: float) -> Line:
    """Of several figures the one that is furthest off."""
    one, other = np.atleast_1d(np.asarray(found, float)), np.atleast_1d(np.asarray(expected, float))
    at = int(np.nanargmax(np.abs(one - other)))
    return Line(case, f"{what} ({len(one)})" if len(one) > 1 else what, float(one[at]), float(other[at]), tolerance)


def error_of(statistic: Statistic) -> float:
    return ((statistic.value or 0.0) - (statistic.low or 0.0)) / Z


ICC = {"ICC1": 0, "ICC2": 1, "ICC3": 2, "ICC1k": 3, "ICC2k": 4, "ICC3k": 5}


def icc_shrout_fleiss(folder: Path, e: Any) -> Iterator[Line]:
    found = intraclass_correlations(table_of(folder / "shrout_fleiss.csv")[:, 1:])
    name = folder.name
    yield furthest(name, "published", [found[n].value for n in ICC.values()], list(e["published"].values()), 0.005)
    yield furthest(name, "psych", [found[n].value for n in ICC.values()], [e["r"][k]["icc"] for k in ICC], 1e-6)
    yield furthest(name, "lower ends", [found[n].low for n in ICC.values()], [e["r"][k]["lower"] for k in ICC], 1e-6)
    yield furthest(name, "upper ends", [found[n].high for n in ICC.values()], [e["r"][k]["upper"] for k in ICC], 1e-6)


def icc_missing(folder: Path, e: Any) -> Iterator[Line]:
    found = intraclass_correlations(table_of(folder / "icc_missing.csv")[:, 1:])
    yield furthest(folder.name, "six forms", [found[n].value for n in ICC.values()], [e["icc"][k] for k in ICC], 0.005)


def kripp_canonical(folder: Path, e: Any) -> Iterator[Line]:
    table = table_of(folder / "krippendorff4.csv")[:, 1:]
    levels: tuple[chance.Level, ...] = ("nominal", "ordinal", "interval", "ratio")
    found = [chance.krippendorffs_alpha(table, level).value for level in levels]
    yield furthest(folder.name, "alpha, four levels", found, [e["r"][level] for level in levels], 1e-6)


def kappa_cohen1968(folder: Path, e: Any) -> Iterator[Line]:
    joint = table_of(folder / "cohen1968.csv")
    weights = 1 - np.array(e["disagreement_weights"], float) / 6
    plain, weighted = chance.cohens_kappa(joint, n=200), chance.cohens_kappa(joint, weights, n=200)
    yield furthest(
        folder.name, "kappa, weighted", [plain.value, weighted.value], [e["kappa"], e["weighted_kappa"]], 1e-4
    )
    yield furthest(folder.name, "variance of kappa", error_of(plain) ** 2, e["var_kappa"], 1e-4)


def kappa_cont4x4(folder: Path, e: Any) -> Iterator[Line]:
    joint = table_of(folder / "cont4x4.csv")
    pairs = np.array([[i, j] for i in range(4) for j in range(4) for _ in range(int(joint[i, j]))], float)
    kinds = {"kappa_linear": chance.Weights.LINEAR, "kappa_quadratic": chance.Weights.QUADRATIC}
    found = [chance.cohens_kappa(joint).value]
    found += [chance.cohens_kappa(joint, chance.weights_of(kind, 4)).value for kind in kinds.values()]
    yield furthest(folder.name, "kappas", found, [e["kappa"], *(e[k] for k in kinds)], 1e-6)
    ac1, kappa = (
        each
        for each in chance.agreement_beyond_chance(pairs, table_form=True)
        if each.name in {"AC1", "Conger's kappa"}
    )
    yield furthest(folder.name, "AC1 and SE", [ac1.value, error_of(ac1)], [e["ac1"], e["ac1_se"]], 1e-6)
    yield furthest(folder.name, "SE of kappa", error_of(kappa), e["kappa_se"], 1e-6)
    ac2 = chance.agreement_beyond_chance(pairs, chance.Weights.QUADRATIC)[0]
    yield furthest(folder.name, "AC2", ac2.value, e["ac2_quadratic"], 1e-6)


def gwet_raw4(folder: Path, e: Any) -> Iterator[Line]:
    table = table_of(folder / "cac_raw4raters.csv")
    found = chance.agreement_beyond_chance(table)
    names = ("gwet_ac1", "fleiss", "bp", "conger")
    yield furthest(folder.name, "published", [each.value for each in found], [e["published"][n] for n in names], 1e-5)
    for kind in ("ordinal", "quadratic", "linear"):
        ac2 = chance.agreement_beyond_chance(table, chance.Weights(kind))[0]
        expected = e["r"][f"gwet_ac2_{kind}"]
        yield furthest(
            folder.name, f"AC2 {kind} and SE", [ac2.value, error_of(ac2)], [expected["coef"], expected["se"]], 1e-5
        )
    yield furthest(folder.name, "SE of AC1", error_of(found[0]), e["r"]["gwet_ac1"]["se"], 1e-5)


def gtheory_brennan32(folder: Path, e: Any) -> Iterator[Line]:
    task, person, rater, rating = table_of(folder / "brennan32.csv").T
    facets = {
        "task": ["task"], "rater:task": ["task", "rater"], "person:task": ["person", "task"],
        "residual": ["person", "task", "rater"],
    }  # fmt: skip
    found = estimated(
        rating,
        {
            "person": person.tolist(), "task": task.tolist(), "rater:task": (task * 100 + rater).tolist(),
            "person:task": (person * 100 + task).tolist(),
        },
    )  # fmt: skip
    printed = e["published"]
    values = [found[k] for k in ("person", "task", "rater:task", "person:task", "residual")]
    yield furthest(folder.name, "components", values, [printed[k] for k in ("p", "t", "r_in_t", "pt", "prt")], 0.001)
    for d in e["r"]["dstudies"]:
        study = decision(found, facets, {"task": d["nt"], "rater": d["nr"]})
        yield furthest(folder.name, f"{d['nt']} x {d['nr']}: G, Phi", [study.g, study.phi], [d["g"], d["phi"]], 0.002)


def gtheory_sim(folder: Path, e: Any) -> Iterator[Line]:
    with (folder / "gsim_open.csv").open() as lines:
        table = read_ratings(lines, Columns(participant="p", item="i", rater="r"))
    codes = (each.codes.astype(np.int64) for each in (table.participant, table.rater, table.item))
    study = study_of(table.score, *codes)
    names = {"person": "p", "item": "i", "rater": "r", "person:item": "p:i", "person:rater": "p:r", "item:rater": "i:r"}
    names |= {"residual": "pir,e"}
    expected = [e["components_reml"][other] for other in names.values()]
    yield furthest(folder.name, "components", [study.components[n] for n in names], expected, 0.002)
    assert study.now
    yield furthest(folder.name, "G, Phi", [study.now.g, study.now.phi], [e["g"], e["phi"]], 0.005)
    more = {d.conditions["rater"]: d for d in study.more}
    for d in e["dstudy"]:
        if each := more.get(d["n_raters"]):
            found = [each.g, each.phi, each.sem_relative, each.sem_absolute]
            expected = [d[k] for k in ("g", "phi", "sem_rel", "sem_abs")]
            yield furthest(folder.name, f"D-study, {d['n_raters']} raters", found, expected, 0.005)


def alpha_attitude(folder: Path, e: Any) -> Iterator[Line]:
    found = consistency(table_of(folder / "attitude.csv"))
    assert isinstance(found, Consistency)
    one = [found.alpha.value, found.standardised, found.g6, found.average_r, found.standard_error]
    keys = ("raw_alpha", "std_alpha", "G6", "average_r", "se_duhachek")
    yield furthest(folder.name, "alpha, standardised, G6, r, SE", one, [e[k] for k in keys], 1e-6)
    yield furthest(
        folder.name, "Feldt", [found.alpha.low, found.alpha.high], [e["feldt_lower"], e["feldt_upper"]], 1e-4
    )
    yield furthest(folder.name, "alpha without each", found.dropped, e["alpha_drop"], 1e-6)
    yield furthest(folder.name, "item and rest", found.item_rest, e["r_drop"], 1e-6)


def alpha_omega_bfi_agree(folder: Path, e: Any) -> Iterator[Line]:
    table = table_of(folder / "bfi_agree.csv")
    found = consistency(table)
    assert isinstance(found, Consistency)
    one = [found.alpha.value, found.standardised, found.g6, found.average_r]
    yield furthest(folder.name, "alpha", one, [e[k] for k in ("raw_alpha", "std_alpha", "G6", "average_r")], 1e-5)
    yield furthest(folder.name, "omega", omega(table).value, e["omega_1f_minres"], 0.002)
    complete = table[~np.isnan(table).any(axis=1)]
    loadings = one_factor(np.asarray(np.corrcoef(complete, rowvar=False)))
    yield furthest(folder.name, "loadings", loadings, e["loadings_minres"], 0.002)


def rwg_lq2002(folder: Path, e: Any) -> Iterator[Line]:
    table = table_of(folder / "lq2002_lead.csv")
    of = {str(int(g)): table[table[:, 0] == g][:, 1:] for g in np.unique(table[:, 0])}
    found = [rwg_j(of[each["grpid"]], 2.0).value for each in e["rwgj_by_group"]]
    yield furthest(folder.name, "rwg(j)", found, [each["rwg.j"] for each in e["rwgj_by_group"]], 1e-6)
    found = [average_deviation(of[each["grpid"]]).value for each in e["ad_mean_by_group"]]
    yield furthest(folder.name, "AD", found, [each["AD.M"] for each in e["ad_mean_by_group"]], 1e-6)
    medians = float(np.mean([average_deviation(each, median=True).value or 0.0 for each in of.values()]))
    yield furthest(folder.name, "AD by median, mean", medians, e["ad_median_based_mean"], 1e-6)
    iccs = [each.value for each in of_groups([group.mean(axis=1).tolist() for group in of.values()])]
    yield furthest(folder.name, "ICC(1), ICC(2)", iccs, [e["LEAD_icc1"], e["LEAD_icc2"]], 1e-6)


def soa_sim(folder: Path, e: Any) -> Iterator[Line]:
    own, others, outcome = table_of(folder / "soa_open.csv").T
    found = self_others(own, others, outcome, midpoint=3.0)
    assert found.fit
    name = folder.name
    values = {each.name: each for each in (*found.fit.coefficients, *found.fit.surface)}
    yield furthest(name, "coefficients", [values[k].value for k in e["coef"]], list(e["coef"].values()), 1e-5)
    yield furthest(name, "surface", [values[k].value for k in e["surface"]], list(e["surface"].values()), 1e-5)
    yield furthest(name, "SE", [values[k].se for k in e["surface_se"]], list(e["surface_se"].values()), 1e-5)
    group = [found.fit.r2, found.correlation.value, found.mean_difference.value]
    yield furthest(name, "R², r, difference", group, [e["r2"], e["r_self_other"], e["mean_difference"]], 1e-5)


def adverse_small(folder: Path, e: Any) -> Iterator[Line]:
    for each in e:
        found = impact(share(**each["focal"]), share(**each["reference"]))
        what = f"{each['focal']['selected']} of {each['focal']['n']}"
        one = [found.ratio, found.p, found.difference]
        yield furthest(folder.name, f"{what}: ratio, p, difference", one, [each[k] for k in ADVERSE], 1e-5)
        ends = [found.focal.low, found.focal.high, found.reference.low, found.reference.high, found.low, found.high]
        expected = [*each["wilson_focal"], *each["wilson_ref"], *each["newcombe_diff"]]
        yield furthest(folder.name, f"{what}: Wilson, Newcombe", ends, expected, 1e-5)


def disclosure(folder: Path, e: Any) -> Iterator[Line]:
    """Self and line manager are known to every reader, so they stand in no published set."""
    for case in e["cases"]:
        sets = [{f"{g}-{n}" for g in s if g not in KNOWN for n in range(case["groups"][g])} for s in case["published"]]
        found = singled_out([each for each in sets if each], case["min_n"])
        yield Line(folder.name, f"{case['id']}: allowed", found == 0, case["allowed"], 0)
        smallest = min((each["n"] for each in case["derivable_small_groups"]), default=0)
        yield Line(folder.name, f"{case['id']}: raters singled out", found, smallest, 0)
    for case in e["numeric"]:
        yield from subtracted(folder.name, case["published"], case["derived_peer"])
    for case in e["item_level"]:
        for item, n in case["peer_item_n"].items():
            figure = a_figure("A", 3.0, competency="A1", appraisal_raters=n)
            shown = screened(a_scored(groups={PEER: 3}, shown=[(PEER,)]), 3).may_show(figure)
            yield Line(folder.name, f"{item} by {n} peers: shown", shown, item not in case["suppressed"], 0)


def subtracted(case: str, published: Any, derived: Any) -> Iterator[Line]:
    """What a reader can work out is worked out, and `singled_out` has said so."""
    total = published.pop("all_others")
    left = total["n"] - sum(each["n"] for each in published.values())
    mean = (total["n"] * total["mean"] - sum(each["n"] * each["mean"] for each in published.values())) / left
    yield furthest(case, "subtraction: n, mean", [left, mean], [derived["n"], derived["mean"]], 1e-3)
    sets = [{f"{name}-{n}" for n in range(each["n"])} for name, each in published.items() if name not in KNOWN]
    sets.append(set().union(*sets) | {f"hidden-{n}" for n in range(left)})
    yield Line(case, "subtraction: raters singled out", singled_out(sets, 3), derived["n"], 0)


KNOWN = {"self", "manager"}
ADVERSE = ("impact_ratio", "fisher_p", "difference")


# --------------------------------------------------------------------------------------------------- many-facet models


def whole(file: Path) -> Part:
    with file.open() as lines:
        return Part.of(None, None, read_ratings(lines), None, lambda: 0.0).whole()


def joint_lines(name: str, part: Part, e: Any) -> Iterator[Line]:
    fit = joint_fit(part.ratings)
    facets: tuple[tuple[str, Measures, tuple[str, ...]], ...] = (
        ("participants", fit.participants, part.participants),
        ("raters", fit.raters, part.raters),
        ("items", fit.items, part.items),
    )
    k = np.arange(fit.cumulative.shape[1])
    within = fit.cumulative - np.outer(fit.items.measure, k)
    values = part.categories.values
    for facet, found, names in facets:
        rows = [names.index(each["id"]) for each in e[facet]]
        for key, of in (("measure", found.measure), ("se", found.error)):
            yield furthest(name, f"JML {facet} {key}", of[rows], [each[key] for each in e[facet]], 0.005)
        for key, of in (("infit_ms", found.infit), ("outfit_ms", found.outfit)):
            yield furthest(name, f"JML {facet} {key}", of[rows], [each[key] for each in e[facet]], 0.01)
        middle = float(np.nanmean(fit.participants.measure))
        level = found.measure[rows] if facet == "participants" else middle - found.measure[rows]
        fair = fair_average(level, within, values)
        yield furthest(name, f"JML {facet} fair average", fair, [each["fair_average"] for each in e[facet]], 0.02)
    yield furthest(name, "JML log likelihood", fit.log_likelihood, e["loglik"], 0.005)


def limit_lines(name: str, part: Part, e: Any) -> Iterator[Line]:
    """The regularised model without its regularisation: prior variances to infinity, no halo."""
    options = Options(
        anchored=True, common_steps=True, smoothed=False, doubting=False, pseudo_counts=1e-9, rounds=500, enough=1e-8
    )
    fit = fitted(part.units, Variances(1e8, 1e8, 1e-9), options)
    rows = [part.raters.index(each["id"]) for each in e["raters"]]
    severity = (fit.severity - fit.severity.mean())[rows]
    yield furthest(name, "limit of ours: raters", severity, [each["measure"] for each in e["raters"]], 0.005)
    rows = [part.participants.index(each["id"]) for each in e["participants"]]
    measures = np.array([each["measure"] for each in e["participants"]])
    place = fit.place[rows] - fit.place[rows].mean()
    yield furthest(name, "limit of ours: participants", place, measures - measures.mean(), 0.005)


def marginal_lines(
    name: str, label: str, part: Part, fit: MarginalFit, e: Any, sizes: Mapping[str, float]
) -> Iterator[Line]:
    yield furthest(name, f"{label} raters", fit.severity, [each["severity"] for each in e["raters"]], sizes["rater"])
    yield furthest(name, f"{label} items", fit.difficulty, [each["difficulty"] for each in e["items"]], sizes["item"])
    yield furthest(name, f"{label} deviance", fit.deviance, e["deviance"], sizes["deviance"])
    yield furthest(name, f"{label} variance", fit.variance, e["theta_variance"], 0.01)
    by_name = {str(each["participant"]): each["EAP"] for each in e["persons"]}
    expected = [by_name[name] for name in part.participants]
    yield furthest(name, f"{label} EAP", fit.place, expected, sizes["place"])


SIZES = {"rater": 0.01, "item": 0.01, "deviance": 0.1, "place": 0.02}


def mfrm_guilford(folder: Path, e: Any) -> Iterator[Line]:
    part = whole(folder / "guilford_long.csv")
    yield from joint_lines(folder.name, part, e["jml_rsm"])
    yield from limit_lines(folder.name, part, e["jml_rsm"])
    fit = marginal_fit(part.ratings, observed_only=True)
    yield from marginal_lines(folder.name, "MML", part, fit, e["mml_rsm_tam"], SIZES | {"place": 0.01})


def mfrm_ratings1(folder: Path, e: Any) -> Iterator[Line]:
    part = whole(folder / "ratings1.csv")
    yield from joint_lines(folder.name, part, e["jml_rsm"])
    yield from marginal_lines(folder.name, "RSM", part, marginal_fit(part.ratings), e["mml"]["RSM"], SIZES)
    own = marginal_fit(part.ratings, steps="own")
    yield from marginal_lines(folder.name, "PCM", part, own, e["mml"]["PCM"], SIZES)


def mfrm_ex10(folder: Path, e: Any) -> Iterator[Line]:
    part = whole(folder / "ex10.csv")
    fit = marginal_fit(part.ratings)
    yield from marginal_lines(folder.name, "additive", part, fit, e["additive"]["DICH"], SIZES | {"place": 0.01})
    both = marginal_fit(part.ratings, raters="by item")
    yield furthest(folder.name, "item x rater deviance", both.deviance, e["interaction"]["deviance"], 0.01)
    expected = [each["xsi"] for each in e["interaction"]["xsi"]]
    assert both.interaction is not None
    found = [*both.difficulty, *both.severity, *both.interaction.ravel()]
    yield furthest(folder.name, "item x rater", found, expected, 0.01)
    alone = marginal_fit(part.ratings, raters="none")
    yield furthest(folder.name, "items only, printed", alone.difficulty, list(e["published_item_only"].values()), 0.01)


CASES: dict[str, Callable[[Path, Any], Iterator[Line]]] = {
    each.__name__: each
    for each in (
        icc_shrout_fleiss, icc_missing, mfrm_guilford, mfrm_ratings1, mfrm_ex10, kripp_canonical, kappa_cohen1968,
        kappa_cont4x4, gwet_raw4, gtheory_brennan32, gtheory_sim, alpha_attitude, alpha_omega_bfi_agree, rwg_lq2002,
        soa_sim, adverse_small, disclosure,
    )
}  # fmt: skip


# -------------------------------------------------------------------------------------------------- simulated cohorts


def named(file: Path, key: str) -> dict[str, dict[str, str]]:
    with file.open() as lines:
        return {row[key]: row for row in csv.DictReader(lines)}


def simulated(folder: Path) -> Iterator[Line]:
    e = json.loads((folder / "expected.json").read_text())["expected"]
    with gzip.open(folder / "ratings.csv.gz", "rt") as lines, (folder / "truth_items.csv").open() as items:
        scored = score(read_ratings(lines), read_items(items))
    people = named(folder / "truth_participants.csv", "participant")
    raters = named(folder / "truth_raters.csv", "rater")
    for fit in scored.fits:
        structure = e["sources"][fit.source]
        what = f"{fit.source} {fit.domain}"
        yield Line(folder.name, f"{what}: subsets", len(fit.subsets), structure["connected_subsets"], 0)
        sizes = [len(each.participants) for each in fit.subsets]
        yield furthest(folder.name, f"{what}: their sizes", sizes, structure["participants_per_subset"], 0)
        yardstick = next(y for y in e["yardstick"] if (y["source"], y["domain"]) == (fit.source, fit.domain))
        yield from recovery(folder.name, what, fit, yardstick, people, raters)


Rows = Mapping[str, Mapping[str, str]]


def recovery(case: str, what: str, fit: FitResult, yardstick: Any, people: Rows, raters: Rows) -> Iterator[Line]:
    lines = [each for each in fit.participants if each.estimate is not None]
    place = np.array([each.estimate for each in lines], float)
    error = np.array([each.se for each in lines], float)
    true = [people[each.participant] for each in lines]
    truth = np.array([float(t[f"theta_{fit.domain}"]) + float(t[f"method_{fit.source}"]) for t in true])
    truth -= truth.mean()
    adjusted = sum(each.adjusted for each in lines)
    if len(lines) < 60:
        yield Line(case, f"{what}: adjusted", adjusted, 0, 0)
        return
    slope, level = np.polyfit(place, truth, 1)
    rmse = float(np.sqrt(np.mean((slope * place + level - truth) ** 2)))
    yield Line(case, f"{what}: r", float(np.corrcoef(place, truth)[0, 1]), yardstick["r"], 0.02, "at least")
    yield Line(case, f"{what}: linear RMSE", rmse, 1.1 * yardstick["rmse_linear"], 0, "at most")
    covered = float(np.mean(np.abs(place - truth) < Z * error))
    # .88 to .99, or as much as the yardstick itself: of 60 people both cover all 60 in one domain, by chance.
    yield Line(case, f"{what}: coverage", covered, 0.935, 0.055)
    if len(fit.subsets) > 1:
        yield Line(case, f"{what}: adjusted", adjusted, 0, 0)
        return
    known = [each for each in fit.raters if each.severity is not None and raters[each.rater]["careless"] == "0"]
    of = [(each.severity or 0.0, float(raters[each.rater]["severity"])) for each in known]
    yield Line(
        case, f"{what}: severity r", float(np.corrcoef(np.array(of).T)[0, 1]), yardstick["severity_r"], 0.05, "at least"
    )


def all_lines(folder: Path) -> Iterator[Line]:
    """Every case and cohort that the folder has, and whether its manifest names none beside them."""
    checked = {*CASES, *(f"sim/{cohort.name}" for cohort in (folder / "sim").iterdir())}
    named_there = {each["case"] for each in json.loads((folder / "manifest.json").read_text())}
    yield Line("manifest", "cases that are not checked", len(named_there - checked), 0, 0)
    for case, check in CASES.items():
        of = folder / "cases" / case
        told = json.loads((of / "expected.json").read_text())
        yield from check(of, told.get("expected", told))
    for cohort in sorted((folder / "sim").iterdir()):
        yield from simulated(cohort)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("python -m tests.measures.scoring_cases FOLDER")
    wrong = count = 0
    for line in all_lines(Path(sys.argv[1])):
        count += 1
        wrong += not line.holds
        mark = "ok  " if line.holds else "FAIL"
        compared = f"{line.kind} {line.expected:12.6f} ± {line.tolerance:g}"
        print(f"{mark} {line.case:22} {line.what:38} found {line.found:12.6f}  {compared}")  # noqa: T201
    print(f"{count - wrong} of {count} hold")  # noqa: T201
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
