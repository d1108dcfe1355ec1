"""Secrets are named in a definition, never written in it: a definition is stored, shown and sent around."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from hanzo_twin.definition.base import problem
from hanzo_twin.errors import DefinitionError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OWN_PREFIX = "HANZO_TWIN_"


@dataclass(frozen=True)
class Secret:
    """The name of an environment variable that holds a secret, written ``${NAME}`` in a definition.

    It is read when a connection is opened, by the process that opens it.
    """

    variable: str

    def resolve(self, environ: Mapping[str, str] = os.environ) -> str:
        """The secret itself.

        Raises:
            DefinitionError: the variable is not set.
        """
        value = environ.get(self.variable)
        if not value:
            raise DefinitionError(
                f"The environment variable {self.variable}, which a definition names as a secret, is not set.",
                hint="Set it in the environment of the process that runs the twin and start the twin again.",
            )
        return value

    def __str__(self) -> str:
        return f"${{{self.variable}}}"

    @classmethod
    def parse(cls, value: object) -> Secret:
        if isinstance(value, Secret):
            return value
        match = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise problem(
                "must name an environment variable, such as {example}; the secret itself may not stand in a "
                "definition, which is stored and shown",
                example="${MQTT_PASSWORD}",
            )
        if match[1].startswith(_OWN_PREFIX):
            raise problem("may not name {name}, which is a setting of the platform itself", name=match[1])
        return cls(match[1])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema(when_used="always")
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": f"^{_REFERENCE.pattern}$", "format": "password"}
