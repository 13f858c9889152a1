"""Synthetic scenes: landscapes with smoke and with what is taken for it, drawn from a seed, rendered frame by frame when asked for."""

from triage.demo.scenes.cast import synthetic_world
from triage.demo.world import World, write_world

__all__ = ["World", "synthetic_world", "write_world"]
