"""Kimi's own byte-pair vocabulary, from a file that the user brings: exact counts of text, offline.

The vocabulary is the `tiktoken.model` of Moonshot AI's open weights (one `base64 rank` a line). `tiktoken` does the
work, and `huggingface_hub` can fetch the file; both come with `pip install "kimi-integrations[tokenizer]"` and are
imported when a vocabulary is loaded. Nothing is ever downloaded unless `from_hub` is called.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kimi_api.errors import KimiInputError
from kimi_api.tokens._count import EstimatedTokens, Tokenizer

if TYPE_CHECKING:
    from tiktoken import Encoding

__all__ = ["DEFAULT_REPOSITORY", "KimiTokenizer", "as_tokenizer"]

DEFAULT_REPOSITORY = "moonshotai/Kimi-K2-Instruct"
_FILE = "tiktoken.model"
_INSTALL = 'pip install "kimi-integrations[tokenizer]"'

# How the open tokenizer splits a text before it looks for pairs; the order counts.
_PATTERN = "|".join(
    [
        r"[\p{Han}]+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
        r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)

# Ids behind the base vocabulary: 256 are reserved, these have names.
_SPECIAL = 256
_NAMED: Mapping[int, str] = {
    0: "[BOS]",
    1: "[EOS]",
    2: "<|im_end|>",
    3: "<|im_user|>",
    4: "<|im_assistant|>",
    6: "<|start_header_id|>",
    7: "<|end_header_id|>",
    9: "[EOT]",
    10: "<|im_system|>",
    11: "<|tool_calls_section_begin|>",
    12: "<|tool_calls_section_end|>",
    13: "<|tool_call_begin|>",
    14: "<|tool_call_argument_begin|>",
    15: "<|tool_call_end|>",
    17: "<|im_middle|>",
    18: "<|media_begin|>",
}

# tiktoken fails on longer texts, and slows down on longer runs without a change between blank and not blank. The open
# tokenizer cuts at the same places, so that the ids are the same.
_LONGEST_TEXT = 400_000
_LONGEST_RUN = 25_000
_RUN = re.compile(r"\s+|\S+")


class KimiTokenizer:
    """Text to token ids and back, as Kimi's open weights do it. Callable: `tokenizer(text)` gives the ids.

    Marks such as `<|im_end|>` inside a text are encoded as the text they are, never as control tokens: a message is
    data. Immutable; copies share it, and a pickle holds the path, so the file must exist where it is read. One
    vocabulary takes 60 MB and 0.25 s to load, once per process.
    """

    def __init__(self, path: str, encoding: Encoding, base: int) -> None:
        self.path = path
        self._encoding = encoding
        self._base = base

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> KimiTokenizer:
        """The tokenizer with the vocabulary in `path`, a `tiktoken.model` as it lies beside Kimi's open weights.

        Raises:
            KimiInputError: no such file, or not in that format; tiktoken is not installed.
        """
        file = Path(path).expanduser().resolve()
        try:
            stat = file.stat()
        except OSError as error:
            raise KimiInputError(
                "vocabulary",
                os.fspath(path),
                f"it cannot be read ({error.strerror})",
                f"pass the path of {_FILE} from a Kimi model's page on the hub, or use KimiTokenizer.from_hub()",
            ) from error
        return _load(str(file), stat.st_mtime_ns, stat.st_size)

    @classmethod
    def from_hub(
        cls, repo_id: str = DEFAULT_REPOSITORY, *, revision: str | None = None, token: str | None = None
    ) -> KimiTokenizer:
        """The tokenizer of a model on the Hugging Face hub: downloads 2.8 MB, or finds them in the hub's cache.

        Args:
            repo_id: "owner/name" of one of Moonshot AI's open models.
            revision: branch, tag or commit. Pin a commit to be sure of what is loaded.
            token: the hub's token, for private copies.

        Raises:
            KimiInputError: huggingface_hub or tiktoken is not installed; the file is not a vocabulary.
            Exception: what huggingface_hub raises when the model, the file or the network is not there.
        """
        try:
            from huggingface_hub import hf_hub_download  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise _missing_error("huggingface_hub", "from_hub") from error
        return cls.from_file(hf_hub_download(repo_id=repo_id, filename=_FILE, revision=revision, token=token))

    def encode(self, text: str) -> list[int]:
        """The token ids of `text`."""
        if len(text) <= _LONGEST_RUN:
            return self._encoding.encode_ordinary(text)
        return [token for piece in _pieces(text) for token in self._encoding.encode_ordinary(piece)]

    __call__ = encode

    def count(self, text: str) -> int:
        """How many tokens `text` is."""
        return len(self.encode(text))

    def decode(self, tokens: list[int]) -> str:
        """The text of token ids; bytes that are no UTF-8 become U+FFFD, control tokens show their names.

        Raises:
            KimiInputError: an id that the vocabulary does not have.
        """
        try:
            return self._encoding.decode(tokens)
        except (KeyError, OverflowError, TypeError) as error:
            raise KimiInputError(
                "tokens",
                tokens,
                f"ids go from 0 to {self.size - 1} in this vocabulary",
                "decode with the vocabulary that encoded",
            ) from error

    @property
    def size(self) -> int:
        """How many ids there are, control tokens included."""
        return self._base + _SPECIAL

    @property
    def special_tokens(self) -> dict[str, int]:
        """The control tokens that have names, and their ids."""
        return {name: self._base + offset for offset, name in _NAMED.items()}

    def __repr__(self) -> str:
        return f"KimiTokenizer.from_file({self.path!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KimiTokenizer) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        return KimiTokenizer.from_file, (self.path,)

    def __copy__(self) -> KimiTokenizer:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> KimiTokenizer:
        return self


def as_tokenizer(tokenizer: object) -> Tokenizer | None:
    """What a user may pass as `tokenizer`: None, a vocabulary's path, a function, or an object with `encode`.

    Raises:
        KimiInputError: something else, or a path that is no vocabulary.
    """
    if tokenizer is None:
        return None
    if isinstance(tokenizer, (str, os.PathLike)):
        return KimiTokenizer.from_file(tokenizer)
    if isinstance(tokenizer, (KimiTokenizer, EstimatedTokens)):
        return tokenizer
    encode = getattr(tokenizer, "encode", None)
    if callable(encode):  # before calling the object itself: transformers' tokenizers then return a dictionary
        return cast(Tokenizer, encode)
    if callable(tokenizer):
        return cast(Tokenizer, tokenizer)
    raise KimiInputError(
        "tokenizer",
        tokenizer,
        "it is a KimiTokenizer, the path of a tiktoken.model, or a function from text to a list of tokens",
        'pass KimiTokenizer.from_file("tiktoken.model"), or leave it out for estimates',
    )


@lru_cache(maxsize=4)
def _load(path: str, changed: int, size: int) -> KimiTokenizer:
    """The tokenizer for one state of a file; `changed` and `size` tell states apart."""
    try:
        import tiktoken
    except ImportError as error:
        raise _missing_error("tiktoken", "a vocabulary") from error
    ranks = _read(path)
    special = {
        _NAMED.get(offset, f"<|reserved_token_{len(ranks) + offset}|>"): len(ranks) + offset
        for offset in range(_SPECIAL)
    }
    encoding = tiktoken.Encoding("kimi", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens=special)
    return KimiTokenizer(path, encoding, len(ranks))


def _read(path: str) -> dict[bytes, int]:
    """The ranks in a vocabulary file. Not through tiktoken's own loader: it keeps a copy by path that may be stale."""
    ranks: dict[bytes, int] = {}
    number = 0
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):  # noqa: B007 - told in the error
                if line.strip():
                    token, rank = line.split()
                    ranks[base64.b64decode(token, validate=True)] = int(rank)
    except (ValueError, binascii.Error) as error:
        raise _malformed_error(path, f"line {number} is not a token in base64 and its rank") from error
    if sorted(ranks.values()) != list(range(len(ranks))):
        raise _malformed_error(path, f"the {len(ranks)} ranks do not run from 0 without a gap")
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        # tiktoken would end the process's call in a panic at the first such byte.
        raise _malformed_error(path, f"{len(missing)} of the 256 single bytes are not in it, the first is {missing[0]}")
    return ranks


def _pieces(text: str) -> Iterator[str]:
    """`text` cut so that no piece is too long, and no run of blanks or of non-blanks in it."""
    for start in range(0, len(text), _LONGEST_TEXT):
        part = text[start : start + _LONGEST_TEXT]
        begin = 0
        for run in _RUN.finditer(part):
            for cut in range(run.start() + _LONGEST_RUN, run.end(), _LONGEST_RUN):
                yield part[begin:cut]
                begin = cut
        yield part[begin:]


def _malformed_error(path: str, why: str) -> KimiInputError:
    return KimiInputError(
        "vocabulary",
        path,
        why,
        f"pass an unchanged {_FILE} from a Kimi model's page on the hub (not a Git LFS pointer)",
    )


def _missing_error(package: str, what: str) -> KimiInputError:
    return KimiInputError(
        package,
        "a package that is not installed",
        f"{what} needs it (extra `tokenizer`)",
        f"{_INSTALL}; without it counts are estimates",
    )
