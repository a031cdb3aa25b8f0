"""Rules on the two thinking controls: ``thinking`` (K2.x) and ``reasoning_effort`` (K3 family)."""

from __future__ import annotations

from kimi_emulator.platform.checks import ChatCheck
from kimi_emulator.rules.registry import rule
from kimi_emulator.rules.wording import show, wrong_type


@rule("thinking.shape", source="users' report of the text for a boolean")
def shape(check: ChatCheck) -> str | None:
    """``thinking`` is an object: a boolean is refused."""
    return wrong_type("thinking", check.body.get("thinking"), dict, "object")


@rule("thinking.type", source="users' report (kimi-k3, 2026-07): the text contains `invalid value for thinking type`")
def type_word(check: ChatCheck) -> str | None:
    """``thinking.type`` is enabled or disabled; on the K3 family none means enabled."""
    thinking = check.body.get("thinking")
    if thinking is None or thinking.get("type") in ("enabled", "disabled"):
        return None
    if thinking.get("type") is None and check.model.family == "k3":
        return None
    return f"invalid value for thinking type: {show(thinking.get('type'))}"


@rule("thinking.k2_7_disabled", source="recorded 400")
def always_on(check: ChatCheck) -> str | None:
    """K2.7-code always thinks: its ``thinking`` can only say enabled."""
    thinking = check.body.get("thinking")
    if check.model.family == "k2" and check.model.thinking == "always" and thinking and thinking["type"] != "enabled":
        return "invalid thinking: only type=enabled is allowed for this model"
    return None


@rule("thinking.keep", source="recorded 400 on kimi-k2.5; other values: wording ours")
def keep(check: ChatCheck) -> str | None:
    """``thinking.keep`` is null or "all", and only on models that keep thinking (K2.5 does not)."""
    thinking = check.body.get("thinking") or {}
    if thinking.get("keep") is None:
        return None
    if not check.model.keeps_thinking:
        return f'thinking.keep is not supported by model "{check.model.id}"'
    return None if thinking["keep"] == "all" else f"invalid value for thinking keep: {show(thinking['keep'])}"


@rule("effort.type", source="users' report: an object is 400; wording after the server's text for thinking")
def effort_type(check: ChatCheck) -> str | None:
    """``reasoning_effort`` is a text, and so is ``thinking.effort``; unknown words pass (see tolerated.effort_word)."""
    inner = (check.body.get("thinking") or {}).get("effort")
    return wrong_type("reasoning_effort", check.body.get("reasoning_effort"), str, "string") or wrong_type(
        "thinking.effort", inner, str, "string"
    )


@rule("effort.with_thinking", source="users' report on K2.5 and K2.6")
def both(check: ChatCheck) -> str | None:
    """K2.x takes one of the two controls, not both."""
    both_set = check.body.get("thinking") is not None and check.body.get("reasoning_effort") is not None
    if both_set and check.model.family == "k2":
        return "cannot specify both 'thinking' and 'reasoning_effort'"
    return None


@rule("effort.none_on_k2", source="users' reports: `none` is refused on K2.x; wording ours")
def none_on_k2(check: ChatCheck) -> str | None:
    """``reasoning_effort: "none"`` does not switch K2.x off: that is what ``thinking`` is for."""
    if check.model.family == "k2" and check.body.get("reasoning_effort") == "none":
        return "invalid reasoning_effort: none is not allowed for this model"
    return None
