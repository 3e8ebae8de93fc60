import numpy as np
from scipy.optimize import minimize

from merit_cli.metrics.level_duration import QUIETEST_DB, fit_logistic, level_and_duration


def test_silence_has_the_lowest_level_and_no_nan() -> None:
    assert level_and_duration(np.zeros(8000), 16000) == (QUIETEST_DB, float(np.log(0.5)))


def test_gain_in_db_is_the_change_of_level() -> None:
    tone = np.sin(np.arange(16000) * 0.1)
    assert abs(level_and_duration(tone, 16000)[0] - level_and_duration(tone / 10, 16000)[0] - 20.0) < 1e-6


def test_classes_that_differ_in_level_are_told_apart_by_it() -> None:
    generator = np.random.default_rng(0)
    levels = np.concatenate([generator.normal(mean, 1.0, 50) for mean in (-40.0, -30.0, -20.0)])
    features = np.column_stack([levels, generator.normal(size=150)])
    labels = [name for name in ("calm", "neutral", "angry") for _ in range(50)]
    predicted = fit_logistic(features, labels).predict(features)
    assert np.mean([one == two for one, two in zip(predicted, labels, strict=True)]) > 0.95


def test_constant_feature_does_no_harm() -> None:
    model = fit_logistic([[0.0, 5.0], [1.0, 5.0]], ["a", "b"])
    assert model.predict([[0.0, 5.0], [1.0, 5.0]]) == ["a", "b"]


def test_rare_class_weighs_as_much_as_a_common_one() -> None:
    features = [[0.0]] * 90 + [[1.0]] * 10
    assert fit_logistic(features, ["a"] * 90 + ["b"] * 10).predict([[0.45], [0.55]]) == ["a", "b"]


def test_weights_are_those_of_an_independent_optimiser() -> None:
    generator = np.random.default_rng(1)
    values = generator.normal(size=(60, 2))
    labels = ["a" if row[0] + generator.normal() > 0 else "b" for row in values]
    model = fit_logistic(values, labels, ridge=1e-2)
    inputs = np.column_stack([(values - model.mean) / model.scale, np.ones(60)])
    weight = {name: 1.0 / (2 * labels.count(name)) for name in "ab"}

    def loss(flat: np.ndarray) -> float:
        matrix = flat.reshape(3, 2)
        scores = inputs @ matrix
        logs = scores - np.logaddexp(scores[:, 0], scores[:, 1])[:, None]
        fit = -sum(weight[label] * logs[row, "ab".index(label)] for row, label in enumerate(labels))
        return float(fit + 0.5e-2 * np.sum(matrix[:-1] ** 2))

    found = minimize(loss, np.zeros(6), tol=1e-12).x.reshape(3, 2)
    difference = (model.weights[:, 0] - model.weights[:, 1]) - (found[:, 0] - found[:, 1])
    assert np.abs(difference).max() < 1e-3
