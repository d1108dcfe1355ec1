"""Why something failed, in the words of the system."""

from __future__ import annotations


def reason(failed: BaseException) -> str:
    """What the system said, where that is the cause; else the first line of the error, without its full stop."""
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(failed).partition("\n")[0].removesuffix(".")[:300]
