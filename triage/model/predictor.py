"""Boxes and frames in, predictions out, as a stream: decoding overlaps with compute, memory is bounded, order is kept.

Decode threads turn frames into patches; patches of many sequences share batches of one fixed shape; the temporal head reads features.
Nothing is known here of stores or reports: `triage.score` calls `Predictor.predict_many`.
"""

from __future__ import annotations

import contextlib
import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from triage.errors import BadFile, BadFrame, BadSetting
from triage.model.decision import NotFiniteError, judge
from triage.model.features import MASKED, HeadScorer, TubeFeatures, TubeSlots
from triage.model.package import Package
from triage.model.patches import Decoder, FramePatches, cut_frame, decoder
from triage.model.plan import BoxLike, SequencePlan, box_problem, plan_sequence
from triage.model.threads import cores, torch_pool
from triage.predictions import Prediction

__all__ = ["Failed", "FrameInput", "Outcome", "Predictor", "Scored", "SequenceInput", "device_named"]

XYWH = tuple[float, float, float, float]
#: Frames of one sequence that are decoded in one task of a thread: handing each over alone cost 3% of the time that decoding takes.
_FRAMES_PER_TASK = 4


@dataclass(frozen=True, slots=True)
class FrameInput:
    """One frame. load: gives the JPEG bytes, called at most once, in another thread, and only when a tube looks at the frame.

    boxes: the detector's; their order decides ties.
    """

    frame_id: str
    load: Callable[[], bytes]
    boxes: tuple[BoxLike, ...]


@dataclass(frozen=True, slots=True)
class SequenceInput:
    """One sequence. frames: in time order."""

    key: str
    frames: tuple[FrameInput, ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The sequence was scored. features: aligned with `prediction.kept`."""

    prediction: Prediction
    features: tuple[TubeFeatures, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The sequence could not be judged and must be held. detail names the frame or tube."""

    reason: Literal["frame_unreadable", "bad_boxes", "not_finite"]
    detail: str


Outcome = Scored | Failed


@dataclass(slots=True, eq=False)
class _Job:
    """One sequence on its way.

    regions: per source frame, what is looked at. rows: which distinct patch shows a region of a source frame. known: the distinct patches
    so far, by content. values: features by row. cuts, patches: how many tasks of frames, and patches, are still on their way.
    """

    item: SequenceInput
    plan: SequencePlan | None = None
    failure: Failed | None = None
    regions: dict[int, list[XYWH]] = field(default_factory=dict)
    rows: dict[tuple[int, XYWH], int] = field(default_factory=dict)
    known: dict[bytes, int] = field(default_factory=dict)
    values: dict[int, torch.Tensor] = field(default_factory=dict)
    empty: set[tuple[int, XYWH]] = field(default_factory=set)
    cuts: int = 0
    patches: int = 0
    closed: bool = False
    outcome: Future[Outcome] | None = None


class Predictor:
    """Scores sequences with one package.

    device: auto, cpu, cuda or mps. precision: fp32, or bf16 for the backbone. batch_size: patches per batch, None = by device and model.
    threads: of decoding and, on a CPU, of computing; None = one per core. trigger: search for the frame that fires. Raises BadSetting.

    The outcome of a sequence depends on nothing but the sequence, the package and these settings: not on its neighbours, not on the
    order, not on an interruption.
    """

    def __init__(
        self,
        package: Package,
        device: str = "auto",
        precision: str = "fp32",
        batch_size: int | None = None,
        threads: int | None = None,
        trigger: bool = True,
        decode: Literal["auto", "pillow", "simplejpeg"] = "auto",
    ) -> None:
        if precision not in ("fp32", "bf16"):
            raise BadSetting(f"precision {precision!r}: expected fp32 or bf16")
        if batch_size is not None and batch_size < 1:
            raise BadSetting(f"batch size {batch_size}: expected at least 1, or auto")
        if threads is not None and threads < 1:
            raise BadSetting(f"threads {threads}: expected at least 1")
        self.package = package
        self.device = device_named(device)
        self.threads = threads or cores()
        self.batch_size = batch_size or _batch_size(self.device, package)
        self.trigger = trigger
        self._decode: Decoder = decoder(decode)
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        backbone, head = package.classifier.backbone, package.classifier.head
        if self.device.type != "cpu" or self._dtype != torch.float32:  # the package's own network stays as it is
            backbone, head = copy.deepcopy(backbone).to(self.device, self._dtype), copy.deepcopy(head).to(self.device)
        self._backbone = backbone
        self._scorer = HeadScorer(head, package.config.classifier.max_frames)
        normalization = package.config.model_input.normalization
        self._mean = torch.tensor(normalization.mean, device=self.device).reshape(3, 1, 1)
        self._std = torch.tensor(normalization.std, device=self.device).reshape(3, 1, 1)

    def predict_many(self, inputs: Iterable[SequenceInput]) -> Iterator[tuple[str, Outcome]]:
        """One outcome per input, in the order of the inputs, each as soon as it and those before it are done.

        An unreadable frame or a senseless box is an outcome, not an exception; what `inputs` itself raises passes through.
        """
        with contextlib.ExitStack() as stack:
            # On a CPU one pool does all: with a pool for each kind of work there would be twice as many busy threads as cores.
            pool = stack.enter_context(torch_pool(self.threads, "triage"))
            on_cpu = self.device.type == "cpu"
            compute = pool if on_cpu else stack.enter_context(torch_pool(1, "triage-compute"))
            stream = _Stream(self, pool, compute, self.threads if on_cpu else 1)
            for item in inputs:
                yield from stream.put(item)
            yield from stream.finish()

    @torch.inference_mode()
    def patch_features(self, patches: npt.NDArray[np.uint8]) -> torch.Tensor:
        """uint8 patches [B, P, P, 3], RGB -> features [B, D] float32 on the device."""
        pixels = torch.from_numpy(patches).to(self.device).permute(0, 3, 1, 2).float()
        normalised = (pixels / 255 - self._mean) / self._std
        features: torch.Tensor = self._backbone(normalised.to(self._dtype))
        return features.float()

    def plan(self, item: SequenceInput) -> SequencePlan | Failed:
        """Slots and tubes of one sequence; Failed when a box makes no sense."""
        for frame in item.frames[: self.package.config.classifier.max_frames]:
            for number, box in enumerate(frame.boxes):
                problem = box_problem(box)
                if problem is not None:
                    return Failed("bad_boxes", f"frame {frame.frame_id}: box {number} has {problem}")
        return plan_sequence([frame.boxes for frame in item.frames], self.package.config)

    def cut(self, frame: FrameInput, regions: Iterable[XYWH]) -> FramePatches | Failed:
        """Load, decode and cut one frame."""
        try:
            image = self._decode(frame.load(), f"frame {frame.frame_id}")
        except BadFrame as error:
            return Failed("frame_unreadable", str(error))
        except (BadFile, OSError) as error:
            return Failed("frame_unreadable", f"frame {frame.frame_id}: {error}")
        rules = self.package.config.model_input
        return cut_frame(image, regions, context_factor=rules.context_factor, patch_size=rules.patch_size)

    def cuts(self, frames: Iterable[tuple[FrameInput, Iterable[XYWH]]]) -> list[FramePatches | Failed]:
        """`cut` for some frames of a sequence, up to the first that fails."""
        done: list[FramePatches | Failed] = []
        for frame, regions in frames:
            done.append(self.cut(frame, regions))
            if isinstance(done[-1], Failed):
                break
        return done

    def conclude(self, job: _Job) -> Outcome:
        """Head, calibrator and decision of a sequence whose features are all there."""
        plan = job.plan
        assert plan is not None
        tubes, empty = [], []
        for tube in plan.tubes:
            keys = [
                (plan.slots.sources[entry.frame_idx], region) for slot, entry in enumerate(tube.entries) for region in [tube.region(slot)]
            ]
            rows: list[int] = []
            used: dict[int, int] = {}
            for source, region in keys[: self.package.config.classifier.max_frames]:
                rows.append(MASKED if region is None else used.setdefault(job.rows[source, region], len(used)))
            tubes.append(TubeSlots(torch.stack([job.values[row] for row in used]), tuple(rows)))
            empty.append(
                tuple(entry.frame_idx for entry, (source, region) in zip(tube.entries, keys, strict=True) if (source, region) in job.empty)
            )
        try:
            prediction = judge(
                plan,
                [self._scorer.prefixes(tube, [len(tube.rows)])[0] for tube in tubes],
                self.package.config,
                self.package.calibrator,
                partial(self._scorer.prefixes_of, tubes) if self.trigger else None,
                empty,
            )
        except NotFiniteError as error:
            return Failed("not_finite", str(error))
        limit = float(np.finfo(np.float16).max)
        return Scored(
            prediction,
            tuple(
                TubeFeatures(planned.tube_id, tube.values.clamp(-limit, limit).cpu().numpy().astype(np.float16), tube.rows)
                for planned, tube in zip(plan.tubes, tubes, strict=True)
            ),
        )


class _Stream:
    """The state of one run. All methods run in the caller's thread; only decoding and computing happen elsewhere."""

    def __init__(self, predictor: Predictor, decoding: ThreadPoolExecutor, compute: ThreadPoolExecutor, computing: int) -> None:
        self._predictor, self._decoding, self._compute = predictor, decoding, compute
        self._jobs: deque[_Job] = deque()
        self._cuts: deque[tuple[_Job, list[int], Future[list[FramePatches | Failed]]]] = deque()
        self._batch: list[tuple[_Job, int, npt.NDArray[np.uint8]]] = []
        self._computed: deque[tuple[list[tuple[_Job, int]], Future[torch.Tensor]]] = deque()
        self._cuts_ahead = 2 * predictor.threads
        self._batches_ahead = computing + 2
        self._jobs_ahead = 64 + 8 * predictor.batch_size

    def put(self, item: SequenceInput) -> Iterator[tuple[str, Outcome]]:
        """Take one sequence in, and give out those that are done."""
        job = _Job(item)
        self._jobs.append(job)
        plan = self._predictor.plan(item)
        if isinstance(plan, Failed):
            job.failure = plan
        else:
            job.plan = plan
            job.regions = _regions(plan, self._predictor.package.config.classifier.max_frames)
        looked_at = list(job.regions)
        for start in range(0, len(looked_at), _FRAMES_PER_TASK):
            if job.failure is not None:
                break
            sources = looked_at[start : start + _FRAMES_PER_TASK]
            frames = [(item.frames[source], job.regions[source]) for source in sources]
            self._cuts.append((job, sources, self._decoding.submit(self._predictor.cuts, frames)))
            job.cuts += 1
            while len(self._cuts) > self._cuts_ahead:
                self._take_cut()
        job.closed = True
        self._settle(job)
        while len(self._jobs) > self._jobs_ahead:
            self._advance()
            yield from self._done()
        yield from self._done()

    def finish(self) -> Iterator[tuple[str, Outcome]]:
        """Give out all that is left."""
        while self._jobs:
            self._advance()
            yield from self._done()

    def _done(self) -> Iterator[tuple[str, Outcome]]:
        while self._jobs:
            job = self._jobs[0]
            if job.failure is not None and job.closed:
                outcome: Outcome = job.failure
            elif job.outcome is not None and job.outcome.done():
                outcome = job.outcome.result()
            else:
                return
            self._jobs.popleft()
            yield job.item.key, outcome

    def _advance(self) -> None:
        """Wait for the next thing that the oldest sequence may be waiting for."""
        if self._cuts:
            self._take_cut()
        elif self._batch:
            self._send_batch()
        elif self._computed:
            self._take_batch()
        elif self._jobs and self._jobs[0].outcome is not None:
            self._jobs[0].outcome.result()

    def _take_cut(self) -> None:
        job, sources, future = self._cuts.popleft()
        job.cuts -= 1
        for source, cut in zip(sources, future.result(), strict=False):  # cuts end at the first frame that fails
            if isinstance(cut, Failed):
                job.failure = job.failure or cut
            elif job.failure is None:
                for region in job.regions[source]:
                    if cut.empty(region):
                        job.empty.add((source, region))
                    job.rows[source, region] = self._row(job, cut.patches[cut.boxes[region]])
        self._settle(job)

    def _row(self, job: _Job, patch: npt.NDArray[np.uint8]) -> int:
        """The row of this patch's feature; a patch that the sequence has not shown yet joins the batch."""
        content = patch.tobytes()
        row = job.known.get(content)
        if row is None:
            row = job.known[content] = len(job.known)
            job.patches += 1
            self._batch.append((job, row, patch))
            if len(self._batch) == self._predictor.batch_size:
                self._send_batch()
        return row

    def _send_batch(self) -> None:
        while len(self._computed) >= self._batches_ahead:
            self._take_batch()
        # Always the full shape: the same kernels run whatever the neighbours are, so a feature has the same bits in any company.
        patches = np.zeros((self._predictor.batch_size, *self._batch[0][2].shape), np.uint8)
        for place, (_, _, patch) in enumerate(self._batch):
            patches[place] = patch
        self._computed.append(([(job, row) for job, row, _ in self._batch], self._compute.submit(self._predictor.patch_features, patches)))
        self._batch = []

    def _take_batch(self) -> None:
        places, future = self._computed.popleft()
        features = future.result()
        for place, (job, row) in enumerate(places):
            job.values[row] = features[place]
            job.patches -= 1
            self._settle(job)

    def _settle(self, job: _Job) -> None:
        """Start the conclusion of a sequence as soon as nothing of it is on its way."""
        if job.closed and job.cuts == job.patches == 0 and job.failure is None and job.outcome is None:
            job.known.clear()
            job.outcome = self._compute.submit(self._predictor.conclude, job)


def _regions(plan: SequencePlan, max_frames: int) -> dict[int, list[XYWH]]:
    """Per source frame the distinct regions that slots look at, in order of first use."""
    wanted: dict[int, dict[XYWH, None]] = {}
    for tube in plan.tubes:
        for slot, entry in enumerate(tube.entries[:max_frames]):
            region = tube.region(slot)
            if region is not None:
                wanted.setdefault(plan.slots.sources[entry.frame_idx], {})[region] = None
    return {source: list(regions) for source, regions in wanted.items()}


def device_named(name: str) -> torch.device:
    """auto (the fastest there is), cpu, cuda or mps. Raises BadSetting for another name, and for one that this machine does not have."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if name not in available:
        raise BadSetting(f"device {name!r}: expected auto, cpu, cuda or mps")
    if not available[name]:
        raise BadSetting(f"device {name!r}: torch does not find one on this machine; use --device auto")
    return torch.device(name)


def _batch_size(device: torch.device, package: Package) -> int:
    """Patches per batch. On a CPU what a core computes at full speed without leaving its cache: 600 tokens of a ViT-S, more of a narrower
    network, whose weights would else be fetched anew for little work each time.
    """
    if device.type != "cpu":
        return 256
    shape = package.classifier.backbone.shape
    tokens = max(600, 600 * 384 // shape.width)
    return max(1, tokens // (shape.tokens + 1))
