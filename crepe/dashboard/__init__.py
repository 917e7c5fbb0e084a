"""The live page: what the running session does, and which sessions are recorded."""
