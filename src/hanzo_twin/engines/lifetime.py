"""How simulations, batches and twins end, and what they are not: values that could be pickled or copied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import NoReturn, Self, SupportsIndex

from hanzo_twin.errors import UnsupportedError


class Lifetime(ABC):
    """Of something that runs until it is closed: the end of a ``with`` block does that.

    Raises:
        UnsupportedError: when it is pickled, or copied by the ``copy`` module.
    """

    @abstractmethod
    def close(self) -> None:
        """Release everything; may be called again."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise UnsupportedError(
            f"A running {type(self).__name__} cannot be pickled or copied.",
            hint="To copy it: fork(). To go on in another process: get_state() gives a value that can be pickled; "
            "load the same scene there and give it to set_state().",
        )
