"""`Connection`: what the calls of one `KimiClient` share: settings and key, SDK clients, limits, time, errors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kimi_api._settings.connection import (
    BeforeSend,
    as_limits,
    check_bytes,
    check_http_client,
    check_retries,
    check_seconds,
    check_timeout,
    warn_of_plain_http,
    without_authorization,
)
from kimi_api._settings.wrong import wrong_setting
from kimi_api._transport import observer as _observer
from kimi_api._transport.bodies import LONGEST_SILENCE, Exceeded
from kimi_api._transport.context import RequestContext
from kimi_api._transport.deadline import CURRENT, Deadline, within
from kimi_api.catalog import Catalog, ModelSpec
from kimi_api.credentials import ApiKey, Bearer, Region, key_for, resolve_base_url
from kimi_api.errors import KimiError, KimiInputError
from kimi_api.errors._masks import SENT
from kimi_api.options import budget_of

if TYPE_CHECKING:
    from typing import Literal

    from openai import AsyncOpenAI, OpenAI

    from kimi_api._transport.http import Response
    from kimi_api.errors import ErrorTypes
    from kimi_api.limits import AccountLimits
    from kimi_api.limits._queue import Permit
    from kimi_api.retry import Retries

_E = TypeVar("_E", bound=KimiError)

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 900.0  # the gateway's own limit: it answers 504 after 900 s without a byte

_COUNTED_PATH = "/chat/completions"  # what the account's limits are about, see `kimi_api.limits`


class Connection:
    """The settings of a `KimiClient` and the parts that its calls share."""

    def __init__(
        self,
        *,
        api_key: ApiKey | None = None,
        base_url: str | None = None,
        region: Region | None = None,
        timeout: float | None = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        http_client: object = None,
        async_http_client: object = None,
        error_types: Callable[[], ErrorTypes] | None = None,
        account_limits: AccountLimits | Mapping[str, Any] | None = None,
        before_send: BeforeSend | None = None,
        max_seconds: float | None = None,
        max_answer_bytes: int | None = None,
        catalog: Mapping[str, ModelSpec] | None = None,
    ) -> None:
        check_timeout(timeout)
        check_retries(max_retries)
        self.base_url: str = resolve_base_url(base_url, region=region)
        if api_key is None or not callable(api_key):
            key_for(api_key, self.base_url)
        warn_of_plain_http(self.base_url)
        self.timeout = timeout
        self.max_retries = max_retries
        self.max_seconds: float | None = check_seconds(max_seconds)
        self.max_answer_bytes: int = check_bytes(max_answer_bytes)
        self.default_headers: dict[str, str] = without_authorization({} if default_headers is None else default_headers)
        self.account_limits: AccountLimits | None = as_limits(account_limits)
        if before_send is not None and not callable(before_send):
            raise wrong_setting("before_send", before_send)
        self.before_send: BeforeSend | None = before_send
        self._catalog = Catalog.of(catalog)
        self._api_key = api_key
        self._http_client: Any = check_http_client("http_client", http_client)
        self._async_http_client: Any = check_http_client("async_http_client", async_http_client)
        self._error_types = error_types
        self._own: dict[str, Any] = {}  # SDK clients around the caller's own HTTP clients

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r}, max_retries={self.max_retries})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_http_client": None, "_async_http_client": None, "_own": {}}

    def __copy__(self) -> Self:
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.default_headers = dict(self.default_headers)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # HTTP clients hold locks and sockets, which cannot be copied; a copy in the same process shares them.
        return self.__copy__()

    @property
    def has_own_key(self) -> bool:
        """Whether a key was passed, or a function that gives one; otherwise the environment's counts."""
        return self._api_key is not None

    def at(self, base_url: str) -> Self:
        """A copy for another address, with the same key and settings, but without what this host says of its models."""
        twin = self.__copy__()
        twin.base_url, twin._own, twin._catalog = resolve_base_url(base_url), {}, None
        return twin

    @property
    def catalog(self) -> Catalog | None:
        """What this client's host says of its models, if it was given or `kimi_api.account.refresh` has asked."""
        return self._catalog

    @catalog.setter
    def catalog(self, specs: Mapping[str, ModelSpec] | None) -> None:
        self._catalog = Catalog.of(specs)

    def scope(self) -> str:
        """A word for this host and key, under which notes about uploaded files are kept apart from other accounts'.

        Letters, digits and dashes. The key cannot be found from it. Raises `KimiKeyError`: no usable key.
        """
        import hashlib

        host = "".join(c if c.isalnum() else "-" for c in self.base_url.partition("//")[2].lower())[:40].rstrip("-")
        account = f"{self.base_url}\n{key_for(self._api_key, self.base_url) or ''}".encode()
        return f"{host}-{hashlib.blake2b(account, digest_size=8, person=b'kimi-scope').hexdigest()}"

    def _sdk(self) -> OpenAI:
        from kimi_api._transport.sdk import pool  # brings asyncio: half our import time

        if self._http_client is None:
            return pool.sync_client(self.base_url)
        if "sync" not in self._own:
            import openai

            self._own["sync"] = pool.build(openai.OpenAI, self.base_url, self._http_client)
        return self._own["sync"]

    async def _async_sdk(self) -> AsyncOpenAI:
        from kimi_api._transport.sdk import pool

        if self._async_http_client is None:
            return await pool.async_client(self.base_url)
        if "async" not in self._own:
            import openai

            self._own["async"] = pool.build(openai.AsyncOpenAI, self.base_url, self._async_http_client)
        return self._own["async"]

    def _limits(self, path: str, override: AccountLimits | Literal[False] | None) -> AccountLimits | None:
        """The limits that count for a request; None as a rule."""
        limits = self.account_limits if override is None else override
        return as_limits(limits) if limits and path == _COUNTED_PATH else None

    def _spec_of(self, body: Mapping[str, Any]) -> ModelSpec | None:
        """What this client's host says of a request's model."""
        return None if self._catalog is None else self._catalog.find(str(body.get("model")))

    def _acquire(
        self, limits: AccountLimits, body: Mapping[str, Any], context: RequestContext, spec: ModelSpec | None
    ) -> Permit:
        from kimi_api.limits._queue import acquire  # which few programs need

        if context.deadline is not None and CURRENT.get() is not context.deadline:
            with self._translate_errors(context), within(context.deadline):
                return self._acquire(limits, body, context, spec)
        # The first call imports the SDK. With the permit in hand that would pass as time between us and the platform,
        # which counts the request when it arrives: "reached organization max RPM".
        with self._translate_errors(context):
            self._sdk()
        spec = spec or self._spec_of(body)
        if _observer.observer is None:
            return acquire(limits, self.scope, body, spec)
        with _observer.observer.wait_for_limits():
            return acquire(limits, self.scope, body, spec)

    async def _aacquire(
        self, limits: AccountLimits, body: Mapping[str, Any], context: RequestContext, spec: ModelSpec | None
    ) -> Permit:
        from kimi_api.limits._queue import aacquire

        if context.deadline is not None and CURRENT.get() is not context.deadline:
            with self._translate_errors(context), within(context.deadline):
                return await self._aacquire(limits, body, context, spec)
        with self._translate_errors(context):
            await self._async_sdk()
        spec = spec or self._spec_of(body)
        if _observer.observer is None:
            return await aacquire(limits, self.scope, body, spec)
        with _observer.observer.wait_for_limits():
            return await aacquire(limits, self.scope, body, spec)

    def deadline(self, max_seconds: float | Deadline | None = None) -> Deadline | None:
        """When a call that begins now must end: by the client's limit, its own, or that of a call around it.

        Raises:
            KimiInputError: no number of seconds.
        """
        if max_seconds is None:
            max_seconds = CURRENT.get() or self.max_seconds
            if max_seconds is None:
                return None
        return max_seconds if isinstance(max_seconds, Deadline) else Deadline(check_seconds(max_seconds) or 0.0)

    def deadline_error(self, deadline: Deadline) -> KimiError:
        """The error for a call whose time was over before its request was sent."""
        from kimi_api._transport.errors.translate import deadline_error

        return deadline_error(RequestContext(self.base_url, deadline=deadline), self._types())

    def outgoing(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A JSON body as it is sent: as `before_send` gives it back, where there is one.

        Raises:
            KimiInputError: it gave back something else than a body.
            Exception: its own, which refuses the request.
        """
        if self.before_send is None:
            return body
        try:
            copied = copy.deepcopy(dict(body))  # histories belong to the caller, and retries begin with the same body
        except Exception as error:  # "cannot pickle '_thread.lock' object"
            from kimi_api._transport.errors.translate import wrong_value

            raise wrong_value(error, body) or error from None
        changed = self.before_send(copied)
        if changed is None:
            return copied
        if not isinstance(changed, Mapping):
            raise KimiInputError(
                "before_send",
                f"a {type(changed).__name__}",
                "it must return the body to send, or None to send the body that it received",
                "return the dict, or raise an error to refuse the request",
            )
        return changed

    def count_retries(self, max_retries: int | Retries | None, deadline: Deadline | None = None) -> Retries:
        """How often one request may be sent again: the client's number, a call's own, or what is left of either."""
        from kimi_api.retry import Retries

        if isinstance(max_retries, Retries):
            retries = max_retries
        else:
            retries = Retries(self.max_retries if max_retries is None else check_retries(max_retries))
        retries.deadline = deadline
        return retries

    def error_class(self, cls: type[_E]) -> type[_E]:
        """The class to raise for one of `kimi_api.errors`: the framework's own, where it has one."""
        return (self._types() or {}).get(cls, cls)  # type: ignore[return-value]

    def _options(
        self, headers: Mapping[str, str] | None, timeout: float | None, deadline: Deadline | None = None
    ) -> dict[str, Any]:
        """The SDK's options for one request: headers with the key, and times."""
        from openai import Omit, Timeout

        from kimi_api._transport.sdk.compat import omitted_per_request

        seconds = self.timeout if timeout is None else check_timeout(timeout)
        if deadline is not None:
            seconds = max(min(READ_TIMEOUT if seconds is None else seconds, deadline.seconds_left()), 0.001)
        connect = CONNECT_TIMEOUT if seconds is None else min(CONNECT_TIMEOUT, seconds)
        key = key_for(self._api_key, self.base_url)
        sent = {
            **omitted_per_request(),
            **self.default_headers,
            **(without_authorization(headers) if headers else {}),
            "Authorization": Omit() if key is None else Bearer(f"Bearer {key}"),
        }
        if (holder := SENT.get()) is not None:
            holder[:] = [sent]
        return {
            "headers": sent,
            "timeout": Timeout(READ_TIMEOUT if seconds is None else seconds, connect=connect),
            "follow_redirects": False,  # see `kimi_api._transport.redirects`
        }

    def _request_context(
        self, body: Mapping[str, Any] | None, deadline: Deadline | None, timeout: float | None
    ) -> RequestContext:
        """What of a request its reading and its errors need."""
        SENT.set([])  # filled where the headers are made, possibly in another thread
        waits = self.timeout if timeout is None else check_timeout(timeout)
        silence = LONGEST_SILENCE if waits is None else max(LONGEST_SILENCE, waits)
        model, budget = (None, None) if body is None else (body.get("model"), budget_of(body))
        return RequestContext(self.base_url, model, budget, deadline, self.max_answer_bytes, silence)

    def _types(self) -> ErrorTypes | None:
        return self._error_types() if self._error_types else None

    @contextmanager
    def _translate_errors(
        self,
        context: RequestContext,
        response: Response | None = None,
        *,
        begun: bool = False,
        body: Mapping[str, Any] | None = None,
    ) -> Iterator[None]:
        """Raise our errors for the SDK's and its transport's.

        Args:
            context: the request.
            response: its answer, once that is open.
            begun: a part of the answer has been given out.
            body: what is being sent, where a failure may come of it.
        """
        try:
            yield
        except UnicodeEncodeError as error:
            from kimi_api._transport.errors.translate import not_unicode

            raise not_unicode("messages", error, body) from None
        except Exception as error:
            from kimi_api._transport.errors.translate import (
                from_sdk,
                not_unicode,
                too_long_error,
                wrong_client,
                wrong_value,
            )
            from kimi_api.errors import KimiConnectionError

            if isinstance(error.__cause__, UnicodeEncodeError):  # openai 2.0 puts its connection error around it
                raise not_unicode("messages", error.__cause__, body) from None
            if isinstance(error, Exceeded):
                raise too_long_error(error, context, self._types(), response) from None
            if body is not None and (wrong := wrong_value(error, body)) is not None:
                raise wrong from None
            ours = from_sdk(error, context, self._types(), response)
            if ours is None:
                own = self._http_client is not None or self._async_http_client is not None
                if own and (wrong := wrong_client(error)) is not None:
                    raise wrong from None
                raise
            if begun:
                ours.retryable = False
            if ours is error:
                raise
            from kimi_api.errors._masks import mask_causes, secrets_of

            mask_causes(error, secrets_of(ours.request))
            # The SDK's status errors show the whole body: they stay out of tracebacks.
            raise ours from error if isinstance(ours, KimiConnectionError) else None
