"""Ours beside its peers, each in an environment and a process of its own, on one server: `make bench-peers`."""
