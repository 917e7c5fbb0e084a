"""Ridge regression against scikit-learn, which makes the same of the same trials."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge as ReferenceRidge
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crepe.reservoir.features import Window
from crepe.reservoir.ridge import Ridge, Scaling
from crepe.reservoir.training import ALPHAS, Trials, train, validate

WIDTHS = pytest.mark.parametrize("n_features", [8, 200])  # fewer, and more, than trials


def trials(n_features, n_answers=3, seed=0, n_blocks=5, per_block=12):
    """Counts, some of which depend on the gesture; one feature is constant, and one repeats."""
    rng = np.random.default_rng(seed)
    which = np.tile(np.arange(per_block) % n_answers, n_blocks)
    features = np.sqrt(
        rng.poisson(2.0 + 0.7 * (np.arange(n_features) % n_answers == which[:, None]))
    )
    features[:, 1] = 0.1
    features[:, 2] = features[:, 3]
    gesture = np.array(["paper", "rock", "scissors"])[which]
    block = np.repeat(np.arange(n_blocks), per_block)
    labels = tuple(str(i) for i in range(n_features))
    return Trials(features, gesture, block, labels, 1000.0, Window(window_s=0.2, bin_s=0.2))


@WIDTHS
def test_features_are_scaled_as_by_the_reference(n_features):
    features = trials(n_features).features
    scaling, reference = Scaling.of(features), StandardScaler().fit(features)
    np.testing.assert_allclose(scaling.mean, reference.mean_, rtol=1e-12)
    np.testing.assert_allclose(scaling.scale, reference.scale_, rtol=1e-12)
    assert scaling.scale[1] == 1.0


@WIDTHS
@pytest.mark.parametrize("n_answers", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_regularisation_is_that_of_the_reference(n_features, n_answers, seed):
    data = trials(n_features, n_answers, seed)
    inputs = Scaling.of(data.features).apply(data.features)
    targets = np.where(data.gesture[:, None] == np.unique(data.gesture), 1.0, -1.0)
    reference = RidgeClassifierCV(ALPHAS).fit(inputs, data.gesture)
    assert Ridge(inputs).choose_alpha(targets, ALPHAS) == reference.alpha_


@WIDTHS
@pytest.mark.parametrize("alpha", ALPHAS)
def test_weights_are_those_of_the_reference(n_features, alpha):
    data = trials(n_features)
    inputs = Scaling.of(data.features).apply(data.features)
    targets = np.random.default_rng(1).normal(size=(len(inputs), 4))
    weights, offset = Ridge(inputs).fit(targets, alpha)
    reference = ReferenceRidge(alpha).fit(inputs, targets)
    np.testing.assert_allclose(weights, reference.coef_, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(offset, reference.intercept_, rtol=1e-7, atol=1e-10)


def test_an_error_of_a_trial_is_that_of_a_fit_without_it():
    """The definition, without the formula: the choice is made by actually leaving trials out."""
    data = trials(8, per_block=6)
    targets = np.where(data.gesture[:, None] == np.unique(data.gesture), 1.0, -1.0)
    centred = data.features - data.features.mean(axis=0)
    errors = []
    for alpha in ALPHAS:
        residuals = []
        for i in range(len(centred)):
            kept = np.arange(len(centred)) != i
            fit = ReferenceRidge(alpha).fit(centred[kept], targets[kept])
            residuals.append(targets[i] - fit.predict(centred[[i]])[0])
        errors.append(np.mean(np.square(residuals)))
    assert Ridge(centred).choose_alpha(targets, ALPHAS) == ALPHAS[int(np.argmin(errors))]


@WIDTHS
@pytest.mark.parametrize("n_answers", [2, 3])
def test_cross_validation_decodes_each_trial_as_the_reference_does(n_features, n_answers):
    data = trials(n_features, n_answers)
    decoded = cross_val_predict(
        make_pipeline(StandardScaler(), RidgeClassifierCV(ALPHAS)),
        data.features,
        data.gesture,
        groups=data.block,
        cv=LeaveOneGroupOut(),
    )
    result = validate(data)
    expected = confusion_matrix(data.gesture, decoded, labels=result.answers)
    np.testing.assert_array_equal(result.confusion, expected)
    assert result.accuracy == np.mean(decoded == data.gesture)


@WIDTHS
def test_a_readout_is_that_of_the_reference(n_features):
    data = trials(n_features)
    readout = train(data, {})
    reference = make_pipeline(StandardScaler(), RidgeClassifierCV(ALPHAS))
    reference.fit(data.features, data.gesture)
    scores = [readout.scores(features) for features in data.features]
    np.testing.assert_allclose(scores, reference.decision_function(data.features), atol=1e-9)
