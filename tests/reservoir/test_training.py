"""Training separates gestures that differ, and no others; files that do not fit are refused."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from crepe.errors import ConfigError
from crepe.reservoir.adaptation import Adaptation
from crepe.reservoir.features import Window
from crepe.reservoir.readout import load
from crepe.reservoir.training import Trials, permuted, shuffled, train, validate

LABELS = tuple("abcdefgh")
WINDOW = Window(window_s=0.2, bin_s=0.1)


def trials(effect=2.0, n_blocks=5, n=30, seed=0):
    """Counts of 8 electrodes in 2 bins; each of three gestures excites other electrodes."""
    rng = np.random.default_rng(seed)
    gesture = np.array(
        [rng.permutation(np.resize(["paper", "rock", "scissors"], n)) for _ in range(n_blocks)]
    ).ravel()
    which = np.searchsorted(["paper", "rock", "scissors"], gesture)
    rates = np.ones((len(gesture), 16))
    for k in range(3):
        rates[which == k, 4 * k : 4 * k + 4] += effect
    counts = rng.poisson(rates)
    block = np.repeat(np.arange(1, n_blocks + 1), n)
    return Trials(np.sqrt(counts), gesture, block, LABELS, 1000.0, WINDOW)


def right(readout, result, turn=0):
    decoded = [readout.answers[int(np.argmax(readout.scores(x, turn)))] for x in result.features]
    return np.mean(np.array(decoded) == result.gesture)


def test_gestures_that_differ_are_told_apart_in_trials_that_were_not_trained_on():
    readout = train(trials(), {})
    assert right(readout, trials(seed=1)) > 0.85
    assert readout.provenance["accuracy"] > 0.8


def test_cross_validation_finds_nothing_where_there_is_nothing():
    assert abs(validate(trials(effect=0.0)).accuracy - 1 / 3) < 0.12


def test_cross_validation_counts_every_trial_in_the_confusion_matrix():
    result = validate(trials())
    assert result.confusion.sum(axis=1).tolist() == [50, 50, 50]
    assert np.trace(result.confusion) / 150 == pytest.approx(result.accuracy)


def test_folds_keep_to_blocks():
    """A feature that gives the trial away only within its own block must be of no use."""
    result = trials(effect=0.0, n_blocks=3, n=30)
    which = np.searchsorted(["paper", "rock", "scissors"], result.gesture)
    shift = (which + result.block) % 3  # in each block another feature stands for another gesture
    features = np.hstack([result.features, 5 * np.eye(3)[shift]])
    assert validate(replace(result, features=features)).accuracy < 0.45


def test_readouts_of_permuted_labels_decode_at_chance_on_average():
    result = trials()
    control = shuffled(result, train(result, {}), 40, seed=1)
    assert len(control.weights) == 40
    test = trials(seed=1)
    assert abs(np.mean([right(control, test, turn) for turn in range(40)]) - 1 / 3) < 0.1


def test_each_permutation_chooses_its_own_regularisation():
    """A control that kept what fits the truth would not be trained in the same way."""
    result = trials(effect=0.5)
    readout = train(result, {})
    control = shuffled(result, readout, 20, seed=1)
    assert len(control.provenance["alpha"]) == 20
    assert len(set(control.provenance["alpha"])) > 1
    true = shuffled(replace(result, block=np.arange(150)), readout, 1, seed=1)  # nothing moves
    np.testing.assert_allclose(true.weights, readout.weights)


def test_permuting_keeps_the_labels_of_each_block():
    result = trials()
    changed = permuted(result.gesture, result.block, np.random.default_rng(1))
    assert (changed != result.gesture).any()
    for block in np.unique(result.block):
        kept = [sorted(values[result.block == block]) for values in (changed, result.gesture)]
        assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"block": np.ones(150, int)}, "1 blocks of trials, must be at least 2"),
        ({"gesture": np.full(150, "rock")}, "rock only, must be 2 gestures"),
    ],
)
def test_trials_that_cannot_be_validated_are_refused(change, complaint):
    with pytest.raises(ConfigError, match=complaint):
        train(replace(trials(), **change), {})


def test_a_readout_comes_back_from_its_file_as_it_was(tmp_path):
    readout = train(trials(), {"session": "s", "seed": 3})
    result = load(readout.save(tmp_path / "readouts" / "r.h5"))
    for name in ("weights", "offset", "mean", "scale", "basis", "inverse"):
        np.testing.assert_array_equal(getattr(result, name), getattr(readout, name))
    assert result.answers == ("paper", "rock", "scissors")
    assert result.provenance == readout.provenance
    assert {"session", "seed", "accuracy", "confusion", "alpha", "versions"} <= set(
        result.provenance
    )
    assert [p.name for p in (tmp_path / "readouts").iterdir()] == ["r.h5"]


@pytest.mark.parametrize(
    ("labels", "rate_hz", "window", "complaint"),
    [
        (LABELS[:7], 1000.0, WINDOW, "8 electrodes, the array has 7: they differ in h"),
        (LABELS[::-1], 1000.0, WINDOW, "in another order"),
        (LABELS, 500.0, WINDOW, "trained at 1000 Hz, the array is sampled at 500 Hz"),
        (LABELS, 1000.0, Window(window_s=0.4, bin_s=0.1), "window_s: 0.4 in the experiment"),
    ],
)
def test_a_readout_that_does_not_fit_says_where(labels, rate_hz, window, complaint):
    with pytest.raises(ConfigError, match=complaint):
        train(trials(), {}).check(labels, rate_hz, window)


def test_what_is_no_readout_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such readout"):
        load(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("text")
    with pytest.raises(ConfigError, match="not a readout"):
        load(tmp_path / "text.h5")
    h5py.File(tmp_path / "other.h5", "w").close()
    with pytest.raises(ConfigError, match="not a readout that CREPE can read"):
        load(tmp_path / "other.h5")


@pytest.mark.parametrize("about", ["{}", "[]", "1", "{", "[" * 50_000, 5, np.zeros(3)])
def test_a_readout_whose_description_is_damaged_is_refused(tmp_path, about):
    path = train(trials(), {}).save(tmp_path / "x.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["about"] = about
    with pytest.raises(ConfigError, match="not a readout: "):
        load(path)


def test_adaptation_is_least_squares_over_all_trials():
    """Without forgetting, what has been learned one by one is what one regression would give."""
    readout, later = train(trials(), {}), trials(seed=2)
    adaptation = Adaptation(readout, 1.0)
    for features, gesture in zip(later.features, later.gesture, strict=True):
        adaptation.learn(features, gesture)
    seen = np.column_stack(
        [readout.scaled(later.features) @ readout.basis, np.ones(len(later.gesture))]
    )
    before = np.array([readout.scores(x) for x in later.features])
    target = np.where(later.gesture[:, None] == np.array(readout.answers), 1.0, -1.0)
    moments = np.linalg.inv(readout.inverse) + seen.T @ seen
    weights = np.linalg.solve(moments, seen.T @ (target - before)).T
    np.testing.assert_allclose(adaptation.state["weights"], weights, rtol=1e-6, atol=1e-9)
