"""The network of a package: `backbone` (patch -> feature) and `head` (features of a tube -> logit), and its weights from a checkpoint.

Only tensors are ever loaded: nothing in a checkpoint is executed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from triage.errors import BadModel
from triage.model.backbone import Backbone, backbone_shape
from triage.model.config import ModelConfig
from triage.model.head import TemporalHead

__all__ = ["Classifier", "build_classifier", "checkpoint_bytes", "load_weights", "read_checkpoint"]

#: The prefix Lightning puts before the model's own keys; other keys of its state dict are not the model's.
_PREFIX = "model."


class Classifier(nn.Module):
    """patches [N, T, 3, P, P] float32 and mask [N, T] bool -> logits [N]. For training; scoring calls the two parts itself."""

    def __init__(self, backbone: Backbone, head: TemporalHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, patches: Tensor, mask: Tensor) -> Tensor:
        """Logits [N]."""
        n, slots = mask.shape
        real = self.backbone(patches[mask])
        features = real.new_zeros(n, slots, real.shape[-1])
        features[mask] = real
        logits: Tensor = self.head(features, mask)
        return logits


def build_classifier(config: ModelConfig) -> Classifier:
    """The network a config asks for, with fresh weights from torch's generator. Raises BadModel for shapes it cannot have."""
    wanted = config.classifier
    shape = backbone_shape(wanted, config.model_input.patch_size)
    if shape.width % wanted.transformer_num_heads:
        raise BadModel(
            f"config: feature width {shape.width} must be a multiple of classifier.transformer_num_heads {wanted.transformer_num_heads}"
        )
    head = TemporalHead(
        width=shape.width,
        slots=wanted.max_frames,
        heads=wanted.transformer_num_heads,
        hidden=wanted.transformer_ffn_dim,
        layers=wanted.transformer_num_layers,
        dropout=wanted.transformer_dropout,
    )
    return Classifier(Backbone(shape), head)


def read_checkpoint(data: bytes, where: str, *, limit: int) -> dict[str, Tensor]:
    """The model's tensors in a torch checkpoint, plain or Lightning's (prefix stripped, other keys dropped).

    limit: bytes the archive may unpack to. Raises BadModel when it is damaged, larger, or holds anything but tensors where they belong.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise BadModel(f"{where}: expected a torch checkpoint, found damage ({error}); fetch the package again") from error
    if unpacked > limit:
        raise BadModel(f"{where}: unpacks to {unpacked} bytes, more than {limit} allowed; this is not a classifier checkpoint")
    try:
        content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged or hostile bytes raise nearly anything here, and all of it means the same
        reason = str(error).split("\n")[0][:120]
        raise BadModel(f"{where}: the checkpoint does not load as tensors only ({reason}); fetch the package again") from error
    state = content
    if isinstance(content, dict) and "state_dict" in content:
        state = content["state_dict"]
        if isinstance(state, dict):
            state = {key[len(_PREFIX) :]: value for key, value in state.items() if isinstance(key, str) and key.startswith(_PREFIX)}
    if not isinstance(state, dict) or not state:
        raise BadModel(f"{where}: expected a state dict, found {type(state).__name__}; export the package again")
    wrong = [str(key) for key, value in state.items() if not isinstance(key, str) or not isinstance(value, Tensor)]
    if wrong:
        raise BadModel(f"{where}: {wrong[0]!r} is not a tensor; export the package again")
    return state


def load_weights(classifier: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Copy `state` into the network. Every key and shape must match and every number be finite; raises BadModel naming the first."""
    expected = classifier.state_dict()
    later = sorted(key for key in state if key.startswith(("yolo_roi_proj", "yolo_ctx_proj")) or ".yolo_" in key)
    if later:
        raise BadModel(
            f"{where}: tensor {later[0]} belongs to a later kind of package, with YOLO embeddings; use one that reads patches only"
        )
    missing, unexpected = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing:
        raise BadModel(f"{where}: tensor {missing[0]} is missing ({len(missing)} in all); the config describes another network")
    if unexpected:
        raise BadModel(f"{where}: tensor {unexpected[0]} is not expected ({len(unexpected)} in all); the config describes another network")
    for key, tensor in state.items():
        if tensor.shape != expected[key].shape:
            raise BadModel(f"{where}: tensor {key} has shape {list(tensor.shape)}, the config asks for {list(expected[key].shape)}")
        if not tensor.is_floating_point() or tensor.is_sparse:
            raise BadModel(f"{where}: tensor {key} holds {tensor.dtype}, expected floating point numbers")
        if not bool(torch.isfinite(tensor).all()):
            raise BadModel(f"{where}: tensor {key} holds numbers that are not finite; train or export the package again")
    classifier.load_state_dict({key: tensor.float() for key, tensor in state.items()})


def checkpoint_bytes(state: Mapping[str, Tensor]) -> bytes:
    """A checkpoint of the given tensors (keys without prefix), as Lightning lays it out. Same tensors, same bytes."""
    buffer = io.BytesIO()
    torch.save({"state_dict": {_PREFIX + key: state[key].detach().cpu().float().contiguous().clone() for key in sorted(state)}}, buffer)
    return buffer.getvalue()
