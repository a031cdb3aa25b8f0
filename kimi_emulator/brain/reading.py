"""The parts of a prompt: what is asked, the texts it is asked about, and what only tells how to answer."""

from __future__ import annotations

import re
from typing import NamedTuple

from kimi_emulator.words import sentences

__all__ = ["Parts", "Section", "sections", "split", "without_instructions"]

_QUESTION = (
    r"(?:(?:user|original|search|input|standalone|follow[- ]?up|the|here is the user|my)\s+)?"
    r"(?:question|query|input|request)|task|q"
    r"|用户的?问题|用户提问|问题(?:是|为)?|提问|请问|问|質問|질문|pregunta|frage"
)
_CONTEXT = (
    r"(?:(?:new|retrieved|relevant|background|reference|source|given|provided|set of|here is the retrieved|the)\s+)*"
    r"(?:contexts?|documents?|passages?|excerpts?|facts|text|article|sources?|materials?|content)(?: (?:is )?below)?"
    r"|(?:context|relevant|background|given|provided) information(?: (?:is )?below)?"
    r"|(?:参考|相关|背景)?(?:资料|材料|信息|内容|文档)|已知(?:信息|内容)|上下文|知识库(?:内容)?|检索结果|文档内容|背景(?:知识)?|原文|文本|文章"
)
_ANSWER = (
    r"(?:(?:helpful|refined|new|final|your|original|existing|generated|reference)\s+)?answer|response|assistant"
    r"|llm generation|standalone question|feedback|output|参考答案|回答|答案|答|回复|输出"
)
_LABEL = re.compile(
    rf"^[ \t]*(?:#{{1,6}}[ \t]*|[*【\[<]{{1,2}})?(?:(?P<question>{_QUESTION})|(?P<context>{_CONTEXT})"
    rf"|(?P<answer>{_ANSWER}))"
    r"(?:[*】\]>]{1,2})?[ \t]*(?:[:：](?:\*\*)?|(?<=[】\]>])|(?<=\w)$)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_INLINE = re.compile(
    r"(?<=[。；;？！])\s*(?:(?P<question>问题(?:是|为)?|请问|提问|问)|(?P<answer>回答|答案|答))[:：]\s*"
)
_QUESTION_TAG = re.compile(
    r"<((?:user[_ -]?)?(?:question|query|input)|问题|用户问题)>\s*(.+?)\s*</\1>", re.IGNORECASE | re.DOTALL
)
_CONTEXT_TAG = re.compile(
    r"<((?:retrieved[_ -]?)?(?:contexts?|documents?|docs|sources?|passages?|text|article|information|data"
    r"|knowledge)|资料|上下文|文档)"
    r"(?:\s[^>\n]*)?>\s*(.+?)\s*</\1>",
    re.IGNORECASE | re.DOTALL,
)
_OPEN_TAG = re.compile(
    r"^<[^>/\n]{0,40}\b(?:question|query|follow ?up)\b[^>\n]{0,40}>\s*\n+(?!follow ?up input:)(.+?)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_REFINE = re.compile(r"original query is as follows:\s*(.+?)\n", re.IGNORECASE)
_QUOTED = re.compile(r"\b(?:question|query)\s*:\s*(['\"])(.+)\1\s*$", re.IGNORECASE | re.MULTILINE)
_LEAD = re.compile(rf"^\s*(?:{_ANSWER})\s*[:：]?\s*$", re.IGNORECASE)
_POINTS = re.compile(
    r"\b(?:following|below|above|based on|according to|given|this (?:text|passage|context|document))\b"
    r"|根据|依据|基于|以下|下面|上述|阅读|资料|这段|本文",
    re.IGNORECASE,
)
_STRONG = re.compile(
    r"(?:you(?:'re| are| will| must| should| can| have| need| may|r (?:task|job|role|goal|answer|response|name)\b)"
    r"|the assistant\b|the following is a\b|as an? (?:ai|assistant|expert)|act as\b|i will provide"
    r"|if (?:you |the (?:context|answer|document|information|question|user)|there is no|unsure|none |it is not)"
    r"|(?:please )?(?:use|using|given|based on|with|from|consider|read)(?: only| just)? (?:the|this|these|only"
    r"|your)\b.{0,40}"
    r"\b(?:context|information|passages?|pieces|documents?|excerpts?|sources?|texts?|knowledge|facts)"
    r"|(?:please )?answer (?:the|all|each|only|any|this|my|based|in|using|questions|user|with|from|\"|')|respond"
    r"|reply|instructions?\b"
    r"|context information|some rules|here (?:is|are) the (?:context|documents?|retrieved|relevant)|give a binary"
    r"|critique"
    r"|你是|您是|你的(?:任务|职责|角色|名字)|你(?:需要|必须|应该|要|只能|可以)|作为(?:一|专)|假设你|请(?:根据|依据|基于|结合|用|使用|以|回答|仔细|阅读|你)"
    r"|根据(?:以下|下面|上述|下列|给定|提供|已知|这|上面|资料|文)|(?:基于|依据|结合|使用|利用|参考)(?:以下|下面|上述|下列|给定|已知)"
    r"|(?:如果|若)(?:你|无法|没有|不知道|资料|信息|上下文|找不到|答案|问题|文)|(?:回答|答案)(?:要|应|时|必须|请|用户|问题|以下)|以下是|下面是)",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"(?:always|never|do not|don't|use|keep|avoid|be|please|return|make sure|ensure|remember|note|think|only"
    r"|limit|cite|provide"
    r"|write|explain|speak|talk|say|stay|follow|output|no "
    r"|不要|不得|不能|禁止|保持|尽量|切勿|严禁|务必|必须|始终|总是|只|仅|请|语气|使用|用中文|用英文)",
    re.IGNORECASE,
)

_LONG = 20_000
"""Characters in which instructions are looked for: those of a longer text stand at its beginning."""


class Section(NamedTuple):
    """What stands behind a label; ``kind`` is question, context, answer or "" (before the first label)."""

    kind: str
    label: str
    text: str


class Parts(NamedTuple):
    """A question, and the text around it."""

    question: str
    rest: str


def sections(text: str) -> list[Section]:
    """The text cut at its labels."""
    heads = sorted([*_LABEL.finditer(text), *_INLINE.finditer(text)], key=lambda match: match.start())
    heads = [head for place, head in enumerate(heads) if not place or head.start() >= heads[place - 1].end()]
    cut = [Section("", "", text[: heads[0].start()] if heads else text)]
    for place, head in enumerate(heads):
        end = heads[place + 1].start() if place + 1 < len(heads) else len(text)
        cut.append(
            Section(str(head.lastgroup), head.group(0).strip(" \t#*:：【】[]<>").lower(), text[head.end() : end])
        )
    return cut


def split(text: str) -> Parts:
    """The question in a prompt, and what is left without it."""
    refine = _REFINE.search(text)
    if refine:
        return Parts(refine.group(1).strip(), text[refine.end() :])
    contexts = [match.group(2) for match in _CONTEXT_TAG.finditer(text)]
    tagged = list(_QUESTION_TAG.finditer(text))
    if contexts or tagged:
        outside = _CONTEXT_TAG.sub("\n", _QUESTION_TAG.sub("\n", text)).strip()
        context = "\n\n".join(contexts) or outside
        if tagged:
            return Parts(tagged[-1].group(2), context)
        return Parts(split(outside).question if outside else "", context)
    marked = [(match.start(), match.group(1)) for match in _OPEN_TAG.finditer(text)]
    marked += [(match.start(), match.group(2)) for match in _QUOTED.finditer(text)]
    if marked:
        start, question = max(marked)
        return Parts(question, text[:start])
    return _by_labels(text) or _by_place(text)


def _by_labels(text: str) -> Parts | None:
    cut = sections(text)
    places = [place for place, part in enumerate(cut) if part.kind == "question" and part.text.strip()]
    contexts = [part.text for part in cut if part.kind == "context" and part.text.strip()]
    if not places and contexts:
        # A question without a label, before the texts or behind them.
        around = [
            line.strip() for line in (cut[0].text.strip(), *contexts[-1].strip().splitlines()[-1:]) if line.strip()
        ]
        asking = [line for line in around if line.endswith(("?", "？")) and len(line) < 300]
        if asking:
            question = asking[0].splitlines()[-1]
            return Parts(question, "\n".join(contexts).replace(question, "", 1))
    if not places:
        return None
    chosen = cut[places[-1]]
    # Its first line; what follows a bare heading, its first paragraph.
    question = chosen.text.lstrip().split("\n\n")[0] if chosen.text[:1] == "\n" else chosen.text.split("\n", 1)[0]
    behind = [part.text for part in cut[places[-1] + 1 :] if part.kind == "context"]
    rest = "".join(f"{part.text}\n" for part in cut[: places[-1]] if part.kind != "answer" or len(part.text) > 40)
    if behind:  # the question first, then the texts
        rest = "\n".join(behind)
    elif cut[places[-1] - 1].kind == "context":
        rest = "\n".join(part.text for part in cut[: places[-1]] if part.kind == "context")
    return Parts(question.strip(), rest) if len(rest.strip()) > 5 or len(text) > len(question) + 20 else None


def _by_place(text: str) -> Parts:
    apart = re.split(r"\n\s*\n", text.strip())
    if len(apart) > 1:  # a text and a question, with an empty line between
        asking = [each for each in (apart[-1], apart[0]) if each.endswith(("?", "？")) and "\n" not in each]
        rest = "\n\n".join(each for each in apart if each not in asking[:1])
        if asking and len(rest) > 20 and rest.rstrip()[-1:] not in "?？":
            return Parts(asking[0].strip(), rest)
    lines = [line for line in text.splitlines() if line.strip() and not _LEAD.match(line)]
    if len(lines) < 2 or (len(text) < 200 and not _POINTS.search(text)):
        pieces = sentences(text.strip()) if _POINTS.search(text) else []
        asking = [piece for piece in pieces if piece.endswith(("?", "？"))]
        bare = [re.sub(r"^[^：:]{2,30}：", "", piece) if _STRONG.match(piece) else piece for piece in pieces]
        statements = [piece for piece in bare if piece not in asking and not _STRONG.match(piece)]
        if len(asking) == 1 and sum(map(len, statements)) >= 10:
            question = re.sub(
                r"^(?:based on|according to|given|根据)[^,，]{2,60}[,，]\s*", "", asking[0], flags=re.IGNORECASE
            )
            return Parts(question, " ".join(statements))
        return Parts(text.strip(), "")
    asking = [line for line in (lines[-1], lines[0]) if line.rstrip().endswith(("?", "？"))]
    question = (asking or lines[-1:])[0]
    return Parts(question.strip(), text.replace(question, "", 1))


def without_instructions(text: str) -> str:
    """The text without sentences that tell a model who it is and how to answer: they are no documents."""
    lines: list[str] = []
    telling = False
    place = text.find("\n", _LONG)
    text, rest = (text[:place], text[place:]) if place >= 0 else (text, "")
    for line in text.splitlines():
        if not line.strip():
            lines.append(line)
            continue
        whole = []
        for place, sentence in enumerate(sentences(line)):
            bare = re.sub(r"^[\s\d.)*•-]+", "", sentence)
            strong = bool(_STRONG.match(bare))
            if strong or (telling and _WEAK.match(bare)):
                telling = True
                # `Use the following context: The mill ...` on one line: what follows the colon is no instruction.
                head, colon, rest = sentence.partition(": ")
                if colon and len(rest) > 60 and len(head) < 200:
                    whole.append(rest)
                continue
            telling = telling and place > 0 and len(sentence) < 40
            whole.append(sentence)
        if whole:
            lines.append(line if len(whole) == len(sentences(line)) else " ".join(whole))
    return ("\n".join(lines) + rest).strip()
