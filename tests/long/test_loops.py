"""The other experiments in one process, from their files: Pong, and all online analyses."""

from pathlib import Path

import pytest

from crepe.config.experiment import load_experiment
from crepe.runtime.loop import Loop
from crepe.store import Store
from tests.loop_messages import everything, messages, outcomes

ROOT = Path(__file__).parents[2]


def pong(block_s):
    kept = ("result", "result:game", "result:stimuli", "result:delivered", "result:court")
    blocks = [
        {"condition": name, "start_s": i * block_s, "stop_s": (i + 1) * block_s}
        for i, name in enumerate(("stimulation", "rest", "random"))
    ]
    changes = {"seed": 1, "actors.game.blocks": blocks}
    experiment = load_experiment(ROOT / "config" / "pong.toml", changes)
    return Store(Loop(experiment, kept=kept).run(until="result:game"))


def test_pong_is_played_to_its_end_and_not_one_of_its_pulses_is_refused():
    store = pong(block_s=8.0)
    asked = messages(store, "result:stimuli")
    answers = messages(store, "result:delivered")
    assert len(asked) > 50
    assert {a.state for a in answers} == {"intended", "delivered"}
    delivered = [a for a in answers if a.state == "delivered"]
    late = [d.fired - s.due for s, d in zip(asked, delivered, strict=False)]
    assert all(0 <= samples < 100 for samples in late)  # a segment
    assert len(delivered) >= len(asked) - 3  # the game's stream ends a moment before the last
    (*_, over) = messages(store, "result:game")
    assert over.phase == "over"
    assert not [s for s in asked if 80_000 <= s.due < 160_000]
    assert {s.condition for s in messages(store, "result:game")} == {
        "stimulation",
        "rest",
        "random",
    }
    court = messages(store, "result:court")
    assert len(court) == pytest.approx(24 * 25, abs=2)
    assert len({c.paddle_y for c in court}) > 10


def test_pong_takes_the_same_course_for_the_same_seed():
    first = everything(pong(block_s=2.0))
    assert len(first["result:stimuli"]) > 10
    assert everything(pong(block_s=2.0)) == first


def test_every_online_analysis_runs_and_the_originals_readout_finds_the_gesture():
    changes = {"actors.game.n_trials": 3}
    experiment = load_experiment(ROOT / "config" / "online-analysis.toml", changes)
    store = Store(Loop(experiment).run(until="result:game"))
    assert all(won == "won" for _, won in outcomes(store))
    trains = store["result:stimuli"].messages(0, len(store["result:stimuli"]))
    heard = store["result:frequency"].messages(0, len(store["result:frequency"]))
    for train in trains:
        whole = (train.due + 10_000, train.due + 20_000)  # a second within it ends in here
        (said,) = [d.value for d in heard if whole[0] <= d.stop < whole[1]]
        assert said == train.meaning
    spikes = store["data:spikes"].messages(0, len(store["data:spikes"]))
    waveforms = store["data:waveforms"].messages(0, len(store["data:waveforms"]))
    n_spikes = sum(len(s.channel) for s in spikes)
    assert 0.9 * n_spikes < sum(len(w.channel) for w in waveforms) <= n_spikes
    assert len(store["data:activity"].messages(0, len(store["data:activity"]))) >= 2
