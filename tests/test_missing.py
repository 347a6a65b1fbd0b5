"Missing values, known labels, and distributions of some columns given others."
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, stats
from scipy.special import logsumexp

from emlit import (Bernoulli, Binomial, Categorical, Exponential, Gamma, GaussianMixture, Geometric, Mixture, MixtureModel, Multinomial, MultivariateNormal, Normal, Poisson,
                   Uniform, fit, impute, regress)
from emlit.foundations.batch import filled, patterns, refuse_empty_columns

pytestmark = pytest.mark.filterwarnings("error")
A = np.array([[2., .6, -.3], [.6, 1, .2], [-.3, .2, 1.5]])
mean = np.array([[0., 1, -1], [1.5, -1, 2]])
COVS = {"full": [A, np.diag([1., 2, .5])], "tied": A, "diag": [[1., 2, 3], [2, 1, .5]], "tied_diag": [1., 2, 3], "spherical": [1., 2], "tied_spherical": 1.5}
p = np.array([[.2, .5, .7], [.8, .3, .6]])
FAMILIES = {name: MultivariateNormal(mean, cov, name) for name, cov in COVS.items()} | {
    "Bernoulli": Bernoulli(p), "Binomial": Binomial([3, 5, 4], p), "Poisson": Poisson(5 * p), "Exponential": Exponential(5 * p), "Geometric": Geometric(p),
    "Gamma": Gamma(5 * p, 2 * p), "Normal": Normal(mean, 2 * p), "Uniform": Uniform(mean - 3, mean + 3),
    "Categorical": Categorical([[[.2, .8], [.6, .4]], [[.1, .2, .7], [.5, .3, .2]], [[.5, .5], [.9, .1]]])}
MODELS = {name: Mixture([.4, .6], family) for name, family in FAMILIES.items()} | {
    "blocks": Mixture([.4, .5, .1], [FAMILIES["full"], Uniform([[-9.] * 3], [[9.] * 3])]),
    "positive": Mixture([.4, .3, .3], [Normal(mean[:1], p[:1] + 1), FAMILIES["Exponential"]])}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)

def data(model, n=80, share=.3, seed=0):
    rng = np.random.default_rng(seed)
    x = model.sample(rng, n)[0].astype(float)
    x[rng.random(x.shape) < share] = np.nan
    x[0] = np.nan # a row of which nothing is known
    return x

def moved(model):
    "The same families, other parameters: somewhere to start from."
    changes = {"weights": np.arange(1., model.n_components + 1) / np.arange(1, model.n_components + 1).sum()}
    for name, v in model.parameters().items():
        if name.endswith(("mean",)): changes[name] = v + np.linspace(-.5, .5, v.size).reshape(v.shape)
    return model.replace(changes)


# the likelihood of what is seen, by brute force

def brute(model, x):
    "log Σ_k π_k f_k(x_seen), one row and one component at a time."
    out, K = np.zeros((len(x), model.n_components)), model.n_components
    for (i, row), k in itertools.product(enumerate(x), range(K)):
        out[i, k] = np.log(model.weights[k]) + log_seen(model, k, row, np.flatnonzero(~np.isnan(row)))
    return out

def log_seen(model, k, row, o):
    for block in model.components:
        if k < block.n_components: break
        k -= block.n_components
    v, name = row[o], type(block).__name__
    if not len(o): return 0.
    if name == "MultivariateNormal":
        s, eye = block.structure, np.eye(3)
        cov = {"full": lambda: block.cov[k], "tied": lambda: block.cov, "diag": lambda: np.diag(block.cov[k]), "tied_diag": lambda: np.diag(block.cov),
               "spherical": lambda: block.cov[k] * eye, "tied_spherical": lambda: block.cov * eye}[s]()
        return stats.multivariate_normal.logpdf(v, block.mean[k, o], cov[np.ix_(o, o)])
    if name == "Categorical": return sum(np.log(block.p[j][k, int(c)]) for j, c in zip(o, v))
    f = {"Bernoulli": lambda: stats.bernoulli.logpmf(v, block.p[k, o]), "Binomial": lambda: stats.binom.logpmf(v, block.n[o], block.p[k, o]),
         "Poisson": lambda: stats.poisson.logpmf(v, block.rate[k, o]), "Geometric": lambda: stats.geom.logpmf(v + 1, block.p[k, o]),
         "Exponential": lambda: stats.expon.logpdf(v, 0, 1 / block.rate[k, o]), "Normal": lambda: stats.norm.logpdf(v, block.mean[k, o], block.std[k, o]),
         "Gamma": lambda: stats.gamma.logpdf(v, block.shape[k, o], 0, block.scale[k, o]),
         "Uniform": lambda: stats.uniform.logpdf(v, block.low[k, o], (block.high - block.low)[k, o])}[name]
    return f().sum()

@each_model
def test_log_likelihood_is_that_of_what_is_seen(model):
    x = data(model)
    right = brute(model, x)
    assert_allclose(model.log_joint(x, missing="em"), right, rtol=1e-10, atol=1e-10)
    assert_allclose(model.log_prob(x, missing="em"), logsumexp(right, axis=1), rtol=1e-10, atol=1e-10)
    assert_allclose(model.loglik(x, missing="em"), logsumexp(right, axis=1).sum(), rtol=1e-10)
    assert_allclose(model.e_step(x, missing="em").loglik, logsumexp(right, axis=1).sum(), rtol=1e-10)
    assert_allclose(model.responsibilities(x, missing="em"), np.exp(right - logsumexp(right, axis=1, keepdims=True)), atol=1e-10)

@each_model
def test_an_empty_row_counts_nothing_and_keeps_the_weights(model):
    x = np.full((3, 3), np.nan)
    assert_allclose(model.log_prob(x, missing="em"), 0, atol=1e-14)
    assert_allclose(model.responsibilities(x, missing="em"), np.tile(model.weights, (3, 1)))


# the expected statistics, by integrating the holes out

DISCRETE = [name for name in ("Bernoulli", "Binomial", "Categorical")]

@pytest.mark.parametrize("name", DISCRETE)
def test_expected_statistics_are_sums_over_all_fillings(name):
    model, x = MODELS[name], data(MODELS[name], n=12)
    sizes = {"Bernoulli": [2] * 3, "Binomial": [4, 6, 5], "Categorical": [2, 3, 2]}[name]
    total = 0
    for row in x:
        fillings = [f for f in itertools.product(*map(range, sizes)) if all(np.isnan(v) or v == c for v, c in zip(row, f))]
        filled = np.array(fillings, float)
        joint = np.exp(model.log_joint(filled))
        total = total + model.components[0].statistics(filled, joint / joint.sum())
    found = model.e_step(x, missing="em").stats[0]
    assert_allclose(found.total, total.total, rtol=1e-10)
    assert_allclose(found.weight, total.weight, rtol=1e-10)

@pytest.mark.parametrize("name", [*COVS, "Normal", "Gamma", "Poisson", "Exponential", "Geometric"])
def test_expected_statistics_are_means_over_draws(name):
    "Statistics of many random fillings of the same rows, drawn by impute, have the expected ones as their mean."
    model, x = MODELS[name], data(MODELS[name], n=6)
    many = np.repeat(x, 20000, axis=0)
    filled = impute(model, many, np.random.default_rng(1))
    found, right = (model.m_step(model.e_step(x, missing="em")), model.m_step(model.e_step(filled)))
    for a, b in zip(found.parameters().values(), right.parameters().values()): assert_allclose(a, b, rtol=.06, atol=.06)


# EM

@each_model
@pytest.mark.slow
def test_the_likelihood_never_falls(model):
    x, m, path = data(model, seed=1), moved(model), []
    for _ in range(25):
        e = m.e_step(x, missing="em")
        path.append(e.loglik)
        m = m.m_step(e)
    assert np.diff(path).min() > -1e-9 and path[-1] > path[0]

@each_model
def test_without_holes_it_is_the_plain_e_step(model):
    x = model.sample(np.random.default_rng(0), 50)[0]
    a, b = model.e_step(x), model.e_step(x, missing="em")
    assert a.loglik == b.loglik
    for s, t in zip(a.stats, b.stats): assert_array_equal(s.total, t.total)

@each_model
def test_statistics_add_up_over_any_split(model):
    x, w = data(model, n=40), np.random.default_rng(0).random(40)
    labels = np.where(np.arange(40) % 5 == 1, 0, -1)
    kw = dict(missing="em")
    whole = model.e_step(x, sample_weight=w, **kw)
    parts = model.e_step(x[:13], sample_weight=w[:13], **kw) + model.e_step(x[13:], sample_weight=w[13:], **kw)
    same_m_step(model, whole, parts)

def same_m_step(model, a, b, rtol=1e-10):
    assert_allclose(a.loglik, b.loglik, rtol=rtol)
    for u, v in zip(model.m_step(a).parameters().values(), model.m_step(b).parameters().values()): assert_allclose(u, v, rtol=rtol, atol=1e-10)

@each_model
def test_whole_weights_are_repeated_rows_and_weight_0_removes_a_row(model):
    x, w = data(model, n=40), np.random.default_rng(0).integers(0, 4, 40)
    same_m_step(model, model.e_step(x, sample_weight=w, missing="em"), model.e_step(np.repeat(x, w, axis=0), missing="em"))

@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in ("Categorical", "Uniform")])
@pytest.mark.slow
def test_the_end_is_a_maximum_of_the_observed_likelihood(name):
    "The gradient of ℓ, by central differences of the brute-force sum, vanishes where EM ends; the weights' along their simplex."
    model, x = MODELS[name], data(MODELS[name], n=120, seed=2)
    model = fit(model, x, missing="em", accelerate="anderson", tol=1e-13, keep="ends").model
    for _ in range(2000):
        e = model.e_step(x, missing="em")
        new = model.m_step(e)
        if all(np.max(np.abs(a - b)) < 1e-12 for a, b in zip(new.parameters().values(), model.parameters().values())): break
        model = new
    ell = lambda h: logsumexp(brute(model.replace({"weights": model.weights + [h, -h]}), x), axis=1).sum()
    assert abs(ell(1e-4) - ell(-1e-4)) / 2e-4 < 1e-2
    for key, v in model.parameters().items():
        if key == "weights": continue
        for at in np.ndindex(v.shape):
            other = at[:-2] + at[:-3:-1] if key.endswith("cov") and name in ("full", "tied") else at
            def moved_by(h):
                u = v.copy()
                u[at] = v[at] + h
                u[other] = u[at]
                return logsumexp(brute(model.replace({key: u}), x), axis=1).sum()
            if key.endswith(".p") and not .01 < v[at] < .99: continue # a maximum at the border
            h = 1e-4
            slope, bend = (moved_by(h) - moved_by(-h)) / (2 * h), (moved_by(h) - 2 * moved_by(0) + moved_by(-h)) / h**2
            assert abs(slope) < 1e-4 * max(1, abs(bend)), (key, at, slope)

@pytest.mark.slow
def test_direct_maximisation_finds_the_same_normal():
    "One normal in two columns with holes: Nelder–Mead on the observed likelihood."
    rng = np.random.default_rng(3)
    x = rng.multivariate_normal([1, 2], [[1, .7], [.7, 2]], 60)
    x[:15, 1], x[50:, 0] = np.nan, np.nan
    model = Mixture([1.], MultivariateNormal([[0., 0]], [np.eye(2)]))
    for _ in range(300): model = model.m_step(model.e_step(x, missing="em"))
    def minus(theta):
        L = np.array([[np.exp(theta[2]), 0], [theta[3], np.exp(theta[4])]])
        return -logsumexp(brute(Mixture([1.], MultivariateNormal([theta[:2]], [L @ L.T])), x), axis=1).sum()
    found = optimize.minimize(minus, np.zeros(5), method="BFGS", options=dict(gtol=1e-6))
    assert_allclose(model.loglik(x, missing="em"), -found.fun, atol=1e-7)
    assert_allclose(model.components[0].mean[0], found.x[:2], atol=1e-4)


# labels

@each_model
def test_labels_pick_the_terms_of_the_likelihood(model):
    x = data(model)
    right, labels = brute(model, x), np.random.default_rng(0).integers(-1, model.n_components, len(x))
    labels[np.isinf(right[np.arange(len(x)), labels])] = -1
    terms = np.where(labels < 0, logsumexp(right, axis=1), right[np.arange(len(x)), labels])
    e = model.e_step(x, labels=labels, missing="em")
    assert_allclose(e.loglik, terms.sum(), rtol=1e-10)
    assert_allclose(model.loglik(x, labels=labels, missing="em"), terms.sum(), rtol=1e-10)
    r = np.exp(right - logsumexp(right, axis=1, keepdims=True))
    r[labels >= 0] = np.eye(model.n_components)[labels[labels >= 0]]
    assert_allclose(e.weight, r.sum(0), rtol=1e-9)

def test_all_known_is_plain_maximum_likelihood():
    x, z = MODELS["full"].sample(np.random.default_rng(0), 90)
    m = MODELS["tied"].m_step(MODELS["tied"].e_step(x, labels=z))
    assert_allclose(m.weights, np.bincount(z) / 90)
    for k in range(2): assert_allclose(m.components[0].mean[k], x[z == k].mean(0), rtol=1e-12)
    within = sum(np.cov(x[z == k].T, bias=True) * (z == k).mean() for k in range(2))
    assert_allclose(m.components[0].cov, within, rtol=1e-10)

def test_unknown_labels_are_no_labels():
    x = data(MODELS["full"], share=0)[1:]
    same_m_step(MODELS["full"], MODELS["full"].e_step(x), MODELS["full"].e_step(x, labels=[-1] * len(x)))

def test_labels_work_for_every_family_without_holes():
    dice = Mixture([.5, .5], Multinomial(4, [[.2, .3, .5], [.6, .2, .2]]))
    x, z = dice.sample(np.random.default_rng(0), 30)
    assert_allclose(dice.e_step(x, labels=z).weight, np.bincount(z))
    coin = Mixture([.5, .5], Bernoulli([.3, .6]))
    assert_allclose(coin.e_step([1, 0, 1], labels=[0, 1, -1]).loglik, np.log(.5 * .3) + np.log(.5 * .4) + np.log(.45))

full = MODELS["full"]
LABELS = {
    "short": ([0], ValueError, "one label for each of the 3 observations"), "long": ([0] * 4, ValueError, "one label for each of the 3"),
    "float": ([0., 1, -1], TypeError, "whole numbers"), "bool": ([True, False, True], TypeError, "whole numbers"), "text": (["a", "b", "c"], TypeError, "real numbers"),
    "high": ([0, 2, -1], ValueError, r"a component from 0 to 1.*labels\[1\] is 2"), "low": ([0, -2, -1], ValueError, r"labels\[1\] is -2"),
    "table": (np.eye(3, dtype=int), ValueError, "one label for each"), "one number": (0, ValueError, "one label for each")}

@pytest.mark.parametrize("labels, error, words", LABELS.values(), ids=LABELS)
def test_bad_labels(labels, error, words):
    with pytest.raises(error, match=words): full.e_step(np.zeros((3, 3)), labels=labels)
    with pytest.raises(error, match=words): full.loglik(np.zeros((3, 3)), labels=labels)

def test_an_impossible_label_is_named():
    with pytest.raises(ValueError, match=r"x\[1\] has probability zero under component 1"):
        Mixture([.5, .5], Uniform([0, 5], [4, 9])).e_step([1., 2], labels=[0, 1])


# bad input

def test_nan_is_an_error_that_names_the_remedy():
    for f in (full.e_step, full.loglik, full.log_prob, full.responsibilities, full.predict):
        with pytest.raises(ValueError, match=r'finite.*x\[0, 1\] is nan.*missing="em"'): f([[0, np.nan, 1]])

@pytest.mark.parametrize("word", ["EM", "drop", True, 1, np.nan, "mean"], ids=str)
def test_missing_is_em_or_none(word):
    with pytest.raises(ValueError, match='missing must be None.*or "em"'): full.e_step(np.zeros((3, 3)), missing=word)

def test_bad_tables():
    with pytest.raises(ValueError, match=r"x\[0, 1\] is inf"): full.e_step([[np.nan, np.inf, 0]], missing="em")
    with pytest.raises(ValueError, match=r"shape \(n, 3\).*got \(1, 2\)"): full.e_step([[np.nan, 0]], missing="em")
    with pytest.raises(ValueError, match=r"x must be 0 or 1, where it is not missing; x\[1\] is"): MODELS["Bernoulli"].e_step([[1, 0, 1], [2, np.nan, 0]], missing="em")
    with pytest.raises(ValueError, match=r"x\[1\] is"): MODELS["Bernoulli"].e_step([[1, 0, 1], [2, np.nan, 0]], sample_weight=[1, 2], missing="em")
    with pytest.raises(ValueError, match="column 1 all are missing"): refuse_empty_columns([[1, np.nan], [2, np.nan]])
    with pytest.raises(ValueError, match="column 1 all are missing"): refuse_empty_columns([[1, np.nan], [2, 3]], sample_weight=[1, 0])
    with pytest.raises(TypeError, match="Multinomial"): Mixture([1.], Multinomial(2, [[.5, .5]])).e_step([[1, np.nan]], missing="em")
    with pytest.raises(TypeError, match="text"): full.e_step([["a", "b", "c"]], missing="em")

def test_one_column_of_numbers():
    model = Mixture([.5, .5], Normal([0, 5], [1, 2]))
    x = np.array([0, np.nan, 4, 6, -1, 5.5])
    e = model.e_step(x, missing="em")
    assert_allclose(e.loglik, model.loglik(x[[0, 2, 3, 4, 5]]))
    a, b = model, model
    for _ in range(400): a, b = a.m_step(a.e_step(x, missing="em")), b.m_step(b.e_step(x[[0, 2, 3, 4, 5]]))
    for u, v in zip(a.parameters().values(), b.parameters().values()): assert_allclose(u, v, rtol=1e-6)


# some columns, and the others given them

@each_model
@pytest.mark.parametrize("columns", [[0], [2, 0], [1, 2]], ids=str)
def test_joint_is_marginal_times_conditional(model, columns):
    x = model.sample(np.random.default_rng(4), 6)[0].astype(float)
    rest = [j for j in range(3) if j not in columns]
    for row in x:
        left = model.conditional(columns, row[columns])
        joint = model.marginal(columns).log_prob(row[None, columns]) + left.log_prob(row[None, rest])
        assert_allclose(joint, model.log_prob(row[None]), rtol=1e-9, atol=1e-9)

def test_columns_may_be_a_number_or_a_mask():
    assert full.marginal(1) == full.marginal([1]) == full.marginal(np.array([False, True, False]))
    assert full.conditional(1, 2.) == full.conditional([1], [2.])

@pytest.mark.parametrize("name, floor, part", [("full", .1 * A, .1 * A[:2, :2]), ("tied", .1 * A, .1 * A[:2, :2]), ("diag", [.1, .2, .3], [.1, .2]), ("spherical", .1, .1)])
def test_floors_are_those_of_the_columns(name, floor, part):
    family = MultivariateNormal(mean, COVS[name], name, floor=floor)
    assert_allclose(family.marginal([0, 1]).floor, part)
    assert_allclose(Normal(mean, 2 * p, floor=[.1, .2, .3]).marginal([2, 0]).floor, [.3, .1])
    Mixture([.4, .6], family).conditional(0, 1.)

BAD_COLUMNS = {"far": ([3], ValueError, "from 0 to 2"), "negative": (-1, ValueError, "from 0 to 2"), "twice": ([0, 0], ValueError, "differ"),
               "text": ("a", TypeError, "numbers of columns"), "none": ([], TypeError, "numbers of columns"), "float": (1., TypeError, "numbers of columns")}

@pytest.mark.parametrize("columns, error, words", BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_bad_columns(columns, error, words):
    for model in (full, MODELS["Bernoulli"], MODELS["Categorical"]):
        with pytest.raises(error, match=words): model.marginal(columns)
        with pytest.raises(error, match=words): model.conditional(columns, [0])

def test_bad_values():
    with pytest.raises(ValueError, match="at least one of the 3"): full.conditional([0, 1, 2], [0, 0, 0])
    with pytest.raises(ValueError, match="one value for each of the 2 columns"): full.conditional([0, 1], [0])
    with pytest.raises(ValueError, match="values must be finite"): full.conditional([0, 1], [0, np.nan])
    with pytest.raises(ValueError, match="values must be possible"): MODELS["Bernoulli"].conditional([0], [2])
    with pytest.raises(ValueError, match="x must have columns"): Mixture([1.], Normal([0], [1])).marginal(0)
    with pytest.raises(ValueError, match="x must have columns"): Mixture([1.], Normal([0], [1])).conditional(0, 1)
    with pytest.raises(TypeError, match="Multinomial"): Mixture([1.], Multinomial(2, [[.5, .5]])).marginal(0)

@pytest.mark.parametrize("name", [n for n in MODELS if n != "Categorical"])
@pytest.mark.slow
def test_regression_is_the_mean_and_covariance_of_the_conditional(name):
    model = MODELS[name]
    x = model.sample(np.random.default_rng(5), 4)[0][:, [2]]
    found, cov = regress(model, x, 2)
    for i in range(2):
        draws = model.conditional(2, x[i]).sample(np.random.default_rng(6), 200_000)[0]
        assert_allclose(found[i], draws.mean(0), atol=.03 * (1 + draws.std(0).max()))
        assert_allclose(cov[i], np.cov(draws.T), atol=.05 * (1 + draws.var(0).max()))
    assert_allclose(regress(model, x[:, 0], 2)[0], found)

@pytest.mark.parametrize("name", [n for n in MODELS if n != "Categorical"])
def test_imputing_the_mean_is_regression(name):
    model = MODELS[name]
    x = model.sample(np.random.default_rng(7), 5)[0].astype(float)
    hidden = np.where([True, False, True], np.nan, x)
    assert_allclose(impute(model, hidden)[:, [0, 2]], regress(model, x[:, [1]], 1)[0], rtol=1e-10)
    assert_array_equal(impute(model, hidden)[:, 1], x[:, 1])

def test_impute():
    x = data(full)
    a, b = impute(full, x, np.random.default_rng(0)), impute(full, x, np.random.default_rng(0))
    assert_array_equal(a, b)
    assert_array_equal(a[~np.isnan(x)], x[~np.isnan(x)])
    assert np.isnan(x).any() and np.isfinite(a).all() and np.isfinite(impute(full, x)).all()
    names = data(MODELS["Categorical"])
    assert np.isin(impute(MODELS["Categorical"], names, np.random.default_rng(0)), range(3)).all()
    with pytest.raises(TypeError, match="Categorical has no means"): impute(MODELS["Categorical"], names)
    with pytest.raises(TypeError, match="rng"): impute(full, x, 0)


# fit

def test_fit_reads_holes_and_labels():
    x, z = full.sample(np.random.default_rng(0), 200)
    x[np.random.default_rng(1).random(x.shape) < .2] = np.nan
    labels = np.where(np.arange(200) < 40, z, -1)
    trace = fit(moved(full), x, missing="em", labels=labels)
    assert trace.converged
    assert_allclose(trace.loglik, trace.model.loglik(x, labels=labels, missing="em"))
    assert trace.loglik >= full.loglik(x, labels=labels, missing="em")
    still = fit(moved(full), x, missing="em", freeze=("mean",), max_iter=5).model
    assert_array_equal(still.components[0].mean, moved(full).components[0].mean)

def test_fit_refuses_an_empty_column_by_number():
    x = np.array([[1, np.nan, 2], [2, np.nan, 3], [0, np.nan, 4]])
    with pytest.raises(ValueError, match="in column 1 all are missing"): fit(full, x, missing="em")
    with pytest.raises(ValueError, match='say missing="em"'): fit(full, x)
    x[0, 1] = 1
    with pytest.raises(ValueError, match="in column 1 all are missing"): fit(full, x, missing="em", sample_weight=[0, 1, 1])
    fit(full, x, missing="em", max_iter=1)

@each_model
@pytest.mark.slow
def test_fits_of_repeated_rows_and_whole_weights_agree(model):
    x, w = data(model, n=60, share=.2), np.random.default_rng(2).integers(0, 3, 60)
    a = fit(moved(model), x, sample_weight=w, missing="em", max_iter=15, tol=0)
    b = fit(moved(model), np.repeat(x, w, axis=0), missing="em", max_iter=15, tol=0)
    for u, v in zip(a.model.parameters().values(), b.model.parameters().values()): assert_allclose(u, v, rtol=1e-10, atol=1e-10)

@pytest.mark.parametrize("d", [1, 7, 8, 9, 63, 64, 65, 130])
def test_patterns_part_the_rows_by_what_they_lack(d):
    seen = np.random.default_rng(d).random((50, d)) < .97
    seen[40:] = seen[:10]
    groups = patterns(seen)
    assert sorted(np.concatenate([rows for _, rows in groups])) == list(range(50))
    assert all(np.all(seen[rows] == columns) for columns, rows in groups)
    assert len(groups) == len(np.unique(seen, axis=0))
    assert sum(len(rows) for _, rows in patterns(seen, size=3)) == 50 and max(len(rows) for _, rows in patterns(seen, size=3)) <= 3

def test_holes_far_from_the_origin_cost_no_digits():
    x, z = full.sample(np.random.default_rng(0), 300)
    x[np.random.default_rng(1).random(x.shape) < .2] = np.nan
    far = Mixture(full.weights, MultivariateNormal(mean + 1e8, full.components[0].cov))
    near, away = full.m_step(full.e_step(x, missing="em")), far.m_step(far.e_step(x + 1e8, missing="em"))
    assert_allclose(away.components[0].mean - 1e8, near.components[0].mean, atol=1e-6)
    assert_allclose(away.components[0].cov, near.components[0].cov, atol=1e-6)
    scale = np.array([1e-6, 1., 1e6])
    wide = Mixture(full.weights, MultivariateNormal(mean * scale, full.components[0].cov * np.outer(scale, scale)))
    assert_allclose(wide.m_step(wide.e_step(x * scale, missing="em")).components[0].cov / np.outer(scale, scale), near.components[0].cov, rtol=1e-9, atol=1e-9)

ONE = {"normal": Normal([0, 5.], [1, 2.]), "column": Normal([[0], [5.]], [[1], [2.]]), "matrix": MultivariateNormal([[0], [5.]], [[[1]], [[2.]]]), "tied": MultivariateNormal([[0], [5.]], [[1.]], "tied"),
       "die": Categorical([[.2, .3, .5], [.6, .3, .1]]), "dice": Categorical([[[.2, .3, .5], [.6, .3, .1]]]), "gamma": Gamma([1., 9], [1., 2]), "binomial": Binomial(4, [.2, .6]), "uniform": Uniform([0., 2], [3, 4])}

@pytest.mark.parametrize("family", ONE.values(), ids=ONE)
def test_a_lone_column_ends_where_its_seen_rows_end(family):
    "An empty row pulls towards the present model, so the paths differ, but a fixed point of the one is a fixed point of the other."
    model = Mixture([.3, .7], family)
    x = model.sample(np.random.default_rng(0), 80)[0].astype(float)
    rest = fit(model, x, tol=1e-14, max_iter=3000).model
    holes = np.concatenate([x, np.full((9, *x.shape[1:]), np.nan)])
    assert_allclose(rest.loglik(holes, missing="em"), rest.loglik(x), rtol=1e-12)
    after = rest.m_step(rest.e_step(holes, missing="em"))
    for a, b in zip(after.parameters().values(), rest.m_step(rest.e_step(x)).parameters().values()): assert_allclose(a, b, atol=1e-4)


def test_the_end_is_a_maximum_for_categories_too():
    "Moving probability from one category to another, in any column, gains nothing."
    model, x = MODELS["Categorical"], data(MODELS["Categorical"], n=200, seed=2)
    end = fit(model, x, missing="em", accelerate="anderson", tol=1e-13, keep="ends").model
    family, top = end.components[0], logsumexp(brute(end, x), axis=1).sum()
    assert_allclose(end.loglik(x, missing="em"), top, rtol=1e-12)
    for j, p in enumerate(family.p):
        for k, a, b in itertools.product(range(2), range(p.shape[1]), range(p.shape[1])):
            if a == b or p[k, b] < 1e-3: continue
            moved = [q.copy() for q in family.p]
            moved[j][k, [a, b]] += [1e-3, -1e-3]
            assert logsumexp(brute(Mixture(end.weights, Categorical(moved)), x), axis=1).sum() <= top + 1e-9


# estimators

@pytest.mark.parametrize("name, kind, constants", [("Bernoulli", Bernoulli, {}), ("Poisson", Poisson, {}), ("Exponential", Exponential, {}), ("Geometric", Geometric, {}),
                                                   ("Binomial", Binomial, {"n": [3, 5, 4]}), ("Categorical", Categorical, {}), ("Normal", Normal, {}), ("Gamma", Gamma, {})])
@pytest.mark.slow
def test_the_estimator_of_any_family_begins_with_values_that_occur(name, kind, constants):
    "A count has no mean that could stand in for a hole; the fit ends where fit from the same start ends, and predicts rows with holes."
    x = data(MODELS[name], n=150, share=.2)
    model = MixtureModel(kind, n_components=2, missing="em", random_state=0, family_params=constants or None).fit(x)
    assert_allclose(model.model_.loglik(x, missing="em"), logsumexp(brute(model.model_, x), axis=1).sum(), rtol=1e-10)
    again = fit(model.model_, x, missing="em", tol=1e-11)
    assert again.loglik - model.model_.loglik(x, missing="em") < 1e-2
    assert_allclose(model.predict_proba(x)[0], model.weights_)

def test_filled():
    x = data(MODELS["Categorical"], n=50)
    out = filled(x)
    assert_array_equal(out[~np.isnan(x)], x[~np.isnan(x)])
    for column, full_column in zip(x.T, out.T): assert np.isin(full_column, column).all()
    assert_array_equal(filled([1, np.nan, 4, 2.]), [1, 2, 4, 2])


# weights, with nothing missing

WHOLE = MODELS | {f"one column of {name}": Mixture([.4, .6], family) for name, family in {
    "Bernoulli": Bernoulli([.2, .8]), "Binomial": Binomial(5, [.2, .8]), "Poisson": Poisson([1., 4]), "Exponential": Exponential([1., 4]), "Geometric": Geometric([.2, .8]),
    "Gamma": Gamma([1., 4], [.4, 1.6]), "Normal": Normal([-1., 1], [.4, 1.6]), "Uniform": Uniform([-3., -2], [3., 4]), "Categorical": Categorical([[.1, .2, .7], [.5, .3, .2]])}.items()} | {
    "Multinomial": Mixture([.4, .6], Multinomial(6, [[.1, .2, .7], [.5, .3, .2]])), "normals and noise": Mixture([.4, .5, .1], [Normal([0., 3], [1, 1]), Uniform([-9.], [9.])]),
    "a wait and a delay": Mixture([.3, .3, .4], [Exponential([1.]), Gamma([2., 4], [1., 2])])}

def same_fit(a, b, rtol=1e-10):
    assert a.n_iter == b.n_iter
    assert_allclose(a.loglik, b.loglik, rtol=rtol)
    for name, value in a.model.parameters().items(): assert_allclose(value, b.model.parameters()[name], rtol=rtol, atol=rtol, err_msg=name)

@pytest.mark.parametrize("n", [80, 3000])
@pytest.mark.parametrize("model", WHOLE.values(), ids=WHOLE)
@pytest.mark.slow
def test_weights_are_repeated_rows_and_weight_0_is_no_row_in_every_family(model, n):
    "From the same explicit start, 25 iterations, to 1e-10; 3000 rows take the fast form where there is one."
    rng = np.random.default_rng(30)
    x, w = model.sample(rng, n)[0], rng.integers(0, 4, n)
    weighted = fit(model, x, sample_weight=w, tol=0, max_iter=25)
    same_fit(weighted, fit(model, np.repeat(x, w, axis=0), tol=0, max_iter=25))
    same_fit(weighted, fit(model, x[w > 0], sample_weight=w[w > 0], tol=0, max_iter=25))

PRECISIONS = {"full": [np.linalg.inv(A), np.eye(3)], "tied": np.linalg.inv(A), "diag": np.ones((2, 3)), "tied_diag": np.ones(3), "spherical": [1., 1], "tied_spherical": 1.}

@pytest.mark.parametrize("structure", COVS)
def test_weights_in_the_estimator_from_an_explicit_start(structure):
    rng = np.random.default_rng(31)
    x, w = MODELS["full"].sample(rng, 200)[0], rng.integers(0, 4, 200)
    def run(x, w=None): return GaussianMixture(2, covariance_type=structure, weights_init=[.4, .6], means_init=mean, precisions_init=PRECISIONS[structure]).fit(x, sample_weight=w)
    a, b, c = run(x, w), run(np.repeat(x, w, axis=0)), run(np.r_[x, [[1e9] * 3]], np.r_[w, 0])
    for other in (b, c):
        assert_allclose(a.means_, other.means_, rtol=1e-10)
        assert_allclose(a.covariances_, other.covariances_, rtol=1e-10)
        assert_allclose(a.weights_, other.weights_, rtol=1e-10)
    assert_allclose(a.score(x, sample_weight=w), b.score(np.repeat(x, w, axis=0)), rtol=1e-12)


# frozen components

def test_a_frozen_component_stays_while_the_others_learn():
    rng = np.random.default_rng(32)
    x = full.sample(rng, 300)[0]
    known, others = MultivariateNormal(mean[:1], [A]), MultivariateNormal(mean[1:] + .5, [np.eye(3)])
    trace = fit(Mixture([.5, .5], [known, others]), x, freeze="components[0]")
    assert trace.converged and trace.model.components[0] == known and trace.model.components[1] != others and trace.model.weights[0] != .5
    by_name = fit(Mixture([.5, .5], [known, others]), x, freeze=("components[0].mean", "components[0].cov"))
    same_fit(trace, by_name, rtol=0)
    both = fit(Mixture([.5, .5], [known, others]), x, freeze=("components[0]", "weights"), max_iter=5, tol=0)
    assert both.model.components[0] == known and both.model.weights[0] == .5
    noise = Mixture([.9, .1], [known, Uniform([[-9.] * 3], [[9.] * 3])])
    assert fit(noise, x, freeze="components[1]", max_iter=2, tol=0).model == fit(noise, x, max_iter=2, tol=0).model # a uniform has nothing to freeze
    with pytest.raises(ValueError, match=r"freeze must name parameters of the model; got 'components\[2\]'"): fit(noise, x, freeze="components[2]")

def test_frozen_components_and_labels_together():
    rng = np.random.default_rng(33)
    x, z = full.sample(rng, 300)
    labels = np.where(np.arange(300) < 30, z, -1)
    known = MultivariateNormal(mean[:1], [A])
    start = Mixture([.5, .5], [known, MultivariateNormal(mean[1:] + .5, [np.eye(3)])])
    trace = fit(start, x, labels=labels, freeze="components[0]")
    assert trace.model.components[0] == known and np.diff(trace.logliks).min() > -1e-9
    assert_allclose(trace.model.responsibilities(x, labels=labels)[:30], np.eye(2)[z[:30]])
