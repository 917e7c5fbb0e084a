"""A readout belongs to the culture, the signal and the stimuli that it was trained on."""

import json
import tomllib

import pytest

from crepe.environment.paths import project_directory
from crepe.errors import ConfigError
from crepe.messages import StreamInfo
from crepe.reservoir.provenance import check_same

TEXT = (project_directory() / "config" / "rps-controls.toml").read_text(encoding="utf-8")
ABOUT = {"experiment": TEXT, "simulated": True}
LIVE = StreamInfo("Spikes", is_live=True, is_simulated=True)
RECORDED = StreamInfo("Spikes", is_simulated=True)


def changed(name="", **settings):
    """The shipped experiment with other settings in a table; without any, without the table."""
    table = tomllib.loads(TEXT)
    *parents, last = name.split(".")
    inner = table
    for parent in parents:
        inner = inner[parent]
    if not settings:
        inner.pop(last, None)
    elif name:
        inner[last] = inner.get(last, {}) | settings
    return json.dumps(table)


@pytest.mark.parametrize(
    "text",
    [
        changed(),
        changed("actors.game", n_trials=3, rest_s=2.0),
        changed("actors.acquire", device="meame://lab:8888"),
        changed("actors.decode_random", answers=["left", "right"]),
        changed("culture.simulated", seed=0, course=1, silenced_s=[[1.0, 2.0]]),
    ],
    ids=["as JSON", "rests", "device", "another decoder", "another course"],
)
def test_what_the_answer_does_not_hang_on_may_differ(text):
    check_same(ABOUT, text, "data:spikes", LIVE)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (changed("actors.game", electrodes={"rock": ["22"]}), "electrodes = .* experiment has"),
        (changed("actors.game", phases=[[-5.0, 200], [5.0, 200]]), "phases"),
        (changed("actors.game", response_s=0.5), "response_s = 0.2, the experiment has 0.5"),
        (changed("actors.game"), "trained with electrodes = .*, the experiment has None"),
        (changed("actors.detect", threshold_sd=3.0), r"actors.detect.threshold_sd = 5.0, .* 3.0"),
        (changed("actors.filter", low_hz=100), r"actors.filter.low_hz = 300, .* 100"),
        (changed("actors.filter"), r"actors.filter.high_hz = 3000, the experiment has None"),
        (changed("culture", id="well 3"), "culture.id = 'simulated', the experiment has 'well 3'"),
        (changed("culture.simulated", seed=2), "culture.simulated.seed = 0, .* has 2"),
        ("only spikes", "neither TOML nor JSON"),
        ('{"a":' * 50_000, "neither TOML nor JSON"),
    ],
)
def test_what_it_hangs_on_may_not(text, complaint):
    with pytest.raises(ConfigError, match=complaint):
        check_same(ABOUT, text, "data:spikes", LIVE)


def test_an_actor_that_comes_between_is_found():
    table = tomllib.loads(TEXT)
    table["actors"]["clean"] = {
        "run": "crepe.actors.salpa:Salpa", "reads": "data", "writes": "data:clean",
    }  # fmt: skip
    table["actors"]["filter"]["reads"] = "data:clean"
    with pytest.raises(ConfigError, match=r"actors\.clean\.run = None, the experiment has '.*Sal"):
        check_same(ABOUT, json.dumps(table), "data:spikes", LIVE)


def test_a_recording_is_compared_by_its_signal_alone():
    """Which culture and which stimuli are in it does not follow from the experiment."""
    check_same(ABOUT, changed("actors.game"), "data:spikes", RECORDED)
    with pytest.raises(ConfigError, match="threshold_sd"):
        check_same(ABOUT, changed("actors.detect", threshold_sd=3.0), "data:spikes", RECORDED)


def test_a_simulated_culture_stands_for_no_living_one():
    living = StreamInfo("Spikes", is_live=True)
    with pytest.raises(ConfigError, match="on a simulated culture, the experiment has a living"):
        check_same(ABOUT, TEXT, "data:spikes", living)
    with pytest.raises(ConfigError, match="on a living culture, the experiment has a simulated"):
        check_same({"experiment": TEXT}, TEXT, "data:spikes", LIVE)


def test_a_readout_that_does_not_say_where_it_comes_from_is_refused():
    with pytest.raises(ConfigError, match="has no provenance; calibrate again"):
        check_same({}, TEXT, "data:spikes", LIVE)
