"""The audit: how many smokes lie in the Unlabel bucket, from a random sample of it, with proof.

Pure statistics (`bounds`, `strata`, `clusters`, `tuning`, `recall`, `drawing`) take counts and return counts; `plan`, `ledger` and
`certificate` keep on disk what makes a certificate believable. The methods and their sources are in docs/audit.md and
docs/specs/2026-11-21-audit-design.md. No torch, no HTTP.
"""
