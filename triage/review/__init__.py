"""Review: what humans decide, and what becomes of it.

`decisions` is the vocabulary, `where` the language of selections, `events` and `log` the append-only logs, `fold` the state they add up
to, `desk` what the CLI and the server call. `plan`, `preflight`, `reconcile` and `exports` hand the result over. Nothing here writes to
the annotator: decisions end as files that a human sends.
"""
