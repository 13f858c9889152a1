"""An audit plan: the frozen bucket, the planned looks, and the sample. Pure: takes scores, returns records.

Once made, a plan never changes; whatever it was made for is named by digests, so that a certificate can tell that the world moved on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, Literal

from triage.audit.bounds import (
    TwoLooks,
    chance_to_pass,
    chance_to_pass_two_looks,
    labels_needed,
    open_ended_needed,
    sensitivity_lower,
    smallest_sample,
)
from triage.audit.drawing import draw
from triage.audit.strata import pooled_upper, stratified_upper
from triage.errors import BadFile, BadSetting
from triage.files import dump_json, sha256_bytes

__all__ = [
    "PLAN_FORMAT",
    "PLAUSIBLE_RATES",
    "Cost",
    "Design",
    "Look",
    "Plan",
    "bucket_digest",
    "costs",
    "labels_for",
    "labels_with_planted",
    "make_plan",
]

PLAN_FORMAT = 1

#: True shares of smokes at which the chance to pass is printed.
PLAUSIBLE_RATES = (Fraction(1, 2000), Fraction(1, 1000), Fraction(1, 500))

#: Known smokes hidden among the sequences to measure the reviewer, and high scorers hidden among them so that a smoke is no surprise.
DEFAULT_PLANTED = 60
_DECOY_SHARE = 0.1
#: The band of `--near`: the share of the bucket that scores highest.
_NEAR_SHARE = 0.1

Design = Literal["simple", "proportional", "near"]


@dataclass(frozen=True, slots=True)
class Look:
    """A planned look: after `n` labels (counted from the first), certified when at most `hits` of them are smoke."""

    n: int
    hits: int


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the bucket by score, [low, high): its size, and its sample in the order it was drawn."""

    low: float
    high: float
    size: int
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A frozen audit of one Unlabel bucket.

    bucket_digest: of the bucket's keys and scores, the threshold and the model version (`bucket_digest`).
    bucket, review, everything: N_U, the size of To Review, and N_all. max_miss: the share of the bucket that may be smoke, as a fraction
    ("1/200"); target: D*, that share in whole sequences. alpha: error of the whole audit; each planned look may err alpha / len(looks).
    open_ended: the bound holds at every number of labels at once; the looks are then only portions of work.
    strata: one for a simple random sample. planted: known smokes, decoys: a random sample of the rest of To Review; both are shown among
    the sample, blind, and never part of the bound. The decoys say what To Review holds before it is decided.
    """

    audit_id: str
    variant: str
    model_version: str
    threshold: float
    bucket_digest: str
    bucket: int
    review: int
    everything: int
    max_miss: str
    target: int
    alpha: float
    looks: tuple[Look, ...]
    open_ended: bool
    design: Design
    seed: int
    strata: tuple[Stratum, ...]
    planted: tuple[str, ...]
    decoys: tuple[str, ...]

    @property
    def alpha_per_look(self) -> float:
        """The error each look may make, so that all of them together make at most `alpha`."""
        return self.alpha if self.open_ended else self.alpha / len(self.looks)

    def sample(self, look: Look) -> tuple[str, ...]:
        """The drawn keys that belong to `look`, in the order of the draw (strata one after another)."""
        if len(self.strata) == 1:
            return self.strata[0].sample[: look.n]
        return tuple(key for stratum in self.strata for key in stratum.sample)

    def worklist(self, look: Look) -> tuple[str, ...]:
        """What the reviewer gets for `look`: sample, planted and decoys in one order that tells nothing."""
        keys = {*self.sample(look), *self.planted, *self.decoys}
        return tuple(draw(keys, self.seed ^ 0x5EED, len(keys)))

    def to_json(self) -> dict[str, Any]:
        """The content of `plan.json`; `from_json` is its inverse."""
        return {"format": PLAN_FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any], where: str) -> Plan:
        """Read `plan.json`. Raises BadFile when it was changed by hand: its id is the digest of the rest."""
        try:
            fields = {name: value for name, value in content.items() if name != "format"}
            fields["looks"] = tuple(Look(**look) for look in fields["looks"])
            fields["strata"] = tuple(Stratum(**{**part, "sample": tuple(part["sample"])}) for part in fields["strata"])
            fields["planted"], fields["decoys"] = tuple(fields["planted"]), tuple(fields["decoys"])
            plan = cls(**fields)
        except (KeyError, TypeError) as error:
            raise BadFile(f"{where}: not an audit plan ({error}); make one with `triage audit plan`") from error
        if plan.audit_id != _identity(plan):
            raise BadFile(f"{where}: expected the plan that its id names, found another content; restore it or plan again")
        return plan


def _identity(plan: Plan) -> str:
    content = {name: value for name, value in plan.to_json().items() if name != "audit_id"}
    return "audit-" + sha256_bytes(dump_json(content))[:12]


def bucket_digest(scores: Mapping[str, float], threshold: float, model_version: str) -> str:
    """sha256 over the threshold, the model version and every key with its score, in key order: what a certificate is for."""
    digest = hashlib.sha256(f"triage-bucket|v1|{threshold!r}|{model_version}\n".encode())
    for key in sorted(scores):
        digest.update(f"{key} {scores[key]!r}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way of auditing costs, and its chance to pass at each of PLAUSIBLE_RATES.

    looks: None when the target cannot be certified that way. mean_labels: at each rate, for plans that may stop early.
    """

    name: str
    looks: tuple[Look, ...] | None
    chances: tuple[float, ...]
    mean_labels: tuple[float, ...]


def costs(N: int, target: int, alpha: float, planted: int = 0) -> list[Cost]:
    """The price list: one look with 0 to 3 hits, and two looks. planted: known smokes hidden in the sample, all of them recognised."""
    rows = []
    for hits in range(4):
        n = labels_with_planted(N, target, hits, alpha, planted)
        if n is None:
            rows.append(Cost(f"one look, {hits} hits", None, (), ()))
            continue
        chances = tuple(chance_to_pass(n, N, hits, rate) for rate in PLAUSIBLE_RATES)
        rows.append(Cost(f"one look, {hits} hits", (Look(n, hits),), chances, (float(n),) * len(chances)))
    first, second = (labels_with_planted(N, target, hits, alpha / 2, planted) for hits in (0, 3))
    if first is None or second is None:
        rows.append(Cost("two looks", None, (), ()))
    else:
        two = TwoLooks(first, 0, max(first, second), 3)
        pairs = [chance_to_pass_two_looks(two, N, rate) for rate in PLAUSIBLE_RATES]
        looks = (Look(two.n1, two.hits1), Look(two.n2, two.hits2))
        rows.append(Cost("two looks", looks, tuple(chance for chance, _ in pairs), tuple(labels for _, labels in pairs)))
    return rows


def _planned_looks(N: int, target: int, hits: int | None, looks: int, alpha: float, planted: int, open_ended: bool) -> tuple[Look, ...]:
    if looks not in (1, 2):
        raise BadSetting(f"--looks: expected 1 or 2, found {looks}; for any number of looks plan with --open-ended")
    # By default no more hits than the target bears.
    most = min(target, 2 if looks == 1 and not open_ended else 3) if hits is None else hits
    allowed: tuple[int, ...] = tuple(range(most + 1)) if open_ended else (most,) if looks == 1 else (0, most)
    planned: list[Look] = []
    for count in allowed:
        n = open_ended_needed(N, target, count, alpha) if open_ended else labels_with_planted(N, target, count, alpha / looks, planted)
        if n is None:
            raise BadSetting(
                f"no sample of the {N} sequences certifies 'at most {target} smokes' with {count} hits allowed"
                f"{f' and {planted} planted smokes' if planted else ''}; allow fewer --hits, or a larger --max-miss"
            )
        planned.append(Look(max(n, planned[-1].n) if planned else n, count))
    return tuple(planned)


def labels_with_planted(N: int, target: int, hits: int, alpha: float, planted: int) -> int | None:
    """`labels_needed` with so many known smokes hidden in the sample, all of them recognised."""
    level, sensitivity = _level(alpha, planted)
    return labels_needed(N, target, hits, level, sensitivity) if hits <= target else None


def _level(alpha: float, planted: int) -> tuple[float, float]:
    """(what the draw may err, the sensitivity to allow for) when so many smokes are planted.

    The best that they can show is that all were found; half of alpha pays for what they leave open.
    """
    return (alpha / 2, sensitivity_lower(planted, planted, alpha)) if planted else (alpha, 1.0)


def labels_for(plan: Plan, hits: int, sensitivity: float | None) -> int | None:
    """How many labels would have certified with so many hits, in the design of this plan; None = no number, or it cannot be said.

    sensitivity: what the planted smokes say at least of the reviewer; None = none were planted, the reviewer is trusted.
    """
    alpha = plan.alpha_per_look if sensitivity is None else plan.alpha_per_look / 2
    if plan.open_ended:
        return open_ended_needed(plan.bucket, plan.target, hits, alpha)
    if sensitivity == 0 or plan.design == "near":
        return None
    if plan.design == "simple":
        return labels_needed(plan.bucket, plan.target, hits, alpha, 1.0 if sensitivity is None else sensitivity)
    return _labels_pooled(plan.bucket, plan.target, hits, alpha, 1.0 if sensitivity is None else sensitivity)


def _labels_pooled(N: int, target: int, hits: int, alpha: float, sensitivity: float) -> int | None:
    return smallest_sample(hits, N, lambda n: n > hits and pooled_upper([(N, n)], [hits], alpha, sensitivity) <= target)


def make_plan(
    *,
    variant: str,
    model_version: str,
    threshold: float,
    unlabel: Mapping[str, float],
    review: Mapping[str, float],
    everything: int,
    max_miss: Fraction,
    confidence: float,
    hits: int | None = None,
    looks: int = 2,
    open_ended: bool = False,
    strata: int = 1,
    near: int = 0,
    seed: int | None = None,
    known_smokes: Iterable[str] = (),
    planted: int = DEFAULT_PLANTED,
    review_sample: int | None = None,
) -> Plan:
    """Freeze the bucket and draw from it.

    unlabel, review: key -> score of the two buckets. max_miss: the share of the bucket that may be smoke, in (0, 1).
    hits: smokes the (last) look may contain, default 2 for one look and 3 for two. strata > 1: equal fractions by score.
    near > 0: the tenth of the bucket that scores highest is a stratum of its own, so many of it are labelled.
    seed: None = derived from the bucket itself, so that nobody chose it. known_smokes: keys that may be planted.
    review_sample: how many other sequences of To Review are mixed in, None = a tenth of the sample.
    Raises BadSetting when the bucket is empty or no sample can certify the target.
    """
    if not unlabel:
        raise BadSetting("the Unlabel bucket is empty: nothing would be discarded, so there is nothing to audit")
    if not 0 < max_miss < 1 or not 0.5 <= confidence < 1:
        raise BadSetting(f"expected a --max-miss between 0 and 1 and a --confidence of 50% or more, found {max_miss} and {confidence}")
    if strata > 1 and (near or looks > 1 or open_ended):
        raise BadSetting("--strata goes with a single look (--looks 1) and without --near or --open-ended")
    if near and (looks > 1 or open_ended):
        raise BadSetting("--near goes with a single look (--looks 1) and without --open-ended")
    N, alpha = len(unlabel), round(1 - confidence, 12)
    target = math.floor(max_miss * N)
    digest = bucket_digest(unlabel, threshold, model_version)
    chosen = int(digest[:8], 16) if seed is None else seed
    hidden = tuple(draw(known_smokes, chosen ^ 0x9A17, planted))
    if open_ended:
        # Its bound knows no imperfect reviewer.
        hidden = ()
    design: Design = "near" if near else "proportional" if strata > 1 else "simple"
    if design == "simple":
        planned = _planned_looks(N, target, hits, looks, alpha, len(hidden), open_ended)
        parts: tuple[Stratum, ...] = (_stratum(unlabel, 0.0, threshold, chosen, planned[-1].n),)
    else:
        allowed = min(2, target) if hits is None else hits
        planned, parts = _stratified(unlabel, threshold, target, allowed, alpha, strata, near, chosen, len(hidden))
    mixed_in = math.ceil(_DECOY_SHARE * planned[-1].n) if review_sample is None else review_sample
    decoys = draw(set(review) - set(hidden), chosen ^ 0xDEC0, mixed_in)
    plan = Plan(
        audit_id="",
        variant=variant,
        model_version=model_version,
        threshold=threshold,
        bucket_digest=digest,
        bucket=N,
        review=len(review),
        everything=everything,
        max_miss=str(max_miss),
        target=target,
        alpha=alpha,
        looks=planned,
        open_ended=open_ended,
        design=design,
        seed=chosen,
        strata=parts,
        planted=hidden,
        decoys=tuple(decoys),
    )
    return Plan(**{**{name: getattr(plan, name) for name in plan.__dataclass_fields__}, "audit_id": _identity(plan)})


def _stratum(scores: Mapping[str, float], low: float, high: float, seed: int, n: int) -> Stratum:
    inside = [key for key, score in scores.items() if low <= score < high]
    return Stratum(low, high, len(inside), tuple(draw(inside, seed, n)))


def _stratified(
    scores: Mapping[str, float], threshold: float, target: int, hits: int, alpha: float, strata: int, near: int, seed: int, planted: int
) -> tuple[tuple[Look, ...], tuple[Stratum, ...]]:
    N, ordered = len(scores), sorted(scores.values())
    level, sensitivity = _level(alpha, planted)
    refusal = BadSetting(
        f"no such sample of the {N} sequences certifies 'at most {target} smokes' with {hits} hits allowed"
        f"{f' and {planted} planted smokes' if planted else ''}; allow fewer --hits, or a larger --max-miss"
    )
    if near:
        # Ties at the cut belong to the band.
        cut = ordered[max(0, N - max(near, math.ceil(_NEAR_SHARE * N)))]
        below = sum(score < cut for score in ordered)
        if below == 0:
            raise BadSetting(f"--near {near}: the band holds the whole bucket of {N} sequences; plan without --near")
        band = (N - below, min(near, N - below))

        def certifies(n: int) -> bool:
            return stratified_upper([(below, n), band], [hits, 0], level, sensitivity, proportional=False)[0] <= target

        n = smallest_sample(hits, below, certifies)
        if n is None:
            raise refusal
        parts: tuple[Stratum, ...] = (_stratum(scores, 0.0, cut, seed, n), _stratum(scores, cut, threshold, seed, band[1]))
    else:
        cuts = sorted({0.0, *(ordered[N * part // strata] for part in range(1, strata))})
        edges = [*cuts, threshold]
        total = _labels_pooled(N, target, hits, level, sensitivity)
        if total is None:
            raise refusal
        sizes = [sum(low <= score < high for score in ordered) for low, high in pairwise(edges)]
        parts = tuple(
            _stratum(scores, low, high, seed, math.ceil(total / N * size)) for (low, high), size in zip(pairwise(edges), sizes, strict=True)
        )
    return (Look(sum(len(part.sample) for part in parts), hits),), parts
