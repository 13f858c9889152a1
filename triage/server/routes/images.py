"""Pixels: whole frames, crops of a tube's slots, and the strip a grid tile loops."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from triage.server.routes._common import ERRORS, IfNoneMatch, Key, ServicesOf, Variant, Version, conditional

__all__ = ["router"]

router = APIRouter(prefix="/reports/{variant}/sequences/{key}", tags=["images"])

_JPEG: dict[int | str, dict[str, Any]] = {**ERRORS, 200: {"description": "The image", "content": {"image/jpeg": {}}}}
_STRIP: dict[int | str, dict[str, Any]] = {
    **ERRORS,
    200: {
        "description": "Square crops side by side: width = count x height",
        "content": {"image/jpeg": {}, "image/webp": {}},
        "headers": {"X-Strip-Count": {"description": "How many crops", "schema": {"type": "integer"}}},
    },
}

Index = Annotated[int, Path(ge=0, le=100_000, description="0-based input frame")]
TubeId = Annotated[int, Path(ge=0, le=100_000)]
Slot = Annotated[int, Path(ge=0, le=100_000, description="0-based slot, as in `crops`")]
Width = Annotated[
    int | None, Query(ge=16, le=4096, description="Shrink to this width in pixels; never enlarged. Default: the file as it is")
]
Size = Annotated[int, Query(ge=16, le=1024, description="Side of the square in pixels")]


@router.get("/frames/{index}.jpg", operation_id="getFrame", response_class=Response, responses=_JPEG)
def frame(
    services: ServicesOf,
    variant: Variant,
    key: Key,
    index: Index,
    width: Width = None,
    v: Version = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """One frame, byte for byte as it was pulled, or shrunk."""
    image = services.frame(variant, key, index, width)
    return conditional(image.data, etag=image.etag, media_type=image.media_type, version=v, asked=if_none_match)


@router.get("/tubes/{tube_id}/crops/{frame_idx}.jpg", operation_id="getCrop", response_class=Response, responses=_JPEG)
def crop(
    services: ServicesOf,
    variant: Variant,
    key: Key,
    tube_id: TubeId,
    frame_idx: Slot,
    size: Size = 224,
    v: Version = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What the model saw in one slot: the tube's window with its context, square, black where it leaves the image."""
    image = services.crop(variant, key, tube_id, frame_idx, size)
    return conditional(image.data, etag=image.etag, media_type=image.media_type, version=v, asked=if_none_match)


@router.get("/strip", operation_id="getStrip", response_class=Response, responses=_STRIP)
def strip(
    services: ServicesOf, variant: Variant, key: Key, size: Size = 160, v: Version = None, if_none_match: IfNoneMatch = None
) -> Response:
    """Crops of the decisive tube, in time order, without repeats, only frames that decode; at most 10, evenly spread, first and last
    among them. Without a tube, whole frames between black bars."""
    image = services.strip(variant, key, size)
    headers = {"X-Strip-Count": str(image.count)}
    return conditional(image.data, etag=image.etag, media_type=image.media_type, version=v, asked=if_none_match, headers=headers)
