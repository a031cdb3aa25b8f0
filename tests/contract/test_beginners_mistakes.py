"""Mistakes that beginners make, one row each: the call as they type it, and what they read.

Read the messages as somebody who met Kimi an hour ago: each says what was wrong, with the value, and what to do next. A
row of `REFUSED` ends in an error, one of `WARNED` in an answer and a warning.
"""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
from contract_kit import COPIES
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage, ImageBlock
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel

import kimi_api.tokens
import langchain_kimi
import llama_index_kimi
from kimi_api import AccountLimits, ChatOptions, KimiError, KimiWarning, build_request
from kimi_api._transport.sdk.compat import transport
from kimi_api._warn import forget_warnings
from kimi_emulator import Emulator
from langchain_kimi import ChatKimi, KimiFileLoader, partial_message
from llama_index_kimi import Kimi, KimiFileReader

NO_KEY: list[tuple[str, str]] = [
    (
        "ChatKimi()",
        "a key is needed, and neither MOONSHOT_API_KEY nor KIMI_API_KEY is set.*platform.kimi.ai/console/api-keys",
    ),
    ("Kimi()", "a key is needed, and neither MOONSHOT_API_KEY nor KIMI_API_KEY.*platform.kimi.com/console/api-keys"),
    ("KimiFileLoader('note.txt').load()", "a key is needed"),
    ("KimiFileReader().load_data('note.txt')", "a key is needed"),
]
REFUSED: list[tuple[str, str]] = [
    # key and host
    ("ChatKimi(api_key='')", "a key is not empty"),
    ("Kimi(api_key='sk-test-key\\n')", r"a key of 12 characters with a line break.*\(strip it\)"),
    ("ChatKimi(api_key='Bearer sk-test-key')", "the word Bearer included', but that word is added by itself"),
    ("Kimi(api_key='my key')", "a blank or unprintable character in it', but a key is one ASCII word"),
    ("ChatKimi(api_key='\"sk-test-key\"')", "a key of 13 characters with a quotation mark around it"),
    ("Kimi(api_key='sk-...')", "'sk-...', but that is the place of a key in an example, not a key"),
    ("ChatKimi(api_key='MOONSHOT_API_KEY')", "the place of a key in an example.*as the console shows it"),
    ("ChatKimi(api_key=123)", "a value of type int.*a key is text"),
    ("Kimi(api_key=' sk-test-key')", r"with a blank before or behind it', but a key has none.*key\.strip"),
    ("ChatKimi(api_key='sk-test-other').invoke('Hi')", "401.*must be one that the server at http://127.0.0.1.* knows"),
    ("Kimi(api_key='sk-test-other').complete('Hi')", "401.*must be one that the server at http://127.0.0.1.* knows"),
    ("ChatKimi(base_url='api.moonshot.ai/v1')", "must start with https://.*use https://api.moonshot.ai/v1"),
    (
        "ChatKimi(base_url=URL + '/chat/completions')",
        "ends before /chat/completions, which each request adds.*use http",
    ),
    ("Kimi(base_url=URL + '/chat/completions/')", "ends before /chat/completions, which each request adds.*use http"),
    ("ChatKimi(base_url=URL + '/files').invoke('Hi')", "404.*base_url is .*must end in /v1, with nothing after it"),
    ("ChatKimi(base_url='https://api.moonshot.ai')", "must end in /v1.*use https://api.moonshot.ai/v1"),
    ("Kimi(base_url='https://api.moonshot.cn/v1/files')", "must end in /v1.*use https://api.moonshot.cn/v1"),
    ("ChatKimi(base_url='https://platform.kimi.ai')", "a page for people, not the API.*use https://api.moonshot.ai/v1"),
    ("Kimi(base_url='https://platform.moonshot.cn')", "a page for people, not the API.*use https://api.moonshot.cn/v1"),
    ("KimiFileLoader('note.txt', base_url='https://platform.kimi.com')", "a page for people, not the API"),
    ("KimiFileReader(base_url='https://platform.kimi.com')", "a page for people, not the API"),
    ("ChatKimi(base_url=URL.replace('http:', 'https:'), max_retries=0).invoke('Hi')", "does not speak TLS: .*http://"),
    ("Kimi(base_url=URL.replace('http:', 'https:'), max_retries=0).complete('Hi')", "does not speak TLS: .*http://"),
    ("Kimi(base_url=URL.removesuffix('/v1')).complete('Hi')", "404.*base_url is .*must end in /v1"),
    (
        "ChatKimi(base_url='http://127.0.0.1:9/v1', max_retries=0).invoke('Hi')",
        "cannot reach http://127.0.0.1:9/v1.*pro",
    ),
    ("Kimi(region='cn')", "'international' or 'china'.*region='china' for keys of platform.kimi.com"),
    (
        "ChatKimi(region='china', base_url='https://api.moonshot.ai/v1')",
        "belongs to the other region.*leave out region",
    ),
    # models
    ("ChatKimi(model='kimi-k33').invoke('Hi')", "Not found the model kimi-k33.*did you mean 'kimi-k3'"),
    ("ChatKimi(model='moonshot-v1-8k').invoke('Hi')", "was retired on 2026-08-31; use kimi-k3"),
    ("Kimi(model='gpt-4o').complete('Hi')", "Not found the model gpt-4o.*models served today: kimi-k3"),
    ("ChatKimi(model=None)", 'pass e.g. model="kimi-k3"'),
    ("ChatKimi(model='').invoke('Hi')", "a model id is a non-empty word.*use one of kimi-k3"),
    ("ChatKimi(model='Kimi K3').invoke('Hi')", "a model id is a non-empty word.*use one of kimi-k3"),
    # names
    ("ChatKimi(temprature=0.3)", "got 'temprature', but there is no such option.*did you mean 'temperature'"),
    ("Kimi(max_token=100)", "did you mean 'max_tokens'"),
    ("ChatKimi(modle='kimi-k3')", "did you mean 'model'"),
    ("ChatKimi(stream=True)", "did you mean 'streaming'"),
    ("Kimi(system='You are a pirate')", "did you mean 'system_prompt'"),
    ("ChatKimi(tools=[])", "it belongs to one call.*bind_tools"),
    ("ChatKimi().invoke('Hi', max_token=5)", "did you mean 'max_tokens'"),
    ("Kimi().complete('Hi', max_token=5)", "did you mean 'max_tokens'"),
    ("ChatKimi('kimi-k3')", r"its settings are passed by name.*write ChatKimi\(model='kimi-k3'\)"),
    ("ChatKimi('sk-test-key')", r"a text of 11 characters without a name.*write ChatKimi\(api_key=\.\.\.\)"),
    ("langchain_kimi.KimiLLM('kimi-k3')", r"write KimiLLM\(model='kimi-k3'\)"),
    ("Kimi('sk-test-key')", "a word of 11 characters that begins like a key', but it is a model's id.*pass api_key"),
    ("ChatKimi(system_prompt='You are a pirate')", r"make it the first message.*create_agent\(system_prompt=\.\.\.\)"),
    ("ChatKimi(tools=[get_weather])", r"got \[<function get_weather>\], but it belongs to one call"),
    ("ChatKimi(model_kwargs='top_k')", "got 'top_k', but it holds options by name.*pass a dict"),
    ("ChatKimi(response_format=Joke)", r"a pydantic class goes into with_structured_output"),
    ("Kimi(response_format=Joke)", r"a pydantic class goes into .*as_structured_llm"),
    ("ChatKimi(streaming='yes please')", "got 'yes please', but it is True or False"),
    ("ChatKimi(default_headers={'X-Team': 1})", "a dict from names to values, all of them text"),
    (
        "ChatKimi().invoke('Hi', headers={'X-Team': 'Jörg'})",
        "a value of 4 characters that are not all ASCII",
    ),
    ("Kimi().complete('Hi', headers={'X-Team': 'Jörg'})", "a value of 4 characters that are not all ASCII"),
    (
        "ChatKimi(http_client='http://proxy.test:8080')",
        "got 'a value of type str', but it is an httpx or httpx2 Client",
    ),
    ("Kimi(http_client=ASYNC_CLIENT())", "got 'a value of type AsyncClient'.*async ones go into async_http_client"),
    ("ChatKimi(async_http_client=CLIENT())", r"got 'a value of type Client'.*pass httpx\.AsyncClient"),
    (
        "ChatKimi(http_client=dead_client()).invoke('Hi')",
        "a client that is closed'.*stay open for as long as the model is",
    ),
    (
        "Kimi(http_client=dead_client()).complete('Hi')",
        "a client that is closed'.*stay open for as long as the model is",
    ),
    ("ChatKimi(model='kimi-latest').invoke('Hi')", "404.*kimi-latest was retired on 2026-01-28; use kimi-k3"),
    ("Kimi(model='moonshotai/kimi-k3').complete('Hi')", "404.*did you mean 'kimi-k3'"),
    # values
    ("ChatKimi(temperature='hot')", "got 'hot', but it is a number.*leave it out"),
    ("Kimi(max_tokens='lots')", "got 'lots', but it is a whole number of tokens above 0.*max_tokens=16_000"),
    ("ChatKimi(max_tokens=0).invoke('Hi')", "got 0, but it is a whole number of tokens above 0"),
    ("Kimi(max_tokens=10_000_000).complete('Hi')", "kimi-k3 gives at most 1048576 tokens"),
    ("ChatKimi(stop=list('abcdef')).invoke('Hi')", "at most 5 strings are allowed"),
    ("ChatKimi(timeout=0)", "a number of seconds above 0"),
    ("Kimi(max_retries=-1)", "a whole number, 0 or more.*pass 0 to send each request once"),
    ("ChatKimi(n=2).invoke('Hi')", "each call gives one answer.*make several calls"),
    ("ChatKimi(logprobs=True).invoke('Hi')", "kimi-k3 does not return token probabilities"),
    ("ChatKimi(response_format='json')", 'a dict with a type.*{"type": "json_object"}'),
    ("Kimi(context_window='1M')", "a whole number of tokens above 0"),
    ("ChatKimi(account_limits='tier1')", r"pass e\.g\. AccountLimits\.tier\(1\)"),
    ("AccountLimits.tier(9)", "has tiers 0 to 5"),
    (
        "ChatKimi(extra_body={'x': object()}).invoke('Hi')",
        "x: got 'a value of type object', but JSON has no form for it",
    ),
    ("Kimi(additional_kwargs={'x': [{1}]}).complete('Hi')", r"x\[0\]: got 'a value of type set'.*pass a list"),
    ("ChatKimi(extra_body=circle())", r"extra_body\.me: got 'the dict at extra_body'.*contains itself"),
    ("ChatKimi(model_kwargs={'x': circle()})", r"extra_body\.x\.me: got 'the dict at extra_body\.x'.*contains itself"),
    ("ChatKimi(response_format={'type': 'json_object', 'x': circle()})", r"response_format\.x\.me: .*contains itself"),
    ("Kimi(thinking={'type': 'enabled', 'x': circle()})", r"thinking\.x\.me: got 'the dict at thinking\.x'"),
    ("Kimi(additional_kwargs={'x': circle()})", r"additional_kwargs\.x\.me: got 'the dict at additional_kwargs\.x'"),
    (
        "langchain_kimi.KimiLLM(extra_body={'x': 10**5_000})",
        r"extra_body\.x: got 'a whole number of about 5001 digits'",
    ),
    ("list(ChatKimi().stream('Hi', extra_body=circle()))", r"me\.me: got 'the dict at me'.*contains itself"),
    (
        "list(Kimi().stream_complete('Hi', extra_body={'x': 10**5_000}))",
        r"x: got 'a whole number of about 5001 digits'",
    ),
    ("ChatKimi().invoke('Hi', extra_body={'x': 'bad \\ud800'})", r"x: got 'bad .*text must be valid Unicode"),
    ("Kimi().complete('Hi', extra_body={'x': {'\\ud800': 1}})", r"x: got .*text must be valid Unicode"),
    (
        "ChatKimi().bind_tools([tool(circle())]).invoke('Hi')",
        r"tool 'f'\.function\.parameters\.x\.me: .*contains itself",
    ),
    ("Kimi().chat_with_tools([tool(circle())], 'Hi')", r"tool 'f'\.function\.parameters\.x\.me: .*contains itself"),
    ("Kimi().count_tokens([ChatMessage('Hi')], [tool(circle())])", r"tools\[0\]\.function\.parameters\.x\.me: got"),
    ("ChatKimi().get_num_tokens_from_messages([], [tool({1: 2, 'a': 3})])", r"they are JSON \(.*use texts as keys"),
    ("ChatKimi().invoke('Hi', extra_headers={'X-Team': 1})", "headers: got 'a value of type int'.*all of them text"),
    ("Kimi().complete('Hi', headers={1: 'a'})", "headers: got 'a value of type int'.*all of them text"),
    # messages
    ("ChatKimi().invoke([])", "at least one message is needed.*add a user message"),
    ("Kimi().chat([])", "at least one message is needed.*add a user message"),
    (
        "ChatKimi().invoke(None)",
        r'got None, but it is a text.*"Hello" or \[HumanMessage\("Hello"\)\]',
    ),
    ("ChatKimi().invoke(42)", "got 42, but it is a text, a list of messages"),
    ("ChatKimi().invoke({})", "got {}, but it is a text, a list of messages"),
    ("ChatKimi().invoke({'messages': [('user', 'Hi')]})", r'pass the list alone: input\["messages"\].*agents'),
    ("ChatKimi().invoke({'question': 'Hi'})", r"a dict is for a chain that begins with a prompt: prompt \| llm"),
    ("ChatKimi().invoke({'role': 'user', 'content': 'Hi'})", r"put it into a list: \[message\]"),
    ("ChatKimi().invoke(HumanMessage('Hi'))", r"got 'one HumanMessage'.*put it into a list: \[message\]"),
    ("ChatKimi().invoke(TEMPLATE)", r"write prompt \| llm, and invoke that with the prompt's variables"),
    ("ChatKimi().invoke(Lookup())", "got 'a Lookup'.*await it, and pass what it gives"),
    ("ChatKimi().invoke([HumanMessage('Hi'), None])", r"messages\[1\]: got None, but a message is a text, one of"),
    ("ChatKimi().invoke([{'content': 'Hi'}])", r'messages\[0\]: got .*a dict with role and content.*"role": "user"'),
    ("ChatKimi().invoke([('usr', 'Hi')])", "'usr' is the role of no message.*use one of user, assistant, system, tool"),
    (
        "ChatKimi().invoke([HumanMessage('?'), CALLS, {'role': 'tool', 'content': '2 degrees'}])",
        r"messages\[2\]: got .*says which call it answers.*add \"tool_call_id\"",
    ),
    (
        "ChatKimi().invoke([[HumanMessage('Hi')]])",
        r"messages\[0\]: got 'a list of messages'.*without another list in it",
    ),
    ("ChatKimi().invoke([block(text='Hi')])", r"each block has a type.*write e\.g\. {\"type\": \"text\""),
    ("ChatKimi().invoke([block(type='image', base64=b'GIF89a', mime_type='image/gif')])", r"base64\.b64encode\(data\)"),
    ("ChatKimi().invoke('Hi', tool_choice='required')", "got 'required', but there are no tools to choose from"),
    (
        "Kimi().chat([ChatMessage('Hi')], tool_choice='get_weather')",
        "but there are no tools to choose from.*pass tools",
    ),
    ("Kimi(context_window=0)", "got 0, but it is a whole number of tokens above 0"),
    ("ChatKimi(context_window=-5)", "got -5, but it is a whole number of tokens above 0"),
    ("KimiFileReader().load_data(None)", r"file: got None, but it is the path of a file, bytes, or an open file"),
    (
        "KimiFileReader().load_data(['note.txt', 5])",
        r"file: got 5, but it is the path of a file, bytes, or an open file",
    ),
    ("partial_message(None)", r"prefix: got None, but it is a text.*or \"\" with a name"),
    ("llama_index_kimi.partial_message(5)", "prefix: got 5, but it is a text"),
    ("kimi_api.messages.partial_message(None)", "prefix: got None, but it is a text"),
    (
        "kimi_api.messages.dynamic_tools_message([get_weather])",
        "full definitions of tools.*langchain_kimi or llama_index_",
    ),
    ("kimi_api.messages.dynamic_tools_message(None)", "got 'a NoneType', but it takes full definitions of tools"),
    ("kimi_api.tokens.count_messages(['Hi'])", r"they are a list of dicts.*\[\{\"role\": \"user\""),
    ("kimi_api.tokens.count_messages(None)", "messages: got None, but they are a list of dicts"),
    ("build_request(ChatOptions(), ['Hi'])", r"they are a list of dicts.*\[\{\"role\": \"user\""),
    ("build_request(ChatOptions(), None)", "messages: got None, but they are a list of dicts"),
    ("langchain_kimi.KimiLLM(chat='kimi-k3')", "chat: got 'kimi-k3', but"),
    ("ChatKimi(profile='kimi-k3')", "profile: got 'kimi-k3', but"),
    ("langchain_kimi.KimiBlobParser().parse('note.txt')", r"blob: got 'a str'.*pass Blob\.from_path\('report\.pdf'\)"),
    ("KimiFileReader().load_data('note.txt', extra_info='notes')", "extra_info: got 'notes', but it is a dict"),
    (
        "KimiFileReader().load_data(b'Hi', extra_info={'file_name': 5})",
        r"\['file_name'\]|file_name.*got 5, but it is a text",
    ),
    (
        "Kimi().complete('Hi', stream=True)",
        "stream: got True, but each method streams or does not.*use stream_complete",
    ),
    ("Kimi().chat_with_tools([], 'Hi', stream=True)", "stream: got True, but each method streams or does not"),
    ("ChatKimi().invoke([ChatMessage('Hi')])", r"got 'a ChatMessage', but a message is.*HumanMessage\(\"Hello\"\)"),
    ("ChatKimi().batch('Hi there')", "inputs: got 'Hi there', but it is a list of inputs.*or use invoke"),
    ("langchain_kimi.KimiLLM().batch('Hi there')", "inputs: got 'Hi there', but it is a list of inputs"),
    ("ChatKimi().batch(inputs='Hi there')", "inputs: got 'Hi there', but it is a list of inputs.*or use invoke"),
    ("ChatKimi().batch(HumanMessage('Hi'))", "inputs: got 'one HumanMessage', but it is a list of inputs"),
    ("ChatKimi().batch({'question': 'Hi'})", "inputs: got {'question': 'Hi'}, but it is a list of inputs"),
    ("ChatKimi().batch(None)", "inputs: got None, but it is a list of inputs"),
    ("ChatKimi().batch(text for text in ['Hi'])", r"got 'a generator'.*write list\(\.\.\.\) around it"),
    ("list(ChatKimi().bind(max_tokens=50).batch_as_completed('Hi'))", "inputs: got 'Hi', but it is a list of inputs"),
    ("ChatKimi().batch_as_completed(inputs='Hi')", "inputs: got 'Hi', but it is a list of inputs"),
    ("langchain_kimi.KimiLLM().batch_as_completed('Hi')", "inputs: got 'Hi', but it is a list of inputs"),
    ("ChatKimi().generate(['Hi'])", r"messages\[0\]: got 'Hi', but .* each is a list of messages.*use invoke or batch"),
    ("ChatKimi().generate('Hi')", "messages: got 'Hi', but generate takes a list of conversations"),
    ("ChatKimi().generate([HumanMessage('Hi')])", r"messages\[0\]: got 'one HumanMessage', but .* each is a list"),
    ("ChatKimi().generate_prompt(['Hi'])", r"prompts\[0\]: got 'Hi', but it is a list of prompt values.*use invoke"),
    ("langchain_kimi.KimiLLM().generate('Hi')", "prompts: got 'Hi', but generate takes a list of texts"),
    (
        "langchain_kimi.KimiLLM().generate([HumanMessage('Hi')])",
        r"prompts\[0\]: got 'one HumanMessage'.*takes a list of t",
    ),
    ("ChatKimi().invoke('You are a pirate', 'Hi')", r"config: got 'Hi'.*put all messages into the first argument"),
    (
        "ChatKimi().stream([HumanMessage('Hi')], HumanMessage('Ho'))",
        r"config: got 'one HumanMessage', but the second arg",
    ),
    (
        "langchain_kimi.KimiLLM().invoke('You are a pirate', 'Hi')",
        r"config: got 'Hi', but the second argument is a dict",
    ),
    ("ChatKimi().get_num_tokens(None)", "text: got None, but it is a text.*pass a str"),
    ("ChatKimi().get_num_tokens_from_messages('Hi')", r"messages: got 'Hi', but it is a list.*get_num_tokens\(text\)"),
    ("ChatKimi().get_num_tokens_from_messages([None])", r"messages\[0\]: got None, but a message is a text, one of"),
    ("Kimi().count_tokens('Hi')", "messages: got 'Hi', but LlamaIndex's messages are ChatMessage objects in a list"),
    (
        "Kimi().estimate_tokens(['Hi'])",
        "messages: got 'Hi', but LlamaIndex's messages are ChatMessage objects in a list",
    ),
    ("Kimi().tokenizer(None)", "text: got None, but it is a text"),
    ("Kimi().chat(message for message in [ChatMessage('Hi')])", r"got 'a generator'.*write list\(\.\.\.\) around it"),
    ("Kimi().chat_with_tools([], [ChatMessage('Hi')])", r"user_msg: got 'a list'.*several messages as chat_history=\["),
    (
        "Kimi().chat_with_tools([], 'Hi', chat_history='Ho')",
        "chat_history: got 'Ho', but LlamaIndex's messages are Chat",
    ),
    ("Kimi().predict_and_call([], 'Hi', chat_history=5)", "chat_history: got 5, but LlamaIndex's messages are ChatM"),
    (
        "Kimi().structured_predict(Joke, PromptTemplate('Hi'), 'max_tokens')",
        "llm_kwargs: got 'max_tokens'.*pass a dict",
    ),
    ("Kimi().as_structured_llm(Joke).chat('Hi')", r"messages: got 'Hi'.*use complete\(\"Hello\"\) for a text"),
    ("Kimi().as_structured_llm(Joke).stream_chat(['Hi'])", r"messages: got 'Hi'.*use complete\(\"Hello\"\) for a text"),
    ("Kimi().as_structured_llm(Joke).complete(None)", r"prompt: got None, but it is a text"),
    ("Kimi().as_structured_llm(Joke).stream_complete(['Hi'])", r"prompt: got 'a list', but it is a text"),
    ("Kimi().as_structured_llm(Joke).predict('Hi')", r"PromptTemplate\('Hi'\), or use complete"),
    ("Kimi().get_tool_calls_from_response('Hi')", "response: got 'Hi', but it is a ChatResponse"),
    ("langchain_kimi.KimiLLM().invoke(None)", "got None, but it is a text, a list of messages"),
    ("Kimi().complete(None)", r'prompt: got None, but it is a text.*write e\.g\. complete\("Hello"\)'),
    ("Kimi().complete([ChatMessage('Hi')])", r"got 'a list', but it is a text.*chat\(\[\.\.\.\]\) for messages"),
    ("Kimi().complete(PromptTemplate('Hi'))", r"got 'a PromptTemplate'.*predict\(prompt, \.\.\.\) for a template"),
    ("Kimi().predict('Hi')", r"one of LlamaIndex's prompt templates.*PromptTemplate\('Hi'\), or use complete"),
    ("list(Kimi().stream('Hi'))", r"one of LlamaIndex's prompt templates.*PromptTemplate\('Hi'\), or use complete"),
    ("Kimi().chat(None)", r'got None, but LlamaIndex.*\[ChatMessage\("Hello"\)\]'),
    ("Kimi().chat('Hi')", r'got \'Hi\', but LlamaIndex.*use complete\("Hello"\) for a text'),
    ("Kimi().chat(['Hi'])", r'got \'Hi\', but LlamaIndex.*use complete\("Hello"\) for a text'),
    ("Kimi().chat(ChatMessage('Hi'))", "LlamaIndex's messages are ChatMessage objects in a list"),
    ("Kimi().chat([HumanMessage('Hi')])", r"got HumanMessage\(.*LlamaIndex's messages are ChatMessage objects"),
    ("Kimi().chat([{'role': 'user', 'content': 'Hi'}])", r'ChatMessage objects in a list.*\[ChatMessage\("Hello"\)\]'),
    ("build_request(ChatOptions(), 'Hi')", r"they are a list of dicts.*\[\{\"role\": \"user\""),
    (
        "ChatKimi().invoke([ToolMessage('2 degrees', tool_call_id='call_1')])",
        "no assistant message before it made",
    ),
    ("ChatKimi().invoke([HumanMessage('Weather?'), CALLS])", 'every tool call needs one tool message.*repair="full"'),
    (
        "ChatKimi().invoke([partial_message('{'), HumanMessage('Hi')])",
        "a partial message must be the last one.*remove partial from earlier turns",
    ),
    ("ChatKimi().invoke([image('cat.png')])", r"downloads nothing from addresses.*read the file \(base64"),
    ("ChatKimi().invoke([image('https://example.org/cat.png')])", "set fetch_media=True for public"),
    ("ChatKimi().invoke([block(type='audio', base64='AAAA')])", "no Kimi model listens to audio.*transcribe it"),
    ("ChatKimi().invoke([block(type='file', path='note.txt')])", r"needs data, a url or a file_id.*pass the bytes"),
    ("ChatKimi().invoke([block(type='text', content='Hi')])", r'a text under the name text.*\{"type": "text", "text"'),
    ("ChatKimi().invoke([block(type='text', text=b'Hi')])", r'a text under the name text.*\{"type": "text", "text"'),
    ("ChatKimi().invoke([block(type='image', path='cat.png')])", "it needs base64 data, a url or a file_id"),
    ("ChatKimi().invoke([image('file:///home/me/cat.png')])", r"read the file \(base64=\.\.\. in LangChain, path"),
    (
        "ChatKimi().invoke([block(type='image', base64='JVBERi0xLjQ=', mime_type='application/pdf')])",
        "pass it as a document: a `file` block",
    ),
    ("Kimi().chat([ChatMessage(blocks=[ImageBlock(image=b'%PDF-1.4')])])", "pass documents in a DocumentBlock"),
    # tools and structured answers
    ("ChatKimi().bind_tools([5])", "a tool is a function, a pydantic class"),
    ("ChatKimi().bind_tools('get_weather')", "a list of tools is needed, and this is only a name"),
    ("ChatKimi().bind_tools([get_weather, get_weather]).invoke('Hi')", "may be used once.*rename or remove one"),
    ("ChatKimi().bind_tools([get_weather], tool_choice='get_wether').invoke('Hi')", "tools offered: get_weather"),
    ("ChatKimi().bind_tools([{'type': 'function'}]).invoke('Hi')", 'a tool is {"type": "function", "function"'),
    ("Kimi().predict_and_call([get_weather], 'Weather?')", r"FunctionTool\.from_defaults\(function\)"),
    ("ChatKimi().with_structured_output(Joke, method='json')", "json_schema, function_calling or json_mode"),
    ("ChatKimi().with_structured_output('Joke')", "a pydantic class, a TypedDict or a JSON schema.*the class itself"),
    ("ChatKimi().with_structured_output(list[Joke])", r"one field: class Answer\(BaseModel\): value: list\[Joke\]"),
    ("ChatKimi().with_structured_output([Joke])", r"one field: class Answer\(BaseModel\): value: list\[Joke\]"),
    ("ChatKimi().with_structured_output(Optional[Joke])", r"one field.*value: Optional\[Joke\]"),
    ("ChatKimi().with_structured_output(Joke | None)", r"one field.*value: Joke \| None"),
    ("ChatKimi().with_structured_output(str)", r"one field: class Answer\(BaseModel\): value: str"),
    ("ChatKimi().with_structured_output(dict)", r"one field.*value: dict\[str, str\]"),
    ("ChatKimi().with_structured_output(Joke(setup='Why?'))", "got 'an object of the class Joke'.*pass Joke"),
    ("Kimi().as_structured_llm(list[Joke])", r"one field: class Answer\(BaseModel\): value: list\[Joke\]"),
    ("Kimi().as_structured_llm(str)", r"one field: class Answer\(BaseModel\): value: str"),
    ("Kimi().as_structured_llm(Joke(setup='Why?'))", "got 'an object of the class Joke'.*pass Joke"),
    ("Kimi().structured_predict(list[Joke], PromptTemplate('Hi'))", r"one field.*value: list\[Joke\]"),
    ("Kimi().structured_predict(Optional[Joke], PromptTemplate('Hi'))", r"one field.*value: Optional\[Joke\]"),
    ("list(Kimi().stream_structured_predict(dict, PromptTemplate('Hi')))", r"one field.*value: dict\[str, str\]"),
    ("Kimi().structured_predict(Joke, 'Tell a joke')", r"prompt templates.*PromptTemplate\('Tell a joke'\)"),
    # files and batches
    ("KimiFileLoader('missing.pdf').load()", "'missing.pdf', but it cannot be read.*check the path"),
    ("KimiFileReader().load_data('missing.pdf')", "'missing.pdf', but it cannot be read.*check the path"),
    ("KimiFileLoader('https://example.org/a.pdf').load()", "an address, not a file of this machine.*download it"),
    ("KimiFileReader().load_data('https://example.org/a.pdf')", "an address, not a file of this machine.*download it"),
    ("KimiFileLoader('').load()", "path: got '', but it is the path of a file or directory.*pass '.' for the working"),
    (
        "KimiFileReader().load_data('')",
        "path: got '', but it is the path of a file or directory.*pass '.' for the working",
    ),
    ("KimiFileLoader(['note.txt', '']).load()", "path: got '', but it is the path of a file or directory"),
    ("KimiFileLoader(None).load()", "path: got None, but it is the path of a file or directory"),
    ("KimiFileLoader('empty.txt').load()", r"it is empty \(0 bytes\)"),
    ("KimiFileLoader('folder').load()", "it contains no file that can be extracted"),
    ("KimiFileReader().load_data(b'hello')", r'extra_info=\{"file_name": "report.pdf"\}'),
    ("langchain_kimi.KimiBatch(ChatKimi()).submit(['Hi'])", "batches are not offered for it.*use one of: kimi-k2.6"),
    ("llama_index_kimi.KimiBatch(Kimi()).submit(['Hi'])", "batches are not offered for it.*use one of: kimi-k2.6"),
]
WARNED: list[tuple[str, str]] = [
    (
        "ChatKimi().invoke('Hi', {'max_tokens': 50})",
        r"does not look at max_tokens.*invoke\(\.\.\., max_tokens=\.\.\.\)",
    ),
    ("list(ChatKimi().stream('Hi', config={'stop': ['a'], 'tags': ['b']}))", r"does not look at stop.*Pass it by name"),
    ("langchain_kimi.KimiLLM().invoke('Hi', {'temperature': 1})", r"does not look at temperature.*Pass it by name"),
    ("ChatKimi(temperature=0.2).invoke('Hi')", "kimi-k3 takes only temperature=1, so 0.2 is not sent"),
    ("Kimi(temperature=0.2).complete('Hi')", "kimi-k3 takes only temperature=1, so 0.2 is not sent"),
    ("ChatKimi(max_tokens=10).invoke('Hi')", "used up 10 tokens of max_tokens=10 by thinking.*Raise max_tokens"),
    ("Kimi(max_tokens=10).complete('Hi')", "used up 10 tokens of max_tokens=10 by thinking.*Raise max_tokens"),
    ("ChatKimi(thinking=False).invoke('Hi')", "kimi-k3 always thinks.*Use reasoning_effort='low' to shorten it"),
    ("ChatKimi(reasoning_effort='medium').invoke('Hi')", "knows only low, high, max .*uses max"),
    ("Kimi(model='kimi-k2.6', reasoning_effort='high').complete('Hi')", "kimi-k2.6 has no reasoning_effort"),
    ("ChatKimi(verbose=True, frequency_penalty=1).invoke('Hi')", "takes only frequency_penalty=0, so 1.* is not sent"),
]


class Joke(BaseModel):
    """A joke."""

    setup: str


def get_weather(city: str) -> str:
    """Tell the current weather in a city."""
    return f"{city}: 2 degrees, snow"


def circle() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["me"] = value
    return value


def tool(value: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "x": value}}}


def dead_client() -> Any:
    client = transport().Client()
    client.close()
    return client


class Lookup:
    """What an `async def` gives to those who do not await it."""

    def __await__(self) -> Iterator[None]:
        raise AssertionError


def block(**content: Any) -> HumanMessage:
    return HumanMessage([content])


def image(url: str) -> HumanMessage:
    return block(type="image_url", image_url={"url": url})


NAMES: dict[str, Any] = {
    "ASYNC_CLIENT": transport().AsyncClient,
    "AccountLimits": AccountLimits,
    "CALLS": AIMessage("", tool_calls=[{"name": "get_weather", "args": {}, "id": "call_1"}]),
    "CLIENT": transport().Client,
    "ChatKimi": ChatKimi,
    "ChatMessage": ChatMessage,
    "ChatOptions": ChatOptions,
    "HumanMessage": HumanMessage,
    "ImageBlock": ImageBlock,
    "Joke": Joke,
    "Optional": Optional,
    "PromptTemplate": PromptTemplate,
    "TEMPLATE": ChatPromptTemplate.from_messages([("user", "{question}")]),
    "Kimi": Kimi,
    "KimiFileLoader": KimiFileLoader,
    "KimiFileReader": KimiFileReader,
    "ToolMessage": ToolMessage,
    "block": block,
    "circle": circle,
    "dead_client": dead_client,
    "build_request": build_request,
    "kimi_api": kimi_api,
    "get_weather": get_weather,
    "image": image,
    "langchain_kimi": langchain_kimi,
    "Lookup": Lookup,
    "llama_index_kimi": llama_index_kimi,
    "partial_message": partial_message,
    "tool": tool,
}


@pytest.fixture(scope="module")
def host() -> Iterator[Emulator]:
    with Emulator() as kimi:
        yield kimi


@pytest.fixture(autouse=True)
def _a_beginners_folder(host: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOONSHOT_API_KEY", host.api_key)
    monkeypatch.setenv("MOONSHOT_BASE_URL", host.base_url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").write_text("It opens at nine.")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "folder").mkdir()
    forget_warnings()


def run(call: str, host: Emulator) -> object:
    return eval(call, {**NAMES, "URL": host.base_url})


def refusal(call: str, host: Emulator) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KimiWarning)
        with pytest.raises(KimiError) as caught:
            run(call, host)
    return str(caught.value)


def check_it_reads_well(message: str, host: Emulator) -> None:
    """What no message may have, and each must."""
    assert "What to do: " in message or "pass " in message
    assert len(message) < 420
    assert host.api_key not in message
    assert "sk-test-" not in message
    assert " object at 0x" not in message
    assert not re.search(r"\.\.$|  |\ba (int|list|dict) of type|Traceback", message)


def test_there_are_sixty_of_them_in_both_frameworks() -> None:
    calls = [call for call, _ in NO_KEY + REFUSED + WARNED]
    assert len(calls) == len(set(calls))
    assert len(calls) >= 60
    assert sum("ChatKimi" in call or "KimiFileLoader" in call for call in calls) >= 20
    assert sum(re.search(r"\bKimi\(|KimiFileReader", call) is not None for call in calls) >= 20


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[call for call, _ in REFUSED])
def test_a_mistake_is_refused_with_what_to_do(call: str, words: str, host: Emulator, monkeypatch: Any) -> None:
    if "region=" in call:
        monkeypatch.delenv("MOONSHOT_BASE_URL")
    message = refusal(call, host)
    assert re.search(words, message), message
    check_it_reads_well(message, host)


@pytest.mark.parametrize(("call", "words"), NO_KEY, ids=[call for call, _ in NO_KEY])
def test_a_missing_key_is_the_first_thing_that_is_said(
    call: str, words: str, host: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOONSHOT_API_KEY", "KIMI_API_KEY", "MOONSHOT_BASE_URL", "MOONSHOT_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    message = refusal(call, host)
    assert re.search(words, message), message
    check_it_reads_well(message, host)


@pytest.mark.parametrize(("call", "words"), WARNED, ids=[call for call, _ in WARNED])
def test_what_a_model_does_not_take_is_left_out_with_one_warning(call: str, words: str, host: Emulator) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert run(call, host) is not None
    texts = [str(warning.message) for warning in caught if issubclass(warning.category, KimiWarning)]
    assert len(texts) == 1
    assert re.search(words, texts[0]), texts


@pytest.mark.parametrize(
    "call",
    [
        "ChatKimi().ainvoke(None)",
        "ChatKimi().abatch('Hi there')",
        "ChatKimi().astream([{'content': 'Hi'}])",
        "langchain_kimi.KimiLLM().ainvoke(None)",
        "ChatKimi().abatch(inputs='Hi there')",
        "ChatKimi().abatch_as_completed('Hi there')",
        "ChatKimi().agenerate(['Hi'])",
        "ChatKimi().agenerate_prompt(['Hi'])",
        "ChatKimi().ainvoke('You are a pirate', 'Hi')",
        "ChatKimi().astream('You are a pirate', 'Hi')",
        "ChatKimi().aestimate_tokens('Hi')",
        "langchain_kimi.KimiLLM().abatch_as_completed('Hi there')",
        "langchain_kimi.KimiLLM().agenerate('Hi')",
        "langchain_kimi.KimiLLM().agenerate([None])",
        "langchain_kimi.KimiLLM().astream('You are a pirate', 'Hi')",
        "Kimi().acomplete(None)",
        "Kimi().astream_complete(None)",
        "Kimi().achat('Hi')",
        "Kimi().astream_chat(['Hi'])",
        "Kimi().apredict('Hi')",
        "Kimi().astream_chat(message for message in [ChatMessage('Hi')])",
        "Kimi().aestimate_tokens('Hi')",
        "Kimi().achat_with_tools([], [ChatMessage('Hi')])",
        "Kimi().astream_chat_with_tools([], 'Hi', chat_history='Ho')",
        "Kimi().astructured_predict(Joke, PromptTemplate('Hi'), 'max_tokens')",
        "Kimi().astream_structured_predict(Joke, PromptTemplate('Hi'), 'max_tokens')",
        "Kimi().as_structured_llm(Joke).achat('Hi')",
        "Kimi().as_structured_llm(Joke).astream_chat('Hi')",
        "Kimi().as_structured_llm(Joke).acomplete(None)",
        "Kimi().as_structured_llm(Joke).astream_complete(None)",
        "Kimi().as_structured_llm(Joke).apredict('Hi')",
        "Kimi().astream('Hi')",
        "Kimi().astructured_predict(list[Joke], PromptTemplate('Hi'))",
        "Kimi().astream_structured_predict(list[Joke], PromptTemplate('Hi'))",
    ],
)
async def test_asynchronous_twins_say_the_same(call: str, host: Emulator) -> None:
    async def begin() -> None:
        answer: Any = run(call, host)
        answer = await answer if hasattr(answer, "__await__") else answer
        if hasattr(answer, "__anext__"):
            await anext(answer)

    requests = len(host.requests)
    with pytest.raises(KimiError) as caught:
        await begin()
    check_it_reads_well(str(caught.value), host)
    assert len(host.requests) == requests


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        ("ChatKimi().chat", r"LlamaIndex's .*write invoke\(\[\.\.\.\]\)"),
        ("ChatKimi().complete", r'LlamaIndex\'s .*write invoke\("Hello"\)'),
        ("ChatKimi().astream_complete", r"LlamaIndex's .*write astream"),
        ("ChatKimi().structured_predict", r"LlamaIndex's .*with_structured_output"),
        ("Kimi().invoke", r'LangChain\'s .*write complete\("Hello"\)'),
        ("Kimi().bind_tools", r"LangChain's .*chat_with_tools\(tools, \.\.\.\)"),
        ("Kimi().with_structured_output", r"LangChain's .*as_structured_llm"),
    ],
)
@pytest.mark.parametrize("twin", COPIES.values(), ids=COPIES)
def test_the_other_frameworks_methods_are_told_from_a_misspelt_one(
    call: str, instead: str, twin: Any, host: Emulator
) -> None:
    model, name = call.rsplit(".", 1)
    owner = twin(run(model, host))
    assert not hasattr(owner, name)
    assert not hasattr(type(owner), name)
    assert name not in dir(owner)
    with pytest.raises(
        AttributeError, match=f"^'{type(owner).__name__}' object has no attribute '{name}', which is {instead}"
    ):
        getattr(owner, name)
    with pytest.raises(AttributeError, match=r"^'[A-Za-z]*' object has no attribute 'nothing'$"):
        owner.nothing  # noqa: B018
    client = owner.client
    assert owner._connection[1] is client


@pytest.mark.parametrize(
    "name", ["chat_with_tools", "stream_chat_with_tools", "achat_with_tools", "astream_chat_with_tools"]
)
def test_a_structured_model_says_what_an_agent_takes_in_its_place(name: str) -> None:
    model = Kimi().as_structured_llm(Joke)
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=r"a method of Kimi.*FunctionAgent\(output_cls=\.\.\.\)"):
        getattr(model, name)
    with pytest.raises(AttributeError, match=r"^'StructuredKimi' object has no attribute 'nothing'$"):
        model.nothing  # type: ignore[attr-defined]  # noqa: B018


async def test_an_agent_with_a_structured_model_says_what_to_do() -> None:
    agent = FunctionAgent(tools=[get_weather], llm=Kimi().as_structured_llm(Joke))
    with pytest.raises(AttributeError, match=r"FunctionAgent\(output_cls=\.\.\.\)"):
        await agent.run("Hi")


def test_a_model_of_texts_says_which_one_gives_objects(host: Emulator) -> None:
    with pytest.raises(NotImplementedError, match=r"answers with text.*ChatKimi\(\.\.\.\)\.with_structured_output"):
        run("langchain_kimi.KimiLLM().with_structured_output(Joke)", host)


@pytest.mark.parametrize("inputs", [("Hi", "Ho"), {"a": "Hi", "b": "Ho"}.values()], ids=["tuple", "view of a dict"])
def test_other_collections_of_inputs_than_lists_are_taken(inputs: Any, host: Emulator) -> None:
    assert len(ChatKimi().batch(inputs)) == 2
    assert len(list(ChatKimi().batch_as_completed(inputs))) == 2
    assert len(langchain_kimi.KimiLLM().batch(inputs)) == 2


async def test_a_client_of_another_event_loop_is_named(host: Emulator) -> None:
    client = transport().AsyncClient()
    for model, ask in ((ChatKimi(async_http_client=client), "ainvoke"), (Kimi(async_http_client=client), "acomplete")):
        await getattr(model, ask)("Hi")
        with pytest.raises(KimiError, match=r"a client of another event loop.*leave it out: each loop"):
            await asyncio.to_thread(asyncio.run, getattr(model, ask)("Hi"))
    await client.aclose()


def test_an_emulator_that_was_not_started_says_how_to() -> None:
    with pytest.raises(RuntimeError, match="with Emulator\\(\\) as kimi"):
        _ = Emulator().base_url
