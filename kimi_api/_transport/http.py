"""Requests and responses of the HTTP library under the SDK, for annotations; nothing at run time loads this module.

openai 3.x speaks through httpx2, openai 2.x through httpx, whose classes have the same members.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from httpx2 import Request, Response

__all__ = ["Request", "Response"]
