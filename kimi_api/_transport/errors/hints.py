"""What to do about an error: the last sentence of its message. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from kimi_api._transport.context import RequestContext
from kimi_api.catalog import closest_model, current_models, find_model
from kimi_api.credentials import (
    PROXY_VARIABLES,
    console_of,
    environment_key_belongs_to,
    is_loopback,
    is_moonshot,
    other_region,
)
from kimi_api.errors._sdk import (
    KimiAuthenticationError,
    KimiBadRequestError,
    KimiContentFilterError,
    KimiContextOverflowError,
    KimiNotFoundError,
    KimiOverloadedError,
    KimiPermissionError,
    KimiQuotaError,
    KimiRateLimitError,
    KimiServerError,
    KimiStatusError,
)

# A web server that has pages, and no API, at the path: nginx and FastAPI answer 405 "Method Not Allowed" there.
_WRONG_PATH = re.compile(r"HTTP 405\b|\b405 (Method )?Not Allowed|Method Not Allowed", re.IGNORECASE)
# nginx: "The plain HTTP request was sent to HTTPS port". Go: "Client sent an HTTP request to an HTTPS server".
_PLAIN_TO_TLS = re.compile(r"HTTP request (was sent )?to (an )?HTTPS", re.IGNORECASE)
_GATEWAY_TIMEOUT = re.compile(r"\b504\b|gateway time-?out", re.IGNORECASE)
# OpenSSL, of a server that answers TLS with plain text: "[SSL: WRONG_VERSION_NUMBER] wrong version number", and since
# 3.2 also "[SSL: RECORD_LAYER_FAILURE] record layer failure".
_TLS_TO_PLAIN = re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE|wrong version number|record layer failure")
_LOST_FILE = re.compile(r"\bfile \S+ (was )?not found", re.IGNORECASE)
# llama.cpp and vLLM read the arguments of calls in histories: "Failed to parse tool call arguments as JSON".
_UNREADABLE_CALLS = re.compile(r"parse tool call arguments", re.IGNORECASE)
# OpenRouter and LiteLLM say it with 400: "nobody is not a valid model ID", "Invalid model name passed in model=nobody".
_UNKNOWN_MODEL = re.compile(r"not a valid model ID|Invalid model name", re.IGNORECASE)


def hint_for(cls: type[KimiStatusError], kind: str | None, message: str, context: RequestContext, other: str) -> str:
    """What to do about an error. `other` is the address of the host that answered, "" for the platform."""
    if cls is KimiAuthenticationError and context.base_url and not environment_key_belongs_to(context.base_url):
        return (
            f"check the key: pass api_key=... with a key of {context.base_url}. A key from the environment is sent "
            f"only to Moonshot's hosts, to this machine, and to the address in MOONSHOT_BASE_URL"
        )
    if other and (hint := _hint_elsewhere(cls, message, context.model, other)):
        return hint
    if cls is KimiAuthenticationError and context.base_url and not is_moonshot(context.base_url):
        return f"check the key: it must be one that the server at {context.base_url} knows"  # an emulator's, as a rule
    if cls is KimiAuthenticationError:
        other_address = other_region(context.base_url)
        if other_address is None:
            return f"check the key, and its region: keys of {context.base_url or 'one region'} are not valid elsewhere"
        return (
            f"check the key, and its region: this one takes keys of {console_of(context.base_url)} only; "
            f"if yours is from {console_of(other_address)}, pass base_url={other_address!r}"
        )
    if cls is KimiNotFoundError and "model" in message:
        return _model_hint(context.model)
    if cls is KimiNotFoundError and "endpoint" in message:
        return f"base_url is {context.base_url}: on Moonshot's hosts it must end in /v1, with nothing after it"
    if cls is KimiNotFoundError:
        return f"check the id and base_url ({context.base_url})"
    if cls is KimiQuotaError:
        if context.base_url and not is_moonshot(context.base_url):
            return f"recharge the account at {context.base_url}, or use another key; repeating does not help"
        return f"recharge the account at {console_of(context.base_url)}, or use another key; repeating does not help"
    if cls is KimiContextOverflowError:
        return "send fewer tokens (trim or summarise the history) or ask for fewer (max_tokens)"
    if cls is KimiContentFilterError:
        return "change the wording; the same text will be refused again"
    if cls is KimiOverloadedError:
        return "try again later; raise max_retries to repeat it automatically for longer"
    if cls is KimiRateLimitError:
        budget = f"max_tokens={context.max_tokens}" if context.max_tokens else "the default max_tokens (131,072 on K3)"
        return (
            "slow down, or recharge to a higher tier. The limiter counts the prompt plus the requested output, so "
            f"{budget} counts in full on every call: set a smaller max_tokens on low tiers"
        )
    if cls is KimiPermissionError:
        return "check that the key's account may use this API (a Kimi Code key, sk-kimi-..., works only in Kimi Code)"
    if cls is KimiServerError and ("not JSON: '<" in message or "got text/html" in message):
        return f"the answer did not come from the API: check base_url ({context.base_url}), proxies and login pages"
    if cls is KimiServerError and _GATEWAY_TIMEOUT.search(message):
        return (
            "stream long calls (wire='stream'): the gateway gives up after 900 s without a byte, and after 7,200 s "
            "in all. Ask for less at a time, with a smaller max_tokens and auto_continue"
        )
    if cls is KimiServerError:
        return "try again; raise max_retries to repeat it automatically for longer"
    if "exceeds the maximum size" in message:
        return "a request has at most 100 MB: upload images and videos, and refer to them as ms://<file id>"
    if "reasoning_content is missing" in message:
        return "send each assistant turn back as it came, with its reasoning_content"
    if message.startswith("Request Timeout"):  # 408, mostly a gateway's
        return "try again: nothing was done; raise max_retries to repeat it automatically for longer"
    if _LOST_FILE.search(message):
        return "upload the image or video again: it was deleted, or belongs to another account"
    if kind == "invalid_request_error" or cls is KimiBadRequestError:
        return "change the request as the message says; see https://platform.kimi.ai/docs/api/errors"
    return "see https://platform.kimi.ai/docs/api/errors"


def hint_unreached(
    detail: str, base_url: str, environ: Mapping[str, str] = os.environ, *, connected: bool = False
) -> str:
    """What to do about a connection that could not be made, or brought no answer.

    Args:
        detail: the HTTP library's own text.
        base_url: the address.
        environ: holds the proxies.
        connected: whether there was a connection. A server that wants TLS ends one that begins with plain text, and
            most say nothing: "Connection reset by peer", "Server disconnected without sending a response".
    """
    if base_url.startswith("https://") and _TLS_TO_PLAIN.search(detail):
        return f"that port does not speak TLS: write base_url with http:// in place of https:// ({base_url})"
    if "CERTIFICATE_VERIFY_FAILED" in detail:
        return (
            "where a proxy opens TLS, or the host has a certificate of your own, set SSL_CERT_FILE to a file with its "
            "certificate; if not, check base_url and the machine's clock"
        )
    local = is_loopback(urlsplit(base_url).hostname or "")
    names = [] if local else [name for name in PROXY_VARIABLES if environ.get(name)]
    proxies = f" ({', '.join(names)} {'is' if len(names) == 1 else 'are'} set)" if names else ""
    scheme = ": a port that speaks TLS needs https://, not http://" if connected and base_url[:5] == "http:" else ""
    return f"check the network, the proxy settings{proxies} and base_url{scheme}"


def _hint_elsewhere(cls: type[KimiStatusError], message: str, model: str | None, other: str) -> str:
    """What to do about an answer of another host, where that differs from the platform's; "" where it does not."""
    if cls is KimiAuthenticationError:
        return f"check the key: it must be one that {other} knows"
    if cls is KimiNotFoundError and "model" in message:
        return f"check model={model!r}: GET {other}/models lists the names that are served there"
    if cls is KimiNotFoundError or (cls is KimiStatusError and _WRONG_PATH.search(message)):
        return f"check base_url ({other}): on most hosts it must end in /v1, with nothing after it"
    if cls is KimiBadRequestError and _PLAIN_TO_TLS.search(message):
        return f"that port speaks TLS: write base_url with https:// in place of http:// ({other})"
    if cls is KimiQuotaError:
        return f"raise the limit or the credit of this key at {other}, or use another key; repeating does not help"
    if cls is KimiPermissionError:
        return f"check what this key may do at {other}"
    if cls is KimiRateLimitError:
        return f"slow down, or raise the limits of this key at {other}"
    if cls is KimiServerError and _UNREADABLE_CALLS.search(message):
        return (
            "a tool call in the history has arguments that are not JSON. Set dialect='openai' or 'vllm' for hosts that "
            "parse histories, or remove the call"
        )
    if cls is KimiServerError and _GATEWAY_TIMEOUT.search(message):
        return f"stream long calls (wire='stream'), or raise the time limit of the gateway at {other}"
    if cls is KimiBadRequestError and _UNKNOWN_MODEL.search(message):
        return f"check model={model!r}: GET {other}/models lists the names that are served there"
    if cls in (KimiBadRequestError, KimiStatusError):
        return f"change the request as the message says, or choose another dialect for {other} (docs/hosts.md)"
    return ""


def _model_hint(model: str | None) -> str:
    known = find_model(model) if model else None
    serving = ", ".join(current_models())
    if known is not None and known.retired():
        return f"{model} was retired on {known.retires}; use {known.successor or 'a current one'} (serving: {serving})"
    if known is not None and known.retires is not None:
        # Accounts that were registered after 2026-10-30 get 404 for the K2 series before its last day.
        return (
            f"{model} is planned to end on {known.retires}, and the platform refuses it to this account; use "
            f"{known.successor or 'a current one'}. GET /v1/models lists what your account may use"
        )
    near = closest_model(model) if model else None
    return (
        (f"did you mean {near!r}? " if near and near != model else "")
        + f"models served today: {serving}; "
        + ("GET /v1/models lists what your account may use")
    )
