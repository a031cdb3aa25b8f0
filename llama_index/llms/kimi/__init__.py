"""Kimi under LlamaIndex's customary path: the same class as `llama_index_kimi.Kimi`."""

from llama_index_kimi import Kimi

__all__ = ["Kimi"]
