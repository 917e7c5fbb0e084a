"""Network bursts counted where there are none, and where six a minute were put in."""

from collections.abc import Iterator

import numpy as np

from crepe.analysis.bursts import ISI_N_S, isi_n, isi_n_spikes, max_interval, network_bursts

N_CHANNELS, DURATION_S, N = 60, 60.0, 20
EVERY_S = 10.0


def table() -> Iterator[str]:
    """Yield counts a minute on tonic channels, with and without bursts of a part of them."""
    yield "| tonic rate, Hz | true bursts | of channels | counted | by ISI_N | before: by overlap |"
    yield "|---" * 6 + "|"
    for rate_hz in (1.0, 4.0, 10.0):
        for part in (0.0, 0.6, 1.0):
            rng = np.random.default_rng([round(rate_hz), round(10 * part)])
            counts = np.zeros(3)
            for _ in range(N):
                trains = []
                for channel in range(N_CHANNELS):
                    n = rng.poisson(rate_hz * DURATION_S)
                    times_s = rng.uniform(0, DURATION_S, n)
                    if channel < part * N_CHANNELS:
                        begins_s = np.arange(EVERY_S / 2, DURATION_S, EVERY_S)
                        extra = begins_s[:, np.newaxis] + rng.exponential(0.07, (len(begins_s), 12))
                        times_s = np.concatenate([times_s, extra.ravel()])
                    trains.append(np.sort(times_s))
                bursts = [max_interval(each) for each in trains]
                everything = np.sort(np.concatenate(trains))
                counts += (
                    len(network_bursts(trains, bursts, DURATION_S)),
                    len(isi_n(everything, isi_n_spikes(N_CHANNELS), ISI_N_S)),
                    len(network_bursts(trains, bursts, DURATION_S, taking_part=0.0)),
                )
            now, by_isi_n, before = counts / N
            true = DURATION_S / EVERY_S if part else 0
            yield (
                f"| {rate_hz:.0f} | {true:.0f} | {part:.0%} | {now:.1f} | {by_isi_n:.1f} "
                f"| {before:.1f} |"
            )
