"""Links to the live page: one to operate it, one to watch only."""

import hmac
import socket
from typing import NamedTuple
from urllib.parse import quote

SPECTATOR_WORD = "spectator"
"""In the read-only link of a page without a token."""


class Links(NamedTuple):
    """The page's addresses for operators and for spectators."""

    operator: str
    spectator: str

    @property
    def lines(self) -> tuple[str, str]:
        """The addresses for people."""
        return f"live page: {self.operator}", f"to look only: {self.spectator}"


def spectator_key(token: str) -> str:
    """Return the key of the read-only link, from which the token cannot be derived."""
    if not token:
        return SPECTATOR_WORD
    return hmac.digest(token.encode(), SPECTATOR_WORD.encode(), "sha256").hex()[:32]


def links(url: str, token: str) -> Links:
    """Return the links to a page at `url`, with the machine's name for one on all addresses."""
    for everywhere in ("//0.0.0.0:", "//[::]:"):
        url = url.replace(everywhere, f"//{socket.getfqdn()}:")
    operator = f"{url}/?token={quote(token, safe='')}" if token else f"{url}/"
    return Links(operator, f"{url}/?token={spectator_key(token)}")


def server_file(program: str) -> str:
    """Return the name of the file with the program's URL, in the run directory."""
    return f"{program}.json"
