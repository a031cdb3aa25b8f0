"""JSON Schemas to be filled: what they allow, what a description wishes, and valid values out of nothing."""

from kimi_emulator.schemas.conjoin import Schema
from kimi_emulator.schemas.generate import generate, kind_of
from kimi_emulator.schemas.grammar import Grammar
from kimi_emulator.schemas.hints import wishes

__all__ = ["Grammar", "Schema", "generate", "kind_of", "wishes"]
