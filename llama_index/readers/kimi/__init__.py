"""Kimi's file extraction under LlamaIndex's customary path: the same class as `llama_index_kimi.KimiFileReader`."""

from llama_index_kimi.reader import KimiFileReader

__all__ = ["KimiFileReader"]
