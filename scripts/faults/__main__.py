"""`python -m scripts.faults`: see `scripts.faults.table`."""

from scripts.faults.table import main

if __name__ == "__main__":
    raise SystemExit(main())
