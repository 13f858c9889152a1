"""The annotator at home: synthetic or replayed sequences behind a real HTTP server on loopback, and the whole job run against it.

`scenes` renders a world from a seed, `replay` makes one of any store, `server` answers as the annotator does (and misbehaves on request),
`run` is what `triage demo` does. Nothing here is used on the way to a real annotator.
"""

__all__: list[str] = []
