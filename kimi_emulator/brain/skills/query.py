"""Queries in SQL for tables that a prompt shows, as far as the question names tables and columns."""

from kimi_emulator.brain.choices import described_by
from kimi_emulator.brain.conversation import Conversation
from kimi_emulator.brain.language import capture, heads, pattern
from kimi_emulator.words import words


def say(talk: Conversation) -> str | None:
    """A query over the table that fits the question, or None where no query is asked for or no table is shown."""
    tables = pattern("query.table").findall(talk.frame)
    if not tables or not pattern("query.demand").search(talk.frame):
        return None
    question = talk.question if "CREATE TABLE" not in talk.question else talk.request.split("CREATE TABLE")[0]
    name, body = described_by(question, {table: " ".join(table).replace("_", " ") for table in tables})
    columns = pattern("query.column").findall(body)
    by = pattern("query.by").search(question)
    groups = [column for column in columns if by and _speaks_of(by[0], column, name)]
    is_count, limit = pattern("query.count").search(question), capture("query.limit", talk.frame)
    columns_asked = [column for column in columns if _speaks_of(question, column, name)]
    chosen = groups[:1] if is_count else columns_asked or columns[:3]
    terms = ", ".join([*chosen, "COUNT(*)"] if is_count else chosen)
    ends = [f" GROUP BY {chosen[0]}"] if is_count and chosen else [f" LIMIT {limit}"] if limit and not is_count else []
    return f"SELECT {terms} FROM {name}" + "".join(ends)  # noqa: S608 - it is shown, never run


def _speaks_of(text: str, column: str, table: str) -> bool:
    """Whether a text names a column, in its own words or in other ones; the name of its table is not enough."""
    own = {*words(column.replace("_", " "))} - {*words(table.replace("_", " "))}
    return bool(own & {*words(text)}) or column.lower() in heads("members", text)
