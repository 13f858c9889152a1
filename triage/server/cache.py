"""A cache bounded in bytes that makes each thing once, however many threads ask for it at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["ByteCache"]

Value = TypeVar("Value")


class ByteCache(Generic[Value]):
    """Least recently used goes first once the sum of `cost(value)` passes `capacity` bytes; a value larger than that is not kept.

    Safe to use from several threads. An error is raised to all who waited for it and is not kept.
    """

    def __init__(self, capacity: int, cost: Callable[[Value], int]) -> None:
        self._capacity, self._cost = capacity, cost
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._making: dict[Hashable, Future[Value]] = {}
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes held now."""
        return self._used

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of `key`, made by `make` unless it is held already or being made by another thread."""
        with self._lock:
            held = self._values.get(key)
            if held is not None:
                self._values.move_to_end(key)
                return held[0]
            future = self._making.get(key)
            ours = future is None
            if future is None:
                future = self._making[key] = Future()
        if not ours:
            return future.result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._making[key]
            future.set_exception(error)
            raise
        with self._lock:
            del self._making[key]
            self._keep(key, value)
        future.set_result(value)
        return value

    def _keep(self, key: Hashable, value: Value) -> None:
        cost = self._cost(value)
        if cost > self._capacity:
            return
        self._values[key] = (value, cost)
        self._used += cost
        while self._used > self._capacity:
            _, (_, freed) = self._values.popitem(last=False)
            self._used -= freed
