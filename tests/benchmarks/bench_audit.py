"""Does "95% sure" mean 95%? Simulated audits of buckets whose truth is known, beside the methods people use instead.

Buckets of 24%, 50% and 80% of 21,489 sequences; smokes in clusters (camera-days, geometric sizes, mean 8) with intra-cluster correlation
0, 0.5 and 0.9. "coverage" = share of audits whose bound is at least the truth; the baseline labels whole clusters and uses the naive
Clopper-Pearson bound.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np

from triage.audit.bounds import clopper_pearson_upper, hypergeometric_upper

SIZES = (5157, 10744, 17191)
CORRELATIONS = (0.0, 0.5, 0.9)
ELUSION = 0.01
LABELS = 300


def bucket(N: int, icc: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(cluster of every sequence, is it smoke): with chance `icc` a sequence follows its cluster's own fate."""
    sizes = rng.geometric(1 / 8, size=N)
    cluster = np.repeat(np.arange(N), sizes)[:N]
    fate = rng.random(cluster[-1] + 1) < ELUSION
    follows = rng.random(N) < np.sqrt(icc)
    return cluster, np.where(follows, fate[cluster], rng.random(N) < ELUSION)


@cache
def exact(x: int, n: int, N: int) -> int:
    return hypergeometric_upper(x, n, N)


def whole_clusters(cluster: np.ndarray, smoke: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """(hits, labels) when whole clusters are opened until about LABELS sequences are labelled."""
    order = rng.permutation(cluster[-1] + 1)
    sizes = np.bincount(cluster)[order]
    taken = order[: int(np.searchsorted(np.cumsum(sizes), LABELS)) + 1]
    inside = np.isin(cluster, taken)
    return int(smoke[inside].sum()), int(inside.sum())


def main() -> str:
    runs = 200 if os.environ.get("BENCH_QUICK") else 2000
    rng = np.random.default_rng(20261121)
    lines = [
        "## Audit: coverage of the bound",
        "",
        f"{runs} simulated audits a row, {LABELS} labels each, {ELUSION:.0%} of the bucket smoke, nominal coverage 0.95.",
        "",
        "| bucket | correlation | random sample, exact bound: coverage (median bound) | whole clusters, naive Clopper-Pearson: coverage |",
        "| --- | --- | --- | --- |",
    ]
    for N in SIZES:
        for icc in CORRELATIONS:
            bounds, covered, naive = [], 0, 0
            for _ in range(runs):
                cluster, smoke = bucket(N, icc, rng)
                D = int(smoke.sum())
                upper = exact(int(smoke[rng.choice(N, LABELS, replace=False)].sum()), LABELS, N)
                bounds.append(upper)
                covered += upper >= D
                hits, labels = whole_clusters(cluster, smoke, rng)
                naive += clopper_pearson_upper(hits, labels) * N >= D
            lines.append(f"| {N:,} | {icc:g} | {covered / runs:.3f} ({np.median(bounds):.0f}) | {naive / runs:.3f} |")
    return "\n".join(lines) + "\n"
