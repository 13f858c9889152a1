"""One small picture that says what a sequence shows: a whole frame and at most eight crops of its decisive tube. Bytes in, bytes out.

The crops are cut as the model cuts them (`triage.crops`), so that a preview shows what was judged.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from triage.crops import XYWH, crop_box_px, cut_patch, decode_rgb
from triage.errors import BadFrame

__all__ = ["DEFAULT_CONTEXT", "MAX_BYTES", "MAX_CROPS", "STRIP_VERSION", "Shown", "shown_of", "strip"]

#: Counts up when another picture comes out of the same input; then all previews are made again.
STRIP_VERSION = 1
MAX_CROPS = 8
MAX_BYTES = 16 * 1024
#: How much a window grows when the package does not say.
DEFAULT_CONTEXT = 1.5
_CROP_PX = 112
_CONTEXT_WIDTH, _HEIGHT = 400, 2 * _CROP_PX
_QUALITIES = (70, 55, 40, 28, 18, 10, 4, 0)
_BACKGROUND = (32, 32, 32)


@dataclass(frozen=True, slots=True)
class Shown:
    """One crop to be. frame: 0-based index into the sequence's frames. window: (cx, cy, w, h), normalised, before the context."""

    frame: int
    window: XYWH


def shown_of(details: Mapping[str, Any] | None, num_frames: int) -> tuple[Shown, ...]:
    """At most eight moments of the decisive tube, first and last included, spread evenly. () = there is no kept tube to show.

    details: the content of details/<key>.json, ours or the earlier tool's. Frame indices there count in the padded sequence; those that
    were padding are left out. Raises nothing: what does not make sense is not shown.
    """
    found: dict[int, Shown] = {}
    try:
        said = (details or {})["preprocessing"]
        padded = set(said["padded_frame_indices"])
        slots = said.get("slots")
        tube = max(
            (details or {})["tubes"]["kept"],
            key=lambda each: (each["probability"] if each.get("probability") is not None else -1.0, each["logit"]),
        )
        window = tube.get("stabilized_window")
        for entry in tube["entries"]:
            index = int(entry["frame_idx"])
            frame = int(slots[index]) if slots else index - sum(1 for each in padded if each < index)
            box = window if window is not None else entry["bbox"]
            if index not in padded and box is not None and 0 <= frame < num_frames:
                cx, cy, w, h = (float(value) for value in box)
                found[frame] = Shown(frame, (cx, cy, w, h))
    except (KeyError, TypeError, ValueError, IndexError):
        return ()
    moments = [found[frame] for frame in sorted(found)]
    if len(moments) <= MAX_CROPS:
        return tuple(moments)
    return tuple(moments[round(at * (len(moments) - 1) / (MAX_CROPS - 1))] for at in range(MAX_CROPS))


def strip(frames: list[bytes], shown: tuple[Shown, ...], context_factor: float = DEFAULT_CONTEXT) -> bytes:
    """The WebP, at most MAX_BYTES: the middle one of the shown frames on the left, the crops in two rows of four beside it.

    frames: the JPEGs of the sequence; not empty. Raises BadFrame when the frame to show as a whole does not decode; a crop that does not
    decode stays dark.
    """
    main = shown[len(shown) // 2].frame if shown else len(frames) // 2
    whole = decode_rgb(frames[main], f"frame {main}")
    columns = (min(len(shown), MAX_CROPS) + 1) // 2 if len(shown) > 1 else len(shown)
    canvas = Image.new("RGB", (_CONTEXT_WIDTH + columns * _CROP_PX, _HEIGHT), _BACKGROUND)
    context = whole.copy()
    context.thumbnail((_CONTEXT_WIDTH, _HEIGHT), Image.Resampling.BILINEAR, reducing_gap=2.0)
    canvas.paste(context, ((_CONTEXT_WIDTH - context.width) // 2, (_HEIGHT - context.height) // 2))
    for at, each in enumerate(shown):
        try:
            image = whole if each.frame == main else decode_rgb(frames[each.frame], f"frame {each.frame}")
        except BadFrame:
            continue
        patch = cut_patch(image, crop_box_px(each.window, image.size, context_factor), _CROP_PX)
        row, column = divmod(at, max(columns, 1))
        canvas.paste(patch, (_CONTEXT_WIDTH + column * _CROP_PX, row * _CROP_PX))
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        canvas.save(buffer, "WEBP", quality=quality, method=3)
        if buffer.tell() <= MAX_BYTES:
            return buffer.getvalue()
    raise BadFrame(f"frame {main}: its preview does not fit in {MAX_BYTES} bytes")
