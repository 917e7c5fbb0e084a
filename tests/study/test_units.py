"""Electrodes of a game with a coach from a map of the same culture."""

import numpy as np
import pytest

from crepe.config.experiment import load_experiment
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError
from crepe.results.evoked_map import EvokedMap
from crepe.study.plan import Plan
from crepe.study.units import unit_changes

CARTPOLE = project_directory() / "config" / "papers" / "cartpole.toml"
LABELS = ("21", "22", "23", "24", "31", "71", "72", "73", "74", "81", "45", "46", "47", "54", "55")
LEFT, RIGHT, TRAINING = LABELS[:4], LABELS[5:9], LABELS[10:]


@pytest.fixture
def write_map(tmp_path):
    def write(**fields):
        """A map in which 21 drives 22 to 24, 71 drives 72 to 74, and 45 to 55 drive all of them."""
        added = np.zeros((2, len(LABELS), len(LABELS)))
        for source, targets, value in [
            ("21", LEFT[1:], 0.9),
            ("71", RIGHT[1:], 0.9),
            *((label, (*LEFT[1:], *RIGHT[1:]), 0.3) for label in TRAINING),
        ]:
            rows = [LABELS.index(target) for target in targets]
            added[0, LABELS.index(source), rows] = value
        nothing = np.full(added.shape, np.nan)
        values = {
            "session": "s", "title": "", "is_simulated": True, "seed": 1, "stimulated": LABELS,
            "recorded": LABELS, "positions_um": (None,) * len(LABELS),
            "windows_ms": {"direct": (1.0, 10.0), "recurrent": (10.0, 100.0)}, "n_delivered": 1,
            "n_left_out": 0, "n_sham_links": 0, "n_pulses": np.ones(added.shape, np.int64),
            "probability": added, "probability_before": np.zeros(added.shape),
            "latency_ms": nothing, "p_value": nothing, "q_value": np.where(added > 0, 0.0, 1.0),
        }  # fmt: skip
        path = tmp_path / "map.json"
        EvokedMap(**{**values, **fields}).save(path)
        return path

    return write


def test_inputs_outputs_and_training_electrodes_come_from_the_map(write_map):
    plan = Plan(CARTPOLE, map_path=write_map())
    experiment = plan.conditions(None, None)
    game, decoder = experiment.actors["game"].make(), experiment.actors["decode"].make()
    assert [encoder.sites for encoder in game.encoders] == [("21",), ("71",)]
    assert set(decoder.regions["left"][0]) == set(LEFT[1:])
    assert set(decoder.regions["right"][0]) == set(RIGHT[1:])
    assert set(game.coach.units) == set(TRAINING)
    shipped = load_experiment(CARTPOLE).actors["game"].make()
    assert [e.high for e in game.encoders] == [e.high for e in shipped.encoders]


def test_blocked_and_silenced_follow_their_blocks():
    experiment = Plan(CARTPOLE).conditions(None, None)
    blocks = experiment.actors["game"].settings["blocks"]
    for name in ("blocked", "silenced"):
        spans = [(b["start_s"], b["stop_s"]) for b in blocks if b["condition"] == name]
        assert getattr(experiment.culture.simulated, f"{name}_s") == tuple(spans) != ()


def test_a_living_culture_is_blocked_by_the_experimenter(tmp_path):
    text = CARTPOLE.read_text(encoding="utf-8")
    begin, end = text.index("[culture.simulated]"), text.index("# Each condition once")
    text = text[:begin] + text[end:]
    path = tmp_path / "living.toml"
    path.write_text(text.replace(', "silenced"]', "]"), encoding="utf-8")
    experiment = Plan(path).conditions(None, None)
    assert experiment.culture.simulated is None
    names = [block["condition"] for block in experiment.actors["game"].settings["blocks"]]
    assert names.count("blocked") == 3


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"seed": 2}, "of the culture of seed 2, the experiment of that of seed 1"),
        ({"is_simulated": False}, "is of a living culture, the experiment of a simulated culture"),
    ],
)
def test_a_map_of_another_culture_is_refused(write_map, fields, reason):
    with pytest.raises(ConfigError, match=reason):
        Plan(CARTPOLE, map_path=write_map(**fields))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("papers/pong", "0 games with a coach"),
        ("cartpole", "0 games with a coach"),
    ],
)
def test_only_a_game_with_a_coach_takes_a_map(write_map, name, reason):
    experiment = load_experiment(project_directory() / "config" / f"{name}.toml")
    with pytest.raises(ConfigError, match=reason):
        unit_changes(experiment, write_map())
