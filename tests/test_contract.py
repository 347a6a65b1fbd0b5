"""What a user may count on: names, forms of input, frozen objects, families of one's own."""
import copy
import pickle
import pkgutil
import subprocess
import sys
from dataclasses import dataclass, FrozenInstanceError

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import gammaln, xlogy

import emlit
from emlit import Bernoulli, Binomial, Family, Mixture, Stats, coins, em, fit

pytestmark = pytest.mark.filterwarnings("error")
y = [1, 1, 0, 1, 0, 0, 1, 0, 1, 1]
one = Mixture([.46, .54], Bernoulli([.55, .67]))
table = np.random.default_rng(0).integers(0, 2, (30, 3))
two = Mixture([.5, .5], Bernoulli([[.3, .2, .6], [.6, .7, .1]]))
counts = Mixture([.5, .5], Binomial([3, 4, 5], [[.3, .2, .6], [.6, .7, .1]]))
MODELS = {"tosses": one, "columns": two, "counts": counts, "blocks": Mixture([.2, .8], [Bernoulli([.1]), Binomial(1, [.6])])}
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


# importing

def python(code): return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

def test_import_is_light():
    heavy = "scipy", "matplotlib", "plotly", "sklearn", "pandas", "fastcore", "nbdev", "IPython", "tqdm"
    assert python(f"import sys, emlit; print([m for m in {heavy} if m in sys.modules])") == "[]"

@pytest.mark.slow
def test_star_import_gives_every_public_name_and_nothing_else():
    names = python("before = set(dir()); from emlit import *; print(*sorted(set(dir()) - before - {'before'}))").split()
    assert names == sorted(emlit.__all__)
    families = "Bernoulli Binomial Categorical Multinomial Poisson Exponential Geometric Gamma Uniform Normal MultivariateNormal"
    assert {"em", "fit", "Mixture", *families.split(), "elbo", "kl", "q_function", "GaussianMixture", "MixtureModel", "select"} <= set(names)

@pytest.mark.parametrize("line", ["from emlit import *", "from emlit import GaussianMixture", "import emlit; emlit.MixtureModel", "import emlit; emlit.select"])
@pytest.mark.slow
def test_estimators_bring_scikit_learn_and_no_pictures(line):
    assert python(f"{line}; import sys; print([m in sys.modules for m in ('sklearn', 'matplotlib', 'plotly')])") == "[True, False, False]"

def test_coins_and_normals_are_fitted_without_scipy():
    code = """import sys; sys.modules["scipy"] = None
from emlit import Bernoulli, Mixture, Normal, fit
print(fit(Mixture([.46, .54], Bernoulli([.55, .67])), [1, 1, 0, 1, 0, 0, 1, 0, 1, 1]).reason,
      fit(Mixture([.5, .5], Normal([0, 4], [1, 1])), [0., 1, 2, 4, 5, 7]).reason)"""
    assert python(code) == "converged converged"

def test_dir_lists_everything_and_nothing_else():
    listed = python("import emlit; print(*dir(emlit))").split()
    assert {n for n in listed if not n.startswith("_")} == {*emlit.__all__, *MODULES}
    assert not [n for n in listed if n.startswith("_") and not n.startswith("__")]
    assert all(hasattr(emlit, n) for n in listed)

@pytest.mark.parametrize("line", ["from emlit.plots import PALETTE, plt, style", "from emlit.data import load_faithful", "from emlit.mixture import frozen_names",
                                  "from emlit.starts import kmeans, start", "from emlit.engine import cores; cores()", "import emlit; emlit.engine.cores()"])
@pytest.mark.slow
def test_paths_that_stay(line):
    python(line)

MODULES = [m.name for m in pkgutil.iter_modules(emlit.__path__) if not m.name.startswith("_")]

@pytest.mark.parametrize("module", MODULES)
@pytest.mark.slow
def test_modules_are_at_hand_after_import_emlit(module):
    python(f"import emlit; emlit.{module}")

@pytest.mark.parametrize("module", MODULES)
def test_no_module_hides_a_public_name(module):
    assert module not in emlit.__all__

@pytest.mark.slow
def test_every_public_name_has_a_docstring():
    assert not [name for name in emlit.__all__ if not getattr(emlit, name).__doc__]


# forms of input

class Frame:
    "As much of a pandas object as emlit may count on."
    def __init__(self, values): self.values = np.asarray(values)
    def __array__(self, dtype=None, copy=None): return self.values if dtype is None else self.values.astype(dtype)
    def __len__(self): return len(self.values)

FORMS = {
    "list": lambda x: x.tolist(), "tuple": lambda x: tuple(map(tuple, x)), "frame": Frame,
    "bool": lambda x: x.astype(bool), "int8": np.int8, "uint8": np.uint8, "float32": np.float32, "float16": np.float16, "longdouble": np.longdouble,
    "fortran": np.asfortranarray, "strided": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2], "backwards": lambda x: x[::-1][::-1],
    "big-endian": lambda x: x.astype(">f8"), "unmasked": np.ma.array}

@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_the_same_data_gives_the_same_fit(form):
    found, right = fit(two, form(table), max_iter=9), fit(two, table.astype(float), max_iter=9)
    assert_allclose(found.logliks, right.logliks, rtol=1e-13)
    assert_allclose(found.model.components[0].p, right.model.components[0].p, rtol=1e-12)

@pytest.mark.parametrize("x", [tuple(y), np.array(y, bool), np.uint8(y), Frame(y), np.array(y)[::-1][::-1]], ids=lambda x: type(x).__name__)
def test_every_form_of_tosses_gives_the_same_fit(x):
    assert fit(one, x) == fit(one, y)
    assert coins.expected_counts((.4, .6, .7), x) == coins.expected_counts((.4, .6, .7), y)

@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float16])
def test_short_number_types_do_not_overflow(dtype):
    assert_allclose(coins.expected_counts((.5, .5, .6), np.array([100, 2], dtype), m=5001), coins.expected_counts((.5, .5, .6), [100, 2], m=5001))

@pytest.mark.parametrize("weight", [[1] * 10, (1,) * 10, np.ones(10, np.float32), np.ones(10, bool), Frame(np.ones(10))], ids=lambda w: type(w).__name__)
def test_every_form_of_ones_is_no_weight(weight):
    assert fit(one, y, sample_weight=weight) == fit(one, y)

def test_float32_thirds_are_weights():
    assert_allclose(Mixture(np.float32([1 / 3] * 3), Bernoulli([.1, .2, .3])).weights.sum(), 1, rtol=1e-15)

def test_one_column_is_the_same_in_both_shapes():
    flat, deep = fit(one, y), fit(Mixture([.46, .54], Bernoulli([[.55], [.67]])), np.array(y)[:, None])
    assert_allclose(flat.model.components[0].p, deep.model.components[0].p[:, 0], rtol=1e-13)

def test_bernoulli_is_binomial_of_one_toss():
    a, b = fit(two, table), fit(Mixture(two.weights, Binomial(1, two.components[0].p)), table)
    assert_allclose(a.logliks, b.logliks, rtol=1e-12)


# nothing changes under its user's feet

def test_input_is_neither_changed_nor_kept():
    p, w, x, s = np.array([.3, .6]), np.array([.5, .5]), np.array(y, float), np.array([0, 2] * 5, float)
    model = Mixture(w, Bernoulli(p))
    before = [a.copy() for a in (p, w, x, s)]
    fit(model, x, sample_weight=s)
    for a, b in zip((p, w, x, s), before): assert_array_equal(a, b)
    p[:], w[:] = .1, [.2, .8]
    assert_array_equal(model.components[0].p, [.3, .6])
    assert_array_equal(model.weights, [.5, .5])

def test_read_only_data_will_do():
    x = np.array(y, float)
    x.setflags(write=False)
    assert fit(one, x, sample_weight=x).converged

@each_model
def test_models_are_frozen(model):
    with pytest.raises(FrozenInstanceError): model.weights = [.5, .5]
    with pytest.raises(FrozenInstanceError): model.components[0].p = [.5, .5]
    assert isinstance(model.components, tuple)
    for value in model.parameters().values():
        with pytest.raises(ValueError, match="read-only"): value[0] = 0

COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m))}

@each_model
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copies_are_equal_and_frozen_too(model, copied):
    again = copied(model)
    assert again == model and again is not model
    for name, value in again.parameters().items(): assert not value.flags.writeable, f"{name} of the copy can be written to"

def test_a_trace_survives_pickling():
    assert pickle.loads(pickle.dumps(fit(one, y))) == fit(one, y)

@each_model
def test_a_repr_can_be_typed_in(model):
    assert eval(repr(model), {"array": np.array, **vars(emlit)}) == model

def test_equality():
    assert one == Mixture([.46, .54], [Bernoulli([.55, .67])])
    assert one != Mixture([.46, .54], Bernoulli([.55, .68])) and one != Mixture([.45, .55], Bernoulli([.55, .67]))
    assert one != Mixture([.46, .54], Binomial(1, [.55, .67])) and one != two and one != "a mixture"
    assert Binomial(3, [.5]) != Binomial(4, [.5]) and Bernoulli([.5]) != Bernoulli([[.5]])


# parameters by name

def test_names_of_parameters():
    assert list(one.parameters()) == ["weights", "components[0].p"]
    assert list(MODELS["blocks"].parameters()) == ["weights", "components[0].p", "components[1].p"]
    assert list(counts.components[0].parameters()) == ["p"]

def test_counts_of_parameters():
    assert [m.n_parameters for m in MODELS.values()] == [3, 7, 7, 3]
    assert [m.n_components for m in MODELS.values()] == [2, 2, 2, 2]

def test_replace_changes_what_it_names():
    changed = MODELS["blocks"].replace({"components[1].p": [.9]})
    assert changed == Mixture([.2, .8], [Bernoulli([.1]), Binomial(1, [.9])])

def test_replace_never_ignores_a_name():
    try: changed = one.replace({"p": [.1, .2]})
    except (ValueError, TypeError): return
    assert_array_equal(changed.components[0].p, [.1, .2])


# samples

@each_model
def test_samples_are_data_for_the_model(model):
    x, z = model.sample(np.random.default_rng(0), 50)
    assert len(x) == len(z) == 50 and set(z) <= set(range(model.n_components))
    assert np.isfinite(model.loglik(x))
    assert_array_equal(x, model.sample(np.random.default_rng(0), 50)[0])

@pytest.mark.parametrize("n", [2**14, 2**14 + 1, 50_000])
@pytest.mark.parametrize("weights", [(.2, .3, .5), (.01, .98, .01), (0, 1, 0)])
def test_many_draws_come_from_the_components_that_they_are_said_to_come_from(n, weights):
    model = Mixture(weights, [Poisson([3.]), Poisson([60., 500.])])
    x, z = model.sample(np.random.default_rng(1), n)
    again, _ = model.sample(np.random.default_rng(1), n)
    assert_array_equal(x, again)
    assert x.shape == z.shape == (n,) and len(np.unique(x[:1000])) > 20 # drawn anew each time
    for k, (weight, rate) in enumerate(zip(weights, (3, 60, 500))):
        drawn = x[z == k]
        assert abs(len(drawn) - n * weight) <= 5 * np.sqrt(n * weight * (1 - weight))
        if weight: assert abs(drawn.mean() - rate) < 6 * np.sqrt(rate / len(drawn))

def test_samples_leave_the_global_generator_alone():
    before = np.random.get_state()[1].copy()
    one.sample(np.random.default_rng(0), 5)
    coins.toss((.5, .5, .5), 5, rng=np.random.default_rng(0))
    assert_array_equal(np.random.get_state()[1], before)


# a family of one's own, by the contract of `Family`

@dataclass(frozen=True, eq=False)
class Poisson(Family):
    rate: np.ndarray
    def log_prob(self, x): return xlogy(x[:, None], self.rate) - self.rate - gammaln(x + 1)[:, None]
    def statistics(self, x, r): return Stats(r.sum(0), r.T @ x)
    def maximise(self, stats, freeze=(), prior=None): return self if "rate" in freeze else Poisson(stats.total / stats.weight)
    def sample(self, rng, n): return rng.poisson(self.rate, (n, len(self.rate)))

def test_a_family_of_ones_own():
    "Deaths a day in the Times, Hasselblad, J. Amer. Statist. Assoc. 64 (1969)."
    days = [162, 267, 271, 185, 111, 61, 27, 8, 3, 1]
    trace = fit(Mixture([.3, .7], Poisson(np.array([1., 2.5]))), np.arange(10.), sample_weight=days, tol=1e-13)
    assert_allclose(trace.loglik, -1989.945860, atol=1e-6)
    assert_allclose(trace.model.weights[0], .3598854, atol=1e-5)
    assert_allclose(trace.model.components[0].rate, [1.2560951, 2.6634044], atol=2e-5)
    assert Mixture([1], Poisson(np.array([2.]))).sample(np.random.default_rng(0), 4)[0].shape == (4,)

def test_a_family_of_ones_own_beside_another():
    trace = fit(Mixture([.5, .5], [Binomial(9, [.5]), Poisson(np.array([2.]))]), [1, 2, 2, 5, 6, 4], freeze="rate")
    assert trace.converged and trace.model.components[1].rate == [2]
