"A family of one's own, in one file, is as good as a built-in one: Student's t, by the formulas alone."
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from emlit import Chunks, Degenerate, Family, Mixture, MixtureModel, Prior, Stats, bic, canonical, fit, impute, permute, standard_errors
from emlit.starts import start


@dataclass(frozen=True, eq=False)
class StudentT(Family):
    "t distributions with known degrees of freedom: a normal whose precision is hidden."
    mean: np.ndarray
    scale: np.ndarray
    df: float = 4.0
    constants = shared = ("df",)
    constraints = {"mean": "real", "scale": "positive"}
    event_shape, discrete, hidden, priors = (), False, True, ("normal",)

    def z(self, x): return (x[:, None] - self.mean) / self.scale
    def log_prob(self, x): return stats.t.logpdf(self.z(x), self.df) - np.log(self.scale)
    def sample(self, rng, n): return self.mean + self.scale * rng.standard_t(self.df, (n, len(self.mean)))
    def mean_and_variance(self): return self.mean, self.scale**2 * self.df / (self.df - 2)

    def statistics(self, x, r):
        u = r * (self.df + 1) / (self.df + self.z(x)**2)
        return Stats(r.sum(0), np.stack([u.sum(0), u.T @ x, u.T @ x**2], -1))

    def expected(self): return np.stack([np.ones(len(self.mean)), self.mean, self.mean**2 + self.scale**2], -1)

    def maximise(self, stats, freeze=()):
        u, ux, uxx = stats.total.T
        mean = self.mean if "mean" in freeze else ux / u
        scale = np.sqrt((uxx - 2 * mean * ux + mean**2 * u) / stats.weight)
        return StudentT(mean, self.scale if "scale" in freeze else scale, self.df)

    def add_prior(self, stats, frozen, normal): # κ observations at m, with the precision of the scale
        m, kappa = normal
        return Stats(stats.weight, stats.total + kappa * np.array([1, m, m**2]))
    def log_prior(self, normal): return -0.5 * np.sum(normal[1] * (self.mean - normal[0])**2 / self.scale**2)


rng = np.random.default_rng(0)
x = np.concatenate([rng.standard_t(4, 300), 8 + 2 * rng.standard_t(4, 300)])
begin = Mixture([0.5, 0.5], StudentT([-1, 6], [1, 1]))


@pytest.fixture(scope="module")
def found(): return fit(begin, x, tol=1e-10, max_iter=2000)


def test_it_climbs_to_the_truth(found):
    assert np.all(np.diff(found.logliks) > -1e-9) and found.converged
    assert_allclose(found.model.components[0].mean, [0, 8], atol=0.5)

def test_lists_are_read_and_arrays_stay():
    family = StudentT([0, 5], [1, 2])
    assert family.mean.dtype == float and not family.scale.flags.writeable
    assert_array_equal(family.log_prob([[1], [2]]), family.log_prob([1, 2]))

@pytest.mark.parametrize("call, words", [
    (lambda f: f.log_prob([[1, 2]]), "x must have shape"), (lambda f: f.log_prob([1, np.nan]), r"x\[1\] is nan"),
    (lambda f: f.statistics([1, 2], np.ones((2, 3))), r"r must have shape \(n, K\) = \(2, 2\)"),
    (lambda f: f.maximise(Stats(np.ones(2), np.ones((2, 3))), freeze="sigma"), "freeze must name parameters of StudentT"),
    (lambda f: StudentT([0, 1], [1, -1]), r"scale must be at least 0; scale\[1\] is -1"),
    (lambda f: StudentT(["a", "b"], [1, 1]), "mean must hold real numbers")])
def test_what_is_wrong_is_refused(call, words):
    with pytest.raises((ValueError, TypeError), match=words): call(StudentT([0, 1], [1, 2]))

def test_parameters_that_cannot_be_are_degenerate():
    with pytest.raises(Degenerate, match="has no estimate: scale must be finite") as caught:
        StudentT([0, 1], [1, 1]).maximise(Stats(np.array([1., 0]), np.array([[1., 1, 2], [0, 0, 0]])), freeze="mean")
    assert caught.value.component == 1

def test_weights_are_repeats(found):
    w = np.arange(len(x)) % 3
    twice = fit(begin, np.repeat(x, w), tol=0, max_iter=5).model
    assert_allclose(fit(begin, x, sample_weight=w, tol=0, max_iter=5).model.components[0].mean, twice.components[0].mean)

def test_labels_and_frozen_parameters():
    labels = np.repeat([0, 1], 300)
    model = fit(begin, x, labels=labels, freeze="scale", max_iter=50).model
    assert_array_equal(model.components[0].scale, [1, 1])

def test_rows_without_a_value_add_nothing_to_the_likelihood(found):
    gaps = np.append(x, [np.nan] * 50)
    model = fit(found.model, gaps, missing="em", tol=0, max_iter=1).model
    assert_allclose(model.loglik(gaps, missing="em"), model.loglik(x), rtol=1e-12)
    assert_allclose(impute(found.model, gaps)[-1], found.model.weights @ found.model.components[0].mean)

def test_a_family_without_expected_says_what_is_missing():
    class Plain(StudentT): expected, mean_and_variance = Family.expected, Family.mean_and_variance
    plain = Mixture([1.0], Plain([0.], [1.]))
    with pytest.raises(TypeError, match=r"must define expected\(\)"): fit(plain, [1, np.nan, 2], missing="em")
    with pytest.raises(TypeError, match=r"define mean_and_variance\(\)"): impute(plain, [1, np.nan])

def test_prior():
    prior = Prior(normal=(0.0, 1e9))
    assert_allclose(fit(begin, x, prior=prior, max_iter=200).model.components[0].mean, 0, atol=1e-3)
    with pytest.raises(ValueError, match="beta"): fit(begin, x, prior=Prior(beta=(2, 2)))

def test_standard_errors_agree_by_every_way(found):
    errors = [standard_errors(found.model, x, method=m).errors for m in ("oakes", "map")]
    assert_allclose(*errors, rtol=1e-3)
    assert np.all(np.isfinite(errors[0]))

def test_parts_are_the_whole():
    parts = Chunks([x[:200], x[200:]])
    assert_allclose(fit(begin, parts, tol=0, max_iter=3).model.components[0].scale,
                    fit(begin, x, tol=0, max_iter=3).model.components[0].scale)

def test_start_fits_data_far_from_zero():
    model = start(StudentT, 1e4 + x, np.repeat([0, 1], 300))
    assert_allclose(model.components[0].mean, 1e4 + np.array([0, 8]), atol=1)
    assert np.all((model.components[0].scale > 0.3) & (model.components[0].scale < 10))

def test_estimator_order_and_pickle(found):
    model = MixtureModel(StudentT, 2, random_state=0).fit(x[:, None])
    assert_allclose(np.sort(model.trace_.model.components[0].mean), np.sort(found.model.components[0].mean), atol=0.05)
    assert_allclose(permute(found.model, [1, 0]).loglik(x), found.model.loglik(x))
    assert pickle.loads(pickle.dumps(found.model)) == found.model and canonical(found.model).n_parameters == 5
    assert bic(found.model, x) > 0
