"""The old path of `kimi_api.files.ledger`."""

from kimi_api.files.ledger import Ledger, LedgerEntry, default_ledger

__all__ = ["Ledger", "LedgerEntry", "default_ledger"]
