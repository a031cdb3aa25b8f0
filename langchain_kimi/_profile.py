"""LangChain's description of a model, from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import ModelProfile

from kimi_api import MODELS, ModelSpec
from kimi_api.catalog import process_catalog


def model_profile(spec: ModelSpec, *, documents: bool) -> ModelProfile:
    """What agents and middleware may rely on for `spec`.

    `documents`: whether PDFs and other documents in messages are sent as their text. deepagents takes out what the
    profile denies.
    """
    profile = ModelProfile(
        name=spec.id,
        max_input_tokens=spec.context_window,
        max_output_tokens=spec.max_output,
        text_inputs=True,
        text_outputs=True,
        image_inputs=spec.images,
        image_url_inputs=False,  # addresses are not fetched
        image_tool_message=spec.images,
        video_inputs=spec.videos,
        audio_inputs=False,
        pdf_inputs=documents,
        pdf_tool_message=documents,
        attachment=spec.images or spec.videos or documents,
        image_outputs=False,
        audio_outputs=False,
        video_outputs=False,
        reasoning_output=spec.thinking != "none",
        tool_calling=True,
        tool_choice="required" in spec.tool_choices,
        # 2026-11-22: the model takes a JSON schema, but tools and response_format in one request are proven nowhere,
        # and `create_agent` would combine them by itself if this were on. ProviderStrategy(...) asks for it explicitly.
        structured_output=False,
        temperature="temperature" not in spec.fixed_sampling,
    )
    if not spec.context_window:  # another host's model: nobody here knows its window
        del profile["max_input_tokens"], profile["max_output_tokens"]
    if spec.known:
        profile["status"] = "deprecated" if spec.retires is not None else "active"
        if spec.open_weights is not None:
            profile["open_weights"] = spec.open_weights
        if spec.released is not None:
            # Models are not changed under their name, as far as the platform says: a newer one has a name of its own.
            profile["release_date"] = profile["last_updated"] = spec.released.isoformat()
    for name, value in (
        ("tool_call_streaming", True),
        ("mid_conversation_system_messages", True),
        ("mid_conversation_tools", spec.dynamic_tools),
        ("reasoning_effort_levels", list(spec.efforts)),
        ("reasoning_effort_default", spec.efforts[-1] if spec.efforts else None),
    ):
        # Keys that a later langchain-core added: an older one warns of those it does not know.
        if value not in (None, []) and name in ModelProfile.__annotations__:
            profile[name] = value
    return profile


def without_other_profile(arguments: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments without the profile of another model of the catalogue.

    `configurable_fields(model=...)` builds the model again from the fields it had, and the profile that was looked up
    for the old id is one of them. A profile that the user wrote is kept, whatever its name.
    """
    profile = arguments.get("profile")
    name = profile.get("name") if isinstance(profile, Mapping) else None  # pydantic refuses anything else
    if name is None or name == arguments.get("model"):
        return arguments
    rows = (arguments.get("catalog"), process_catalog(), MODELS)
    spec = next((each[name] for each in rows if each and name in each), None)
    if spec is None or profile not in (model_profile(spec, documents=True), model_profile(spec, documents=False)):
        return arguments
    return {name: value for name, value in arguments.items() if name != "profile"}
