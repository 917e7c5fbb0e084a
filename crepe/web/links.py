"""Links to the live page: one to operate it, one to look only."""

import hmac
import socket
from typing import NamedTuple
from urllib.parse import quote

SPECTATOR_WORD = "spectator"
"""In the read-only link of a page that asks for no token."""


class Links(NamedTuple):
    """What to open, to operate and to look only."""

    operator: str
    spectator: str


def spectator_key(token: str) -> str:
    """What stands in the read-only link; follows from the token, and does not tell it."""
    if not token:
        return SPECTATOR_WORD
    return hmac.digest(token.encode(), SPECTATOR_WORD.encode(), "sha256").hex()[:32]


def links(url: str, token: str) -> Links:
    """The two links to a page at `url`; one on all addresses is called by its machine's name."""
    for everywhere in ("//0.0.0.0:", "//[::]:"):
        url = url.replace(everywhere, f"//{socket.getfqdn()}:")
    operator = f"{url}/?token={quote(token, safe='')}" if token else f"{url}/"
    return Links(operator, f"{url}/?token={spectator_key(token)}")
