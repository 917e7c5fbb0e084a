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
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "redis.sock"
        settings = server_settings(True, 4096, 0, path, Path(directory))
        binary = choose().binary
        process = subprocess.Popen([str(binary), *settings], stdout=subprocess.DEVNULL)
        try:
            RedisStore(f"unix://{path}", patience_s=20).close()
            yield f"unix://{path}"
        finally:
            process.terminate()
            process.wait()
