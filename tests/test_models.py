"""Models of one's own: names, copies, blocks, the M-step of blocks, priors; and batches that a mixture has read."""
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from emlit import Categorical, Expectation, Family, Mixture, Model, MultivariateNormal, Normal, Poisson, Prior, Stats, fit
from emlit.foundations.batch import Batch
from emlit.foundations.errors import Impossible, MissingValue

pytestmark = pytest.mark.filterwarnings("error")
nan = np.nan


@dataclass(frozen=True, eq=False)
class Chain(Model):
    "Two numbers, each from a state; the second state depends on the first."
    first: Categorical
    moves: Categorical
    seen: Normal
    def e_step(self, x, sample_weight=None):
        w = np.ones(len(x)) if sample_weight is None else np.asarray(sample_weight, float)
        f = np.exp(self.seen.log_prob(np.ravel(x))).reshape(-1, 2, 2)
        paths = (self.first.p[0] * f[:, 0])[:, :, None] * self.moves.p * f[:, 1, None]
        p = paths.sum((1, 2))
        paths *= (w / p)[:, None, None]
        ends, counts = np.stack([paths.sum(2), paths.sum(1)], 1).reshape(-1, 2), paths.sum(0)
        return Expectation(w @ np.log(p), (Stats(np.array([w.sum()]), counts.sum(1)[None]), Stats(counts.sum(1), counts),
                                           self.seen.statistics(np.ravel(x), ends)))

@dataclass(frozen=True, eq=False)
class Shares(Model):
    "A mixture of known densities, that is none of the package's: its weights are all it has."
    weights: np.ndarray
    rates: tuple
    constants, constraints = ("rates",), {"weights": "simplex"}
    def e_step(self, x, sample_weight=None):
        joint = np.exp(Poisson(self.rates).log_prob(x)) * self.weights
        return Expectation(np.log(joint.sum(1)).sum(), (Stats((joint / joint.sum(1, keepdims=True)).sum(0), np.zeros(len(self.weights))),))
    def m_step(self, expectation, freeze=(), prior=None):
        counts = expectation.weight if prior is None else prior.counts(expectation.weight)
        return self.replace({"weights": counts / counts.sum()})

chain = Chain(Categorical([[.5, .5]]), Categorical([[.7, .3], [.3, .7]]), Normal([0., 3], [1, 1]))
rng = np.random.default_rng(0)
z = np.stack([s := rng.integers(0, 2, 300), np.where(rng.random(300) < .8, s, 1 - s)], 1)
x = 3. * z + rng.normal(size=(300, 2))


def test_a_model_names_its_parameters_and_counts_what_is_free():
    assert list(chain.parameters()) == ["first.p", "moves.p", "seen.mean", "seen.std"]
    assert list(chain.blocks()) == ["first", "moves", "seen"] and all(isinstance(b, Family) for b in chain.blocks().values())
    assert chain.n_parameters == 1 + 2 + 2 + 2 and Shares(np.array([.2, .3, .5]), (1, 2, 3)).n_parameters == 2

def test_a_copy_has_other_values_and_nothing_else():
    moved = chain.replace({"seen.mean": [1, 2], "first.p": [[.1, .9]]})
    assert_array_equal(moved.seen.mean, [1, 2])
    assert_array_equal(moved.first.p, [[.1, .9]])
    assert moved.moves is not None and moved.moves == chain.moves and chain.seen.mean[1] == 3
    with pytest.raises(ValueError, match="in full; got 'mean', and it has first.p, moves.p"): chain.replace({"mean": [1, 2]})

@pytest.mark.parametrize("freeze, still", [("seen", ["seen.mean", "seen.std"]), ("p", ["first.p", "moves.p"]), (["moves.p", "std"], ["moves.p", "seen.std"])])
def test_names_are_held_still(freeze, still):
    trace = fit(chain, x, freeze=freeze, max_iter=5, tol=0)
    before, after = chain.parameters(), trace.model.parameters()
    assert sorted(n for n in before if np.array_equal(before[n], after[n])) == sorted(still)
    assert np.all(np.diff(trace.logliks) > -1e-9)

def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="got 'sd', and it has p, first.p, moves.p, mean"): fit(chain, x, freeze="sd")

def test_blocks_maximise_their_own_statistics():
    new = chain.m_step(chain.e_step(x))
    first, moves, seen = chain.e_step(x).stats
    assert_allclose(new.first.p, first.total / first.weight[:, None])
    assert_allclose(new.moves.p, moves.total / moves.weight[:, None])
    assert_allclose(new.seen.mean, seen.origin + seen.total / seen.weight)

def test_a_prior_bears_on_the_blocks_of_any_model():
    prior = Prior(dirichlet=3, inverse_gamma=(2, 1))
    trace = fit(chain, x, prior=prior, tol=1e-10)
    assert np.diff(trace.objective).min() > -1e-9
    stats = trace.model.e_step(x).stats[0]
    assert_allclose(trace.model.first.p, (stats.total + 2) / (stats.weight + 4), atol=1e-4)
    assert_allclose(trace.objective[-1], trace.loglik + prior.log_prob(trace.model))

def test_a_prior_of_weights_asks_for_weights_not_for_a_class():
    model, counts = Shares(np.array([.5, .5]), (1., 5)), rng.poisson(1, 50)
    trace = fit(model, counts, prior=Prior(weights=4), tol=1e-12)
    assert_allclose(trace.model.weights, (trace.model.e_step(counts).weight + 3) / 56, rtol=1e-4)
    assert_allclose(Prior(weights=4).log_prob(model), 6 * np.log(.5))
    with pytest.raises(TypeError, match="weights bears on those of a Mixture"): Prior(weights=2).log_prob(chain)
    with pytest.raises(TypeError, match=r"needs a model with blocks\(\)"): Prior(beta=(2, 2)).log_prob(3)
    with pytest.raises(ValueError, match="bears on Poisson and Exponential; the model has no blocks"): Prior(gamma=(2, 2)).log_prob(model)


# what was read once

mixture = Mixture([.4, .6], MultivariateNormal([[0, 0], [3, 3]], [np.eye(2)] * 2))
holes = x.copy()
holes[::3, 0], holes[1::5, 1] = nan, nan
labels, w = np.where(np.arange(300) < 20, z[:, 0], -1), rng.random(300)

def alike(a, b): return all(np.array_equal(getattr(s, f), getattr(t, f)) for s, t in zip(a.stats, b.stats) for f in vars(s)) and a.loglik == b.loglik

@pytest.mark.parametrize("data, told", [(x, {}), (x, {"sample_weight": w}), (x, {"labels": labels}), (holes, {"missing": "em"}),
                                        (holes, {"missing": "em", "labels": labels, "sample_weight": w})])
def test_a_batch_says_what_the_rows_say(data, told):
    batch = mixture.read(data, **told)
    assert isinstance(batch, Batch) and mixture.read(batch) is batch
    assert alike(mixture.e_step(batch), mixture.e_step(data, **told))
    assert mixture.loglik(batch) == mixture.loglik(data, **told)
    known = {name: value for name, value in told.items() if name != "sample_weight"}
    assert_array_equal(mixture.responsibilities(batch), mixture.responsibilities(data, **known))
    assert_array_equal(mixture.log_joint(batch), mixture.log_joint(data, **known))

def test_nothing_missing_is_the_ordinary_case():
    batch = mixture.read(x, missing="em")
    assert batch.seen is None and alike(mixture.e_step(x, missing="em"), mixture.e_step(x))

def test_patterns_share_the_rows():
    patterns = mixture.read(holes, missing="em").patterns()
    assert sorted(i for _, rows in patterns for i in rows) == list(range(300)) and len(patterns) == 4
    parts = [mixture.e_step(holes[rows], missing="em") for _, rows in patterns]
    assert_allclose(sum(parts).loglik, mixture.loglik(holes, missing="em"), rtol=1e-12)

def test_errors_say_where():
    with pytest.raises(MissingValue, match='if NaN stands for a missing value, say missing="em"') as caught: mixture.e_step(holes)
    assert (caught.value.row, caught.value.column) == (0, 0)
    far = Mixture([1.], Poisson([0.]))
    with pytest.raises(Impossible, match=r"x must be possible under the model; x\[2\] has probability zero") as caught: far.e_step([0, 0, 3])
    assert caught.value.row == 2
    with pytest.raises(Impossible, match=r"labels must be possible; x\[1\] has probability zero under component 0"):
        Mixture([.5, .5], Poisson([0., 1])).e_step([0, 3], labels=[-1, 0])
