"""How hosts spell ids of models, and what one host says of its models."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Self

from kimi_api.catalog._specs import ModelSpec
from kimi_api.catalog._table import MODELS
from kimi_api.errors import KimiInputError

# What follows a model's name in names of files and repositories: formats, kinds of quantisation, their sizes,
# parts of a file.
_WEIGHTS = re.compile(
    r"(gguf|safetensors|mlx|awq|gptq|exl[23]|ud|instruct|base|quantized|dynamic|fp\d+|nvfp4|mxfp4|bf16|int[48]|w\d+a\d+"
    r"|[48]bit|i?q\d\w*|tq\d\w*|k|[sml]|x+[sl]|\d{5}|of)"
)
_WEIGHT_NAMES = {
    "kimi-k2-instruct-0905": "kimi-k2-0905-preview",
    "kimi-k2-instruct": "kimi-k2-0711-preview",
}
"""Repositories of open weights whose name is not the platform's id."""


@lru_cache(maxsize=256)
def plain_id(model: str) -> str:
    """The id in `MODELS` that a host's own spelling means; in lower case, without the path, if there is none.

    Understood are a path and a variant (`moonshotai/Kimi-K2.6:free`), repositories and files of weights
    (`unsloth/Kimi-K2.6-GGUF`, `Kimi-K2.6-UD-Q2_K_XL.gguf`), and a proxy's prefix (`oai-kimi-k2.6`).
    """
    name = model.rsplit("/", 1)[-1].partition(":")[0].lower()
    if name in MODELS:
        return name
    best = ""
    for known in (*MODELS, *_WEIGHT_NAMES):
        start = name.find(known)
        if start < 0 or (start and name[start - 1] not in "-_.") or len(known) <= len(best):
            continue
        rest = name[start + len(known) :]
        if not rest or (rest[0] in "-_." and all(_WEIGHTS.fullmatch(word) for word in re.split("[-_.]", rest[1:]))):
            best = known
    return _WEIGHT_NAMES.get(best, best) or name


class Catalog(Mapping[str, ModelSpec]):
    """Rules, windows and prices by model id that go before `MODELS`, for the clients and models that have it.

    What `kimi_api.account.refresh` makes of a host's own list, or a dict of your own. It does not change, so clients,
    threads and pickles may share one. A host's own spelling of an id names its row, too: "moonshotai/Kimi-K2.6" is
    found as "kimi-k2.6", unless there is a row of just that name.

    Raises:
        KimiInputError: something else than `ModelSpec` by id.
    """

    __slots__ = ("_by_plain_id", "_specs")

    def __init__(self, specs: Mapping[str, ModelSpec] | None = None) -> None:
        rows = {} if specs is None else specs
        if not isinstance(rows, Mapping) or not all(
            isinstance(model, str) and isinstance(spec, ModelSpec) for model, spec in rows.items()
        ):
            value = (
                rows if not isinstance(rows, Mapping) else {model: type(spec).__name__ for model, spec in rows.items()}
            )
            raise KimiInputError(
                "catalog",
                value,
                "it holds a kimi_api.ModelSpec for each id",
                "pass what kimi_api.account.refresh(client) returns, or leave it out",
            )
        self._specs: dict[str, ModelSpec] = dict(rows)
        # Rows that are named by the plain id itself beat other spellings of it.
        self._by_plain_id: dict[str, ModelSpec] = {plain_id(model): spec for model, spec in rows.items()} | self._specs

    @classmethod
    def of(cls, value: object) -> Self | None:
        """`value` as a catalogue; None stays None. Raises as the class does."""
        return value if value is None or isinstance(value, cls) else cls(value)  # type: ignore[arg-type] - checked there

    def find(self, model: str) -> ModelSpec | None:
        """The row for an id in any host's spelling, or None."""
        return self._specs.get(model) or self._by_plain_id.get(plain_id(model))

    def __getitem__(self, model: str) -> ModelSpec:
        return self._specs[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} models)"

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, ModelSpec]]]:
        return type(self), (self._specs,)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self  # it does not change
