"""Rules on the model id."""

from __future__ import annotations

from kimi_emulator.errors import NOT_FOUND
from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import illegal


def _not_found(check: ChatCheck) -> str:
    return f"Not found the model {check.body.get('model') or ''} or Permission denied"


@rule(
    "model.type",
    source="chat page: a required string; wording after the server's texts for other fields",
    section="3.1",
)
def model_type(check: ChatCheck) -> str | None:
    """``model`` is there, and a text."""
    model = check.body.get("model")
    return None if isinstance(model, str) else f"Invalid request: {illegal('model', model, 'string')}"


@rule("model.unknown", status=404, type=NOT_FOUND, source="recorded 404")
def unknown(check: ChatCheck) -> str | None:
    """The model id exists (or will: an id before its release does not yet)."""
    model = check.known_model
    if model is None or model.released > check.state.settings.day():
        return _not_found(check)
    return None


@rule("model.retired", status=404, type=NOT_FOUND, source="users' 404s after each end date; same text as unknown ids")
def retired(check: ChatCheck) -> str | None:
    """The model has not reached its end date."""
    ends, settings = check.model.ends, check.state.settings
    serves_all = settings.retired or settings.dialect.own_weights
    gone = ends is not None and ends <= settings.day() and not serves_all
    return _not_found(check) if gone else None


@rule(
    "model.not_visible",
    status=404,
    type=NOT_FOUND,
    source="users' 404s on accounts that see fewer models",
    section="2.8",
)
def not_visible(check: ChatCheck) -> str | None:
    """The account may see the model: newer accounts see fewer of them."""
    seen = check.state.settings.models
    return _not_found(check) if seen is not None and check.model.id not in seen else None
