"""How many tokens a list of messages is, counted as the model's template puts the prompt together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kimi_api.catalog import DEFAULT_MODEL, ModelSpec, PromptTemplate, prompt_template
from kimi_api.messages import check_messages
from kimi_api.tokens._count import Tokenizer, count_text
from kimi_api.tokens._k3_template import count_k3_prompt
from kimi_api.tokens._parts import Count, parts, search_tokens
from kimi_api.tokens._tool_text import as_json, as_typescript, functions_of

_FRAME = 3  # <|im_ROLE|> ... <|im_middle|> ... <|im_end|>
_CALLS, _CALL = 2, 3  # the marks around all calls of a turn, and of one call


def count_messages(
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    model: str = DEFAULT_MODEL,
    tokenizer: Tokenizer | None = None,
    thinking: bool = True,
    keep_thinking: bool = True,
    response_format: Mapping[str, Any] | None = None,
    reasoning_effort: str | None = None,
    tool_choice: object = None,
    overhead: bool = True,
    catalog: Mapping[str, ModelSpec] | None = None,
) -> int:
    """Prompt tokens of a request with these wire messages and tools. Never sends anything.

    With a `KimiTokenizer` the count is that of the models' open templates, and what the platform says: 178 for the
    recorded request of K2.5 that cost 178 tokens; 87, 93, 140 and 189 for four of K3. One thing about K3 is open: a
    turn with calls and neither text nor thinking may cost 6 tokens less. K3.1's template is not public, and taken to be
    K3's; so is how K3's holds a partial message.

    Without a tokenizer, texts are estimated too (`estimate_text`). Pictures count by their size; one that is not in a
    data URL counts as 1,024 tokens, any video as 8,192.

    Args:
        messages: wire messages; no messages and no tools are 0 tokens.
        tools: wire tools of the request.
        model: whose template to use.
        tokenizer: counts texts; None estimates them.
        thinking: False when thinking is switched off for the call.
        keep_thinking: whether thinking of earlier turns is in the prompt. Counted by default for every model that
            thinks; K2.6 drops it unless `thinking.keep` is "all", so pass False for its exact count.
        response_format, reasoning_effort, tool_choice: as in the request. Only K3 puts them into the prompt.
        overhead: False leaves out what every prompt has once: K3's effort, a default system message, and the opening
            of the answer.
        catalog: what the host of the model says of its models (`client.catalog`); None: only `kimi_api.MODELS` counts.

    Raises:
        KimiInputError: no list of wire messages.
    """
    check_messages(messages)
    return count_prompt(
        prompt_template(model, catalog=catalog),
        messages,
        tools,
        tokenizer=tokenizer,
        thinking=thinking,
        keep_thinking=keep_thinking,
        response_format=response_format,
        reasoning_effort=reasoning_effort,
        tool_choice=tool_choice,
        overhead=overhead,
    )


def count_prompt(
    template: PromptTemplate,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] = (),
    *,
    tokenizer: Tokenizer | None = None,
    thinking: bool = True,
    keep_thinking: bool = True,
    response_format: Mapping[str, Any] | None = None,
    reasoning_effort: str | None = None,
    tool_choice: object = None,
    overhead: bool = True,
) -> int:
    """`count_messages` for a known template."""
    if not messages and not tools:
        return 0

    def count(text: str) -> int:
        return count_text(text, tokenizer) if text else 0

    kept_from = 0 if keep_thinking else _last_answer(messages) + 1
    if template.tagged:
        return count_k3_prompt(
            messages,
            tools,
            template,
            count,
            keep_thinking_from=kept_from,
            response_format=response_format,
            reasoning_effort=reasoning_effort,
            tool_choice=tool_choice,
            overhead=overhead,
        )
    total = _answer(template, messages, thinking) if overhead else 0
    if tools:
        total += _tool_tokens(tools, template, count)
    if overhead and template.system and messages and messages[0].get("role") != "system":
        total += _FRAME + count("system") + count(template.system)
    names: dict[str, str] = {}
    for position, message in enumerate(messages):
        for call in message.get("tool_calls") or ():
            names[str(call.get("id"))] = str((call.get("function") or {}).get("name"))
        total += _message(message, template, count, names, keep=position >= kept_from)
    return total


def _answer(template: PromptTemplate, messages: Sequence[Mapping[str, Any]], thinking: bool) -> int:
    """The opening of the answer: `<|im_assistant|>assistant<|im_middle|>` and the mark that thinking begins with."""
    if messages and messages[-1].get("partial"):
        return -1  # the message is the opening, and has no <|im_end|> yet
    if not template.thinks:
        return 3
    return 3 + (template.think_marks if not thinking else template.think_marks // 2)


def _last_answer(messages: Sequence[Mapping[str, Any]]) -> int:
    """The position of the last assistant turn without calls: thinking before it is history. -1 when there is none."""
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        if message.get("role") == "assistant" and not message.get("tool_calls") and not message.get("partial"):
            return position
    return -1


def _message(
    message: Mapping[str, Any],
    template: PromptTemplate,
    count: Count,
    names: Mapping[str, str],
    *,
    keep: bool,
) -> int:
    role = str(message.get("role") or "")
    if message.get("tools"):
        return _tool_tokens(message["tools"], template, count)
    total = _FRAME + count(str(message.get("name") or role))
    content = message.get("content")
    if role == "tool":
        call_id = str(message.get("tool_call_id") or "")
        name = names.get(call_id) or message.get("name") or call_id
        heading = f"## Return of {_call_id(name)}\n"
        if name == "$web_search":
            return total + count(heading) + search_tokens(content, count)
        content = (
            heading + content if isinstance(content, str) else [{"type": "text", "text": heading}, *(content or ())]
        )
    total += _content(content, template, count)
    if role == "assistant":
        if template.thinks:
            thought = message.get("reasoning_content", message.get("reasoning"))
            total += template.think_marks + (count(thought) if keep and isinstance(thought, str) else 0)
        calls = message.get("tool_calls") or ()
        total += _CALLS if calls else 0
        for call in calls:
            function = call.get("function") or {}
            total += _CALL + count(_call_id(function.get("name"))) + count(str(function.get("arguments") or ""))
    return total


def _call_id(name: object) -> str:
    """The id that the platform prints for a call, whatever it was in the request; up to 999 cost the same."""
    return f"functions.{name}:0"


def _content(content: object, template: PromptTemplate, count: Count) -> int:
    """Texts that follow each other are one stretch of the prompt, and counted together."""
    total, text = 0, ""
    for part in parts(content, template, count):
        if isinstance(part, str):
            text += part
        else:
            total += count(text) + part
            text = ""
    return total + count(text)


def _tool_tokens(tools: Sequence[Mapping[str, Any]], template: PromptTemplate, count: Count) -> int:
    if not functions_of(tools):
        return 0  # the built-in search alone added nothing to a recorded prompt
    text = as_typescript(tools) if template.typescript else as_json(tools)
    return _FRAME + count("tool_declare") + count(text)
