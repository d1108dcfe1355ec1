"""One call of the REST API as a value, and how its answer is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from hanzo_twin.client.upload import opened_for_upload
from hanzo_twin.errors import HanzoTwinError, InvalidInputError, UnavailableError
from hanzo_twin.service.problems import MEDIA_TYPE, from_problem

P = ParamSpec("P")
T = TypeVar("T")
DEFAULT_URL = "http://127.0.0.1:8082"
DEFAULT_TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Call(Generic[T]):
    """A request and the function that reads its answer.

    Args:
        upload: a file or folder, sent as form field ``files`` with the fields of ``data``.
        timeout_s: how long the answer may take, s; raised for calls that wait by themselves.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    upload: Path | None = None
    data: Mapping[str, str] | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S

    @contextmanager
    def arguments(self) -> Iterator[dict[str, Any]]:
        """Keyword arguments of ``httpx.Client.build_request``; a file to upload is open as long as this lasts."""
        given: dict[str, Any] = {
            "method": self.method,
            "url": self.path,
            "params": {name: value for name, value in self.params.items() if value is not None},
            "headers": dict(self.headers),
            "timeout": httpx.Timeout(self.timeout_s, connect=5.0),
        }
        if self.upload is not None:
            with opened_for_upload(self.upload) as part:
                yield {**given, "files": {"files": part}, "data": self.data}
        elif self.content is not None:
            yield {**given, "content": self.content}
        else:
            yield {**given, "json": self.json}


def arrange(operation: Callable[P, Call[T]], *args: P.args, **kwargs: P.kwargs) -> Call[T]:
    """The call that ``operation`` makes of its arguments.

    Raises:
        InvalidInputError: the server would refuse them; each argument and what is wrong with it.
    """
    try:
        return operation(*args, **kwargs)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors())
        raise InvalidInputError(f"This cannot be asked for: {wrong}.") from error


def segment(text: object) -> str:
    """``text`` as one segment of a path."""
    return quote(str(text), safe="")


def into(kind: Any) -> Callable[[httpx.Response], Any]:
    """Read the answer's JSON as ``kind``."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)

    def read(response: httpx.Response) -> Any:
        try:
            return adapter.validate_json(response.content)
        except ValidationError as error:
            raise HanzoTwinError(
                f"What answers at {response.url.copy_with(query=None)} does not speak this API: "
                f"{error.error_count()} fields do not fit.",
                hint="Is that the address of a Hanzo Twin server of the same version?",
            ) from error

    return read


def raw(response: httpx.Response) -> bytes:
    """The answer as it is."""
    return response.content


def nothing(response: httpx.Response) -> None:
    """Success is all there is to know."""


def dump(body: BaseModel) -> Any:
    """A request body as JSON values, without what was left out."""
    return body.model_dump(mode="json", exclude_unset=True)


def check(response: httpx.Response) -> httpx.Response:
    """Raise the error that a failed response carries. Its body must have been read."""
    if response.is_success:
        return response
    kind = response.headers.get("content-type", "").partition(";")[0]
    try:
        body = response.json() if kind == MEDIA_TYPE else None
    except ValueError:
        body = None
    if isinstance(body, dict):
        raise from_problem(body)
    raise HanzoTwinError(
        f"The server at {response.url.copy_with(query=None)} answered {response.status_code} {response.reason_phrase}.",
        hint="Is that the address of a Hanzo Twin server?",
    )


def transport_error(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> HanzoTwinError:
    """What a failure to speak to the server at ``url`` means."""
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return InvalidInputError(
            f"'{url}' is not the address of a server: {str(error).rstrip('.')}.", hint=f"Such as {DEFAULT_URL}."
        )
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return UnavailableError(f"No server answers at {url}.", hint="Start the server with: hanzo-twin serve")
    if isinstance(error, httpx.TimeoutException):
        return UnavailableError(f"The server at {url} did not answer in time.", hint="Try again, or look at its log.")
    return UnavailableError(f"The connection to the server at {url} broke: {error}.", hint="Try again.")


def ended(url: str) -> UnavailableError:
    """A stream of the server at ``url`` was closed before it was at its end."""
    return UnavailableError(f"The server at {url} closed the connection.", hint="Try again, or look at its log.")
