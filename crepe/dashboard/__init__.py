"""The live page: the state of the running session, and the recorded sessions."""
