"""One line of a report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        name: what was checked: "python", "packages", "langchain-kimi", "key", "host", "models", "balance", "limits",
            "request".
        status: "ok"; "warning": it works today; "error": it does not; "skipped": something before it failed.
        detail: what is so, in a sentence.
        remedy: what to do about it; "" where there is nothing to do.
        error: the exception behind an "error", None where there is none.
    """

    name: str
    status: Literal["ok", "warning", "error", "skipped"]
    detail: str
    remedy: str = ""
    error: BaseException | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, str]:
        """The report's line for JSON."""
        return {"check": self.name, "status": self.status, "detail": self.detail, "remedy": self.remedy}


def of_error(name: str, error: BaseException) -> Finding:
    """A finding for one of our errors, whose text ends with what to do."""
    detail, _, remedy = str(error).partition(" What to do: ")
    return Finding(name, "error", detail.removesuffix("."), remedy.removesuffix("."), error)
