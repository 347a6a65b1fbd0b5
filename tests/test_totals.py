"""Rows with totals of their own: Binomial and Multinomial with n=None, against direct maximisation by SciPy, and beside everything else."""
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, stats
from scipy.special import expit, gammaln, logsumexp, softmax

from emlit import (Binomial, Chunks, Degenerate, Mixture, MixtureModel, Multinomial, Normal, Poisson, Prior, bic, fit, standard_errors)
from emlit.estimators import select
from emlit.models.missing import impute, regress
from emlit.starts import start
from emlit.inference import bootstrap, bootstrap_lrt, multistart
from later import Later


def coins(n=150, seed=3):
    "Two coins, as in Do & Batzoglou (2008), with 0 to 29 tosses in a round."
    g = np.random.default_rng(seed)
    tosses, z = g.integers(0, 30, n), (g.random(n) < .4).astype(int)
    return np.c_[g.binomial(tosses, np.where(z, .2, .6)), tosses].astype(float), z

def documents(n=120, seed=4):
    g = np.random.default_rng(seed)
    z, P = (g.random(n) < .4).astype(int), np.array([[.1, .2, .3, .4], [.4, .3, .2, .1]])
    return np.array([g.multinomial(m, P[k]) for m, k in zip(g.integers(0, 25, n), z)]).astype(float), z

x, z = coins()
counts, kinds = documents()
begin = Mixture([.5, .5], Binomial(None, [.3, .5]))
topics = Mixture([.5, .5], Multinomial(None, [[.2, .2, .2, .4], [.3, .3, .2, .2]]))
found, read = Later(lambda: fit(begin, x, tol=1e-13)), Later(lambda: fit(topics, counts, tol=1e-13))

def loglik_of_coins(u, x, log_prior=lambda w, p: 0):
    w, p = expit(u[0]), expit(u[1:])
    return logsumexp(np.log([w, 1 - w]) + stats.binom.logpmf(x[:, :1], x[:, 1:], p), 1).sum() + log_prior(w, p)

def loglik_of_topics(u, rows):
    "Of the counts that are there, given their own sum."
    w, p, seen = expit(u[0]), softmax(np.c_[u[1:].reshape(2, 3), [0, 0]], 1), ~np.isnan(rows)
    y = np.where(seen, rows, 0)
    choose, known = gammaln(y.sum(1) + 1) - gammaln(y + 1).sum(1), np.where(seen.any(1)[:, None], seen @ p.T, 1)
    return logsumexp(np.log([w, 1 - w]) + choose[:, None] + y @ np.log(p).T - y.sum(1)[:, None] * np.log(known), axis=1).sum()

def test_the_direct_likelihood_is_scipys():
    p = softmax([[-1, -.5, 0, 0], [1, .5, 0, 0]], 1)
    by_row = [logsumexp([stats.multinomial.logpmf(row, int(row.sum()), q) for q in p]) for row in counts]
    assert_allclose(loglik_of_topics(np.r_[0, -1, -.5, 0, 1, .5, 0], counts), np.sum(by_row) + len(counts) * np.log(.5), rtol=1e-12)

def climbed(f, u): return optimize.minimize(lambda u: -f(u), u, tol=1e-10)


# the maximum

def test_coins_as_a_general_optimiser_finds_them():
    best = climbed(lambda u: loglik_of_coins(u, x), [0, -1, 1.])
    assert_allclose(found().loglik, -best.fun, atol=1e-6)
    assert_allclose(np.r_[found().model.weights[0], found().model.components[0].p], expit(best.x), atol=2e-5)

def test_documents_as_a_general_optimiser_finds_them():
    best = climbed(lambda u: loglik_of_topics(u, counts), np.r_[0, -1, -.5, 0, 1, .5, 0])
    assert_allclose(read().loglik, -best.fun, atol=1e-6)
    assert_allclose(read().model.components[0].p, softmax(np.c_[best.x[1:].reshape(2, 3), [0, 0]], 1), atol=5e-5)

def test_a_single_coin_in_closed_form():
    one = fit(Mixture([1.], Binomial(None, [.3])), x).model.components[0].p
    assert_allclose(one, x[:, 0].sum() / x[:, 1].sum(), rtol=1e-14)
    assert_allclose(fit(Mixture([1.], Multinomial(None, [[.25] * 4])), counts).model.components[0].p[0], counts.sum(0) / counts.sum(), rtol=1e-14)

def test_equal_totals_are_the_families_with_a_known_n():
    heads, rows = np.minimum(x[:, 0], 20), np.random.default_rng(0).multinomial(9, [.2, .3, .5], 80).astype(float)
    for known, own, a, b in ((Binomial(20, [.3, .5]), Binomial(None, [.3, .5]), heads, np.c_[heads, np.full(len(x), 20)]),
                             (Multinomial(9, [[.2, .4, .4], [.5, .3, .2]]), Multinomial(None, [[.2, .4, .4], [.5, .3, .2]]), rows, rows)):
        one, other = fit(Mixture([.5, .5], known), a, max_iter=30, tol=0), fit(Mixture([.5, .5], own), b, max_iter=30, tol=0)
        assert_allclose(one.logliks, other.logliks, rtol=1e-13)
        assert_allclose(one.model.components[0].p, other.model.components[0].p, rtol=1e-11)

def test_rows_of_total_0_add_nothing():
    for model, data, empty in ((found().model, x, [[0., 0]] * 7), (read().model, counts, np.zeros((7, 4)))):
        assert_array_equal(model.components[0].log_prob(empty), 0)
        assert_allclose(model.loglik(np.r_[data, empty]), model.loglik(data), rtol=1e-14)
        assert_allclose(model.responsibilities(empty), np.tile(model.weights, (7, 1)), rtol=1e-14)

def test_no_toss_at_all_is_no_data():
    with pytest.raises(Degenerate, match="no data left"): Binomial(None, [.5]).maximise(Binomial(None, [.5]).statistics(np.zeros((3, 2)), np.ones((3, 1))))


# beside everything else

@pytest.mark.parametrize("accelerate", ["squarem", "anderson", "auto"])
def test_accelerators_end_at_the_same_maximum(accelerate):
    for model, data, trace in ((begin, x, found()), (topics, counts, read())):
        assert_allclose(fit(model, data, accelerate=accelerate, tol=1e-12).loglik, trace.loglik, atol=1e-6)

def test_weights_are_repeated_rows_and_parts_add_up():
    w = np.random.default_rng(0).integers(0, 4, len(x))
    for model, data in ((begin, x), (topics, counts)):
        v = w[:len(data)]
        a, b = fit(model, data, sample_weight=v, tol=1e-12), fit(model, np.repeat(data, v, axis=0), tol=1e-12)
        assert_allclose(a.loglik, b.loglik, rtol=1e-12)
        c = fit(model, Chunks([(data[:50], v[:50]), (data[50:], v[50:])]), tol=1e-12)
        assert_allclose(c.loglik, a.loglik, rtol=1e-12)
        assert_allclose(bic(a.model, data, v), bic(b.model, np.repeat(data, v, axis=0)), rtol=1e-10)

def test_all_rows_labelled_is_two_separate_coins():
    model = fit(begin, x, labels=z).model
    assert_allclose(model.components[0].p, [x[z == k, 0].sum() / x[z == k, 1].sum() for k in (0, 1)], rtol=1e-12)

def test_a_beta_prior_as_a_general_optimiser_finds_it():
    trace = fit(begin, x, prior=Prior(beta=(3, 2)), tol=1e-13)
    best = climbed(lambda u: loglik_of_coins(u, x, lambda w, p: np.sum(2 * np.log(p) + np.log(1 - p))), [0, -1, 1.])
    assert_allclose(trace.objective[-1], -best.fun, atol=1e-6)
    assert_allclose(trace.model.components[0].p, expit(best.x[1:]), atol=2e-5)

def test_a_dirichlet_prior_adds_counts():
    one = fit(Mixture([1.], Multinomial(None, [[.25] * 4])), counts, prior=Prior(dirichlet=3.)).model
    assert_allclose(one.components[0].p[0], (counts.sum(0) + 2) / (counts.sum() + 8), rtol=1e-12)

@pytest.mark.parametrize("method", ["louis", "oakes", "map"])
def test_standard_errors_of_coins_from_a_numerical_hessian(method):
    best, h = np.r_[found().model.weights[0], found().model.components[0].p], 1e-4
    f = lambda t: loglik_of_coins(np.log(t / (1 - t)), x)
    H = [[(f(best + h * (a + b)) - f(best + h * (a - b)) - f(best - h * (a - b)) + f(best - h * (a + b))) / (4 * h * h) for a in np.eye(3)] for b in np.eye(3)]
    assert_allclose(standard_errors(found(), x, method=method).errors, np.sqrt(np.diag(np.linalg.inv(-np.array(H)))), rtol=2e-4)

@pytest.mark.parametrize("method", ["louis", "oakes", "map"])
@pytest.mark.parametrize("size", [1, 10**4])
def test_standard_errors_of_one_coin_in_closed_form(method, size):
    rows = np.c_[size * np.array([3, 1, 7]), size * np.array([5, 4, 11])].astype(float)
    p = rows[:, 0].sum() / rows[:, 1].sum()
    found = standard_errors(fit(Mixture([1.], Binomial(None, [p])), rows), rows, method=method)
    assert_allclose(found.errors, np.sqrt(p * (1 - p) / rows[:, 1].sum()), rtol=1e-6)

def test_standard_errors_of_documents_agree():
    a, b, c = (standard_errors(read(), counts, method=m).errors for m in ("louis", "oakes", "map"))
    assert_allclose(a, b, rtol=1e-6)
    assert_allclose(a, c, rtol=1e-4)

def test_bootstraps_keep_the_totals():
    seen = []
    def spy(model, rng): seen.append(model.sample(rng, len(x), totals=model.totals(x))[0]); return seen[-1]
    a, b = bootstrap(found(), x, 30, np.random.default_rng(0)), bootstrap(found(), x, 30, np.random.default_rng(0), parametric=spy)
    assert_array_equal(a.samples, b.samples)
    assert all(np.array_equal(rows[:, 1], x[:, 1]) for rows in seen)
    errors = standard_errors(found(), x).by_name["components[0].p"]
    for result in (a, bootstrap(found(), x, 30, np.random.default_rng(1), parametric=False)): assert_allclose(result.errors[2:], errors, rtol=.45)
    assert len(bootstrap(read(), counts, 3, np.random.default_rng(0)).samples) == 3

@pytest.mark.slow
def test_one_coin_or_two():
    one = fit(Mixture([1.], Binomial(None, [.4])), x)
    test = bootstrap_lrt(one, found(), x, 9, np.random.default_rng(0))
    assert test.p_value == .1 and test.draws.max() < 30 < test.statistic

def test_starts_look_at_rates_and_not_at_lengths():
    g = np.random.default_rng(0)
    tosses, true = g.choice([10, 1000], 200), g.integers(0, 2, 200)
    rows = np.c_[g.binomial(tosses, np.where(true, .1, .9)), tosses]
    model = MixtureModel("binomial", 2, family_params={"n": None}, random_state=0, max_iter=0).fit(rows)
    assert np.mean(model.predict(rows) == true) in (0, 1)
    best = multistart(Binomial, rows, 2, n_starts=2, rng=g, n=None).best
    assert_allclose(np.sort(best.model.components[0].p), [.1, .9], atol=.01)
    assert_allclose(start(Binomial, rows, true, n=None).components[0].p, [rows[true == k, 0].sum() / rows[true == k, 1].sum() for k in (0, 1)])

def test_estimators():
    model = MixtureModel("binomial", 2, family_params={"n": None}, random_state=0, tol=1e-12).fit(x)
    assert_allclose(model.score(x) * len(x), found().loglik, atol=1e-6)
    assert_allclose(MixtureModel(Binomial(None, [.3, .5]), random_state=0, tol=1e-12).fit(x).score(x) * len(x), found().loglik, atol=1e-6)
    rows, who = model.sample(5, totals=[1, 2, 3, 4, 5])
    assert sorted(rows[:, 1]) == [1, 2, 3, 4, 5] and rows.shape == (5, 2) and who.shape == (5,)
    assert (model.sample(4, totals=6)[0][:, 1] == 6).all()
    with pytest.raises(TypeError, match="sample needs totals for Binomial with n=None"): model.sample(5)
    table = select(x, [1, 2, 3], estimator=MixtureModel("binomial", family_params={"n": None}, random_state=0), n_jobs=1, progress=False)
    assert table.best.n_components == 2 and table.best.model_.n_parameters == 3
    words = MixtureModel("multinomial", 2, family_params={"n": None}, random_state=0, tol=1e-12).fit(counts)
    assert_allclose(words.score(counts) * len(counts), read().loglik, atol=1e-5)
    assert (words.sample(4, totals=6)[0].sum(1) == 6).all()

def test_objects():
    for model in (found().model, read().model):
        assert pickle.loads(pickle.dumps(model)) == model == model.replace(model.parameters())
        assert "n=None" in repr(model)
    assert Binomial(None, [.5]) != Binomial(4, [.5]) and Binomial(None, [.3, .5]).n_parameters == 2 and Multinomial(None, [[.2, .3, .5]]).n_parameters == 2
    assert_array_equal(found().model.totals(x), x[:, 1])
    assert_array_equal(read().model.totals(counts), counts.sum(1))
    assert Mixture([1.], Poisson([1.])).totals([1, 2]) is None

def test_long_samples_keep_the_totals_of_their_rows():
    totals = np.arange(40_000) % 7
    rows, who = found().model.sample(np.random.default_rng(0), 40_000, totals=totals)
    assert_array_equal(rows[:, 1], totals)
    for k in (0, 1): assert_allclose(rows[who == k, 0].sum() / totals[who == k].sum(), found().model.components[0].p[k], atol=.01)

def test_two_blocks_side_by_side():
    beside = fit(Mixture([.5, .5], [Binomial(None, [.3]), Binomial(None, [.5])]), x, tol=1e-13)
    assert_allclose(beside.loglik, found().loglik, rtol=1e-12)
    assert beside.model.sample(np.random.default_rng(0), 3, totals=4)[0].shape == (3, 2)


# missing values

def test_a_round_without_heads_says_nothing():
    gaps = x.copy()
    gaps[:10, 0], gaps[10:20] = np.nan, np.nan
    a, b = fit(begin, gaps, missing="em", tol=1e-13), fit(begin, x[20:], tol=1e-13)
    assert_allclose(a.loglik, b.loglik, atol=1e-8)
    assert_allclose(a.model.components[0].p, b.model.components[0].p, atol=1e-6)
    assert_allclose(standard_errors(a, gaps, missing="em").errors, standard_errors(b, x[20:]).errors, rtol=1e-3)
    assert len(bootstrap(a, gaps, 3, np.random.default_rng(0), missing="em").samples) == 3
    m = MixtureModel("binomial", 2, family_params={"n": None}, missing="em", random_state=0, tol=1e-12).fit(gaps)
    assert_allclose(m.trace_.loglik, b.loglik, atol=1e-6)
    gaps[20, 1] = np.nan
    with pytest.raises(ValueError, match=r"tosses of every row.*x\[20\]"): fit(begin, gaps, missing="em")

@pytest.mark.slow
def test_documents_with_gaps_as_a_general_optimiser_finds_them():
    gaps = counts.copy()
    gaps[np.random.default_rng(0).random(gaps.shape) < .2] = np.nan
    trace = fit(topics, gaps, missing="em", tol=1e-13)
    assert np.diff(trace.logliks).min() > -1e-9
    best = climbed(lambda u: loglik_of_topics(u, gaps), np.r_[0, -1, -.5, 0, 1, .5, 0])
    assert_allclose(trace.loglik, -best.fun, atol=1e-6)
    assert_allclose(trace.model.components[0].p, softmax(np.c_[best.x[1:].reshape(2, 3), [0, 0]], 1), atol=1e-4)
    with pytest.raises(ValueError, match="parametric=False"): bootstrap(trace, gaps, 3, np.random.default_rng(0), missing="em")
    assert len(bootstrap(trace, gaps, 3, np.random.default_rng(0), missing="em", parametric=False).samples) == 3
    m = MixtureModel("multinomial", 2, family_params={"n": None}, missing="em", random_state=0, tol=1e-12).fit(gaps)
    assert m.trace_.loglik > trace.loglik - 1e-4

def test_faces_that_a_component_does_not_have():
    "Where a component has none of the faces that were counted, a count is impossible, and no count is certain."
    part = Mixture([.5, .5], Multinomial(None, [[1., 0, 0], [.2, .3, .5]]))
    assert_allclose(part.log_joint([[np.nan, 0, 0], [np.nan, 1, 0]], missing="em"),
                    np.log(.5) + np.array([[0, 0], [-np.inf, np.log(.3 / .8)]]), rtol=1e-12)

def test_what_was_lost_is_filled_in():
    one = Mixture([1.], Binomial(None, [.25]))
    assert_allclose(impute(one, [[np.nan, 8], [3, 4]]), [[2, 8], [3, 4]])
    drawn = impute(one, [[np.nan, 8]] * 20_000, np.random.default_rng(0))[:, 0]
    assert_allclose([drawn.mean(), drawn.var()], [2, 1.5], rtol=.03)
    words = Mixture([1.], Multinomial(None, [[.5, .3, .2]]))
    assert_allclose(impute(words, [[10, np.nan, 6]]), [[10, 16 * .3 / .7, 6]])
    drawn = impute(words, [[10, np.nan, 6]] * 20_000, np.random.default_rng(0))[:, 1]
    q = .3 # a throw is of this face with probability 0.3: failures before the 16th other one
    assert_allclose([drawn.mean(), drawn.var()], [16 * q / (1 - q), 16 * q / (1 - q)**2], rtol=.03)
    with pytest.raises(ValueError, match="tosses"): impute(one, [[np.nan, np.nan], [1, 2]])

def test_some_columns_given_others():
    assert found().model.conditional(1, 7) == Mixture(found().model.weights, Binomial([7], found().model.components[0].p[:, None]))
    assert_allclose(read().model.marginal([0, 2]).components[0].p.sum(1), 1)
    with pytest.raises(ValueError, match="tosses"): found().model.marginal(0)
    with pytest.raises(TypeError, match="conditional"): read().model.conditional(0, 3)
    with pytest.raises(TypeError, match="covariance"): regress(found().model, [3., 4], 1)


# what cannot be

V, T = ValueError, TypeError
g = np.random.default_rng(0)

@pytest.mark.parametrize("call, error, words", [
    (lambda: Binomial(None, [[.5, .5]]), V, ["n=None", "(1, 2)", "(K,)"]),
    (lambda: fit(begin, x[:, 0]), V, ["x must have shape (n, 2)", "(heads, tosses)", "(150,)"]),
    (lambda: fit(begin, [[1, 2], [3, 2]]), V, ["x[1]", "[3. 2.]", "heads ≤ tosses"]), (lambda: fit(begin, [[1, 2], [-1, 2]]), V, ["x[1]", "[-1.  2.]"]),
    (lambda: fit(begin, [[1, 2], [1.5, 2]]), V, ["x[1]", "whole numbers"]), (lambda: fit(begin, [[1, 2e9]]), V, ["x[0]", "10**9"]),
    (lambda: fit(topics, [[1, 2, 3, -1]]), V, ["x[0, 3]", "-1.0"]), (lambda: fit(topics, [[1e9, 1, 0, 0]]), V, ["x[0]", "10**9"]),
    (lambda: found().model.sample(g, 3), T, ["sample needs totals", "Binomial", "n=None"]), (lambda: read().model.sample(g, 3), T, ["Multinomial", "totals"]),
    (lambda: found().model.sample(g, 3, totals=[1, 2]), V, ["totals", "3 rows", "2"]), (lambda: found().model.sample(g, 2, totals=[1, -2]), V, ["totals[1]", "-2"]),
    (lambda: found().model.sample(g, 2, totals=1.5), V, ["totals", "whole number"]), (lambda: Binomial(4, [.5]).sample(g, 2, totals=3), T, ["totals", "Binomial"]),
    (lambda: Mixture([1.], Normal([0.], [1.])).sample(g, 2, totals=3), T, ["totals", "Normal"]),
    (lambda: MixtureModel("poisson", 1).fit([[1], [2]]).sample(2, totals=3), T, ["totals", "Poisson"]),
    (lambda: MixtureModel("binomial", 2, family_params={"n": None}).fit([[1], [2], [3]]), V, ["X must have shape (n, 2)"])])
def test_errors_say_what_to_do(call, error, words):
    with pytest.raises(error) as caught: call()
    assert all(word in str(caught.value) for word in words), caught.value
