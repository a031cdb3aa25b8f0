"""KimiLLM: text in, text out."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumps, loads
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import ConfigurableField, ConfigurableFieldSingleOption

from kimi_api import KimiInputError, KimiWarning
from kimi_emulator import Emulator, Failure, Reply
from langchain_kimi import ChatKimi, KimiLLM


@pytest.fixture
def make_llm(kimi: Emulator) -> Callable[..., KimiLLM]:
    def make_completion(**fields: Any) -> KimiLLM:
        return KimiLLM(**{"base_url": kimi.base_url, "api_key": kimi.api_key, **fields})

    return make_completion


async def in_every_way(llm: KimiLLM, prompt: str, **more: Any) -> dict[str, str]:
    return {
        "invoke": llm.invoke(prompt, **more),
        "ainvoke": await llm.ainvoke(prompt, **more),
        "stream": "".join(llm.stream(prompt, **more)),
        "astream": "".join([piece async for piece in llm.astream(prompt, **more)]),
        "batch": llm.batch([prompt], **more)[0],
        "abatch": (await llm.abatch([prompt], **more))[0],
    }


async def test_the_same_text_in_every_way(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    kimi.script(*[Reply(content="Der Himmel streut Blau. 蓝", reasoning="Rayleigh.")] * 6)
    answers = await in_every_way(make_llm(wire="plain"), "Why is the sky blue?")
    assert set(answers.values()) == {"Der Himmel streut Blau. 蓝"}
    assert [chat["messages"] for chat in kimi.chats] == [[{"role": "user", "content": "Why is the sky blue?"}]] * 6
    assert [bool(chat.get("stream")) for chat in kimi.chats] == [False, False, True, True, False, False]


def test_it_streams_piece_by_piece_and_without_thinking(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    kimi.script(Reply(content="one two three", reasoning="First of all."))
    pieces = list(make_llm().stream("Count."))
    assert len([piece for piece in pieces if piece]) == 3
    assert "First" not in "".join(pieces)


async def test_arguments_of_chatkimi_by_constructor_and_per_call(
    kimi: Emulator, make_llm: Callable[..., KimiLLM]
) -> None:
    llm = make_llm(model_name="kimi-k2.6", max_tokens=20_000, thinking="disabled", tags=["mine"])
    assert llm.chat.model == "kimi-k2.6"
    assert llm.tags == ["mine"]
    assert llm.chat.tags is None
    llm.invoke("Hello")
    assert kimi.chats[-1]["thinking"] == {"type": "disabled"}
    await in_every_way(llm, "Hello", stop=["x"], max_tokens=17_000)
    for sent in kimi.chats[1:]:
        assert sent["max_completion_tokens"] == 17_000
        assert sent["stop"] == ["x"]


@pytest.mark.parametrize("arguments", [{"modle": "kimi-k3"}, {"temprature": 1}])
def test_unknown_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(KimiInputError, match=r"model|temperature"):
        KimiLLM(api_key="sk-test", **arguments)


def test_a_chat_model_may_be_given_but_then_nothing_of_its(llm: ChatKimi) -> None:
    assert KimiLLM(chat=llm, tags=["a"]).chat is llm
    with pytest.raises(KimiInputError, match=r"max_tokens: got 5.*chat=\.\.\. is given too.*pass it to that ChatKimi"):
        KimiLLM(chat=llm, max_tokens=5)


class _Seen(BaseCallbackHandler):
    def __init__(self) -> None:
        self.starts: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.ends: list[Any] = []

    def on_llm_start(self, serialized: Any, prompts: list[str], **kwargs: Any) -> None:
        self.starts.append(kwargs)

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ends.append(response)


def test_callbacks_see_one_run_with_its_usage(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    seen = _Seen()
    llm = make_llm()
    text = llm.invoke("Hello", {"callbacks": [seen]})
    streamed = "".join(llm.stream("Hello", {"callbacks": [seen]}))
    assert len(seen.starts) == len(seen.ends) == 2
    assert "".join(seen.tokens) == streamed == text
    assert seen.ends[0].llm_output["token_usage"]["prompt_tokens"] > 0
    for end in seen.ends:
        info = end.generations[0][0].generation_info
        assert info["finish_reason"] == "stop"
        assert info["model_name"] == "kimi-k3"
        usage = info["usage_metadata"]
        assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"] > 0


def test_tracing_calls_it_an_llm_of_kimi(make_llm: Callable[..., KimiLLM]) -> None:
    params = make_llm(max_tokens=16_000)._get_ls_params(stop=["x"])
    assert params == {
        "ls_provider": "kimi",
        "ls_model_name": "kimi-k3",
        "ls_model_type": "llm",
        "ls_max_tokens": 16_000,
        "ls_stop": ["x"],
    }
    assert "kimi-integrations" in make_llm().metadata["lc_versions"]  # type: ignore[index]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_one_prompt_that_fails_leaves_the_others(
    kimi: Emulator, make_llm: Callable[..., KimiLLM], asynchronous: bool
) -> None:
    kimi.script(Reply(content="first"), Failure(400, "invalid_request_error", "no"), Reply(content="third"))
    llm, config = make_llm(max_retries=0), {"max_concurrency": 1}
    call = {"config": config, "return_exceptions": True}
    answers: list[Any] = (
        await llm.abatch(["a", "b", "c"], **call) if asynchronous else llm.batch(["a", "b", "c"], **call)
    )
    assert answers[0] == "first"
    assert answers[1].status_code == 400
    assert answers[2] == "third"


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_several_prompts_of_one_call_come_back_in_order(
    kimi: Emulator, make_llm: Callable[..., KimiLLM], asynchronous: bool
) -> None:
    prompts = [f"prompt number {n}" for n in range(12)]
    llm = make_llm()
    result = await llm.agenerate(prompts) if asynchronous else llm.generate(prompts)
    for prompt, (generation,) in zip(prompts, result.generations, strict=True):
        assert generation.text.endswith(prompt)


def test_generate_counts_all_its_prompts(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    result = make_llm()._generate(["one", "two"])
    each = [(g.generation_info or {})["usage_metadata"]["total_tokens"] for (g,) in result.generations]
    assert len(each) == 2
    assert (result.llm_output or {})["token_usage"]["total_tokens"] == sum(each)


def test_caching(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    cache = InMemoryCache()
    llm = make_llm(cache=cache)
    assert llm.invoke("Hello") == llm.invoke("Hello")
    assert len(kimi.chats) == 1
    make_llm(cache=cache, max_tokens=18_000).invoke("Hello")
    assert len(kimi.chats) == 2


class _Limiter:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def acquire(self, *, blocking: bool = True) -> bool:
        self.asked.append("sync")
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        self.asked.append("async")
        return True


async def test_a_rate_limiter_is_asked_once_per_request(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    from langchain_core.rate_limiters import BaseRateLimiter

    class Limiter(_Limiter, BaseRateLimiter):
        pass

    limiter = Limiter()
    await in_every_way(make_llm(rate_limiter=limiter), "Hello")
    assert sorted(limiter.asked) == ["async"] * 3 + ["sync"] * 3


async def test_streaming_can_be_disabled(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    await in_every_way(make_llm(disable_streaming=True, wire="plain"), "Hello")
    assert not any(chat.get("stream") for chat in kimi.chats)


def test_in_a_chain(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    chain = PromptTemplate.from_template("Say {word}.") | make_llm() | StrOutputParser()
    assert chain.invoke({"word": "halloo"}).endswith("Say halloo.")


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")  # `loads`, once per process
def test_dumps_pickles_and_copies_work_and_keep_no_key(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    llm = make_llm(max_tokens=18_000)
    written = dumps(llm)
    assert kimi.api_key not in written
    assert kimi.api_key not in repr(llm) + str(llm)
    loaded = loads(
        written,
        allowed_objects=[KimiLLM, ChatKimi],
        valid_namespaces=["langchain_kimi"],
        secrets_map={"MOONSHOT_API_KEY": kimi.api_key},
    )
    for other in (loaded, pickle.loads(pickle.dumps(llm)), copy.deepcopy(llm)):
        assert other.chat.max_tokens == 18_000
        assert other.invoke("Hello") == llm.invoke("Hello")


def test_rules_of_the_model_apply(make_llm: Callable[..., KimiLLM]) -> None:
    with pytest.warns(KimiWarning, match="temperature"):
        make_llm(temperature=0.2).invoke("Hello")


# ------------------------------------------------------------------------------------------- settings at run time


async def test_fields_of_the_chat_model_are_configurable(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    llm: Any = make_llm(max_tokens=20_000).configurable_fields(
        max_tokens=ConfigurableField(id="budget"),
        model=ConfigurableField(id="model"),
        temperature=ConfigurableField(id="heat"),
    )
    await in_every_way(llm, "Hello")
    assert [(chat["model"], chat["max_completion_tokens"]) for chat in kimi.chats] == [("kimi-k3", 20_000)] * 6
    kimi.reset()
    config: Any = {"configurable": {"budget": 17_000, "model": "kimi-k2.6"}}
    await in_every_way(llm, "Hello", config=config)
    assert [(chat["model"], chat["max_completion_tokens"]) for chat in kimi.chats] == [("kimi-k2.6", 17_000)] * 6
    with pytest.warns(KimiWarning, match="temperature=1"):
        llm.with_config(config).with_config(configurable={"heat": 0.3}).invoke("Hello")
    assert (llm.default.chat.model, llm.default.chat.max_tokens) == ("kimi-k3", 20_000)


def test_the_temperature_reaches_hosts_that_take_one(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    llm = make_llm(unsupported="send").configurable_fields(temperature=ConfigurableField(id="heat"))
    # What the platform itself answers shows that the value went out.
    with pytest.raises(Exception, match="only 1 is allowed"):
        llm.invoke("Hello", {"configurable": {"heat": 0.3}})
    assert kimi.chats[-1]["temperature"] == 0.3


def test_options_own_fields_and_more_fields_are_configurable(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    options: Any = {"long": 20_000, "short": 5_000}
    first: Any = make_llm(api_key=kimi.api_key).configurable_fields(
        max_tokens=ConfigurableFieldSingleOption(id="length", options=options, default="short"),
        tags=ConfigurableField(id="tags"),
    )
    llm = first.configurable_fields(prompt_cache_key=ConfigurableField(id="session", description="Whose it is."))
    assert {spec.id for spec in llm.config_specs} == {"length", "tags", "session"}
    seen = _Seen()
    chain = PromptTemplate.from_template("{text}") | llm | StrOutputParser()
    chain.invoke({"text": "Hello"}, {"configurable": {"tags": ["a"], "session": "s1"}, "callbacks": [seen]})
    chain.invoke({"text": "Hello"}, {"configurable": {"length": "long"}})
    assert [chat["max_completion_tokens"] for chat in kimi.chats] == [5_000, 20_000]
    assert [chat.get("prompt_cache_key") for chat in kimi.chats] == ["s1", None]


def test_a_wrong_configurable_field_is_named_with_the_nearest(make_llm: Callable[..., KimiLLM]) -> None:
    with pytest.raises(KimiInputError, match="did you mean 'temperature'"):
        make_llm().configurable_fields(temprature=ConfigurableField(id="heat"))


async def test_alternatives_take_their_turn(kimi: Emulator, make_llm: Callable[..., KimiLLM]) -> None:
    quick = make_llm(model="kimi-k2.6", thinking="disabled").configurable_fields(
        max_tokens=ConfigurableField(id="budget")
    )
    llm: Any = make_llm().configurable_alternatives(ConfigurableField(id="llm"), default_key="big", quick=quick)
    await in_every_way(llm, "Hello")
    assert {chat["model"] for chat in kimi.chats} == {"kimi-k3"}
    kimi.reset()
    await in_every_way(llm, "Hello", config={"configurable": {"llm": "quick", "budget": 9_000}})
    assert {(chat["model"], chat["max_completion_tokens"]) for chat in kimi.chats} == {("kimi-k2.6", 9_000)}
