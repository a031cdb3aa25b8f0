"""Greetings, thanks, and the question who is speaking."""

from __future__ import annotations

import re

from kimi_emulator.brain.conversation import Conversation

__all__ = ["say"]

_AFTER = (
    r"(?:[\s,，!！.。~？?]*(?:there|kimi|everyone|all|again|friend|bot|assistant|啊|呀|哦|们|大家|小助手|助手"
    r"|朋友))*[\s!！.。~？?^)(:]*$"
)
_GREETING = re.compile(
    r"^\s*(hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|day)|yo|hola|bonjour|hallo"
    r"|guten tag|ciao|olá"
    r"|привет|здравствуйте|こんにちは|안녕하세요|你好|您好|嗨|哈喽|哈啰|早上好|下午好|晚上好|早|在吗|大家好)"
    r"(?:[\s,，!！.。]*(?:there|kimi|everyone|大家))?"
    r"(?:[\s,，!！.。]*(?:how are you(?: doing)?(?: today)?|how is it going|what's up|nice to meet you"
    r"|很高兴认识你|最近怎么样|你好吗))?" + _AFTER,
    re.IGNORECASE,
)
_WELL = re.compile(
    r"^\s*(?:how are you(?: doing)?(?: today)?|what's up|how is it going|你好吗|最近怎么样|你怎么样)" + _AFTER,
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"^\s*(?:thanks?(?: you)?(?: so much| very much| a lot)?|thx|merci|danke|gracias|谢谢你?|多谢|感谢|谢了|辛苦了)"
    + _AFTER,
    re.IGNORECASE,
)
_BYE = re.compile(r"^\s*(?:good ?bye|bye|see you|good night|再见|拜拜|晚安|回头见)" + _AFTER, re.IGNORECASE)
_WHO = re.compile(
    r"^\s*(?:(?:hi|hello|你好|您好)[\s,，!！.。]*)?(?:who (?:are|r) you|what are you|introduce yourself"
    r"|what can you do|what is your name|what's your name"
    r"|你是谁|您是谁|你叫什么(?:名字)?|介绍一下(?:你)?自己|请?(?:做个)?自我介绍(?:一下)?|你能做什么|你会做什么|你可以做什么|你有什么功能)"
    + _AFTER,
    re.IGNORECASE,
)
_SELF = (
    "I am the local Kimi emulator: I answer by rules, not by a model. "
    "Give me a text and a question about it, tools, or a JSON schema.",
    "我是本地的 Kimi 模拟器，按规则回答，背后没有模型。可以给我一段资料和问题、一些工具，或者一个 JSON Schema。",
)


def say(talk: Conversation) -> str | None:
    """An answer of the same kind, in the language of the request."""
    request = talk.request.strip()
    if len(request) > 80:
        return None
    place = 1 if talk.chinese else 0
    if _WHO.match(request):
        return _SELF[place]
    greeting = _GREETING.match(request)
    if greeting or _WELL.match(request):
        opening = greeting.group(1).capitalize() if greeting else ("Hello", "你好")[place]
        return f"{opening}{('! ', '！')[place]}{_SELF[place]}"
    if _THANKS.match(request):
        return ("You are welcome.", "不客气。")[place]
    return ("Goodbye!", "再见！")[place] if _BYE.match(request) else None
