"""The map of a session made by hand: who answers to whom, what counts, and its file."""

import json

import numpy as np
import pytest

from crepe.errors import ConfigError
from crepe.messages import ChannelStates, Delivered, GameState, Spikes, Stimulus, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.results.evoked_map import EvokedMap, evoked_map

RATE_HZ = 1000.0
LABELS = ("21", "31", "47", "Ref")
PHASES = ((-10.0, 200.0), (10.0, 200.0))
N_ROUNDS, INTERVAL = 16, 1000  # samples
GAME = {
    "run": "crepe.games.single_pulses:SinglePulses",
    "reads": ["data:spikes", "control"],
    "writes": ["result:game", "result:stimuli"],
    "electrodes": ["21", "31"],
    "phases": PHASES,
    "interval_s": 1.0,
}
REFUSED, DEAD = 5, 31  # the pulse that was refused; from this one on, 47 is dead


def record(path, game=GAME):
    """31 answers to 21 after 7 ms, 47 to both after 30 ms; 4 ms after a pulse all seem to."""
    experiment = json.dumps({"title": "By hand", "seed": 3, "actors": {"game": game}})
    about = About("by-hand", 3, experiment, {}, is_simulated=True, origin_t_ns=0)
    common = {"sampling_rate_hz": RATE_HZ, "labels": LABELS}
    infos = {
        "data:spikes": StreamInfo("Spikes", longest_samples=INTERVAL, **common),
        "data:channels": StreamInfo("ChannelStates", **common),
        "result:game": StreamInfo("GameState", **common),
        "result:stimuli": StreamInfo("Stimulus", **common),
        "result:delivered": StreamInfo("Delivered", **common),
    }
    writer = RecordingWriter(path, about, infos)
    for number in range(1, 2 * N_ROUNDS + 1):
        start, electrode = INTERVAL * number, GAME["electrodes"][number % 2]
        fired = start + 250
        spikes = [(channel, fired + 4) for channel in range(4)]
        if electrode == "21":
            spikes += [(0, fired + 7), (1, fired + 7), (3, fired + 7)]
        if number < DEAD:
            spikes.append((2, fired + 30))
        channel, sample = np.array(sorted(spikes, key=lambda spike: spike[1])).T
        depth_uv = np.full(len(sample), -40, "f4")
        writer.append(
            "data:spikes", Spikes(start, start + INTERVAL, channel.astype("i4"), sample, depth_uv)
        )
        if number in (1, DEAD):
            third = "ok" if number < DEAD else "dead"
            writer.append(
                "data:channels", ChannelStates(start, start + 1, ("ok", "ok", third, "ok"))
            )
        request = Stimulus(
            start, start + 1, number, fired, (electrode,), PHASES, 20.0, 1, electrode
        )
        writer.append("result:stimuli", request)
        state = "refused" if number == REFUSED else "delivered"
        answer = Delivered(
            start + 300, start + 301, number, state, fired=fired, stream="result:stimuli"
        )
        writer.append("result:delivered", answer)
        writer.append(
            "result:game", GameState(start + 998, start + 999, number, "outcome", outcome="pulse")
        )
    writer.end()
    return path


@pytest.fixture(scope="module")
def evoked(tmp_path_factory):
    return evoked_map(record(tmp_path_factory.mktemp("map") / "by-hand.h5"))


def test_who_answers_directly_is_told_from_who_answers_later(evoked):
    pairs = [(row["window"], row["stimulated"], row["recorded"]) for row in evoked.links()]
    assert pairs == [("direct", "21", "31"), ("recurrent", "21", "47"), ("recurrent", "31", "47")]
    assert evoked.n_links == {"direct": 1, "recurrent": 2}
    assert evoked.links()["latency_ms"].tolist() == [7, 30, 30]
    assert evoked.n_sham_links == 0


def test_held_samples_count_in_no_window(evoked):
    """All channels have a crossing 4 ms after every pulse, as a filter makes of a release."""
    assert evoked.windows_ms == {"direct": (5, 10), "recurrent": (10, 100)}
    assert evoked.probability[0, 1, 2] == 0


def test_nothing_is_tested_of_the_stimulated_electrode_and_the_reference(evoked):
    assert np.isnan(evoked.p_value[:, 0, 0]).all()
    assert np.isnan(evoked.p_value[:, 1, 1]).all()
    assert np.isnan(evoked.p_value[:, :, 3]).all()
    assert evoked.n_tested == len(evoked.table()) == 8


def test_pulses_that_were_refused_and_channels_out_of_order_do_not_count(evoked):
    assert (evoked.n_delivered, evoked.n_left_out) == (2 * N_ROUNDS - 1, 1)
    assert evoked.n_pulses[0, 0, 1] == N_ROUNDS
    assert evoked.n_pulses[0, 1, 0] == N_ROUNDS - 1  # one of those at 31 was refused
    assert evoked.n_pulses[0, :, 2].tolist() == [N_ROUNDS - 1, N_ROUNDS - 2]  # 47 died in the end
    assert evoked.probability[1, :, 2].tolist() == [1, 1]


def test_a_file_holds_the_whole_map(evoked, tmp_path):
    path = tmp_path / "map.json"
    evoked.save(path)
    again = EvokedMap.load(path)
    assert again.is_simulated
    assert (again.stimulated, again.windows_ms) == (evoked.stimulated, evoked.windows_ms)
    for name in ("n_pulses", "probability", "probability_before", "latency_ms", "q_value"):
        assert np.array_equal(getattr(again, name), getattr(evoked, name), equal_nan=True)
    assert list(again.links()) == list(evoked.links())
    assert "SIMULATED" in repr(again)


def test_what_is_no_map_is_refused(tmp_path):
    path = tmp_path / "culture.json"
    path.write_text('{"is_simulated": true}')
    with pytest.raises(ConfigError, match="format None, must be 'crepe evoked map 1'"):
        EvokedMap.load(path)
    with pytest.raises(ConfigError, match="cannot be read as JSON"):
        EvokedMap.load(tmp_path / "none.json")
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match="cannot be read as JSON"):
        EvokedMap.load(path)
    other = record(tmp_path / "other.h5", {"run": "crepe.games.patterns:Patterns"})
    with pytest.raises(ConfigError, match="a map is made of single pulses"):
        evoked_map(other)
