"""Whether a model was trained on what it is measured with: fingerprints of sequences, kept in the package's provenance.

A fingerprint is made of the key and of the first frame (its hash, or where it lies): a sequence that grew is still recognised, and
another annotator's sequence with the same number is not. Training writes them into the manifest, from where they reach the report's
model_config.json; evaluation reads them there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from triage.errors import BadFile
from triage.files import sha256_bytes
from triage.sequences import Sequence

__all__ = ["fingerprint", "pack_fingerprints", "unpack_fingerprints"]

#: 48 bits: among 20,000 x 20,000 pairs one accidental match is expected in a million evaluations.
_BYTES = 6


def fingerprint(sequence: Sequence) -> str:
    """12 hex digits: SHA-256 of the key and of the first frame's hash (else of its object key and time)."""
    first = sequence.frames[0] if sequence.frames else None
    content = "" if first is None else first.sha256 or f"{first.bucket_key} {first.recorded_at}"
    return sha256_bytes(f"{sequence.key}\n{content}".encode())[: 2 * _BYTES]


def pack_fingerprints(fingerprints: Iterable[str]) -> str:
    """Base64 of the sorted fingerprints, 8 characters each: what the manifest carries as `provenance.training.fingerprints`."""
    return base64.b64encode(b"".join(bytes.fromhex(one) for one in sorted(set(fingerprints)))).decode()


def unpack_fingerprints(model_config: Mapping[str, Any]) -> frozenset[str] | None:
    """The inverse, read from a report's model_config.json (or a manifest); None = it names none. Raises BadFile on damage."""
    found = _find(model_config, ("manifest", "provenance", "training", "fingerprints"))
    if found is None:
        found = _find(model_config, ("provenance", "training", "fingerprints"))
    if found is None:
        return None
    try:
        data = base64.b64decode(str(found), validate=True)
    except binascii.Error as error:
        raise BadFile(f"model_config.json: provenance.training.fingerprints is damaged ({error})") from error
    return frozenset(data[at : at + _BYTES].hex() for at in range(0, len(data), _BYTES))


def _find(content: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        content = content.get(name) if isinstance(content, Mapping) else None
    return content
