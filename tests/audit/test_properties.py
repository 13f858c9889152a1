"""What must hold for every input: coverage over all small buckets, monotonicity, and draws that nest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from triage.audit import bounds, drawing, strata, tuning
from triage.errors import BadSetting


@st.composite
def samples(draw: st.DrawFn) -> tuple[int, int, int]:
    N = draw(st.integers(1, 3000))
    n = draw(st.integers(0, N))
    return draw(st.integers(0, n)), n, N


@pytest.mark.parametrize("N", range(1, 26))
def test_upper_and_lower_bounds_cover_every_truth_of_a_small_bucket(N: int) -> None:
    for n in range(N + 1):
        upper = [bounds.hypergeometric_upper(x, n, N) for x in range(n + 1)]
        lower = [bounds.hypergeometric_lower(x, n, N) for x in range(n + 1)]
        for D in range(N + 1):
            chances = stats.hypergeom.pmf(range(n + 1), N, D, n)
            assert sum(chance for chance, D_U in zip(chances, upper, strict=True) if D_U >= D) >= 0.95 - 1e-12
            assert sum(chance for chance, D_L in zip(chances, lower, strict=True) if D_L <= D) >= 0.95 - 1e-12


@given(samples())
def test_one_more_hit_never_lowers_the_bound(sample: tuple[int, int, int]) -> None:
    x, n, N = sample
    if x < n:
        assert bounds.hypergeometric_upper(x, n, N) <= bounds.hypergeometric_upper(x + 1, n, N)


@given(samples())
def test_one_more_label_without_smoke_never_raises_the_bound(sample: tuple[int, int, int]) -> None:
    x, n, N = sample
    if n < N:
        assert bounds.hypergeometric_upper(x, n + 1, N) <= bounds.hypergeometric_upper(x, n, N)


@given(samples())
def test_the_bounds_enclose_what_was_seen(sample: tuple[int, int, int]) -> None:
    x, n, N = sample
    assert x <= bounds.hypergeometric_lower(x, n, N) <= bounds.hypergeometric_upper(x, n, N) <= N - (n - x)


def test_a_fully_labelled_bucket_is_known() -> None:
    assert bounds.hypergeometric_upper(7, 7, 7) == 7
    assert bounds.hypergeometric_upper(3, 40, 40) == bounds.hypergeometric_lower(3, 40, 40) == 3


@given(samples(), st.floats(0.3, 1))
@settings(max_examples=40, deadline=None)
def test_imperfect_labels_never_tighten_the_bound(sample: tuple[int, int, int], sensitivity: float) -> None:
    x, n, N = sample
    assert bounds.noisy_upper(x, n, N, sensitivity) >= bounds.hypergeometric_upper(x, n, N)


@given(samples())
@settings(deadline=None)
def test_an_open_ended_bound_pays_for_its_freedom(sample: tuple[int, int, int]) -> None:
    x, n, N = sample
    assert x <= bounds.open_ended_upper(x, n, N) <= N - (n - x)


@given(st.integers(1, 2000), st.integers(0, 40), st.integers(0, 3))
@settings(deadline=None)
def test_labels_needed_is_the_smallest_number_that_certifies(N: int, target: int, hits: int) -> None:
    n = bounds.labels_needed(N, target, hits)
    if target >= N:
        assert n == hits
    elif n is None:
        assert hits > target
    else:
        assert bounds.hypergeometric_upper(hits, n, N) <= target
        assert n == hits or bounds.hypergeometric_upper(hits, n - 1, N) > target


@given(st.lists(st.floats(0, 0.349), max_size=8), st.floats(0, 0.349))
@settings(deadline=None)
def test_one_more_hit_never_raises_the_certified_threshold(hits: list[float], another: float) -> None:
    def tuned(scores: list[float]) -> float:
        found = tuning.tune_by_audit(
            threshold=0.35,
            bucket_size=2000,
            sampled=900,
            sampled_smoke_scores=scores,
            reviewed_smoke_scores=[0.4, 0.5, 0.6],
            smokes_above=400,
        )
        return found.threshold if isinstance(found, tuning.Certified) else -1.0

    assert tuned([*hits, another]) <= tuned(hits)


def test_tune_refuses_hits_above_the_threshold() -> None:
    with pytest.raises(BadSetting, match="expected sampled smokes below the threshold"):
        tuning.tune_by_audit(threshold=0.35, bucket_size=10, sampled=5, sampled_smoke_scores=[0.4], reviewed_smoke_scores=[])


def test_tune_says_what_is_needed_when_nothing_can_be_certified() -> None:
    assert tuning.tune_by_random_sample([0.5] * 58) == tuning.NotCertifiable(59, "smokes")
    assert tuning.tune_by_clusters({"a": 0.5}, {"a": "cam"}, seed=1) == tuning.NotCertifiable(59, "clusters with smoke")
    assert tuning.tune_by_cluster_means({}, {}) == tuning.NotCertifiable(59, "clusters with smoke")


def test_tune_by_clusters_counts_one_smoke_per_cluster() -> None:
    scores = {f"s{i}": i / 1000 for i in range(600)}
    found = tuning.tune_by_clusters(scores, {name: int(name[1:]) // 2 for name in scores}, seed=3)
    assert isinstance(found, tuning.Certified)
    rank = tuning.largest_safe_rank(300, 0.05)
    assert (rank - 1) * 2 / 1000 <= found.threshold <= (rank * 2 + 1) / 1000


def test_tune_by_cluster_means_stops_where_the_mean_loss_grows() -> None:
    scores = {f"s{i}": i / 400 for i in range(400)}
    found = tuning.tune_by_cluster_means(scores, {name: name for name in scores})
    assert isinstance(found, tuning.Certified)
    assert 0.02 < found.threshold < 0.05


def test_elusion_rate_walks_up_from_the_first_threshold_that_could_pass() -> None:
    bucket = [i / 10000 for i in range(3000)]
    sample = bucket[::3]
    clean = tuning.tune_elusion_rate(bucket, sample, [], eps=0.005)
    assert isinstance(clean, tuning.Certified)
    assert clean.threshold > bucket[-1]
    late = tuning.tune_elusion_rate(bucket, sample, sample[-12:], eps=0.005)
    assert isinstance(late, tuning.Certified)
    assert late.threshold < clean.threshold
    few = tuning.tune_elusion_rate(bucket, sample[:5], [], eps=0.005)
    assert few == tuning.NotCertifiable(bounds.labels_needed(3000, 15), "labels")
    many = tuning.tune_elusion_rate(bucket, sample, sample[:400], eps=0.2)
    assert isinstance(many, tuning.NotCertifiable)
    assert many.hits == 400
    assert many.needed == bounds.labels_needed(3000, 600, 400)


@given(st.sets(st.text(min_size=1), max_size=40), st.integers(0, 50), st.integers(0, 50), st.integers())
def test_a_larger_draw_begins_with_the_smaller_one(ids: set[str], m: int, n: int, seed: int) -> None:
    small, large = sorted((m, n))
    assert drawing.draw(ids, seed, large)[:small] == drawing.draw(ids, seed, small)


def test_another_seed_draws_others() -> None:
    ids = [str(i) for i in range(500)]
    assert drawing.draw(ids, 1, 20) != drawing.draw(ids, 2, 20)


def test_fully_labelled_strata_are_counted_and_left_out() -> None:
    assert strata.pooled_upper([(1000, 100), (20, 20)], [0, 3]) == 3 + strata.pooled_upper([(1000, 100)], [0])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: bounds.hypergeometric_upper(3, 2, 10), "expected 0 <= hits <= sampled <= bucket, found 3, 2, 10"),
        (lambda: bounds.hypergeometric_upper(0, 2, 10, 1.5), "alpha: expected a number between 0 and 1, found 1.5"),
        (lambda: bounds.noisy_upper(0, 2, 10, 0), "sensitivity: expected a number in"),
        (lambda: bounds.simultaneous_alpha(51), "at most 50 hits"),
        (lambda: strata.wright_upper([(10, 2)], [1, 1]), "one count of hits for each of 1 strata, found 2"),
    ],
)
def test_nonsense_is_refused_in_one_line(call: object, text: str) -> None:
    assert callable(call)
    with pytest.raises(BadSetting, match=text):
        call()
