"""Where the runs of a sweep take place: an executor of `concurrent.futures`, here or on Dask."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from crepe.environment.installation import pip_install
from crepe.errors import ConfigError
from crepe.study.sweep.runs import end_runs

_CONNECT_S = 10.0


@contextmanager
def open_executor(n_workers: int | None = None, dask: str = "") -> Iterator[Executor]:
    """Open an executor; at an error or an interrupt, runs that have not ended are dropped.

    Parameters
    ----------
    n_workers
        Number of runs at a time on this machine; by default its cores.
    dask
        Address of a scheduler of Dask, whose workers do the runs instead.

    Raises
    ------
    ConfigError
        The package is missing, or the scheduler does not answer.
    """
    if dask:
        with _open_dask(dask) as executor, _ending(executor):
            yield executor
        return
    # Threads: each waits for the process of its run.
    with _ending(ThreadPoolExecutor(n_workers or os.cpu_count() or 1)) as executor:
        yield executor


@contextmanager
def _ending(executor: Executor) -> Iterator[Executor]:
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        end_runs()
        raise
    finally:
        executor.shutdown()


@contextmanager
def _open_dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigError(
            f"--dask needs dask and distributed: {pip_install('crepe-mea[sweep]')}"
        ) from error
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"--dask {address}: no scheduler answers: {error}; such as tcp://HOST:8786"
        ) from error
    with client:
        yield client.get_executor(pure=False)
