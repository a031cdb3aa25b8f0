"""A page on the emulator's own address that shows what clients send and get, while it happens."""

from kimi_emulator.inspector.pages import routes
from kimi_emulator.inspector.traffic import Exchange, Traffic, watching
from kimi_emulator.inspector.transcript import transcript

__all__ = ["Exchange", "Traffic", "routes", "transcript", "watching"]
