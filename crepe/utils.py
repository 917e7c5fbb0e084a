"""The original's utility functions."""

from crepe.legacy.get_connection import get_connection

__all__ = ["get_connection"]
