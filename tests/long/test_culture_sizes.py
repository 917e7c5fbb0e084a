"""A large culture: 1,024 electrodes, ten thousand cells, the same to the bit for a seed."""

import hashlib

from crepe.culture.contract import Shot
from crepe.culture.culture import Culture
from crepe.culture.settings import CultureSettings
from crepe.electrodes.layouts import grid_labels

PULSE = Shot(0, (5, 6, 7), ((-10.0, 200.0), (10.0, 200.0)), (5, 6, 7), 2000.0)


def digest(seed):
    """Return a hash of all voltages and spikes of 50 ms with a pulse, and the number of spikes."""
    settings = CultureSettings(seed=seed, n_cells=10_000, spacing_um=89.0)
    culture = Culture(settings, grid_labels(1024), 10_000.0)
    total, n_spikes = hashlib.sha256(), 0
    for ms in range(50):
        voltage_uv, fired = culture.block([PULSE] if ms == 10 else [])
        total.update(voltage_uv.tobytes())
        total.update(fired.tobytes())
        n_spikes += len(fired)
    return total.hexdigest(), n_spikes


def test_a_seed_gives_the_same_large_culture():
    first, n_spikes = digest(seed=1)
    assert n_spikes > 20
    assert digest(seed=1)[0] == first
    assert digest(seed=2)[0] != first
