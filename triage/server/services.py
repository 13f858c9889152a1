"""What the routes call: one object per application that joins reports, frames and pixels. No HTTP here."""

from __future__ import annotations

import contextlib

import triage
from triage.config import Layout, setting
from triage.errors import BadFile, BadFrame, TriageError
from triage.files import sha256_bytes
from triage.sequences import SOURCE, sequence_id_of
from triage.server.assemble import sequence_detail
from triage.server.blinding import blind_detail, rows_version
from triage.server.cache import ByteCache
from triage.server.catalog import Catalog
from triage.server.details import Details, Tube, decisive_tube, parse_details, slots_of, window_of
from triage.server.frames import Frames, FrameSet
from triage.server.opened import OpenReport
from triage.server.pictures import Picture, crop_of, evenly, shrunk, side_by_side, strip_of, whole_frame
from triage.server.previews import PreviewPictures
from triage.server.problems import NotServed
from triage.server.reviewing import Reviewing
from triage.server.schemas import Health, ModelPanel, Neighbour, ReportSummary, SequenceDetail

__all__ = ["Services", "annotator_page"]

_FRAME_BYTES = 256 * 2**20
_PICTURE_BYTES = 128 * 2**20
_NEIGHBOURS = 12
_ALERT_ROWS = 24
#: Squares in a strip: enough to see what moves, and decoding them is all that a strip costs.
_SQUARES = 10
#: Tiles up to this size are drawn from previews where there are some: twice as large as the crops in them.
_PREVIEW_SIZE = 224

XYWH = tuple[float, float, float, float]


def annotator_page() -> str | None:
    """The setting of that name; None = no link."""
    link = setting("annotator_page")
    return None if link in (None, "", "none") else link


class Services:
    """Everything behind the API over one data directory. Safe to use from several threads.

    compress: visitors come over a network, where compressed rows arrive sooner; on one machine they do not.
    first: the report to open first; None = the one written last.
    reviewer: who decides when a request does not say; None = TRIAGE_REVIEWER or the login name. `review` answers about decisions.
    annotator_page: a URL with `{sequence_id}`, the link of each sequence to the annotator's web page; None = no link.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        compress: bool = False,
        first: str | None = None,
        annotator_page: str | None = None,
        reviewer: str | None = None,
    ) -> None:
        self._layout = layout
        self._compress = compress
        self._annotator_page = annotator_page
        self._catalog = Catalog(layout, first)
        self._frames = Frames(layout, _FRAME_BYTES)
        self.review = Reviewing(layout, reviewer)
        self._previews = PreviewPictures(layout)
        self._pictures: ByteCache[Picture] = ByteCache(_PICTURE_BYTES, lambda picture: len(picture.data) + 512)

    def warm(self) -> None:
        """Read the report to open first and find the frames, so that the first visitor need not wait for either."""
        with contextlib.suppress(TriageError):  # said when it is asked for
            for summary in self._catalog.summaries()[:1]:
                report = self.report(summary.variant)
                report.arrow()
                for key in report.prepare()[:1]:
                    self._frames.get(key, packed_first=report.source == "shards")

    def shown(self, text: str) -> str:
        """`text` without the data directory's own path, which is nobody's business but the owner's."""
        return text.replace(f"{self._layout.root}/", "")

    def health(self) -> Health:
        """What the server stands on."""
        return Health(
            status="ok",
            version=triage.__version__,
            data=self._layout.root.resolve().name,
            num_reports=len(self._catalog.summaries()),
            problems=[self.shown(line) for line in (*self._catalog.problems(), *self._frames.problems())],
            num_sequences=self._frames.count(),
        )

    def reports(self) -> list[ReportSummary]:
        """Every report, the one to open first in front. A running blind session is another version of its rows."""
        found = []
        for summary in self._catalog.summaries():
            blind = self.review.blind(self.report(summary.variant))
            found.append(summary.model_copy(update={"version": rows_version(summary.version, blind)}))
        return found

    def report(self, variant: str) -> OpenReport:
        """One report. Raises NotServed."""
        return self._catalog.get(variant)

    def rows(self, variant: str, *, accepts_gzip: bool) -> tuple[bytes, str, str | None]:
        """All rows of a report, their ETag, and their Content-Encoding (None = as they are). Raises NotServed."""
        report = self.report(variant)
        blind = self.review.blind(report)
        if blind is not None:
            return self.review.blind_arrow(report, blind), rows_version(report.version, blind), None
        if self._compress and accepts_gzip:
            return report.arrow_gzip(), f"{report.version}-gzip", "gzip"
        return report.arrow(), report.version, None

    def model(self, variant: str) -> ModelPanel:
        """What scored the report."""
        return self.report(variant).panel()

    def detail(self, variant: str, key: str) -> SequenceDetail:
        """Everything about one sequence; what cannot be read is said in `partial`. Raises NotServed when the report has no such row."""
        report = self.report(variant)
        row = report.row(_checked(key, variant))
        found = self._found(report, key)
        details = self._details_or_error(report, key)
        listed = report.listed(key) if isinstance(found, BadFile) else None
        blind = self.review.blind(report)
        detail = sequence_detail(
            row,
            found,
            listed,
            details,
            context_factor=report.context_factor,
            same_camera=report.same_camera(key, _NEIGHBOURS),
            same_alert=self._same_alert(report, key, found),
            annotator_url=self._annotator_url(row.source, row.sequence_id),
            version=_version(report, found),
            shown=self.shown,
        )
        return detail if blind is None else blind_detail(detail, blind.keys)

    # -- pictures

    def frame(self, variant: str, key: str, index: int, width: int | None) -> Picture:
        """One frame, as it is or at most `width` pixels wide. Raises NotServed, BadFrame."""
        report = self.report(variant)
        report.require(_checked(key, variant))
        found = self._frame_set(report, key)
        where = f"{key}: frame {index}"
        data = found.image(index)
        if width is None:
            return whole_frame(data, where)
        return self._pictures.get((key, found.version, index, width), lambda: shrunk(data, width, where))

    def crop(self, variant: str, key: str, tube_id: int, frame_idx: int, size: int) -> Picture:
        """The patch of one slot of one tube. Raises NotServed, BadFrame."""
        report = self.report(variant)
        report.require(_checked(key, variant))
        found = self._frame_set(report, key)
        return self._pictures.get(
            (variant, report.version, key, found.version, tube_id, frame_idx, size),
            lambda: self._cut(report, key, found, tube_id, frame_idx, size),
        )

    def strip(self, variant: str, key: str, size: int) -> Picture:
        """Crops of the decisive tube side by side, at most `_SQUARES`. Raises NotServed, BadFrame when no frame can be shown."""
        report = self.report(variant)
        report.require(_checked(key, variant))
        drawn = self._drawn(report, key, size) if size <= _PREVIEW_SIZE else None
        if drawn is not None and drawn.count > 1:
            return drawn
        try:
            found = self._frame_set(report, key)
        except BadFile:
            drawn = drawn or self._drawn(report, key, size)
            if drawn is None:
                raise
            return drawn
        return self._pictures.get((variant, report.version, key, found.version, "strip", size), lambda: self._lay(report, key, found, size))

    def _drawn(self, report: OpenReport, key: str, size: int) -> Picture | None:
        """The strip out of the preview; None = there is none. Previews show the packed report's tubes, so no other report uses them."""
        stamp = self._previews.stamp() if report.source == "shards" else None
        if stamp is None:
            return None

        def make() -> Picture:
            squares = self._previews.squares(key, report.details(key), report.num_frames(key), size)
            return side_by_side(squares) if squares else Picture.of(b"", count=0)

        picture = self._pictures.get((report.variant, report.version, key, stamp, "preview", size), make)
        return picture if picture.count else None

    def _cut(self, report: OpenReport, key: str, found: FrameSet, tube_id: int, frame_idx: int, size: int) -> Picture:
        details = self._details(report, key)
        tube = next((tube for tube in details.tubes.kept if tube.tube_id == tube_id), None) if details else None
        entry = next((entry for entry in tube.entries if entry.frame_idx == frame_idx), None) if tube else None
        window = window_of(tube, entry) if tube and entry else None
        slots = slots_of(details) if details else []
        if details is None or window is None or report.context_factor is None or not 0 <= frame_idx < len(slots):
            raise NotServed(
                "no such crop",
                expected="a tube_id and frame_idx as the sequence's `crops` list them",
                found=f"tube {tube_id}, slot {frame_idx}",
                next_step=f"GET /api/reports/{report.variant}/sequences/{key} lists them",
            )
        return crop_of(found.image(slots[frame_idx]), window, report.context_factor, size, f"{key}: slot {frame_idx}")

    def _lay(self, report: OpenReport, key: str, found: FrameSet, size: int) -> Picture:
        details = self._details_or_error(report, key)
        tube = decisive_tube(details.tubes.kept) if isinstance(details, Details) else None
        squares: list[tuple[bytes, XYWH | None]] = []
        if isinstance(details, Details) and tube is not None and report.context_factor is not None:
            squares = _tube_squares(found, details, tube)
        if not squares:
            squares = [(image, None) for image in found.images if isinstance(image, bytes)]
        if not squares:
            raise BadFrame(f"{key}: none of its {len(found.images)} frames can be shown; pull it again")
        return strip_of(evenly(squares, _SQUARES), report.context_factor or 1.0, size, key)

    # -- parts

    def _frame_set(self, report: OpenReport, key: str) -> FrameSet:
        return self._frames.get(key, packed_first=report.source == "shards")

    def _found(self, report: OpenReport, key: str) -> FrameSet | BadFile:
        try:
            return self._frame_set(report, key)
        except BadFile as error:
            return error

    def _details(self, report: OpenReport, key: str) -> Details | None:
        content = report.details(key)
        return None if content is None else parse_details(content, f"details/{key}.json")

    def _details_or_error(self, report: OpenReport, key: str) -> Details | BadFile | None:
        try:
            return self._details(report, key)
        except BadFile as error:
            return error

    def _same_alert(self, report: OpenReport, key: str, found: FrameSet | BadFile) -> list[Neighbour]:
        """Rows of the same alert; of another source API only when that cannot be told because their meta.json is not here."""
        rows = report.same_alert(key, _ALERT_ROWS)
        if isinstance(found, BadFile):
            return rows
        ours = found.sequence.source_api
        return [row for row in rows if self._source_api(report, row.key, ours) == ours]

    def _source_api(self, report: OpenReport, key: str, default: str | None) -> str | None:
        try:
            return self._frames.sequence(_checked(key, report.variant), packed_first=report.source == "shards").source_api
        except BadFile:
            return default

    def _annotator_url(self, source: str | None, sequence_id: int) -> str | None:
        if self._annotator_page is None or source not in (None, SOURCE):
            return None
        return self._annotator_page.replace("{sequence_id}", str(sequence_id))


def _tube_squares(found: FrameSet, details: Details, tube: Tube) -> list[tuple[bytes, XYWH | None]]:
    """The tube's slots in time order, each input frame once, only those that can be shown."""
    slots, seen = slots_of(details), set()
    squares: list[tuple[bytes, XYWH | None]] = []
    for entry in tube.entries:
        index = slots[entry.frame_idx] if 0 <= entry.frame_idx < len(slots) else -1
        window = window_of(tube, entry)
        if window is None or index in seen or not 0 <= index < len(found.images):
            continue
        seen.add(index)
        image = found.images[index]
        if isinstance(image, bytes):
            squares.append((image, window))
    return squares


def _version(report: OpenReport, found: FrameSet | BadFile) -> str:
    frames = found.version if isinstance(found, FrameSet) else "none"
    return sha256_bytes(f"{report.version}-{frames}".encode())[:16]


def _checked(key: str, variant: str) -> str:
    """`key` when it has the form of one; what has not is never looked for on disk. Raises NotServed."""
    try:
        sequence_id_of(key)
    except BadFile as error:
        raise NotServed(
            "not a sequence's key",
            expected=f"{SOURCE}_<number>",
            found=key[:200],
            next_step=f"GET /api/reports/{variant}/rows.arrow lists the keys",
        ) from error
    return key
