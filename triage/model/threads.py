"""Threads that do not fight: several of ours, each running torch on one core, instead of one whose products are split over all cores.

Nobody waits at barriers inside a product, decoding fits in between, and results do not depend on how a product was split.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

__all__ = ["cores", "torch_pool"]


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def torch_pool(threads: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """A pool whose threads run torch on one core each. What has not begun when the block ends is dropped.

    The number that torch keeps for new threads belongs to the process: it is put back at the end.
    """
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(threads, name, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(before)
