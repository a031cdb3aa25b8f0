"""The platform's rules, each declared once with an id, a description and the source of its text.

The order of the imports below is the order of the checks.
"""

from kimi_emulator.rules.registry import PLATFORM_ONLY, RULES, Rule, altered, enforce

# isort: off
from kimi_emulator.rules import http, model, messages, media, sampling, thinking, tools, mfjs  # noqa: F401
from kimi_emulator.rules import history, output, tolerated, files, search, formulas, batches  # noqa: F401
# isort: on

__all__ = ["PLATFORM_ONLY", "RULES", "Rule", "altered", "enforce"]
