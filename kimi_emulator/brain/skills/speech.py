"""Answers in plain text: the skills that give them, in the order in which they are tried."""

from kimi_emulator.brain.conversation import Conversation, Task
from kimi_emulator.brain.skills import (
    calculate,
    choose,
    evaluate,
    fields,
    graph,
    greet,
    otherwise,
    query,
    quote,
    rephrase,
    results,
)
from kimi_emulator.script import Reply

_MODULES = (results, rephrase, evaluate, graph, query, choose, fields, greet, calculate, quote, otherwise)
SPEAKING = tuple(module.say for module in _MODULES)


def say(talk: Conversation) -> str:
    """The answer as text."""
    return next(text for skill in SPEAKING if (text := skill(talk)) is not None)


def answer(task: Task) -> Reply:
    """The answer of the first skill that has one."""
    return Reply(content=say(task.talk))
