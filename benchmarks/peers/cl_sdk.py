"""CL SDK's simulator: its loop and its stimulation in one process, where `cl-sdk` is installed."""

import time

import numpy as np

N_TICKS = 2_000
RATE_HZ = 1_000


def run() -> dict[str, float]:
    """Return p50 and p99 of a tick's distance from the one before, and of a call of `stim`."""
    import cl  # CC BY-NC, and for Python 3.12 only: no extra of ours installs it

    ticks_ns, stims_ns = [], []
    with cl.open() as neurons:
        for i, _ in enumerate(neurons.loop(RATE_HZ, stop_after_ticks=N_TICKS, ignore_jitter=True)):
            ticks_ns.append(time.monotonic_ns())
            if i % 20 == 0:
                began_ns = time.monotonic_ns()
                neurons.stim(35, 1.0)
                stims_ns.append(time.monotonic_ns() - began_ns)
    apart_us = np.diff(ticks_ns)[100:] / 1e3
    figures = {f"tick p{p} us": float(np.percentile(apart_us, p)) for p in (50, 99)}
    stims_us = np.array(stims_ns[5:]) / 1e3
    return figures | {f"stim p{p} us": float(np.percentile(stims_us, p)) for p in (50, 99)}
