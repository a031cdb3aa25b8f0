"""Where an answer sends a request on to, and whether it may go there.

httpx would follow by itself, and take the prompt and `default_headers` to whatever host a 307 names. So nothing is
followed by itself (`follow_redirects=False` with each request, which counts for clients that users bring, too).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from kimi_api._transport.bodies import ACCEPTED, MAX_ANSWER_BYTES, aread_body, read_body
from kimi_api._transport.sdk.compat import transport

if TYPE_CHECKING:
    from kimi_api._transport.http import Response

T = TypeVar("T")

MAX_REDIRECTS = 5

_BARE = {"Accept-Encoding": ACCEPTED}
_KEEP_METHOD = (307, 308)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Redirects:
    """The way of one request.

    Args:
        method: "POST" and the like.
        timeout: the request's, for an answer that is fetched elsewhere.
        max_bytes: how much that answer may hold.
    """

    def __init__(self, method: str, timeout: object = None, max_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._method = method
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._left = MAX_REDIRECTS

    def send(self, path: str, send: Callable[[str], T]) -> T:
        """What `send` gives for `path`, or for the address that the host sends it on to.

        Raises:
            openai.APIStatusError: a refusal, or a 3xx that is not followed.
        """
        while True:
            try:
                return send(path)
            except Exception as error:
                path, elsewhere = self._next_address(error)
            if elsewhere:
                with transport().Client(timeout=self._timeout, headers=_BARE) as bare:
                    while True:
                        response = bare.send(bare.build_request("GET", path), stream=True)
                        path = self._next_elsewhere(response)
                        if not path:
                            answer: Any = _check(read_body(response, self._max_bytes))
                            return answer  # only a GET goes elsewhere: T is a response
                        response.close()

    async def asend(self, path: str, send: Callable[[str], Awaitable[T]]) -> T:
        """The asynchronous twin of `send`."""
        while True:
            try:
                return await send(path)
            except Exception as error:
                path, elsewhere = self._next_address(error)
            if elsewhere:
                async with transport().AsyncClient(timeout=self._timeout, headers=_BARE) as bare:
                    while True:
                        response = await bare.send(bare.build_request("GET", path), stream=True)
                        path = self._next_elsewhere(response)
                        if not path:
                            answer: Any = _check(await aread_body(response, self._max_bytes))
                            return answer
                        await response.aclose()

    def _next_address(self, error: Exception) -> tuple[str, bool]:
        """The address to ask instead, and whether it is on another host.

        Raises:
            Exception: `error` itself, where it sends nowhere, or where the request must not go.
        """
        if isinstance(error, ValueError) and _is_of_transport(error):
            # httpx reads the address of a redirect that it does not follow, and openai 3 lets its ValueError through.
            text = f"it sends the request on to an address that cannot be read ({error})"
            raise transport().RemoteProtocolError(text) from error
        response: Any = getattr(error, "response", None)
        there = "" if response is None else target(response)
        if response is None or not there or not self._left:
            raise error
        elsewhere = not is_same_origin(str(response.request.url), there)
        if self._method != "GET" and (elsewhere or response.status_code not in _KEEP_METHOD):
            raise error
        self._left -= 1
        return there, elsewhere

    def _next_elsewhere(self, response: Response) -> str:
        """The address that another host sends a GET on to; "" where it answers, or has sent it on too often."""
        there = target(response)
        if not there or not self._left:
            return ""
        self._left -= 1
        return there


def target(response: Response) -> str:
    """The absolute address that a 3xx names; "" if it names none, or one that is not http."""
    if not 300 <= response.status_code < 400:
        return ""
    try:
        address = urljoin(str(response.request.url), response.headers.get("location") or "")
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return ""
    return address if "location" in response.headers and parts.scheme in _DEFAULT_PORTS and parts.hostname else ""


def is_same_origin(one: str, other: str) -> bool:
    """Whether two addresses have the same scheme, host and port."""
    return _origin(one) == _origin(other)


def redact(address: str, longest: int | None = None) -> str:
    """An address without what may be secret in it: user, password, query (signed links), fragment.

    Args:
        address: it is not parsed, and may be one that cannot be.
        longest: how many characters to show of what comes before the query.
    """
    bare, query, _ = address.partition("#")[0].partition("?")
    scheme, mark, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"[:longest] + ("?..." if query else "")


def explain(response: Response, base_url: str) -> tuple[str, str]:
    """What a 3xx that was not followed says, and what to do about it; ("", "") for any other answer."""
    there = target(response)
    if not there:
        return "", ""
    method, here = response.request.method, str(response.request.url)
    text = f"it redirects the {method} from {redact(here)} to {redact(there)}"
    if is_same_origin(here, there):
        if response.status_code in _KEEP_METHOD:
            return f"{text}, again and again", f"check base_url ({base_url})"
        return f"{text} as a GET, which would lose its body", f"check base_url ({base_url})"
    text += ". That is another host, port or scheme, so nothing was sent there: prompts and headers go only to base_url"
    below = here.removeprefix(base_url)
    if below != here and urlsplit(there).path.endswith(below):
        base = there.partition("?")[0].removesuffix(below)
        return text, f"pass base_url={redact(base)!r} if that is the host you mean"
    return text, "find out who answers there, and pass the base_url of the host you mean"


def _is_of_transport(error: BaseException) -> bool:
    """Whether the HTTP library raised `error`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] in ("httpx", "httpx2")


def _check(response: Response) -> Response:
    if response.is_success:
        return response
    import openai

    raise openai.APIStatusError(f"HTTP {response.status_code}", response=response, body=response.text)


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme)
