"""JSON schemas of the classes that hold settings, for forms and configuration files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def settings_schema(
    model_json_schema: Callable[..., dict[str, Any]], *args: object, **kwargs: object
) -> dict[str, Any]:
    """What pydantic's `model_json_schema` gives, without the settings that JSON has no form for.

    Such are functions, callbacks and HTTP clients, for which pydantic raises: "Cannot generate a JsonSchema for
    core_schema.CallableSchema". Raising `PydanticOmit` there is pydantic's own way to leave a field out.
    """
    if len(args) < 3:  # the caller may pass another generator, by position too
        from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
        from pydantic_core import PydanticOmit

        class Generator(GenerateJsonSchema):
            ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - pydantic's own form

            def handle_invalid_for_json_schema(self, schema: object, error_info: str) -> JsonSchemaValue:
                raise PydanticOmit

        kwargs.setdefault("schema_generator", Generator)
    return model_json_schema(*args, **kwargs)
