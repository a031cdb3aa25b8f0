"""The arguments of tool calls: reading them, correcting them by the tool's schema, and the model's own text of them."""
