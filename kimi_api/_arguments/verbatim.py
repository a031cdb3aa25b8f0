"""The model's own JSON text of tool arguments, looked up by the parsed arguments.

Both frameworks run a tool with parsed arguments only, while the platform wants, for its official tools, the JSON text
"as the model wrote it". The adapters note that text when an answer arrives, and the tools ask for it when they run.
If the text is not known any more (another process, long ago), the arguments are encoded again: the same JSON, perhaps
with other spaces. Only texts of official tools are kept.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

_MOST = 256
_MOST_NAMES = 1_024
_LONGEST = 20_000  # characters

_lock = threading.Lock()
_watched: set[str] = set()
_texts: OrderedDict[tuple[str, str], str] = OrderedDict()


def watch(names: Iterable[str]) -> None:
    """Keep the texts of calls of these tools from now on."""
    with _lock:
        _watched.update(names)
        while len(_watched) > _MOST_NAMES:
            _watched.pop()


def note(name: str, text: str, arguments: Mapping[str, Any]) -> None:
    """Remember how the model wrote the arguments of a call."""
    if name not in _watched or not text or len(text) > _LONGEST:
        return  # "" means no arguments, and is no JSON
    key = name, _encode(arguments)
    with _lock:
        _texts[key] = text
        _texts.move_to_end(key)
        if len(_texts) > _MOST:
            _texts.popitem(last=False)


def text_of(name: str, arguments: Mapping[str, Any]) -> str:
    """The text that said `arguments`, as the model wrote it if that is known."""
    encoded = _encode(arguments)
    return _texts.get((name, encoded), encoded)


def _encode(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, ensure_ascii=False)
