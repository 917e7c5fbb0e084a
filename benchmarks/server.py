"""A separate Redis server for a benchmark, with the settings of the default experiment."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crepe.redis_server.choice import choose
from crepe.redis_server.server import server_settings
from crepe.store.redis_store import RedisStore


@contextmanager
def running_server() -> Iterator[str]:
    """Yield the URL of a server that runs as long as the block."""
    with tempfile.TemporaryDirectory() as directory, running_server_in(Path(directory)):
        yield f"unix://{directory}/redis.sock"


@contextmanager
def running_server_in(directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server on the socket `redis.sock` of a directory as long as the block; yield it."""
    path = directory / "redis.sock"
    settings = server_settings(True, 4096, 0, path, directory)
    process = subprocess.Popen([str(choose().binary), *settings], stdout=subprocess.DEVNULL)
    try:
        RedisStore(f"unix://{path}", patience_s=20).close()
        yield process
    finally:
        process.terminate()
        process.wait()
