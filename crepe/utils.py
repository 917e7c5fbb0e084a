"""The original's nice-to-have functions."""

from crepe.legacy.get_connection import get_connection

__all__ = ["get_connection"]
