"""A server that is reached over TLS (rediss://), as a managed one is."""

import asyncio
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from crepe.errors import StoreError
from crepe.store import Store
from tests.tls_door import ca_file, tls_doors


@pytest.fixture
def port(own_server) -> Iterator[int]:
    own_server.start()
    with tls_doors([partial(asyncio.open_unix_connection, str(own_server.socket))]) as (port,):
        yield port


def test_streams_are_written_and_read_over_tls(port, tmp_path):
    url = f"rediss://localhost:{port}?ssl_ca_certs={ca_file(tmp_path)}"
    with Store(url) as store:
        data = store.declare("data", labels=("a", "b"))
        samples = np.arange(200_000, dtype=np.int32).reshape(2, 100_000)
        for start in range(0, 100_000, 10_000):
            data.append(samples[:, start : start + 10_000])
    with Store(url) as store:
        np.testing.assert_array_equal(store["data"][:, :], samples)


def test_a_server_whose_certificate_nobody_vouches_for_is_refused(port):
    with pytest.raises(StoreError, match=rf"localhost:{port}.*certificate"):
        Store(f"rediss://localhost:{port}", patience_s=0)
