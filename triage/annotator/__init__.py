"""The annotator's API, read only: typed calls over a transport that cannot write. The only room that opens a socket outwards.

How a live queue is listed completely is `listing`'s; what is fetched and where it is kept is `triage.pull`'s business.
"""

from __future__ import annotations

from triage.annotator.client import LARGEST_PAGE, TYPICAL_FRAME_BYTES, TYPICAL_FRAMES, Client, SequencePage, SequenceQuery
from triage.annotator.listing import Listing
from triage.annotator.transport import Patience
from triage.annotator.wire import AnnotationRow, DetectionRow, SequenceRow, User, parse_time

__all__ = [
    "LARGEST_PAGE",
    "TYPICAL_FRAMES",
    "TYPICAL_FRAME_BYTES",
    "AnnotationRow",
    "Client",
    "DetectionRow",
    "Listing",
    "Patience",
    "SequencePage",
    "SequenceQuery",
    "SequenceRow",
    "User",
    "parse_time",
]
