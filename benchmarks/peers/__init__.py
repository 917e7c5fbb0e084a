"""CREPE beside what a user would pick instead, at the same work: `make bench-peers`."""
