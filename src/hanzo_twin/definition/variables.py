"""``${NAME}`` in a text stands for the environment variable NAME; ``$${`` for the two characters ``${``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hanzo_twin.definition.document import Document, Location

_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{[^}]*\}?")


def expand(document: Document, environ: Mapping[str, str], keep: Callable[[Location], bool]) -> Document:
    """``document`` with the variables in its texts replaced, except where ``keep`` says so; keys stay as they are.

    A variable that is not set becomes a trouble that names it and never shows a value.
    """
    troubles = list(document.troubles)

    def of_text(text: str, location: Location) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if match[0] == "$${":
                return "${"
            if name is None:
                text = (
                    "'${' must be followed by the name of a variable and '}'; write '$${' for the characters themselves"
                )
            elif name in environ:
                return environ[name]
            else:
                text = f"the environment variable {name} is not set"
            troubles.append(document.trouble(location, text))
            return match[0]

        return _VARIABLE.sub(value, text)

    def of(value: Any, location: Location) -> Any:
        if isinstance(value, dict):
            return {key: of(item, (*location, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [of(item, (*location, index)) for index, item in enumerate(value)]
        if isinstance(value, str) and "${" in value and not keep(location):
            return of_text(value, location)
        return value

    data = of(document.data, ())
    return Document(data=data, lines=document.lines, troubles=tuple(troubles), origins=document.origins)


def escape(value: Any, keep: Callable[[Location], bool], location: Location = ()) -> Any:
    """The inverse: data whose texts come out of `expand` as they are here."""
    if isinstance(value, dict):
        return {key: escape(item, keep, (*location, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [escape(item, keep, (*location, index)) for index, item in enumerate(value)]
    if isinstance(value, str) and not keep(location):
        return value.replace("${", "$${")
    return value
