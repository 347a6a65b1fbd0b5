"""A short fuzz run; `make fuzz` makes a long one."""
import numpy as np
import pytest

import fuzz
from emlit import Binomial, Degenerate, Exponential, Gamma, Mixture, Moments, Normal, Poisson, Stats, fit, match, permute, standard_errors
from emlit.algorithm.jumps import slow
from emlit.algorithm.diagnosis import nearest_pair
from emlit.sources import as_source

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.slow
def test_small_random_problems():
    outcomes, findings = fuzz.run(500, first=900_000_000, processes=1)
    assert not findings, "\n".join(f"python tests/fuzz.py --one {seed}: {what}" for seed, what in findings.items())
    assert outcomes.total() == 500 and outcomes["converged"] > 50 and outcomes["garbage refused"] > 50


# what longer runs found, as small as it gets

def test_a_whole_number_beyond_floating_point_is_refused_in_words():
    with pytest.raises(ValueError, match="sample_weight must be finite"): fit(Mixture([1], Poisson([1.])), [1, 2], sample_weight=[1, 10**400])

def test_ragged_tosses_are_refused_in_words():
    with pytest.raises(ValueError, match="n must be a rectangular array"): Binomial([1, [2]], [.5])

def test_an_array_is_no_keep_and_no_missing():
    model = Mixture([1], Poisson([1.]))
    with pytest.raises(ValueError, match="keep must be"): fit(model, [1, 2], keep=np.array([1, 2]))
    with pytest.raises((ValueError, TypeError), match="missing must be"): fit(model, [1, 2], missing=np.array([1, 2]))

def test_the_size_of_a_sample_may_be_a_whole_number_of_numpys():
    x, z = Mixture([1], Poisson([1.])).sample(np.random.default_rng(0), np.array(3))
    assert x.shape == z.shape == (3,)

def test_a_gamma_whose_mean_underflows_is_degenerate():
    with pytest.raises(Degenerate, match="varies too little"): Gamma([1.], [1.]).maximise(Stats(np.ones(1), np.array([[0., -800.]])))

def test_the_rate_of_huge_numbers_is_quiet():
    x = np.array([1., 2, 3, 8, 9, 10]) * 1e140
    small, large = (fit(Mixture([.5, .5], Normal([2 * u, 9 * u], [u, u])), x * (u / 1e140), tol=0, max_iter=5) for u in (1., 1e140))
    assert large.rate == pytest.approx(small.rate, rel=1e-3)

@pytest.mark.parametrize("method", ["squarem", "anderson"])
def test_huge_numbers_are_accelerated_quietly(method):
    x = np.array([1., 2, 3, 5, 6, 8, 9, 10]) * 1e200
    trace = fit(Mixture([.5, .5], Exponential([1e-200, 1e-201])), x, accelerate=method, max_iter=40)
    assert np.isfinite(trace.loglik)


@pytest.mark.parametrize("method", ["squarem", "anderson"])
def test_jumps_go_uphill_whatever_the_unit_of_the_weights(method):
    days = np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])
    one, tiny = (fit(Mixture([.3, .7], Poisson([1., 2.5])), np.arange(10), sample_weight=u * days, accelerate=method, max_iter=60, tol=0) for u in (1., 2.**-100))
    assert np.all(np.diff(tiny.logliks) >= -1e-12 * abs(tiny.loglik))
    np.testing.assert_allclose(tiny.logliks * 2.**100, one.logliks, rtol=1e-9)


def test_components_in_a_huge_unit_are_matched_quietly():
    model = Mixture([.3, .3, .4], Normal([-2e200, 1e200, 3e200], [1e200, 2e200, 1e200]))
    assert match(model, permute(model, [2, 0, 1])).tolist() == [1, 2, 0]

def test_information_beyond_floating_point_is_refused_in_words():
    with pytest.raises(ValueError, match="x must be in a unit"): standard_errors(Mixture([.5, .5], Normal([-1., 2.], [1., 2.])), np.array([4., 3, -1, 5]) * 1e100)


def test_a_finding_is_found(monkeypatch):
    monkeypatch.setattr(fuzz.Problem, "__init__", lambda self, seed: 1 / 0)
    assert fuzz.attempt(3)[1:] == (False, "ZeroDivisionError: division by zero")

@pytest.mark.parametrize("given", [{}, {"missing": "em"}, {"labels": [0, -1, -1, -1]}])
@pytest.mark.parametrize("dtype", [np.ones(3), [1, 2], "float16"])
def test_a_precision_is_read_whatever_else_is_asked(given, dtype):
    with pytest.raises(ValueError, match="dtype must be 'float64' or 'float32'"):
        fit(Mixture([.5, .5], Normal([-1., 2.], [1., 2.])), np.array([4., 3, -1, 5]), dtype=dtype, **given)

def test_objectives_of_minus_infinity_are_quiet():
    assert not slow((-np.inf,) * 3)

def test_a_component_with_next_to_no_data_is_measured_quietly():
    weight = np.array([1e-200, 5.])
    stats = Moments(weight, np.zeros((2, 2)), weight[:, None, None] * np.eye(2), np.zeros((2, 2)))
    assert stats.coordinates(counts=False).near(stats)

def test_densities_of_any_size_are_compared_quietly():
    assert nearest_pair(Mixture([.5, .5], Normal([0., 1.], [1e-100, 1e-100])), as_source(np.array([0., 1.]))) == (None, np.inf)
