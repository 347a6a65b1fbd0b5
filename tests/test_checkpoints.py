"Runs that are stored, and taken up from the file: the result is that of one uninterrupted run, to the last bit."
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from emlit import (Accelerator, Aitken, Anderson, Bernoulli, Binomial, Categorical, Chunks, Gamma, LastGain, Mixture,
                   MultivariateNormal, Normal, Poisson, Prior, SQUAREM, Source, StoppingRule, Uniform, fit, scale_floor)
from emlit.algorithm.checkpoints import Decoder, Encoder, Names, digest_of, names_in
from laplace import Laplace
from linkage import Linkage

pytestmark = pytest.mark.filterwarnings("error")
heads = np.array([5, 9, 8, 4, 7])
coins = Mixture([.5, .5], Binomial(10, [.6, .5]))
deaths, days = np.arange(10), np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])
winter = Mixture([.5, .5], Poisson([1., 3.]))
rng = np.random.default_rng(0)
points = np.r_[rng.normal(0, 1, (150, 2)), rng.normal([2, 1.5], 1, (150, 2))]
FULL = [[[1., .3], [.3, 1.]]] * 2
plane = Mixture([.4, .6], MultivariateNormal([[0, 0.], [1., 1.]], FULL))
line = points[:, 0]


class Cut(Exception): "What stops a run in the middle."


@pytest.fixture
def cut(monkeypatch):
    "Lets a run be cut off after so many evaluations of the EM map."
    from emlit.algorithm.acceleration import EMMap
    real = EMMap.e_step
    def after(m, kind=Cut):
        left = [m]
        def e_step(self, model, t):
            left[0] -= 1
            if left[0] < 0: raise kind
            return real(self, model, t)
        monkeypatch.setattr(EMMap, "e_step", e_step)
    yield after

    monkeypatch.setattr(EMMap, "e_step", real)


def same(a, b):
    "Everything of two traces, to the last bit."
    assert (a.reason, a.message, a.accelerated, a.notes) == (b.reason, b.message, b.accelerated, b.notes)
    assert_array_equal(a.logliks, b.logliks)
    assert_array_equal(a.objective, b.objective)
    assert [s.t for s in a.steps] == [s.t for s in b.steps]
    assert [digest_of(s.model) for s in a.steps] == [digest_of(s.model) for s in b.steps]
    assert digest_of(a.end) == digest_of(b.end)


def in_pieces(cut, path, model, x, pieces=(7, 1, 12, 30), **options):
    "A run that is cut off again and again, and in the end let go."
    for m in pieces:
        cut(m)
        try: return fit(model, x, checkpoint=path, every=3, **options)
        except Cut: pass
    cut(10**9)
    return fit(model, x, checkpoint=path, every=3, **options)


def holes(x):
    x = np.where(np.random.default_rng(1).random(x.shape) < .1, np.nan, x)
    return x[~np.isnan(x).all(axis=1)]

labels = np.where(np.arange(300) % 10 == 0, (np.arange(300) >= 150).astype(int), -1)
FLOOR = Mixture([.4, .6], MultivariateNormal([[0, 0.], [1., 1.]], FULL, floor=scale_floor(points)))
RUNS = {
    "coins": (coins, heads, {}),
    "weights": (winter, deaths, {"sample_weight": days, "max_iter": 80, "tol": 0}),
    "squarem": (winter, deaths, {"sample_weight": days, "accelerate": "squarem"}),
    "anderson": (winter, deaths, {"sample_weight": days, "accelerate": "anderson", "tol": 1e-12}),
    "auto": (plane, points, {"accelerate": "auto"}),
    "a value": (plane, points, {"accelerate": Anderson(warm_up=3, window=4)}),
    "full": (plane, points, {"max_iter": 60}),
    "ends": (plane, points, {"max_iter": 60, "keep": "ends"}),
    "floor": (FLOOR, points, {"max_iter": 60}),
    "tied": (Mixture([.4, .6], MultivariateNormal([[0, 0.], [1., 1.]], np.eye(2), "tied")), points, {"max_iter": 60, "accelerate": "squarem"}),
    "spherical": (Mixture([.4, .6], MultivariateNormal([[0, 0.], [1., 1.]], [1., 1.], "spherical")), points, {"accelerate": "anderson"}),
    "prior": (plane, points, {"prior": Prior(normal=(0, .05), inverse_wishart=(4, 1.), weights=1.5), "accelerate": "anderson"}),
    "labels": (plane, points, {"labels": labels, "max_iter": 50}),
    "missing": (plane, holes(points), {"missing": "em", "max_iter": 40, "accelerate": "anderson"}),
    "single precision": (plane, points, {"dtype": "float32", "tol": 1e-5}),
    "frozen": (plane, points, {"freeze": ("weights", "mean"), "max_iter": 40}),
    "loose": (plane, points, {"tol": 1e-3}),
    "parts": (plane, Chunks(np.array_split(points, 5)), {"max_iter": 40, "accelerate": "squarem"}),
    "outliers": (Mixture([.4, .5, .1], [Normal([0, 2.2], [1, .8]), Uniform([-9], [9])]), line, {"accelerate": "anderson"}),
    "bernoulli": (Mixture([.4, .6], Bernoulli([[.2, .3], [.6, .7]])), (points > .5).astype(int), {"max_iter": 40}),
    "categorical": (Mixture([.4, .6], Categorical([[[.2, .8], [.5, .5]], [[.6, .4], [.3, .7]]])), (points > .5).astype(int), {"accelerate": "anderson"}),
    "gamma": (Mixture([.4, .6], Gamma([2., 9.], [1., .7])), np.abs(line) + .1, {"max_iter": 40}),
    "linkage": (Linkage(.5), [125, 18, 20, 34], {"tol": 1e-12}),
    "last gain": (plane, points, {"stop": LastGain(1e-6)}),
    "a function": (plane, points, {"stop": lambda values, n: "long enough" if len(values) > 25 else None}),
    "laplace": (Mixture([.3, .7], Laplace(centre=[0., 2.], scale=[2., 1.])), line, {"accelerate": "anderson"}),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_in_pieces_is_one_run(name, cut, tmp_path):
    model, x, options = RUNS[name]
    cut(10**9)
    whole = fit(model, x, **options)
    pieces = in_pieces(cut, tmp_path / "run.npz", model, x, **options)
    same(pieces, whole)
    again = fit(model, x, checkpoint=tmp_path / "run.npz", every=3, **options)
    same(again, whole)
    assert os.listdir(tmp_path) == ["run.npz"]


def test_a_run_that_is_over_takes_no_step_more(cut, tmp_path):
    trace = fit(plane, points, checkpoint=tmp_path / "run", max_iter=30)
    cut(0)
    same(fit(plane, points, checkpoint=tmp_path / "run", max_iter=30), trace)


def test_more_iterations_go_on_and_fewer_are_refused(tmp_path):
    path = tmp_path / "run"
    for m in (3, 10, 11, 40): trace = fit(plane, points, checkpoint=path, max_iter=m)
    same(trace, fit(plane, points, max_iter=40))
    with pytest.raises(ValueError, match="max_iter must be at least 40, .* got 39"):
        fit(plane, points, checkpoint=path, max_iter=39)


def test_many_rows_with_fewer_in_their_place(cut, tmp_path):
    x = np.r_[np.random.default_rng(2).normal(0, 1, 12_000), np.random.default_rng(3).normal(2.5, 1, 12_000)]
    start = Mixture([.5, .5], Normal([-1., 1.], [1., 1.]))
    whole = fit(start, x, max_iter=40)
    same(in_pieces(cut, tmp_path / "run", start, x, max_iter=40), whole)


def test_a_run_that_goes_on_from_another_is_stored_too(cut, tmp_path):
    first = fit(plane, points, max_iter=10, accelerate="anderson")
    options = {"earlier": first, "accelerate": "anderson"}
    whole = fit(first.model, points, **options)
    same(in_pieces(cut, tmp_path / "run", first.model, points, pieces=(2, 4), **options), whole)


def test_what_is_degenerate_or_warned_of_is_kept(cut, tmp_path):
    start, x = Mixture([.5, .5], Normal([0, 5], [1, .1])), [-1, 0, 1, 2, 5]
    with pytest.warns(RuntimeWarning, match="component 1 has collapsed"): whole = fit(start, x)
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="component 1 has collapsed"):
            trace = fit(start, x, checkpoint=tmp_path / "run")
        same(trace, whole)


# of one's own

class State(NamedTuple):
    best: float
    since: int

class Patience(StoppingRule):
    "Over when nothing better came for three steps."
    def init(self): return State(-np.inf, 0)
    def step(self, state, objective, n):
        since = 0 if objective > state.best + 1e-4 * n else state.since + 1
        return State(max(state.best, objective), since), "no better" if since == 3 else None

@dataclass(frozen=True)
class Walk:
    point: object
    made: tuple = ()

class TwoAtOnce:
    "An accelerator that has nothing of the package's: two plain steps, of which one is made."
    def init(self, point): return Walk(point)
    def step(self, em_map, state):
        return Walk(em_map.plain(state.point), (*state.made[-1:], np.float64(state.point.objective)))

def halfway(S, F, cap): return .5 * (F[-1] - S[-1]), 1.5, 0.5

class Shifted(Mixture):
    "A mixture of one's own."
    def m_step(self, expectation, **options):
        new = super().m_step(expectation, **options)
        return Shifted(new.weights, new.components)

class Slots:
    "A model without a dictionary."
    __slots__ = "theta", "counts"
    def __init__(self, theta, counts=(0, 0)): self.theta, self.counts = theta, counts
    def e_step(self, x): return Linkage(self.theta).e_step(x)
    def m_step(self, expected): return Slots(Linkage(self.theta).m_step(expected).theta, (self.counts[0] + 1, 7))
    def parameters(self): return {"theta": self.theta}

@dataclass(frozen=True, eq=False)
class Table(Source):
    "Rows from somewhere else."
    rows: list
    def __iter__(self): return iter([np.asarray(part) for part in self.rows])

OWN = {"rule": (plane, points, {"stop": Patience()}), "accelerator": (plane, points, {"accelerate": TwoAtOnce(), "max_iter": 40}),
       "jump": (plane, points, {"accelerate": halfway}), "an accelerator's fields": (plane, points, {"accelerate": Accelerator(halfway, cap=8.0, rest=3)}),
       "mixture": (Shifted(plane.weights, plane.components), points, {"max_iter": 40}), "slots": (Slots(.5), [125, 18, 20, 34], {"tol": 1e-10}),
       "source": (plane, Table([points[:80], points[80:]]), {"max_iter": 40, "accelerate": SQUAREM()})}

@pytest.mark.parametrize("name", OWN)
def test_what_is_ones_own_is_stored_as_well(name, cut, tmp_path):
    model, x, options = OWN[name]
    whole = fit(model, x, **options)
    trace = in_pieces(cut, tmp_path / "run", model, x, **options)
    same(trace, whole)
    assert type(trace.model) is type(model)


# what is refused

def test_a_file_of_another_call_is_refused_and_says_why(tmp_path):
    path = tmp_path / "run"
    fit(plane, points, checkpoint=path, max_iter=5)
    other = Mixture([.4, .6], MultivariateNormal([[0, 0.], [1., 1.]], np.eye(2), "tied"))
    for model, x, options, what in (
            (plane, points + 1, {}, "x"), (plane, points[:-1], {}, "x"), (other, points, {}, "model"),
            (plane, points, {"tol": 1e-3}, "stop"), (plane, points, {"accelerate": "squarem"}, "accelerate"),
            (plane, points, {"freeze": "weights"}, "freeze"), (plane, points, {"prior": Prior(weights=2.)}, "prior"),
            (plane, points, {"keep": "ends"}, "keep"), (plane, points, {"labels": labels}, "labels"),
            (plane, points, {"dtype": "float32"}, "dtype"), (plane, points, {"sample_weight": np.r_[2, np.ones(299)]}, "x")):
        with pytest.raises(ValueError, match=f"checkpoint must be .* another ([a-z_]+, )*{what}(, [a-z_]+)* was given"):
            fit(model, x, checkpoint=path, max_iter=5, **options)

def test_another_known_number_or_frozen_value_is_another_call(tmp_path):
    fit(Mixture([.5, .5], Binomial(10, [.6, .5])), heads, checkpoint=tmp_path / "a", max_iter=3)
    with pytest.raises(ValueError, match="another model was given"):
        fit(Mixture([.5, .5], Binomial(12, [.6, .5])), heads, checkpoint=tmp_path / "a", max_iter=3)
    fit(coins, heads, freeze="weights", checkpoint=tmp_path / "b", max_iter=3)
    with pytest.raises(ValueError, match="another model was given"):
        fit(Mixture([.4, .6], coins.components), heads, freeze="weights", checkpoint=tmp_path / "b", max_iter=3)

def test_numbers_come_from_the_file_and_the_structure_from_the_start(tmp_path):
    trace = fit(coins, heads, checkpoint=tmp_path / "a", max_iter=3)
    same(fit(Mixture([.3, .7], Binomial(10, [.2, .9])), heads, checkpoint=tmp_path / "a", max_iter=3), trace)

@pytest.mark.parametrize("share", [0, 1e-9, .1, .5, .9, .999])
def test_a_file_that_is_cut_short_is_refused(share, tmp_path):
    path = tmp_path / "run"
    fit(coins, heads, checkpoint=path, max_iter=5)
    whole = path.read_bytes()
    path.write_bytes(whole[:int(share * len(whole))])
    with pytest.raises(ValueError, match="checkpoint must be a whole file that fit has written"): fit(coins, heads, checkpoint=path)

def test_a_file_with_a_wrong_byte_is_refused_or_harmless(tmp_path):
    path = tmp_path / "run"
    trace = fit(coins, heads, checkpoint=path, max_iter=5)
    whole = path.read_bytes()
    for i in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 255]) + whole[i + 1:])
        try: same(fit(coins, heads, checkpoint=path, max_iter=5), trace)
        except ValueError as error: assert "checkpoint must be" in str(error)

@pytest.mark.parametrize("write", [lambda f: f.write(b"no numbers"), lambda f: np.savez(f, a=np.ones(3)), lambda f: np.save(f, np.ones(3)),
                                   lambda f: np.savez(f, about=np.array([{}], object)), lambda f: np.savez(f, about=np.frombuffer(b"{}", np.uint8))],
                         ids=["text", "npz", "npy", "pickle", "JSON"])
def test_other_files_are_refused(write, tmp_path):
    path = tmp_path / "run"
    with open(path, "wb") as file: write(file)
    with pytest.raises(ValueError, match="checkpoint must be a whole file"): fit(coins, heads, checkpoint=path)

@pytest.mark.parametrize("bad, kind", [(7, TypeError), ("no/such/folder/run", ValueError), (".", ValueError), ([], TypeError)], ids=str)
def test_bad_paths_are_refused_before_anything_is_computed(bad, kind):
    with pytest.raises(kind, match="checkpoint must be a"): fit(coins, [99], checkpoint=bad)

@pytest.mark.parametrize("bad, kind", [(0, ValueError), (2.5, TypeError), (-1, ValueError)])
def test_bad_numbers_of_iterations_are_refused(bad, kind, tmp_path):
    with pytest.raises(kind, match="every must be"): fit(coins, heads, checkpoint=tmp_path / "a", every=bad)

def test_what_cannot_be_stored_is_said():
    class Locked(Linkage):
        def __init__(self, theta): self.theta, self.lock = theta, threading.Lock()
        def m_step(self, expected): return Locked(super().m_step(expected).theta)
    with pytest.raises(TypeError, match="checkpoint can hold no"): fit(Locked(.5), [125, 18, 20, 34], checkpoint="run.npz")

def test_a_file_calls_nothing_that_the_start_does_not_use():
    "Names of other classes and functions are not looked up anywhere."
    for name in ("os.system", "builtins.eval", "subprocess.Popen"):
        with pytest.raises(KeyError): Decoder(names_in(coins), {})(["object", name, ["tuple", "echo"], None, None, None])


# crashes

def test_a_crash_while_saving_leaves_the_last_file(cut, tmp_path, monkeypatch):
    path = tmp_path / "run"
    fit(plane, points, checkpoint=path, max_iter=10)
    before = path.read_bytes()
    def half(file, **arrays): file.write(b"PK half of it"); raise OSError("no space left")
    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(OSError, match="no space"): fit(plane, points, checkpoint=path, max_iter=20)
    assert path.read_bytes() == before
    monkeypatch.undo()
    same(fit(plane, points, checkpoint=path, max_iter=20), fit(plane, points, max_iter=20))

SCRIPT = """
import sys, time, numpy as np
from emlit import Mixture, MultivariateNormal, fit
class Slow(Mixture):
    def e_step(self, x, **options): time.sleep(.02); return super().e_step(x, **options)
    def m_step(self, e, **options): new = super().m_step(e, **options); return Slow(new.weights, new.components)
x = np.load(sys.argv[1])
start = Slow([.4, .6], MultivariateNormal([[0, 0.], [1., 1.]], [[[1., .3], [.3, 1.]]] * 2))
trace = fit(start, x, tol=0, max_iter=120, accelerate="anderson", checkpoint=sys.argv[2], every=1)
np.save(sys.argv[3], trace.logliks)
"""

@pytest.mark.slow
def test_a_killed_process_loses_nothing(tmp_path):
    np.save(tmp_path / "x.npy", points)
    run = [sys.executable, "-c", SCRIPT, *(str(tmp_path / name) for name in ("x.npy", "run", "end.npy"))]
    process, begun = subprocess.Popen(run), time.time()
    while not (tmp_path / "run").exists() and time.time() < begun + 100: time.sleep(.05)
    time.sleep(.4)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(run, check=True)
    assert_array_equal(np.load(tmp_path / "end.npy"), fit(plane, points, tol=0, max_iter=120, accelerate="anderson").logliks)

def test_an_interrupt_is_stored(cut, tmp_path):
    path = tmp_path / "run"
    cut(8, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt) as caught: fit(plane, points, checkpoint=path, every=1000)
    assert caught.value.trace.n_iter == 8 and caught.value.trace.reason == "interrupted"
    cut(10**9)
    whole = fit(plane, points)
    cut(whole.n_iter - 8) # so many are left
    same(fit(plane, points, checkpoint=path, every=1000), whole)


# parts of it

@pytest.mark.parametrize("value", [1, -2.5, float("nan"), float("inf"), True, None, "text", (1, [2, {3: "x"}]), {1, 2}, frozenset("ab"), np.float32(3),
                                   np.arange(6.).reshape(2, 3).T, np.asfortranarray(np.eye(3)), np.zeros((0, 2)), np.array(5), np.array(["a", "bc"]),
                                   np.arange(8, dtype=">i4"), np.ones((2, 3, 4)).swapaxes(0, 2)], ids=lambda v: type(v).__name__)
def test_values_come_back_as_they_were(value):
    encode = Encoder()
    code = encode(value)
    back = Decoder(encode.names, encode.arrays.rows())(code)
    assert type(back) is type(value) and digest_of(back) == digest_of(value)
    if isinstance(value, np.ndarray):
        assert_array_equal(back, value)
        assert back.dtype == value.dtype and back.flags.writeable == value.flags.writeable
        if value.size > 1: assert back.strides == np.array(value).strides or back.flags.f_contiguous == value.flags.f_contiguous

def test_names_that_are_taken_get_a_number():
    names, a, b = Names(), type("Same", (), {}), type("Same", (), {})
    assert names.add(a) != names.add(b) and names.add(a) == names.of(a)
