"""Every number of the audit's oracle file, from an independent source (exact integers where it says so)."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from triage.audit import bounds, clusters, drawing, recall, strata, tuning

FIXTURES = os.environ.get("TRIAGE_FIXTURES")
pytestmark = pytest.mark.skipif(FIXTURES is None, reason="TRIAGE_FIXTURES is unset: the oracle file audit/oracles.json is not at hand")


def rows(name: str) -> list[tuple[dict[str, Any], Any]]:
    if FIXTURES is None:
        return []
    content = json.loads((Path(FIXTURES) / "audit" / "oracles.json").read_text())
    return [(row["input"], row["output"]) for row in content if row["fn"] == name]


def close(digits: int, expected: float) -> Any:
    return pytest.approx(expected, abs=0.6 * 10**-digits)


@pytest.mark.parametrize(("given", "expected"), rows("hyp_upper"))
def test_hypergeometric_upper_and_its_tails(given: dict[str, Any], expected: Any) -> None:
    D = bounds.hypergeometric_upper(**given)
    assert expected["D_U"] == D
    assert D / given["N"] == close(6, expected["E_U"])
    assert bounds.hypergeometric_cdf(given["x"], given["N"], D, given["n"]) == close(6, expected["tail_at"])
    assert bounds.hypergeometric_cdf(given["x"], given["N"], D + 1, given["n"]) == close(6, expected["tail_next"])


@pytest.mark.parametrize(("given", "expected"), rows("hyp_lower"))
def test_hypergeometric_lower(given: dict[str, Any], expected: Any) -> None:
    assert bounds.hypergeometric_lower(**given) == expected["D_L"]


@pytest.mark.parametrize(("given", "expected"), rows("cp_upper"))
def test_clopper_pearson(given: dict[str, Any], expected: float) -> None:
    assert bounds.clopper_pearson_upper(given["x"], given["n"], given["alpha"]) == close(6, expected)


@pytest.mark.parametrize(("given", "expected"), rows("need_n"))
def test_labels_needed_for_a_share_of_the_bucket(given: dict[str, Any], expected: Any) -> None:
    target = int(Fraction(given["eps"]) * given["N"])
    assert target == expected["Dstar"]
    assert bounds.labels_needed(given["N"], target, given["hits"], given["alpha"]) == expected["n"]


@pytest.mark.parametrize(("given", "expected"), rows("need_n recall"))
def test_labels_needed_for_a_recall_loss(given: dict[str, Any], expected: Any) -> None:
    found = tuning.tune_by_audit(
        threshold=0.35,
        bucket_size=given["N"],
        sampled=0,
        sampled_smoke_scores=[],
        reviewed_smoke_scores=[],
        smokes_above=given["TP"],
        beta=given["beta"],
        delta=given["alpha"],
    )
    assert found == tuning.NotCertifiable(expected["n"], "labels")


def test_the_report() -> None:
    ((given, expected),) = rows("report")
    D = bounds.hypergeometric_upper(given["x"], given["n"], given["N_U"], given["alpha"])
    point = given["x"] * given["N_U"] / given["n"]
    found = recall.recall_of(smokes_in_review=given["TP"], point=point, upper=D, hits=given["x"], rescued=given["extra_rescued"])
    saved = recall.work_saved(everything=given["N_all"], bucket=given["N_U"], sampled=given["n"], recall=found, seconds_per_sequence=10)
    assert expected["D_U"] == D
    assert point == close(3, expected["D_hat"])
    assert found.point == close(6, expected["recall_hat"])
    assert found.lower == close(6, expected["recall_L"])
    assert found.lower_after_rescue == close(6, expected["recall_L_after_rescue"])
    assert found.still_lost == expected["still_lost_max"]
    assert saved.raw == close(6, expected["work_saved"])
    assert saved.net == close(6, expected["work_saved_net"])
    assert saved.wss == close(6, expected["WSS_hat"])
    assert saved.wss_lower == close(6, expected["WSS_L"])


def test_recall_with_both_buckets_sampled() -> None:
    ((given, expected),) = rows("recall TP sampled (alpha/2 each)")
    found = recall.recall_when_review_is_sampled(
        review=(given["N_R"], given["n_R"], given["x_R"]), unlabel=(given["N_U"], given["n_U"], given["x_U"])
    )
    assert (expected["TP_L"], expected["D_U"]) == (found.review_lower, found.upper)
    assert found.lower == close(6, expected["recall_L"])


@pytest.mark.parametrize(("given", "expected"), rows("strata"))
def test_strata(given: dict[str, Any], expected: Any) -> None:
    cut = [(size, sampled) for size, sampled in given["strata"]]
    assert strata.pooled_upper(cut, given["x"]) == expected["pooled"]
    assert strata.wright_upper(cut, given["x"]) == expected["wright"]
    assert strata.fisher_upper(cut, given["x"]) == expected["fisher"]


@pytest.mark.parametrize(("given", "expected"), rows("wendell_schmee"))
def test_wendell_schmee(given: dict[str, Any], expected: int) -> None:
    cut = [(size, sampled) for size, sampled in given["strata"]]
    assert strata.wendell_schmee_upper(cut, given["x"]) == expected


@pytest.mark.parametrize(("given", "expected"), rows("qbcb_j"))
def test_largest_safe_rank(given: dict[str, Any], expected: int) -> None:
    assert tuning.largest_safe_rank(given["n_pos"], given["beta"], given["delta"]) == expected


def test_tune_by_audit_below_and_above_the_threshold() -> None:
    (first, below), (_, above), (third, wide) = rows("tune A")
    common: dict[str, Any] = {
        "threshold": first["t0"],
        "bucket_size": first["N_U0"],
        "sampled": first["n"],
        "reviewed_smoke_scores": first["reviewed_smoke_scores"],
        "smokes_above": first["TP0"],
    }
    found = tuning.tune_by_audit(sampled_smoke_scores=first["sample_smoke_scores"], **common)
    assert found == tuning.Certified(below["t_hat"], below["Dstar"], close(6, below["p_at_x0"]))
    assert bounds.hits_allowed(first["n"], first["N_U0"], below["Dstar"]) == below["accept"]
    assert bounds.hypergeometric_cdf(1, first["N_U0"], below["Dstar"] + 1, first["n"]) == close(6, below["p_at_x1"])

    found = tuning.tune_by_audit(sampled_smoke_scores=[], **common)
    assert found == tuning.Certified(above["t_hat"], above["Dstar_K"][3], close(6, above["p_K"][3]))
    assert bounds.hits_allowed(third["n"], third["N_U0"], 52) == wide["accept"]
    tails = [bounds.hypergeometric_cdf(x, third["N_U0"], 53, third["n"]) for x in range(6)]
    assert tails == [close(6, p) for p in wide["p"]]


@pytest.mark.parametrize(("given", "expected"), rows("hb_p"))
def test_hoeffding_bentkus_p(given: dict[str, Any], expected: float) -> None:
    assert clusters.hoeffding_bentkus_p(given["rhat"], given["n"], given["beta"]) == close(6, expected)


@pytest.mark.parametrize(("given", "expected"), rows("hb_upper"))
def test_hoeffding_bentkus_upper(given: dict[str, Any], expected: float) -> None:
    mean = 2 / 300 if given["zbar"] == 0.006667 else given["zbar"]
    assert clusters.hoeffding_bentkus_upper(mean, given["m"], given["alpha"]) == close(6, expected)


@pytest.mark.parametrize(("given", "expected"), rows("deff_upper"))
def test_design_effect(given: dict[str, Any], expected: Any) -> None:
    effect, upper = clusters.design_effect_upper(given["x"], [8] * 40, given["rho"], given["alpha"])
    assert effect == expected["deff"]
    assert upper == close(6, expected["E_U"])


@pytest.mark.parametrize(("given", "expected"), rows("anova_icc"))
def test_anova_icc(given: dict[str, Any], expected: float) -> None:
    assert clusters.anova_icc(given["y"], given["b"]) == close(6, expected)


@pytest.mark.parametrize(("given", "expected"), rows("ppr_upper a=1 b=400"))
def test_open_ended(given: dict[str, Any], expected: int) -> None:
    assert bounds.open_ended_upper(**given) == expected


@pytest.mark.parametrize(("given", "expected"), rows("noisy_upper"))
def test_imperfect_labels(given: dict[str, Any], expected: int) -> None:
    found = bounds.noisy_upper(given["x"], given["n"], given["N"], given["sens"], given["alpha"])
    assert found == expected


def test_planted_smokes() -> None:
    ((given, expected),) = rows("planted smokes")
    s = bounds.sensitivity_lower(given["found"], given["planted"])
    assert s == close(6, expected["s_L"])
    assert bounds.noisy_upper(given["x"], given["n"], given["N"], s, 0.025) == expected["D_U"]


@pytest.mark.parametrize(("given", "expected"), rows("band alpha'=.0070 (X<=50)"))
def test_simultaneous_band(given: dict[str, Any], expected: int) -> None:
    assert bounds.hypergeometric_upper(given["x"], given["n"], given["N"], bounds.simultaneous_alpha(50)) == expected


def test_permanent_random_numbers() -> None:
    ((given, expected),) = rows("prn")
    assert {i: drawing.permanent_random_number(20240601, i) for i in given["ids"]} == {i: close(6, u) for i, u in expected["u"].items()}
    assert drawing.draw(given["ids"], 20240601, 4) == expected["order"]
