"""The control of the controls: where no cell fires, nothing in the signal tells what was done."""

import numpy as np
import pytest

from crepe.actors.actor import ActorContext
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.culture.network import Network
from crepe.environment.paths import project_directory
from crepe.messages import Segment, StreamInfo
from crepe.reservoir.features import Window
from crepe.reservoir.training import Trials, validate
from crepe.results.trials import labelled
from crepe.study.plan import Plan
from crepe.study.runs import in_process


@pytest.mark.timeout(300)
def test_a_readout_trained_on_trials_in_which_no_cell_fires_is_at_chance(monkeypatch, tmp_path):
    """Artefact, blanking and noise stay; the limit is low enough that noise crosses it."""
    step = Network.step
    monkeypatch.setattr(
        Network, "step", lambda self, forced, **_: step(self, forced, is_silenced=True)
    )
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    text = (project_directory() / "config" / "rps-controls.toml").read_text()
    for a, b in (("threshold_sd = 5.0", "threshold_sd = 3.0"), ("n_trials = 30", "n_trials = 9")):
        assert a in text
        text = text.replace(a, b)
    path = tmp_path / "noise.toml"
    path.write_text(text)
    plan = Plan(path, 1)
    trials = labelled(in_process(plan.calibration(), lambda _: None).store, plan.readout.window)
    assert len(trials.gesture) == 45
    assert (trials.features**2).sum(axis=1).mean() > 50
    assert validate(trials).accuracy < 0.6  # at chance once in ten thousand times


@pytest.mark.timeout(300)
def test_noise_does_not_tell_at_which_rate_a_silenced_culture_was_stimulated(monkeypatch, tmp_path):
    """All gestures are stimulated at one place, at different rates; noise crosses the limit.

    With held amplifiers in the noise level, crossings after 40 pulses per second were four times
    as many as after 20.
    """
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    text = (project_directory() / "config" / "rps-controls.toml").read_text()
    places = (
        '{ rock = ["22", "32", "23"], paper = ["72", "62", "73"], scissors = ["47", "48", "57"] }'
    )
    for a, b in (
        (places, '["47", "48", "57"]'),
        ("{ rock = 20, paper = 20, scissors = 20 }", "{ rock = 20, paper = 40, scissors = 30.3 }"),
        ("stimulation_s = 0.2", "stimulation_s = 1.0"),
        ("response_s = 0.2", "response_s = 0.3"),
        ("threshold_sd = 5.0", "threshold_sd = 4.0"),
        ("n_trials = 30", "n_trials = 6"),
        ("[culture.simulated]", "[culture.simulated]\nsilenced = true"),
    ):
        assert a in text
        text = text.replace(a, b, 1)
    path = tmp_path / "rates.toml"
    path.write_text(text)
    plan = Plan(path, 61)
    trials = labelled(in_process(plan.calibration(), lambda _: None).store, plan.readout.window)
    counts = (trials.features**2).sum(axis=1)
    of = {g: counts[np.array(trials.gesture) == g].mean() for g in ("rock", "paper")}
    assert 1 < of["rock"] < 10
    assert of["paper"] < 1.8 * of["rock"]


def test_600_trials_of_held_noise_do_not_tell_the_rate_of_stimulation():
    """White noise on eight channels, zero for 4 ms at each pulse of a train of a second.

    The bound is more than three standard errors below 0.45, and as many above chance. With held
    samples in the noise level the count alone gives 0.47.
    """
    rates_hz = {"rock": 20.0, "scissors": 30.3, "paper": 40.0}
    labels, rate_hz, n_trials, trial = tuple("abcdefgh"), 10_000, 600, 14_000
    rng = np.random.default_rng(61)
    gestures = np.concatenate(
        [rng.permutation(np.repeat(list(rates_hz), n_trials // 15)) for _ in range(5)]
    )
    actors = BandPass(), Detect(threshold_sd=4.0)
    for actor in actors:
        info = StreamInfo("Segment", float(rate_hz), labels, dtype="float32")
        actor.open(ActorContext(inputs={"data": info}))
    band_pass, detect = actors
    sample = [np.empty(0, np.int64)]
    for k, gesture in enumerate(gestures):
        noise = rng.normal(0, 4, (len(labels), trial)).astype(np.float32)
        for at_s in np.arange(0, 1, 1 / rates_hz[gesture]):
            noise[:, round(at_s * rate_hz) : round(at_s * rate_hz) + 40] = 0
        segment = Segment(k * trial, (k + 1) * trial, noise)
        sample += [spikes.sample for spikes in detect.step(band_pass.step(segment))]
    counts = np.histogram(np.concatenate(sample), np.arange(n_trials + 1) * trial)[0]
    assert counts[3:].mean() > 2
    trials = Trials(
        np.sqrt(counts[:, np.newaxis]),
        gestures,
        np.repeat(np.arange(5), n_trials // 5),
        ("all",),
        float(rate_hz),
        Window(window_s=1.4, bin_s=1.4),
    )
    assert validate(trials).accuracy < 0.385
