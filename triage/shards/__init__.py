"""Shards: the store and the report as a few large tar files that DVC moves well (docs/data-contract.md, "Shards").

    tar        headers written and read, nothing else
    members    which names may stand in a shard, and whose they are
    plan       which sequence goes into which shard (pure)
    manifest   manifest.json: what there is, with hashes
    index      index.parquet: where every member lies
    files      shard bytes from a directory or any fsspec URL
    commit     old state or new state, never a mixture
    content    a tar written of such runs, its digest; many things done ahead, in order
    sets       one of the three sets on disk: frames, report, previews
    runs       one sequence as the run of bytes that it is in a tar
    crew       helping processes
    entries, located, restore      where a sequence lies, and how it gets onto the disk
    pack, unpack, merge, verify, fetch      the commands' library calls
    reader     a sequence, its details or its preview straight out of a tar

Nothing here knows the annotator, the model, or how a report is made.
"""

from __future__ import annotations

__all__: list[str] = []
