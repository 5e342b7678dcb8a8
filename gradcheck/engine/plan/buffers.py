"""Where the values of a program live: few buffers, each used again once its value is no longer needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(slots=True)
class Arena:
    """Buffers by size, and the views of them that the program names.

    One set of buffers serves one call at a time; ``make`` makes a set.
    """

    sizes: list[int] = field(default_factory=list)
    views: list[Callable[[Sequence[Any]], Any]] = field(default_factory=list)
    _free: dict[int, list[int]] = field(default_factory=dict)
    _names: dict[Any, int] = field(default_factory=dict)

    def take(self, nbytes: int) -> int:
        """A buffer of so many bytes that nothing needs now."""
        free = self._free.get(nbytes)
        if free:
            return free.pop()
        self.sizes.append(nbytes)
        return len(self.sizes) - 1

    def give(self, buffer: int) -> None:
        """The buffer's value is no longer needed."""
        self._free.setdefault(self.sizes[buffer], []).append(buffer)

    def array(self, buffer: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
        """Number of the view that shows a buffer as an array."""
        count = int(np.prod(shape))
        return self._view(
            (buffer, shape, dtype),
            lambda made: made[0][buffer][: count * dtype.itemsize].view(dtype).reshape(shape),
        )

    def derived(self, base: int, key: Any, look: Callable[[Any], Any]) -> int:
        """Number of the view that is a function of another view."""
        return self._view((base, key), lambda made: look(made[base + 1]))

    def spans(self, size: int, block: int, dtypes: Sequence[np.dtype[Any]]) -> int:
        """Number of the view that lists the blocks of a long array: slices, and temporaries as long."""

        def build(made: Sequence[Any]) -> list[tuple[Any, ...]]:
            whole = [np.empty(block, dtype) for dtype in dtypes]
            return [
                (slice(start, start + block), *(t[: min(block, size - start)] for t in whole))
                for start in range(0, size, block)
            ]

        return self._view(("spans", len(self.views)), build)

    def _view(self, key: Any, build: Callable[[Sequence[Any]], Any]) -> int:
        if key not in self._names:
            self._names[key] = len(self.views)
            self.views.append(build)
        return self._names[key]

    def make(self) -> tuple[Any, ...]:
        """A set of buffers, as the tuple of all views."""
        made: list[Any] = [[np.empty(size, np.uint8) for size in self.sizes]]
        for build in self.views:
            made.append(build(made))
        return tuple(made[1:])
