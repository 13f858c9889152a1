"""The obvious implementation: the oracle of the fast path, and the baseline of its benchmark.

One sequence at a time, one tube at a time: every slot opens and decodes its frame anew, all `max_frames` slots (masked and repeated ones
too) go through the backbone in one batch, and each prefix of the trigger search runs the whole network again. The networks are written a
second time here, with torch's own encoder layers and a convolution, straight from the checkpoint's tensors. The tubes come from
`triage.model`: they have an oracle of their own.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from triage.model import Package, SequenceInput, plan_sequence
from triage.model.calibrator import mean_confidence
from triage.model.plan import PlannedTube, SequencePlan
from triage.predictions import KeptTube, Prediction

XYWH = tuple[float, float, float, float]


class Baseline:
    """Scores sequences with a package, the obvious way. Uses as many threads as torch is set to."""

    def __init__(self, package: Package) -> None:
        self.package, self.config = package, package.config
        self.shape = package.classifier.backbone.shape
        self.weights = {key.removeprefix("backbone."): tensor for key, tensor in package.classifier.backbone.state_dict().items()}
        self.head = _torch_head(package)
        self.head_weights = package.classifier.head.state_dict()
        normalization = self.config.model_input.normalization
        self.mean = torch.tensor(normalization.mean).reshape(3, 1, 1)
        self.std = torch.tensor(normalization.std).reshape(3, 1, 1)

    @torch.no_grad()
    def predict(self, item: SequenceInput, *, trigger: bool) -> Prediction:
        plan = plan_sequence([frame.boxes for frame in item.frames], self.config)
        inputs = [self.tube_input(item, plan, tube) for tube in plan.tubes]
        logits = [self.logit(patches, mask) for patches, mask in inputs]
        kept = []
        for tube, logit, (patches, mask) in zip(plan.tubes, logits, inputs, strict=True):
            probability, positive = self.decide(plan, tube, logit, len(tube.entries))
            crossing = None
            if positive and trigger:
                for length in range(self.config.tubes.infer_min_tube_length, len(tube.entries) + 1):
                    prefix = logit
                    if length < len(tube.entries):
                        short = mask & (torch.arange(len(mask)) < length)
                        prefix = self.logit(patches * short[:, None, None, None], short)
                    if self.decide(plan, tube, prefix, length)[1]:
                        crossing = tube.entries[length - 1].frame_idx
                        break
            first, last = tube.entries[0].frame_idx, tube.entries[-1].frame_idx
            kept.append((KeptTube(tube.tube_id, first, last, logit, probability, crossing, tube.window, tube.entries), positive))
        fired = min(((tube.first_crossing_frame, tube.tube_id) for tube, _ in kept if tube.first_crossing_frame is not None), default=None)
        return Prediction(
            num_frames_input=plan.slots.num_frames_input,
            num_truncated=plan.slots.num_truncated,
            padded_frame_indices=plan.slots.padded,
            slots=plan.slots.sources,
            num_candidates=plan.num_candidates,
            kept=tuple(tube for tube, _ in kept),
            aggregation=self.config.decision.aggregation,
            threshold=self.config.threshold,
            is_positive=any(positive for _, positive in kept),
            trigger_frame_index=fired[0] if fired else None,
            trigger_tube_id=fired[1] if fired else None,
        )

    def tube_input(self, item: SequenceInput, plan: SequencePlan, tube: PlannedTube) -> tuple[Tensor, Tensor]:
        slots, size = self.config.classifier.max_frames, self.config.model_input.patch_size
        patches, mask = torch.zeros(slots, 3, size, size), torch.zeros(slots, dtype=torch.bool)
        for slot, entry in enumerate(tube.entries[:slots]):
            region = tube.region(slot)
            if region is not None:
                data = item.frames[plan.slots.sources[entry.frame_idx]].load()
                pixels = torch.from_numpy(self.patch(data, region)).permute(2, 0, 1).float()
                patches[slot] = (pixels / 255 - self.mean) / self.std
                mask[slot] = True
        return patches, mask

    def patch(self, data: bytes, region: XYWH) -> np.ndarray:
        image = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        height, width = image.shape[:2]
        cx, cy, w, h = region
        factor, size = self.config.model_input.context_factor, self.config.model_input.patch_size
        half = max(w * factor * width, h * factor * height) / 2
        x0, y0 = max(0, round(cx * width - half)), max(0, round(cy * height - half))
        x1, y1 = min(width, round(cx * width + half)), min(height, round(cy * height + half))
        if x1 <= x0 or y1 <= y0:
            return np.zeros((size, size, 3), np.uint8)
        crop = image[y0:y1, x0:x1]
        side = max(crop.shape[:2])
        square = np.zeros((side, side, 3), np.uint8)
        top, left = (side - crop.shape[0]) // 2, (side - crop.shape[1]) // 2
        square[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
        return np.array(Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR))

    def logit(self, patches: Tensor, mask: Tensor) -> float:
        features = self.backbone(patches)
        x = torch.cat([self.head_weights["cls_token"][0], features]) + self.head_weights["pos_embed"][0]
        hidden = torch.cat([torch.zeros(1, dtype=torch.bool), ~mask])
        out = self.head(x[None], src_key_padding_mask=hidden[None])[0, 0]
        return float(F.linear(out, self.head_weights["classifier.weight"], self.head_weights["classifier.bias"]))

    def backbone(self, patches: Tensor) -> Tensor:
        w, d = self.weights, self.shape.width
        tokens = F.conv2d(patches, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=self.shape.stride).flatten(2).mT
        x = torch.cat([w["cls_token"].expand(len(tokens), -1, -1), tokens], 1) + w["pos_embed"]
        for number in range(self.shape.depth):
            p = f"blocks.{number}."
            y = F.layer_norm(x, (d,), w[p + "norm1.weight"], w[p + "norm1.bias"], 1e-6)
            qkv = F.linear(y, w[p + "attn.qkv.weight"], w[p + "attn.qkv.bias"])
            q, k, v = qkv.reshape(*x.shape[:2], 3, self.shape.heads, -1).permute(2, 0, 3, 1, 4)
            y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
            y = F.linear(y, w[p + "attn.proj.weight"], w[p + "attn.proj.bias"])
            x = x + (y * w[p + "ls1.gamma"] if self.shape.layer_scale else y)
            y = F.layer_norm(x, (d,), w[p + "norm2.weight"], w[p + "norm2.bias"], 1e-6)
            y = F.gelu(F.linear(y, w[p + "mlp.fc1.weight"], w[p + "mlp.fc1.bias"]))
            y = F.linear(y, w[p + "mlp.fc2.weight"], w[p + "mlp.fc2.bias"])
            x = x + (y * w[p + "ls2.gamma"] if self.shape.layer_scale else y)
        if self.shape.pool == "token":
            return F.layer_norm(x, (d,), w["norm.weight"], w["norm.bias"], 1e-6)[:, 0]
        return F.layer_norm(x[:, 1:].mean(1), (d,), w["fc_norm.weight"], w["fc_norm.bias"], 1e-6)

    def decide(self, plan: SequencePlan, tube: PlannedTube, logit: float, length: int) -> tuple[float | None, bool]:
        probability = None
        if self.package.calibrator is not None:
            probability = self.package.calibrator.probability(logit, length, mean_confidence(tube.entries[:length]), len(plan.tubes))
        if self.config.decision.aggregation == "logistic":
            return probability, probability is not None and probability >= self.config.threshold
        return probability, logit >= self.config.threshold


def _torch_head(package: Package) -> nn.Module:
    config = package.config.classifier
    layer = nn.TransformerEncoderLayer(
        package.feature_width,
        config.transformer_num_heads,
        config.transformer_ffn_dim,
        config.transformer_dropout,
        "gelu",
        batch_first=True,
        norm_first=True,
    )
    encoder = nn.TransformerEncoder(layer, config.transformer_num_layers, enable_nested_tensor=False)
    state = package.classifier.head.state_dict()
    encoder.load_state_dict({key.removeprefix("encoder."): tensor for key, tensor in state.items() if key.startswith("encoder.")})
    return encoder.eval()
