"""The arrays that worker processes and their parent see, in one block of shared memory."""

from __future__ import annotations

from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from hanzo_twin.rl.episodes import Layout, Step

Array = np.ndarray[Any, Any]


class SharedArrays:
    """What goes to and fro in a step of ``num_envs`` worlds; rows are worlds.

    Args:
        name: of a block that exists; None makes one. Once all who shall see it have it, whoever made it calls
            `forget_name`: from then on the system frees it with the last process that has it, however that ends.
    """

    actions: Array
    rewards: Array
    terms: Array
    observations: Array
    final: Array
    terminations: Array
    truncations: Array
    begun: Array

    def __init__(self, num_envs: int, layout: Layout, name: str | None = None) -> None:
        fields: dict[str, tuple[tuple[int, ...], Any]] = {
            "actions": ((num_envs, len(layout.actions)), np.float64),
            "rewards": ((num_envs,), np.float64),
            "terms": ((num_envs, len(layout.rewards)), np.float64),
            "observations": ((num_envs, layout.size), np.float32),
            "final": ((num_envs, layout.size), np.float32),
            "terminations": ((num_envs,), np.bool_),
            "truncations": ((num_envs,), np.bool_),
            "begun": ((num_envs,), np.bool_),
        }
        sizes = {key: int(np.prod(shape)) * np.dtype(kind).itemsize for key, (shape, kind) in fields.items()}
        total = sum(-(-size // 64) * 64 for size in sizes.values())
        self._named = name is None
        self._memory = SharedMemory(name=name, create=name is None, size=total)
        self.name = self._memory.name
        offset = 0
        for key, (shape, kind) in fields.items():
            setattr(self, key, np.ndarray(shape, kind, buffer=self._memory.buf, offset=offset))
            offset += -(-sizes[key] // 64) * 64

    def write(self, rows: slice, step: Step) -> None:
        """Put what ``step`` gave the worlds at ``rows`` there."""
        self.observations[rows], self.rewards[rows], self.terms[rows] = step.observations, step.rewards, step.terms
        self.terminations[rows], self.truncations[rows] = step.terminations, step.truncations
        self.begun[rows] = step.begun
        if step.final is not None:
            self.final[rows][step.begun] = step.final

    def forget_name(self) -> None:
        """Let nobody else find the block; may be called again."""
        if self._named:
            self._named = False
            self._memory.unlink()

    def close(self) -> None:
        """Give the block back."""
        for key in [key for key, value in vars(self).items() if isinstance(value, np.ndarray)]:
            delattr(self, key)
        self._memory.close()
        self.forget_name()
