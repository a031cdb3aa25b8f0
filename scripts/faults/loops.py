"""A tool loop, and a call of an official tool, as a program of each framework writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any


def _run_langchain(model: Any, tool: Callable[[str], str], *, asynchronous: bool) -> str:
    from langchain.agents import create_agent

    agent = create_agent(model, tools=[tool])
    state: Any = {"messages": [{"role": "user", "content": "What is the weather like?"}]}
    state = asyncio.run(agent.ainvoke(state)) if asynchronous else agent.invoke(state)
    return state["messages"][-1].text


def _run_llama_index(model: Any, function: Callable[[str], str], *, asynchronous: bool) -> str:
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.memory import ChatMemoryBuffer
    from llama_index.core.tools import FunctionTool

    tool = FunctionTool.from_defaults(function)
    question = "What is the weather like?"
    if asynchronous:

        async def run() -> Any:
            agent = FunctionAgent(llm=model, tools=[tool])
            return await agent.run(question, memory=ChatMemoryBuffer.from_defaults(token_limit=100_000))

        return str(asyncio.run(run()))
    history = [ChatMessage(question)]
    while True:  # as LlamaIndex's guide writes a loop of one's own
        response = model.chat_with_tools([tool], chat_history=history, allow_parallel_tool_calls=True)
        history.append(response.message)
        selections = model.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        if not selections:
            return response.message.content or ""
        for selection in selections:
            try:
                output = str(tool(**selection.tool_kwargs))
            except TypeError as error:  # arguments that do not fit; the model hears of it
                output = str(error)
            history.append(
                ChatMessage(role="tool", content=output, additional_kwargs={"tool_call_id": selection.tool_id})
            )


RUNS: Mapping[tuple[str, bool], Callable[[Any, Callable[[str], str]], str]] = {
    (framework, asynchronous): lambda model, tool, run=run, a=asynchronous: run(model, tool, asynchronous=a)
    for framework, run in (("langchain", _run_langchain), ("llama_index", _run_llama_index))
    for asynchronous in (False, True)
}


def _official_langchain(host: Mapping[str, Any], asynchronous: bool) -> str:
    from langchain_kimi import KimiFormulaToolkit

    tools = KimiFormulaToolkit("base64", base_url=host["base_url"], api_key=host["api_key"]).get_tools()
    [encode] = [tool for tool in tools if tool.name == "base64_encode"]
    schema = encode.args_schema
    [name] = schema["required"] if isinstance(schema, dict) else schema.model_json_schema()["required"]
    arguments = {name: "hello"}
    return str(asyncio.run(encode.ainvoke(arguments)) if asynchronous else encode.invoke(arguments))


def _official_llama_index(host: Mapping[str, Any], asynchronous: bool) -> str:
    from llama_index_kimi import KimiFormulaToolSpec

    tools = KimiFormulaToolSpec("base64", base_url=host["base_url"], api_key=host["api_key"]).to_tool_list()
    [encode] = [tool for tool in tools if tool.metadata.name == "base64_encode"]
    [name] = encode.metadata.get_parameters_dict()["required"]
    output = asyncio.run(encode.acall(**{name: "hello"})) if asynchronous else encode.call(**{name: "hello"})
    return str(output)


OFFICIAL = {"langchain": _official_langchain, "llama_index": _official_llama_index}
