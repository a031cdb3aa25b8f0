"""The old path of `kimi_api.files.cache`."""

from kimi_api.files.cache import DISK_BYTES, MEMORY_BYTES, FileCache

__all__ = ["DISK_BYTES", "MEMORY_BYTES", "FileCache"]
