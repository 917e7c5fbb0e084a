"""Memory that is freed and needed again faults in once only."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from crepe.environment.freed_memory import keep_freed_memory
keep_freed_memory()

def step():
    return [np.ones(n) for n in (100_000, 300_000, 200_000)]
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_arrays_of_a_step_take_the_memory_of_the_step_before():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=100
    )
    # Given back, the 4.8 MB would be 1,200 pages in each of the 20 steps.
    assert int(done.stdout) < 1200
