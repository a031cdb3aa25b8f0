"""How many tokens a list of messages is, counted as the model's template puts the prompt together. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kimi_api._content.notes import DOCUMENT, LEFT_OUT
from kimi_api.catalog import DEFAULT_MODEL, PromptTemplate, prompt_template
from kimi_api.messages import text_of
from kimi_api.tokens._count import Tokenizer, count_text
from kimi_api.tokens._images import UNKNOWN_IMAGE, UNKNOWN_VIDEO, image_size, image_tokens
from kimi_api.tokens._tool_text import as_json, as_typescript, functions_of

_UNKNOWN_DOCUMENT = 1_024  # one whose text nobody knows yet
_FRAME = 3  # <|im_ROLE|> ... <|im_middle|> ... <|im_end|>
_CALLS, _CALL = 2, 3  # the marks around all calls of a turn, and of one call
_MEDIA = 5  # <|media_begin|>image<|media_content|> ... <|media_end|> and a line break


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
    tool_choice: str | None = None,
    overhead: bool = True,
) -> int:
    """Prompt tokens of a request with these wire messages and tools. Never sends anything.

    With a `KimiTokenizer` the count for K2 models is that of their open templates: 178 for the recorded request of K2.5
    that cost 178 tokens. K3's template is the platform's own: its hidden instructions (75 tokens), and what tools, JSON
    mode and efforts add, are constants from recordings. Three recorded prompts (87, 93 and 189 tokens) are met exactly,
    but others need not be: take K3's count for an estimate, `kimi_api.tokens.estimate` for the platform's word.

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
        response_format, reasoning_effort, tool_choice: as in the request.
        overhead: False leaves out what every prompt has once: hidden instructions, a default system message, and the
            opening of the answer.
    """
    if not messages and not tools:
        return 0
    template = prompt_template(model)

    def count(text: str) -> int:
        return count_text(text, tokenizer) if text else 0

    total = template.hidden + _answer(template, messages, thinking) if overhead else 0
    if tools:
        total += _tool_tokens(tools, template, count)
    if overhead and template.system and messages and messages[0].get("role") != "system":
        total += _FRAME + count("system") + count(template.system)
    kept_from = 0 if keep_thinking else _last_answer(messages) + 1
    names: dict[str, str] = {}
    for position, message in enumerate(messages):
        for call in message.get("tool_calls") or ():
            names[str(call.get("id"))] = str((call.get("function") or {}).get("name"))
        total += _message(message, template, count, names, keep=position >= kept_from)
    kind = (response_format or {}).get("type")
    if kind in ("json_object", "json_schema"):
        schema = (response_format or {}).get("json_schema")
        total += template.json_mode + (count(_compact(schema)) if schema else 0)
    if reasoning_effort == "low":
        total += template.low_effort
    if tool_choice == "required":
        total += template.required
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
    count: Callable[[str], int],
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
            return total + count(heading) + _search_tokens(content, count)
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


def _search_tokens(content: object, count: Callable[[str], int]) -> int:
    """What the built-in search found, which the server puts in the place of the echoed arguments that tell its size."""
    try:
        found = json.loads(content)["usage"]["total_tokens"] if isinstance(content, str) else None
    except (ValueError, KeyError, TypeError):
        found = None
    return found if isinstance(found, int) else count(text_of(content))


def _call_id(name: object) -> str:
    """The id that the platform prints for a call, whatever it was in the request; up to 999 cost the same."""
    return f"functions.{name}:0"


def _content(content: object, template: PromptTemplate, count: Callable[[str], int]) -> int:
    if isinstance(content, str):
        return count(content)
    total = 0
    text = ""
    for part in content if isinstance(content, Iterable) else ():
        if not isinstance(part, Mapping):
            text += str(part)
            continue
        kind = part.get("type")
        if kind in ("text", LEFT_OUT):
            text += str(part.get("text") or "")
            continue
        total += count(text)
        text = ""
        given = part.get(str(kind))
        url = str(given.get("url") or "") if isinstance(given, Mapping) else str(given or "")
        if kind == DOCUMENT:
            total += _UNKNOWN_DOCUMENT
        else:
            total += UNKNOWN_VIDEO if kind == "video_url" else _image(url, template, count)
    return total + count(text)


def _image(url: str, template: PromptTemplate, count: Callable[[str], int]) -> int:
    size = image_size(url)
    if size is None:
        return _MEDIA + UNKNOWN_IMAGE
    width, height = size
    said = count(f" {width}x{height}") if template.image_size_said else 0
    return _MEDIA + image_tokens(width, height, template) + said


def _tool_tokens(tools: Sequence[Mapping[str, Any]], template: PromptTemplate, count: Callable[[str], int]) -> int:
    if not functions_of(tools):
        return 0  # the built-in search alone added nothing to a recorded prompt
    text = as_typescript(tools) if template.typescript else as_json(tools)
    return _FRAME + count("tool_declare") + template.tools + count(text)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
