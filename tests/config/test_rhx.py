"""Experiments at an RHX: what `crepe check` refuses before anything is loaded."""

from pathlib import Path

import pytest

from crepe.config.dry_run.dry_run import dry_run, sub_trains
from crepe.config.experiment import load_experiment
from crepe.errors import ConfigError

FILE = Path(__file__).parents[2] / "config" / "rps-rhx.toml"


def check(**changes):
    return dry_run(load_experiment(FILE, changes))


OF_THE_INSTRUMENT = {"device", "electrodes", "sampling_rate_hz", "segment_samples"}


def test_the_experiment_fits_and_is_the_default_one_at_another_instrument():
    assert check() == []
    other = load_experiment(FILE.with_name("rps.toml"))
    here, there = [
        {
            name: (
                actor.kind,
                {k: v for k, v in actor.settings.items() if k not in OF_THE_INSTRUMENT},
            )
            for name, actor in experiment.actors.items()
        }
        for experiment in (load_experiment(FILE), other)
    ]
    assert here == there


def test_all_trains_of_the_game_are_known_before_the_run():
    trains = sub_trains(load_experiment(FILE), "stimulate")
    assert [(train.meaning, train.n_pulses, train.rate_hz) for train in trains] == [
        ("rock", 20, 20.0),
        ("scissors", 30, 30.3),
        ("paper", 40, 40.0),
    ]


def test_gestures_on_the_same_electrodes_are_refused_since_a_channel_holds_one_train():
    with pytest.raises(ConfigError, match="electrode A-007 is in the trains of 20 pulses"):
        check(**{"actors.game.electrodes": ["A-007", "A-008"]})


def test_a_pulse_that_is_no_whole_steps_is_refused():
    with pytest.raises(ConfigError, match="would be refused: RHX: 10.2 uA, must be a multiple"):
        check(**{"actors.game.phases": [[-10.2, 200], [10.2, 200]]})


@pytest.mark.parametrize("port", [5000, 5001, 5002, None])
@pytest.mark.parametrize("host", ["simulator", "127.0.0.1", "localhost:5000"])
def test_the_sensor_gateway_keeps_off_the_ports_of_an_rhx_on_this_machine(port, host):
    devices = dict.fromkeys(("actors.acquire.device", "actors.stimulate.device"), f"rhx://{host}")
    with pytest.raises(ConfigError, match=r"RHX on this machine has 5000 to 5002; port = 50[1-9]"):
        check(**devices, **{"sensor.port": port})


def test_an_rhx_elsewhere_leaves_its_port_to_the_sensor_gateway():
    devices = dict.fromkeys(("actors.acquire.device", "actors.stimulate.device"), "rhx://10.0.0.7")
    assert check(**devices, **{"sensor.port": None}) == []


def test_a_material_without_limits_is_named():
    changes = {"actors.stimulate.limits": {"material": "IrOx"}, "actors.game.phases": PHASES}
    (note,) = check(**changes)
    assert "material 'IrOx' has the strictest" in note


PHASES = [[-5.0, 200], [5.0, 200]]
