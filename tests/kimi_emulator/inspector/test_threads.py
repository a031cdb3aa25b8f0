"""Which requests belong together."""

from __future__ import annotations

from typing import Any

from kimi_emulator.inspector.threads import Threads, chat_messages

SYSTEM = {"role": "system", "content": "You are a careful assistant."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def call(city: str, **more: Any) -> dict[str, Any]:
    function = {"name": "weather", "arguments": f'{{"city":"{city}"}}'}
    return assistant("", tool_calls=[{"id": "weather_0", "type": "function", "function": function}], **more)


def result(text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "weather_0", "content": text}


class Talk:
    """Exchanges one after another; ``ask`` gives the thread and what the prompt is compared with."""

    def __init__(self) -> None:
        self.threads = Threads()
        self.id = 0

    def ask(
        self, *messages: dict[str, Any], answer: dict[str, Any] | None = None, **more: Any
    ) -> tuple[int, int | None]:
        self.id += 1
        body = {"model": "kimi-k3", "messages": list(messages), **more}
        place = self.threads.place(self.id, body)
        if answer is not None:
            self.threads.answer(self.id, body, answer)
        return place


def test_the_steps_of_an_agent_are_one_thread():
    talk = Talk()
    assert talk.ask(SYSTEM, user("Turku?"), answer=call("Turku")) == (1, None)
    assert talk.ask(SYSTEM, user("Turku?"), call("Turku"), result("cloudy"), answer=assistant("Cloudy.")) == (1, 1)
    later = [SYSTEM, user("Turku?"), call("Turku"), result("cloudy"), assistant("Cloudy."), user("And Oslo?")]
    assert talk.ask(*later) == (1, 2)


def test_a_common_system_message_makes_no_thread():
    talk = Talk()
    talk.ask(SYSTEM, user("one"))
    assert talk.ask(SYSTEM, user("two")) == (2, None)


def test_the_same_prompt_again_is_the_same_thread():
    talk = Talk()
    talk.ask(user("one"))
    assert talk.ask(user("one")) == (1, 1)


def test_two_runs_of_one_question_keep_their_steps_apart():
    talk = Talk()
    talk.ask(user("where?"), answer=call("Turku"))
    talk.ask(user("where?"), answer=call("Oslo"))
    assert talk.ask(user("where?"), call("Oslo"), result("snow")) == (1, 2)
    assert talk.ask(user("where?"), call("Turku"), result("rain")) == (1, 1)


def test_a_forgotten_beginning_does_not_part_a_conversation():
    talk = Talk()
    talk.ask(SYSTEM, user("one"), answer=assistant("1"))
    talk.ask(SYSTEM, user("one"), assistant("1"), user("two"), answer=assistant("2"))
    assert talk.ask(SYSTEM, user("two"), assistant("2"), user("three")) == (1, 2)


def test_changed_instructions_do_not_part_a_conversation():
    talk = Talk()
    talk.ask({**SYSTEM, "content": "It is 12:01."}, user("one"), answer=assistant("1"))
    assert talk.ask({**SYSTEM, "content": "It is 12:02."}, user("one"), assistant("1"), user("two")) == (1, 1)


def test_thinking_and_the_spacing_of_arguments_play_no_part():
    talk = Talk()
    talk.ask(user("Turku?"), answer=call("Turku", reasoning_content="I look."))
    spaced = call("Turku")
    spaced["tool_calls"][0]["function"]["arguments"] = '{"city": "Turku"}'
    spaced["tool_calls"][0]["id"] = "call_9"
    assert talk.ask(user("Turku?"), spaced, result("cloudy")) == (1, 1)


def test_a_long_answer_is_known_again_though_its_question_was_rewritten():
    talk = Talk()
    long = assistant("The weather in Turku is cloudy today, and it may rain in the evening.")
    talk.ask(user("Context: a lot. Question: Turku?"), answer=long)
    assert talk.ask(user("Turku?"), long, user("And Oslo?")) == (1, 1)


def test_a_short_answer_after_another_question_is_another_conversation():
    talk = Talk()
    talk.ask(user("Is it so?"), answer=assistant("Yes."))
    assert talk.ask(user("Is it not so?"), assistant("Yes."), user("Why?")) == (2, None)


def test_a_conversation_whose_answers_came_from_elsewhere_is_put_by_its_beginning():
    talk = Talk()
    talk.ask(user("one"), assistant("from a database"), user("two"))
    assert talk.ask(user("one"), assistant("from a database"), user("two"), assistant("2"), user("three")) == (1, 1)


def test_the_first_of_a_conversation_is_compared_with_one_whose_instructions_are_alike():
    talk = Talk()
    instructions = "You are a careful assistant who answers in one sentence and names where it is from."
    talk.ask({"role": "system", "content": f"It is 12:01. {instructions}"}, user("one"))
    assert talk.ask({"role": "system", "content": f"It is 12:02. {instructions}"}, user("two")) == (2, 1)
    assert talk.ask({"role": "system", "content": "Something else altogether. " * 9}, user("three")) == (3, None)


def test_the_first_of_a_conversation_is_compared_with_one_that_has_the_same_tools():
    talk = Talk()
    one, two = ({"type": "function", "function": {"name": name}} for name in ("a", "b"))
    talk.ask(user("one"), tools=[one, two])
    assert talk.ask(user("two"), tools=[two, one]) == (2, 1)


def test_what_is_not_kept_any_more_is_forgotten_whole():
    talk = Talk()
    talk.ask(SYSTEM, user("one"), answer=assistant("1"), tools=[{"type": "function", "function": {"name": "a"}}])
    talk.ask(SYSTEM, user("one"), assistant("1"), user("two"), answer=assistant("2"))
    talk.threads.remove(1)
    assert talk.ask(SYSTEM, user("one"), assistant("1"), user("two"), assistant("2"), user("three")) == (1, 2)
    for id in (2, 3, 3):
        talk.threads.remove(id)
    assert len(talk.threads) == 0
    assert [index for index in vars(talk.threads).values() if index] == []


def test_only_a_list_of_objects_is_messages():
    assert chat_messages({"messages": [{"role": "user"}]}) == [{"role": "user"}]
    for body in (None, [], {}, {"messages": None}, {"messages": []}, {"messages": ["hi"]}, {"messages": "hi"}):
        assert chat_messages(body) == []


def test_odd_messages_have_their_places_too():
    talk = Talk()
    assert talk.ask({}, {"role": "assistant", "tool_calls": 7}, {"content": [{"type": "text"}]}) == (1, None)
    assert talk.ask({}, {"role": "assistant", "tool_calls": [1, {"function": {"arguments": "{"}}]}) == (1, 1)
    assert talk.ask({"content": "\ud800"}, tools=["a", {"function": 7}])[0] == 3
