"""Methods of core that pass inputs on as they are: wrong ones are refused here, before any request.

Core reads one text as a list of its letters, and asks about each. Of other values it says "'str' object has no
attribute 'content'". Behind the checks the methods are core's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Never, TypeGuard

from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.prompt_values import PromptValue

from kimi_api import KimiInputError
from kimi_api._warn import forget_caller, remember_caller, warn_once
from kimi_api.options import OPTION_NAMES
from langchain_kimi.errors import CORE_ERRORS


class InputChecks:
    """What `ChatKimi` and `KimiLLM` check alike: the configuration of a call, and several inputs."""

    if not TYPE_CHECKING:  # a checker sees core's own, whose types say more

        def invoke(self, input: object, config: object = None, **kwargs: object) -> object:
            """Core's own: wait for the whole answer."""
            check_config(config)
            return super().invoke(input, config, **kwargs)

        async def ainvoke(self, input: object, config: object = None, **kwargs: object) -> object:
            """The asynchronous twin of `invoke`."""
            check_config(config)
            return await super().ainvoke(input, config, **kwargs)

        def stream(self, input: object, config: object = None, **kwargs: object) -> Iterator[object]:
            """Core's own: the answer piece by piece."""
            check_config(config)
            return super().stream(input, config, **kwargs)

        def astream(self, input: object, config: object = None, **kwargs: object) -> AsyncIterator[object]:
            """The asynchronous twin of `stream`."""
            check_config(config)
            return super().astream(input, config, **kwargs)

        def batch_as_completed(self, inputs: object, *args: object, **kwargs: object) -> Iterator[tuple[int, object]]:
            """Core's own: pairs of an input's place and its answer, in the order in which they come."""
            check_inputs(inputs)
            return _begin_here(super().batch_as_completed(inputs, *args, **kwargs))

        def abatch_as_completed(
            self, inputs: object, *args: object, **kwargs: object
        ) -> AsyncIterator[tuple[int, object]]:
            """The asynchronous twin of `batch_as_completed`."""
            check_inputs(inputs)
            return _abegin_here(super().abatch_as_completed(inputs, *args, **kwargs))

        def generate_prompt(self, prompts: object, *args: object, **kwargs: object) -> LLMResult:
            """Core's own: one answer for each prompt value."""
            check_prompts(prompts)
            return super().generate_prompt(prompts, *args, **kwargs)

        async def agenerate_prompt(self, prompts: object, *args: object, **kwargs: object) -> LLMResult:
            """The asynchronous twin of `generate_prompt`."""
            check_prompts(prompts)
            return await super().agenerate_prompt(prompts, *args, **kwargs)


class ChatInputChecks(InputChecks):
    """What only `ChatKimi` checks. What goes on in threads or tasks notes the line that called, for warnings."""

    if not TYPE_CHECKING:

        def batch(self, inputs: object, *args: object, **kwargs: object) -> list[object]:
            """Core's own: the answers to several inputs."""
            check_inputs(inputs)
            caller = remember_caller()
            try:
                return super().batch(inputs, *args, **kwargs)
            finally:
                forget_caller(caller)

        async def abatch(self, inputs: object, *args: object, **kwargs: object) -> list[object]:
            """The asynchronous twin of `batch`."""
            check_inputs(inputs)
            caller = remember_caller()
            try:
                return await super().abatch(inputs, *args, **kwargs)
            finally:
                forget_caller(caller)

        def generate(self, messages: object, *args: object, **kwargs: object) -> LLMResult:
            """Core's own: one answer for each list of messages."""
            check_conversations(messages)
            return super().generate(messages, *args, **kwargs)

        async def agenerate(self, messages: object, *args: object, **kwargs: object) -> LLMResult:
            """The asynchronous twin of `generate`."""
            check_conversations(messages)
            caller = remember_caller()
            try:
                return await super().agenerate(messages, *args, **kwargs)
            finally:
                forget_caller(caller)


def check_config(config: object) -> None:
    """Refuse something else in place of a run's configuration, such as a second message. Arguments in it are told.

    Raises:
        KimiInputError: it is no dict.
    """
    if config is not None and not isinstance(config, Mapping):
        remedy = 'put all messages into the first argument: invoke([("system", "..."), ("user", "...")])'
        _refuse("config", config, "the second argument is a dict of settings of the run", remedy)
    if config and not OPTION_NAMES.isdisjoint(config):
        names = ", ".join(sorted(OPTION_NAMES.intersection(config)))
        text = f"LangChain does not look at {names} in the configuration of a run, so the request goes out without"
        warn_once(("config", names), f"{text}. Pass it by name: invoke(..., {names.partition(',')[0]}=...)")


def check_inputs(inputs: object) -> None:
    """Refuse one input in place of a list of them.

    Raises:
        KimiInputError: it is a text, a dict, a message, or no collection.
    """
    if not _is_several(inputs) or isinstance(inputs, BaseMessage) or hasattr(inputs, "format_messages"):
        remedy = "write list(...) around it" if hasattr(inputs, "__next__") else "put it into a list, or use invoke"
        _refuse("inputs", inputs, "it is a list of inputs", remedy)


def check_prompts(prompts: object) -> None:
    """Refuse anything but a list of core's prompt values. Raises `KimiInputError`."""
    remedy = 'use invoke("Hello"), or batch(["Hello", "Good evening"]), which take texts and messages'
    _check_each(
        prompts, "prompts", lambda value: isinstance(value, PromptValue), "it is a list of prompt values", remedy
    )


def check_conversations(messages: object) -> None:
    """Refuse anything but a list of lists of messages. Raises `KimiInputError`."""
    rule = "generate takes a list of conversations, and each is a list of messages"
    remedy = 'write generate([[HumanMessage("Hello")]]), or use invoke or batch, which take texts too'
    _check_each(messages, "messages", _is_conversation, rule, remedy)


def check_texts(prompts: object) -> None:
    """Refuse anything but a list of texts. Raises `KimiInputError`."""
    remedy = 'write generate(["Hello"]), or use invoke or batch, which take messages too'
    _check_each(prompts, "prompts", lambda value: isinstance(value, str), "generate takes a list of texts", remedy)


def _check_each(values: object, what: str, fits: Callable[[object], bool], rule: str, remedy: str) -> None:
    if not _is_several(values):
        _refuse(what, values, rule, remedy)
    for position, value in enumerate(values):
        if not fits(value):
            _refuse(f"{what}[{position}]", value, rule, remedy)


def _is_conversation(value: object) -> bool:
    # By their classes, which are few: core's metaclass takes its time over each message.
    return isinstance(value, list | tuple) and all(issubclass(kind, BaseMessage) for kind in set(map(type, value)))


def _is_several(value: object) -> TypeGuard[Collection[object]]:
    """Whether core can take it for a list: its length is asked for, and its members."""
    return hasattr(value, "__len__") and hasattr(value, "__iter__") and not isinstance(value, str | bytes | Mapping)


def _refuse(what: str, value: object, rule: str, remedy: str) -> Never:
    from langchain_kimi._input import describe  # which a good call never needs

    with CORE_ERRORS:
        raise KimiInputError(what, describe(value), rule, remedy)


def _begin_here(answers: Iterator[tuple[int, object]]) -> Iterator[tuple[int, object]]:
    """`answers`, with the line noted that asks for the first one: core begins all calls then, in threads."""
    caller = remember_caller()
    try:
        first = next(answers, None)
    finally:
        forget_caller(caller)
    if first is not None:
        yield first
        yield from answers


async def _abegin_here(answers: AsyncIterator[tuple[int, object]]) -> AsyncIterator[tuple[int, object]]:
    """The asynchronous twin of `_begin_here`."""
    caller = remember_caller()
    try:
        first = await anext(answers, None)
    finally:
        forget_caller(caller)
    if first is not None:
        yield first
        async for pair in answers:
            yield pair
