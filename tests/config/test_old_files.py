"""Experiment files of CREPE 0.1: what has another name is named, and nothing else has changed."""

import pytest

from crepe.config.experiment import load_experiment
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError

CONFIG = project_directory() / "config"

ANNOTATE = ("crepe.actors.hear:Hear", "crepe.actors.annotate:Annotate")
NEAREST_RATE = ("crepe.actors.decode:NearestRate", "crepe.actors.nearest_rate:NearestRate")
READOUT = ("crepe.actors.readout:LinearReadout", "crepe.actors.linear_readout:LinearReadout")
RANDOM = ("crepe.actors.chance:RandomDecision", "crepe.actors.random_decision:RandomDecision")
GAME = (
    "crepe.actors.game:RockPaperScissors",
    "crepe.games.rock_paper_scissors:RockPaperScissors",
)

MOVED = {
    "file.toml": {},
    "record.toml": {"hear": ANNOTATE},
    "rps.toml": {"decode": NEAREST_RATE, "game": GAME, "hear": ANNOTATE},
    "meame-lab.toml": {"decode": NEAREST_RATE, "game": GAME, "hear": ANNOTATE},
    "online-analysis.toml": {
        "decode": NEAREST_RATE,
        "frequency": (
            "crepe.actors.frequency:FrequencyReadout",
            "crepe.actors.frequency_readout:FrequencyReadout",
        ),
        "game": GAME,
        "hear": ANNOTATE,
    },
    "patterns.toml": {
        "decode": READOUT,
        "game": ("crepe.actors.patterns:Patterns", "crepe.games.patterns:Patterns"),
        "hear": ANNOTATE,
    },
    "pong.toml": {
        "decode": ("crepe.actors.regions:RegionRates", "crepe.actors.region_rates:RegionRates"),
        "decode_random": RANDOM,
        "game": ("crepe.actors.pong:Pong", "crepe.games.pong.game:Pong"),
        "hear": ANNOTATE,
    },
    "rps-controls.toml": {
        "decode": READOUT,
        "decode_shuffled": READOUT,
        "decode_random": RANDOM,
        "game": GAME,
        "hear": ANNOTATE,
    },
}
"""By file and actor: the path in 0.1, and the one now."""


def old_text(name):
    """Return a file as 0.1 had it, in its names: the actor `annotate` was called `hear`."""
    text = (CONFIG / name).read_text(encoding="utf-8")
    for old, new in MOVED[name].values():
        text = text.replace(f'"{new}"', f'"{old}"')
    text = text.replace("[actors.annotate]", "[actors.hear]")
    return text.replace("[simulated_sensor]", "[hand]")


@pytest.mark.parametrize("name", MOVED)
def test_each_old_name_in_a_file_is_answered_with_the_new_one(name, tmp_path):
    path = tmp_path / name
    path.write_text(old_text(name), encoding="utf-8")
    if not MOVED[name]:
        load_experiment(path)
        return
    with pytest.raises(ConfigError) as error:
        load_experiment(path)
    lines = str(error.value)
    for actor, (old, new) in MOVED[name].items():
        assert f"[actors.{actor}] run: {old!r} has moved to {new!r}" in lines
    n_mistakes = len(MOVED[name]) + ("[hand]" in path.read_text(encoding="utf-8"))
    assert lines.count(" has moved to ") + lines.count(" has been renamed") == n_mistakes
