"""Continue an answer that stopped too early, by Partial Mode. Pure, except for warnings; `chat` sends the requests.

An answer stops too early when its token budget ends (`auto_continue`) or its stream breaks (`resume_streams`). What
came is sent back as a partial message, with the thinking that led to it, and the model writes on from there:
https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
"""

from __future__ import annotations

from dataclasses import replace

from kimi_api import errors
from kimi_api._warn import warn, warn_once
from kimi_api.errors import KimiError
from kimi_api.errors._base import name_of
from kimi_api.messages import partial_message
from kimi_api.reply import ReplyBuilder, ReplyDelta
from kimi_api.request import ChatRequest


def partial_mode_obstacle(request: ChatRequest) -> str:
    """Why no answer to `request` can be continued in Partial Mode; "" when one can."""
    kind = (request.body.get("response_format") or {}).get("type", "text")
    if kind != "text":
        # Ruled out for json_object by the documents, and advised against with json_schema: K2.6 adds fields.
        return f"Partial Mode cannot be combined with response_format {kind!r}; raise max_tokens instead"
    if request.choice.required_call:
        return "a tool call was demanded, and Partial Mode continues only text"
    return ""


def continue_request(request: ChatRequest, text: str, thinking: str | None) -> ChatRequest:
    """The request for what follows `text`, the beginning of an answer to `request` that came with `thinking`.

    An answer that was itself a continuation keeps its name and its own thinking, and its prefix gets longer.
    """
    messages = request.body["messages"]
    if request.prefix is None:
        last = partial_message(text, reasoning_content=thinking or None)
        messages = [*messages, last]
    else:
        last = {**messages[-1], "content": request.prefix + text}
        if thinking and not last.get("reasoning_content"):
            last["reasoning_content"] = thinking
        messages = [*messages[:-1], last]
    before = request.original
    return replace(
        request,
        body={**request.body, "messages": messages},
        prefix=(request.prefix or "") + text,
        original=None if before is None else continue_request(before, text, thinking),
    )


def _may_continue(request: ChatRequest, text: str, calls: bool) -> bool:
    """Whether an answer that ended with its budget is continued. Thinking that used it up is warned of elsewhere."""
    if not text:
        return False
    model = request.body["model"]
    if calls:
        why = "it was cut within a tool call, which cannot be continued; raise max_tokens instead"
    else:
        why = partial_mode_obstacle(request)
    if why:
        warn_once((model, "auto_continue", why), f"auto_continue: an answer of {model} stays incomplete: {why}")
    return not why


def _warn_cut_off(request: ChatRequest, why: object) -> None:
    warn(
        f"auto_continue: the answer of {request.body['model']} stays incomplete (finish_reason 'length'), because "
        f"its continuation failed: {why}"
    )


_NO_TEXT = "it used up its max_tokens by thinking. Raise max_tokens"


class Continuation:
    """An answer made of several, which all feed the same builder.

    `request` is the one to stream next. For each delta `filter` gives what the consumer is to see; when a stream has
    ended `continue_after_end` tells whether another follows, and when it has failed `continue_after_error` does.
    """

    def __init__(self, request: ChatRequest, builder: ReplyBuilder) -> None:
        self.request = request
        self._original = request
        self._builder = builder
        self._continues = request.auto_continue
        self._resumes = request.resume_streams
        self._attempts = 0
        self._broken: Exception | None = None
        self._text_before = 0
        self._resuming = False

    def filter(self, delta: ReplyDelta) -> ReplyDelta | None:
        """The delta without thinking that a continuation begins with: a turn has one, and it stands before the text."""
        if not self._text_before:
            return delta
        if not delta.content and not delta.tool_calls:
            return None
        delta.reasoning = None
        return delta

    def continue_after_end(self) -> bool:
        """Whether another stream follows one that has ended without an error."""
        builder = self._builder
        if not builder.complete:
            return self.continue_after_error(None) is not None
        text = builder.text
        if builder.reply.finish_reason != "length" or self._continues < 1:
            return False
        self._continues -= 1
        if self.request is not self._original and len(text) == self._text_before:
            _warn_cut_off(self._original, _NO_TEXT)
            return False
        if not _may_continue(self._original, text, bool(builder.tool_calls)):
            return False
        self._resuming, self._broken = False, None
        self._prepare_next(text)
        return True

    def continue_after_error(self, error: KimiError | None) -> float | None:
        """What follows a stream that broke (`error` None: it ended without a finish_reason).

        Returns:
            Seconds to wait before the next stream; None: there is none, the answer stays as it is.

        Raises:
            KimiError: the stream cannot be taken up: the error that broke it.
        """
        builder = self._builder
        text = builder.text
        added = len(text) > self._text_before
        if added or self._broken is None:
            self._broken = error
        if self._resumes > 0 and _is_passing(error) and self._can_resume(text):
            self._resumes -= 1
            self._attempts += 1
            self._resuming = True
            self._prepare_next(text)
            from kimi_api import retry

            seconds = retry.wait_seconds(self._attempts, getattr(error, "retry_after", None))
            retry.note_retry("KimiIncompleteReplyError" if error is None else name_of(error), self._attempts, seconds)
            return seconds
        if error is not None and not added and self.request is not self._original and not self._resuming:
            builder.end_cut_off()
            _warn_cut_off(self._original, error)
            return None
        broken = self._broken
        if broken is None:  # `ReplyBuilder.finish` has the words for a stream that just ended
            return None
        if broken is not error:
            broken.add_note(f"resume_streams could not continue it: {error or 'the next stream ended early too'}")
        raise broken

    def _can_resume(self, text: str) -> bool:
        builder = self._builder
        if not builder.reply.id or builder.tool_calls:  # nothing came at all, which is `max_retries`' business
            return False
        why = partial_mode_obstacle(self._original) if text else ""
        if why:
            model = self._original.body["model"]
            text = f"resume_streams: a broken stream of {model} is not continued: {why}"
            warn_once((model, "resume_streams", why), text)
        return not why

    def _prepare_next(self, text: str) -> None:
        """Ask for what follows `text`; where there is none, because thinking was cut, for the whole answer again."""
        builder = self._builder
        self.request = continue_request(self._original, text, builder.thinking) if text else replace(self._original)
        self._text_before = len(text)
        builder.reopen()


def _is_passing(error: KimiError | None) -> bool:
    """Whether a stream that this broke may be taken up."""
    kinds = (
        errors.KimiConnectionError,
        errors.KimiServerError,
        errors.KimiOverloadedError,
        errors.KimiIncompleteReplyError,
    )
    return error is None or (isinstance(error, kinds) and not isinstance(error, errors.KimiDeadlineError))
