"""What is wrong with a set-up, and what to do about it: installed packages, key, host, account, one tiny request.

`kimi-tools doctor` prints what `examine` finds. In a program:

    from kimi_api.doctor import examine

    for finding in examine():
        print(finding.status, finding.name, finding.detail, finding.remedy)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kimi_api.doctor._finding import Finding

if TYPE_CHECKING:
    from kimi_api.doctor._examine import examine

__all__ = ["Finding", "examine"]


if not TYPE_CHECKING:  # a type checker that sees it accepts every name

    def __getattr__(name: str) -> object:
        if name == "examine":  # it stands on the client, and the client on what this package knows of others
            from kimi_api.doctor import _examine

            return _examine.examine
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
