"""Text in the platform's encrypted frame, which only the server that made it reads.

Recorded: ``----MOONSHOT ENCRYPTED BEGIN----+nf6...DSM=----MOONSHOT ENCRYPTED END----``. The emulator's own cipher
keeps nobody out (its key stands below): it is there so that a client which tries to read or change the text fails,
as it would on the platform. The same text gives the same frame, so prompts stay cacheable.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib

__all__ = ["is_sealed", "seal", "unseal"]

BEGIN, END = "----MOONSHOT ENCRYPTED BEGIN----", "----MOONSHOT ENCRYPTED END----"
_KEY = b"kimi_emulator"
_MARK = 16
_FRAME = re.compile(re.escape(BEGIN) + r"(.*?)" + re.escape(END), re.DOTALL)


def seal(text: str) -> str:
    """``text`` in a frame."""
    packed = zlib.compress(text.encode("utf-8", "surrogatepass"))
    mark = _mark(packed)
    return f"{BEGIN}{base64.b64encode(mark + _mix(packed, mark)).decode()}{END}"


def unseal(text: str) -> str:
    """``text`` with every frame in it replaced by what it holds.

    Raises:
        ValueError: a frame that this emulator did not make, or that was changed or cut.
    """
    opened = _FRAME.sub(lambda match: _open(match.group(1)), text)
    if BEGIN in opened or END in opened:
        raise ValueError("a frame is incomplete")
    return opened


def is_sealed(text: str) -> bool:
    """Whether a frame, or a part of one, stands in ``text``."""
    return BEGIN in text or END in text


def _open(body: str) -> str:
    data = base64.b64decode(body, validate=True)
    mark, mixed = data[:_MARK], data[_MARK:]
    packed = _mix(mixed, mark)
    if not hmac.compare_digest(_mark(packed), mark):
        raise ValueError("a frame was changed")
    return zlib.decompress(packed).decode("utf-8", "surrogatepass")


def _mark(packed: bytes) -> bytes:
    return hashlib.blake2b(packed, key=_KEY, digest_size=_MARK).digest()


def _mix(data: bytes, mark: bytes) -> bytes:
    stream = hashlib.shake_256(_KEY + mark).digest(len(data))
    return bytes(a ^ b for a, b in zip(data, stream, strict=True))
