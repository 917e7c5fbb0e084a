"""Another network of cells behind the same culture, named by its import path."""

from importlib.util import find_spec

import numpy as np
import pytest

from crepe.config.experiment import load_experiment
from crepe.culture.contract import CellNetwork, Shot
from crepe.culture.culture import Culture
from crepe.culture.network import Network
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError
from crepe.simulator.meame.settings import SimulatorSettings

HAS_BRIAN2 = find_spec("brian2") is not None
PATH = f"{__name__}:Obedient"
PULSE = Shot(0, (3,), ((-10.0, 200.0), (10.0, 200.0)))
NO_CELL = np.empty(0, np.int64)


class Obedient(CellNetwork):
    """Cells that fire when they are forced to, and otherwise not."""

    def __init__(self, settings, size_um, rng, noise):
        self.n_cells = settings.n_cells
        self.cells_um = rng.uniform((0.0, 0.0), size_um, (self.n_cells, 2))

    def step(self, forced, *, is_silenced=False, is_blocked=False):
        del is_blocked
        return NO_CELL if is_silenced else forced


def test_a_culture_runs_on_the_network_that_its_settings_name():
    settings = SimulatorSettings(seed=1, network=PATH)
    culture = Culture(settings, MCS_60_LABELS, 10_000.0)
    fired = [culture.block([PULSE] if ms == 0 else [])[1] for ms in range(10)]
    direct = np.concatenate(fired)
    assert len(direct) > 10
    assert culture.distance_um[direct, 3].mean() < culture.distance_um[:, 3].mean()


@pytest.mark.parametrize("path", [PATH, "crepe.culture.network:Network"])
def test_a_network_keeps_the_contract(path):
    settings = SimulatorSettings(seed=1, network=path)
    kind = Obedient if path == PATH else Network
    networks = [
        kind(settings, (1600.0, 1200.0), np.random.default_rng(1), np.random.default_rng(2))
        for _ in range(2)
    ]
    assert networks[0].cells_um.shape == (networks[0].n_cells, 2) == (settings.n_cells, 2)
    assert (networks[0].cells_um >= 0).all()
    assert (networks[0].cells_um <= (1600.0, 1200.0)).all()
    for ms in range(300):
        forced = np.arange(ms, ms + 20) if ms % 10 == 0 else NO_CELL
        fired, again = (network.step(forced) for network in networks)
        np.testing.assert_array_equal(fired, again)
        assert (np.diff(fired) > 0).all()
        if ms == 0:
            assert set(forced) <= set(fired)
    assert len(networks[0].step(np.arange(50), is_silenced=True)) == 0


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere:Cells", "cannot import 'nowhere'"),
        (f"{__name__}:Culture", "no CellNetwork"),
        pytest.param(
            "crepe.culture.brian2_network:Brian2Network",
            r"needs the package brian2: .*pip install .*crepe-mea\[brian2\]",
            marks=pytest.mark.skipif(HAS_BRIAN2, reason="brian2 is installed"),
        ),
    ],
)
def test_a_network_that_is_none_is_refused_before_anything_starts(path, reason):
    file = project_directory() / "config" / "rps.toml"
    with pytest.raises(ConfigError, match=rf"\[culture.simulated\] network: .*{reason}"):
        load_experiment(file, {"culture.simulated.network": path})
