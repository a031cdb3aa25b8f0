"""What langchain-core brought after 1.6.0, the oldest that is supported, and what stands for it in an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core import exceptions
from langchain_core.messages import content

KNOWS_REFUSALS = "refusal" in content.KNOWN_BLOCK_TYPES
"""Whether a message may hold a refusal block (1.7.5). An older core refuses blocks of types that it does not know."""

if TYPE_CHECKING:
    from langchain_core.exceptions import ModelRefusalError as ModelRefusalError
else:
    ModelRefusalError = getattr(exceptions, "ModelRefusalError", exceptions.ModelError)  # 1.7.5
