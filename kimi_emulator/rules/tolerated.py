"""What the platform lets pass though its documents say not to send it: reported, never refused."""

from __future__ import annotations

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.platform.prompt import effort
from kimi_emulator.rules.history import unreadable_arguments
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.sampling import FIELDS

KNOWN_FIELDS = frozenset(
    (
        *("model", "messages", "max_completion_tokens", "max_tokens", "stream", "stream_options", "stop"),
        *("response_format", "tools", "tool_choice", "logprobs", "top_logprobs", "logit_bias", "prediction"),
        *("prompt_cache_key", "prompt_cache_options", "safety_identifier", "thinking", "reasoning_effort", *FIELDS),
    )
)


@rule(
    "tolerated.thinking_on_k3",
    refuses=False,
    source="K3 quickstart says not to; live it was accepted and ignored",
    section="2.6",
)
def thinking_on_k3(check: ChatCheck) -> str | None:
    """``thinking`` is not sent to K3 models."""
    if check.model.family == "k3" and check.body.get("thinking") is not None:
        return f"thinking was sent to {check.model.id}"
    return None


@rule("tolerated.thinking_on_v1", refuses=False, source="models page: these models cannot think", section="2.3")
def thinking_on_v1(check: ChatCheck) -> str | None:
    """``thinking`` is not sent to models that cannot think."""
    if check.model.thinking == "none" and check.body.get("thinking") is not None:
        return f"thinking was sent to {check.model.id}, which cannot think"
    return None


@rule(
    "tolerated.thinking_member",
    refuses=False,
    source="chat page: no other members; Moonshot's own client sends one to another product",
    section="2.6",
)
def thinking_member(check: ChatCheck) -> str | None:
    """``thinking`` has no members but type and keep, and on the K3 family effort."""
    known = {"type", "keep", "effort"} if check.model.efforts else {"type", "keep"}
    more = sorted(set(check.body.get("thinking") or ()) - known)
    return f"unknown members of thinking: {', '.join(more)}" if more else None


@rule(
    "tolerated.sampling",
    refuses=False,
    source="documents: leave the fixed fields out; the exact value passes live",
    section="2.4",
)
def sampling(check: ChatCheck) -> str | None:
    """No sampling field is sent to a model that fixes it, not even with the fixed value."""
    sent = [
        name for name in FIELDS if name in check.body and check.model.fixed_value(name, thinks=check.thinks) is not None
    ]
    return f"fixed sampling fields were sent: {', '.join(sent)}" if sent else None


@rule(
    "tolerated.effort_on_k2",
    refuses=False,
    source="models page: not supported on K2.x; live it was ignored",
    section="2.5",
)
def effort_on_k2(check: ChatCheck) -> str | None:
    """``reasoning_effort`` is for models that have efforts."""
    if not check.model.efforts and check.body.get("reasoning_effort") is not None:
        return f"reasoning_effort was sent to {check.model.id}"
    return None


@rule("tolerated.effort_word", refuses=False, source="live probes on kimi-k3: unknown words are ignored", section="2.5")
def effort_word(check: ChatCheck) -> str | None:
    """The effort is one of the model's words. ``thinking.effort`` goes before ``reasoning_effort``."""
    word = effort(check.body)
    if word is not None and check.model.efforts and word not in check.model.efforts:
        return f"unknown reasoning_effort {word!r}"
    return None


@rule(
    "tolerated.unknown_field", refuses=False, source="live probes on kimi-k3: unknown fields are ignored", section="2.4"
)
def unknown_field(check: ChatCheck) -> str | None:
    """Every top-level field is in the chat documentation: a misspelt one would have no effect."""
    unknown = sorted(set(check.body) - KNOWN_FIELDS)
    return f"unknown fields: {', '.join(unknown)}" if unknown else None


@rule(
    "tolerated.named_choice",
    refuses=False,
    source="Moonshot's verifier: K3 silently ignores it; the models page: not supported",
    section="2.3",
)
def named_choice(check: ChatCheck) -> str | None:
    """A named ``tool_choice`` is not sent to K3 (with ``k3_named_choice="ignore"``; it is refused otherwise)."""
    if check.ignores_named_choice and isinstance(check.body.get("tool_choice"), dict):
        return f"a named tool_choice was sent to {check.model.id}, which overlooks it"
    return None


@rule(
    "tolerated.builtin_name",
    refuses=False,
    source="web search page knows $web_search only; what others do is not published",
    section="4.1",
)
def builtin_name(check: ChatCheck) -> str | None:
    """The only tool of the platform's own is ``$web_search``."""
    for entry in check.tools:
        if entry.builtin and entry.name != "$web_search":
            return f"there is no builtin_function {entry.name!r}, only $web_search"
    return None


@rule(
    "tolerated.arguments",
    refuses=False,
    source="vLLM, SGLang and llama.cpp answer 400 or 500 to it, in every later turn; the platform was not seen to",
    section="4.2",
)
def arguments(check: ChatCheck) -> str | None:
    """The arguments of earlier calls are JSON objects (refused with ``histories`` strict)."""
    return unreadable_arguments(check)
