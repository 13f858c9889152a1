"""`triage plan` as one call: the decisions, the certificate and the files come together here."""

from __future__ import annotations

from collections.abc import Iterable

from triage.config import Layout
from triage.errors import BadSetting
from triage.review.auditing import bucket_status
from triage.review.elsewhere import decided_elsewhere
from triage.review.fold import State
from triage.review.handover import Basis, Planned, write_plan
from triage.review.payloads import build_payloads
from triage.review.selection import Rows
from triage.sequences import sequence_id_of

__all__ = ["plan_payloads"]


def plan_payloads(
    layout: Layout,
    rows: Rows,
    state: State,
    *,
    undecided_unlabel: bool = False,
    without_certificate: bool = False,
    include: Iterable[int] = (),
) -> tuple[Planned, str]:
    """(the plan on disk, one line about its certificate, "" when none is needed).

    Raises BadSetting when sequences that nobody looked at one by one would be discarded without a certificate for exactly this bucket and
    nobody insists. Sequences beside a smoke that the audit found are kept back until somebody has looked at them.
    """
    elsewhere = decided_elsewhere(layout, rows, state)
    plan = build_payloads(rows, state, undecided_unlabel=undecided_unlabel, include=include, elsewhere=elsewhere)
    certificate, claim, line = None, "", ""
    if plan.undecided:
        status = bucket_status(layout, rows, state)
        if status.neighbours:
            back = frozenset(sequence_id_of(key) for key in status.neighbours)
            plan = build_payloads(
                rows, state, undecided_unlabel=undecided_unlabel, include=include, back_in_review=back, elsewhere=elsewhere
            )
        certificate = status.certified
        if certificate is None:
            if not without_certificate:
                raise BadSetting(
                    f"{len(plan.undecided)} sequences that nobody looked at would be discarded: {status.reason}; "
                    "or insist with --without-certificate, which the payload's summary will say"
                )
            line = f"WITHOUT A CERTIFICATE, because you insisted ({status.reason})"
        else:
            claim = status.claim
            line = f"Certificate: {certificate}, {claim}"
    basis = Basis(rows.variant, rows.model_version, rows.threshold, certificate, claim, bool(plan.undecided) and certificate is None)
    return write_plan(layout.payloads, plan, basis), line
