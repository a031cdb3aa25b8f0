"""The HTTP side: the server in its thread, the table of addresses, the endpoints, and how answers go out."""
