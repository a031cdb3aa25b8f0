"""`python -m kimi_api.cli`."""

from __future__ import annotations

from kimi_api.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
