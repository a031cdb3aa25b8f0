"""The emulator's web: a few invented pages, a search over them, and the two ways in which its results reach a model.

One way is the formula ``moonshot/web-search``, whose result is sealed text; the other is the built-in ``$web_search``,
whose calls carry an id of the search alone.
"""

from kimi_emulator.platform.search.builtin import WEB_SEARCH, Searches
from kimi_emulator.platform.search.index import look_up
from kimi_emulator.platform.search.sealed import seal

__all__ = ["WEB_SEARCH", "Searches", "look_up", "seal"]
