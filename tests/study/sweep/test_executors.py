"""Executors: here, or the workers of Dask (tests/neighbours/test_sweep.py)."""

import sys
import time

import pytest

from crepe.errors import ConfigError
from crepe.study.sweep.executors import open_executor


def test_an_error_drops_what_has_not_begun():
    ended = []

    def take(number):
        time.sleep(0.01)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt), open_executor(1) as executor:
        futures = [executor.submit(take, number) for number in range(1000)]
        futures[0].result()
        raise KeyboardInterrupt
    assert 1 <= len(ended) < 1000


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(
            ConfigError, match=r"--dask needs dask and distributed: .*crepe-mea\[sweep\]"
        ),
        open_executor(dask="tcp://127.0.0.1:1"),
    ):
        pass
