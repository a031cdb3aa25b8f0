"""The platform's rules, each declared once with an id, a description and the source of its text.

The order of the imports below is the order of the checks.
"""

from kimi_emulator.rules.registry import RULES, Rule, altered, enforce

# isort: off
from kimi_emulator.rules import http as _http  # noqa: F401
from kimi_emulator.rules import model as _model  # noqa: F401
from kimi_emulator.rules import messages as _messages  # noqa: F401
from kimi_emulator.rules import media as _media  # noqa: F401
from kimi_emulator.rules import sampling as _sampling  # noqa: F401
from kimi_emulator.rules import thinking as _thinking  # noqa: F401
from kimi_emulator.rules import tools as _tools  # noqa: F401
from kimi_emulator.rules import mfjs as _mfjs  # noqa: F401
from kimi_emulator.rules import history as _history  # noqa: F401
from kimi_emulator.rules import output as _output  # noqa: F401
from kimi_emulator.rules import tolerated as _tolerated  # noqa: F401
from kimi_emulator.rules import files as _files  # noqa: F401
from kimi_emulator.rules import search as _search  # noqa: F401
from kimi_emulator.rules import formulas as _formulas  # noqa: F401
from kimi_emulator.rules import batches as _batches  # noqa: F401
# isort: on

__all__ = ["RULES", "Rule", "altered", "enforce"]
