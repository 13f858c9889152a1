"""triage: clears annotation backlogs of camera-image sequences.

The rooms and the direction of imports between them are drawn in `docs/architecture.md`; every file on disk is described in
`docs/data-contract.md`.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
