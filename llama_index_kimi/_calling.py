"""`predict_and_call`: core's own, which looks first whether there is a tool to run.

Core's raises KeyError for a call of a tool that was not offered, and for a call whose arguments nobody can read, which
carries a name that no tool has. Here both give a result that names the error, as a tool that failed does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.calling import acall_tool_with_selection, call_tool_with_selection
from llama_index.core.tools.types import BaseTool, ToolOutput

from kimi_api._arguments.text import UNREADABLE
from llama_index_kimi._connection import Connected
from llama_index_kimi._tool_calls import unreadable_name

if TYPE_CHECKING:
    from llama_index_kimi._setting_types import CallingArguments
else:
    CallingArguments = dict[str, Any]  # hints must be readable while a program runs; the class costs time at import


class ToolCalling(Connected):
    """The part of `Kimi` that runs tools itself."""

    def predict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Unpack[CallingArguments],
    ) -> AgentChatResponse:
        """Ask, run the tools that were called, and give back what they gave.

        A call that names no tool of `tools`, or whose arguments cannot be read, is a source with `is_error`.

        Raises:
            ValueError: no tool was called, and `error_on_no_tool_call` is True; a tool failed, and
                `error_on_tool_error` is True.
        """
        response = self.chat_with_tools(
            tools,
            user_msg=user_msg,
            chat_history=chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            **kwargs,
        )
        selections = self.get_tool_calls_from_response(response, error_on_no_tool_call=error_on_no_tool_call)
        outputs = [
            _obstacle(selection, tools) or call_tool_with_selection(selection, tools, verbose=verbose)
            for selection in selections
        ]
        return _answer(response, outputs, error_on_tool_error)

    async def apredict_and_call(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Unpack[CallingArguments],
    ) -> AgentChatResponse:
        """The asynchronous twin of `predict_and_call`; several tools run at the same time."""
        response = await self.achat_with_tools(
            tools,
            user_msg=user_msg,
            chat_history=chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            **kwargs,
        )
        selections = self.get_tool_calls_from_response(response, error_on_no_tool_call=error_on_no_tool_call)

        async def run(selection: ToolSelection) -> ToolOutput:
            failed = _obstacle(selection, tools)
            return failed or await acall_tool_with_selection(selection, tools, verbose=verbose)

        return _answer(response, await asyncio.gather(*map(run, selections)), error_on_tool_error)


def _obstacle(selection: ToolSelection, tools: Sequence[BaseTool]) -> ToolOutput | None:
    """What stands for the result of a call that cannot be run; None for one that can."""
    names = [tool.metadata.name for tool in tools]
    name = selection.tool_name
    if name in names:
        return None
    if text := selection.tool_kwargs.get(UNREADABLE):
        called = next((own for own in names if own and unreadable_name(own) == name), name)
        content = f"Encountered error: the arguments of the call of {called} are not a JSON object: {text}"
    else:
        content = f"Encountered error: no tool {name} was offered, only {', '.join(map(str, names))}"
    return ToolOutput(
        content=content, tool_name=name, raw_input=selection.tool_kwargs, raw_output=content, is_error=True
    )


def _answer(response: ChatResponse, outputs: Sequence[ToolOutput], raise_errors: bool) -> AgentChatResponse:
    """The answer as core makes it. Where one call is allowed, `chat_with_tools` has kept one."""
    if raise_errors and any(output.is_error for output in outputs):
        raise ValueError("\n\n".join(output.content for output in outputs))
    text = "\n\n".join(output.content for output in outputs) if outputs else response.message.content or ""
    return AgentChatResponse(response=text, sources=list(outputs))
