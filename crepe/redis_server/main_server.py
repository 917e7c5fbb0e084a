"""The Redis server of a session, as a machine that is not the main one reaches it.

The run directory names its URL, and the file with the password. The password itself is read when a
program connects, so that it is in no other file, environment or command line.
"""

# Decision 125: passwords, TLS and tunnels between machines.

import stat
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import quote, urlencode, urlsplit

from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.redis_server.users import machine_user

FILE = "main-server.json"


class MainServer(NamedTuple):
    """The way from a further machine to the session's server, and the culture on it."""

    machine: str
    culture: str
    address: str  # a URL without password
    password_file: str
    ca_file: str  # empty: the system's own list of authorities

    @classmethod
    def of(
        cls, machine: str, culture: str, address: str, *, password_file: str, ca_file: str
    ) -> Self:
        """Return the way that a table `[machines.NAME]` describes; paths become absolute."""
        files = (
            str(Path(p).expanduser().absolute()) if p else "" for p in (password_file, ca_file)
        )
        return cls(machine, culture, address, *files)

    @property
    def url(self) -> str:
        """The server's URL with user, password and authority.

        Raises ConfigError for a file that is missing, empty, or open to other users.
        """
        parts = urlsplit(self.address)
        user, _, host = parts.netloc.rpartition("@")
        password = quote(_password(Path(self.password_file)), safe="")
        netloc = f"{user or machine_user(self.machine)}:{password}@{host}"
        if self.ca_file and not Path(self.ca_file).is_file():
            raise ConfigError(f"ca_file: {self.ca_file}: no such file, must be a certificate (PEM)")
        query = urlencode({"ssl_ca_certs": self.ca_file}) if self.ca_file else ""
        return parts._replace(netloc=netloc, query=query).geturl()

    def remember(self, var: Path) -> None:
        """Note in the run directory how the programs of `var` reach the server."""
        paths.write_json(paths.run_directory(var) / FILE, self._asdict())


def main_server(var: Path) -> MainServer | None:
    """Return the server that the programs of `var` use on another machine; None without one."""
    # A search must not create `var`, as run_directory does.
    content = paths.read_json(paths.run_directory(var) / FILE) if var.is_dir() else None
    return None if content is None else MainServer(**content)


def _password(path: Path) -> str:
    place = f"password_file: {path}"
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{place}: cannot be read as text ({error}); must hold this machine's password"
        ) from error
    if mode & 0o077:
        raise ConfigError(f"{place}: mode {mode:04o}, must be 0600: other users could read it")
    if not password:
        raise ConfigError(f"{place}: empty, must hold the password")
    return password
