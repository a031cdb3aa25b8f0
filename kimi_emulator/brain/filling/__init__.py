"""Objects for JSON Schemas out of texts: tool arguments and structured answers, always valid."""
