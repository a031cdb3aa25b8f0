"""Faults on demand: everything that clients of the platform, or of other hosts of its models, were seen to suffer.

Each fault is declared once, with an id, a description and where it was seen; ``FAULTS`` holds them all, so that a
test can go through every one. Ask for one by ``Emulator.fail``, by rate with ``Emulator.fail_at_rate``, or attach it
to a scripted ``Reply``.
"""

from kimi_emulator.faults.queue import FaultQueue
from kimi_emulator.faults.registry import FAULTS, declare, fault_named

# The order of the imports below is the order of the registry.
# isort: off
from kimi_emulator.faults import wire, answers, replies, calls, files, batches  # noqa: F401
# isort: on

__all__ = ["FAULTS", "FaultQueue", "declare", "fault_named"]
