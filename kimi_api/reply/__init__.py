"""A response body, or the events of a stream -> `Reply`. Pure, and the hot path of streaming.

Shapes follow answers recorded from api.moonshot.ai (July to September 2026); what other hosts of the same weights send
(null-valued deltas, `reasoning` for `reasoning_content`, calls without an index or an id) is read too. Shapes that no
host should send are looked at only where reading them fails (`_odd`): what can be passed over is, and the rest is a
`KimiReplyError` with what had come.
"""

from kimi_api.reply._builder import ReplyBuilder, parse_reply
from kimi_api.reply._calls import unique_id
from kimi_api.reply._parts import Reply, ReplyDelta, ToolCall
from kimi_api.usage import Usage, parse_usage

__all__ = [
    "Reply",
    "ReplyBuilder",
    "ReplyDelta",
    "ToolCall",
    "Usage",
    "parse_reply",
    "parse_usage",
    "unique_id",
]
