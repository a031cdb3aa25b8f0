"""The openai SDK under this package: its clients, the calls of it, and what differs between its majors."""
