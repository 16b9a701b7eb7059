"""The OpenAPI document: FastAPI's own, with named types for bodies that FastAPI cannot derive.

``POST /vitons`` answers in the media type that the client asks for, so its responses are described
by hand. They refer to types by ``schema_ref``; ``DocumentedApp`` adds the types themselves.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

from fastapi import FastAPI
from pydantic import TypeAdapter

REF_TEMPLATE: Final = "#/components/schemas/{model}"
"""Reference to a type of the document, by its name."""


def schema_ref(named_type: type) -> dict[str, str]:
    """Return the reference to a type that the document names."""
    return {"$ref": REF_TEMPLATE.format(model=named_type.__name__)}


def type_schemas(named_types: Iterable[type]) -> dict[str, Any]:
    """Return the JSON schemas of models and dataclasses and of all that they hold, by name."""
    mode: Literal["serialization"] = "serialization"
    adapters = [(each, mode, TypeAdapter[Any](each)) for each in named_types]
    _, document = TypeAdapter.json_schemas(adapters, ref_template=REF_TEMPLATE)
    schemas: dict[str, Any] = document["$defs"]
    return schemas


class DocumentedApp(FastAPI):
    """An application whose document holds further types."""

    def __init__(self, *, named_types: Iterable[type], **options: Any) -> None:
        """Take the types that responses refer to, and FastAPI's own arguments."""
        self._named_types = tuple(named_types)
        super().__init__(**options)

    def openapi(self) -> dict[str, Any]:
        """Return the document; it is made once."""
        document = super().openapi()
        document.setdefault("components", {}).setdefault("schemas", {}).update(
            type_schemas(self._named_types)
        )
        return document
