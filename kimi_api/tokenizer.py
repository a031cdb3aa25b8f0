"""The old path of `kimi_api.tokens.tokenizer`."""

from kimi_api.tokens.tokenizer import DEFAULT_REPOSITORY, KimiTokenizer, as_tokenizer

__all__ = ["DEFAULT_REPOSITORY", "KimiTokenizer", "as_tokenizer"]
