"""The platform's official tools: formulas, each with functions to list and to run.

``GET /v1/formulas/{uri}/tools`` lists, ``POST /v1/formulas/{uri}/fibers`` runs. The names of the functions and their
parameters are the emulator's own, except those of ``web_search``, which the documents show.
"""

from kimi_emulator.platform.formulas.fibers import FORMULAS, run

__all__ = ["FORMULAS", "run"]
