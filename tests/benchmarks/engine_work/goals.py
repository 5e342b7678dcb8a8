"""What the engine is held to: by its floor, and by its peers in the same run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine_work.race import OURS, Result
from engine_work.work import names

SMALL = 1e5  # entries of all inputs


@dataclass(frozen=True)
class Goal:
    """``mine`` shall be so many times faster than each of ``others`` (none: than every peer)."""

    problems: str
    mine: str
    others: tuple[str, ...]
    times: float = 1.0
    below: float = float("inf")

    def __str__(self) -> str:
        others = " and ".join(self.others) or "every peer"
        if self.times == 1:
            return f"{self.mine} faster than {others}"
        if self.times < 1:
            return f"{self.mine} at most {1 / self.times - 1:.0%} behind {others}"
        return f"{self.mine} {self.times:g} x faster than {others}"

    def seen(self, results: Sequence[Result]) -> Iterator[tuple[str, str, float | None]]:
        """Problem, the peer that is fastest there, and how many times longer it takes; None is not known."""
        for result in results:
            name = result.work.name
            if result.size < self.below and any(names(word, name) for word in self.problems.split()):
                for other in self.others or (fastest(result),):
                    yield name, other, result.ratio(self.mine, other)

    def met(self, ratio: float | None) -> bool:
        return ratio is not None and ratio >= self.times


def fastest(result: Result) -> str:
    peers = {way: seconds for way, seconds in result.times.items() if way not in OURS}
    return min(peers, key=peers.__getitem__, default="-")


PEERS = [
    Goal("P1 P2 P3 P4 P5", "plan", ("jax.jit",), 20),
    Goal("P1 P2 P3 P4 P5", "plan", ("torch",), 150),
    Goal("P6", "plan", ()),
    Goal("P6a P6c", "plan", ("jax.jit",), 20),
    Goal("P7a P8 P9b P10 P11", "plan", ()),
    Goal("P7b", "plan", (), 1 / 1.05),
    Goal("P7t", "plan", ("jax.jit",), 2),
    Goal("P9a", "plan", ("jax.jit",)),
    Goal("P12", "eager", ("torch",), 4),
    Goal("P13", "plan", ("torch",)),
    Goal("P13a", "numba", ("jax.jit", "torch.compile")),
    Goal("P14", "plan", ("jax.jit", "nn.LSTM")),
    Goal("P14a", "plan", ("jax scan",), 1 / 1.1),
    Goal("P14b", "plan", ("jax scan",)),
    Goal("P1 P2 P3 P4 P5 P6 P7 P8", "eager", ("torch",), below=SMALL),
]

EAGER_OPERATION = 1.5e-6  # seconds, forward and backward
FIRST_CALL = 0.020  # seconds to trace and plan the small network
FIRST_CALL_SHARE = 0.1  # of jax.jit's compilation
