"""Links to the live page: one to operate it, one to watch only."""

import hmac
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote


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
    return hmac.digest(token.encode(), b"spectator", "sha256").hex()[:32]


def links(url: str, token: str) -> Links:
    """Return the links to a page at `url`, with the machine's name for one on all addresses."""
    for everywhere in ("//0.0.0.0:", "//[::]:"):
        url = url.replace(everywhere, f"//{socket.getfqdn()}:")
    return Links(f"{url}/?token={quote(token, safe='')}", f"{url}/?token={spectator_key(token)}")


def links_in(server: Mapping[str, Any]) -> Links:
    """Return the links to the page whose file in the run directory has this content."""
    return links(str(server["public_url"] or server["url"]), str(server["token"]))


def server_file(program: str) -> str:
    """Return the name of the file with the program's URL and token, in the run directory."""
    return f"{program}.json"
