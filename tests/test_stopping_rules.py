"Stopping rules and accelerators are values: of one's own, stepped by hand, stopped and taken up; and what Ctrl-C leaves."
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import emlit
from emlit import (Accelerator, Aitken, Anderson, Binomial, LastGain, Mixture, MultivariateNormal, Poisson, SQUAREM, StoppingRule, Trace, em,
                   fit)
from emlit.algorithm.acceleration import EMMap, anderson_jump
from emlit.data import load_faithful
from emlit.sources import Rows
from linkage import Linkage

pytestmark = pytest.mark.filterwarnings("error")
heads = np.array([5, 9, 8, 4, 7])
coins = Mixture([.5, .5], Binomial(10, [.6, .5]))
deaths, days = np.arange(10), np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])
winter = Mixture([.5, .5], Poisson([1., 3.]))


# rules

@dataclass(frozen=True)
class After(StoppingRule):
    steps: int
    def init(self): return 0
    def step(self, made, objective, n): return made + 1, "enough" if made == self.steps else None

class Alone:
    "A rule that is derived from nothing."
    def init(self): return 0
    def step(self, made, objective, n): return made + 1, "enough" if made == 5 else None

@pytest.mark.parametrize("stop, t", [(After(5), 5), (Alone(), 5), (lambda values, n: "enough" if len(values) == 6 else None, 5), (After(0), 0)], ids=["derived", "alone", "function", "at once"])
@pytest.mark.parametrize("accelerate", [None, "squarem", "anderson", "auto"])
def test_a_rule_of_ones_own_ends_the_run_with_its_word(stop, t, accelerate):
    trace = fit(coins, heads, stop=stop, accelerate=accelerate)
    assert (trace.reason, trace.n_iter, trace.converged) == ("enough", t, False) and "enough" in trace.message
    assert trace.steps == fit(coins, heads, tol=0, max_iter=t, accelerate=accelerate).steps

def test_a_function_sees_all_values_and_the_number_of_rows():
    calls = []
    fit(winter, deaths, sample_weight=days, max_iter=7, stop=lambda values, n: calls.append((values, n)))
    path = [s.loglik for s in em(winter, deaths, sample_weight=days, max_iter=7)]
    assert all(n == days.sum() for _, n in calls) and len(calls) == 8
    for t, (values, _) in enumerate(calls): assert_array_equal(values, path[:t + 1])

def test_max_iter_holds_whatever_the_rule():
    assert fit(coins, heads, stop=lambda values, n: None, max_iter=11).reason == "max_iter"

def test_the_word_converged_counts_as_converged_and_is_looked_at():
    assert fit(coins, heads, stop=lambda values, n: "converged" if len(values) > 50 else None).converged
    with pytest.warns(RuntimeWarning, match="component 0 has no data"):
        trace = fit(Mixture([.5, .5], Binomial(1000, [.001, .6])), [1000, 999], stop=lambda values, n: "converged" if len(values) > 50 else None)
    assert trace.reason == "empty"

@pytest.mark.parametrize("tol", [0, 1e-3, 1e-8, 1e-12])
def test_none_is_aitkens_rule(tol):
    for model, x in ((coins, heads), (Linkage(.5), [125, 18, 20, 34])):
        runs = [fit(model, x, max_iter=99, **o) for o in ({"tol": tol}, {"stop": Aitken(tol)}, {"stop": "aitken", "tol": tol})]
        assert len({(r.reason, r.n_iter, r.loglik) for r in runs}) == 1

@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-6])
def test_the_last_gain(tol):
    "By the definition: the first step whose gain a row is below tol."
    path = [s.loglik for s in em(winter, deaths, sample_weight=days, max_iter=2000)]
    t = next(t for t in range(1, 2000) if abs(path[t] - path[t - 1]) < tol * days.sum())
    for trace in (fit(winter, deaths, sample_weight=days, stop=LastGain(tol)), fit(winter, deaths, sample_weight=days, stop="gain", tol=tol)):
        assert (trace.reason, trace.n_iter) == ("converged", t)

@pytest.mark.parametrize("rule", [Aitken(1e-8), LastGain(1e-4), After(9)], ids=str)
def test_a_rule_by_hand_stops_where_fit_does(rule):
    "Its state is stored and taken up after each step."
    state = rule.init()
    for step in em(coins, heads):
        state, reason = rule.step(pickle.loads(pickle.dumps(state)), step.loglik, len(heads))
        if reason: break
    trace = fit(coins, heads, stop=rule)
    assert (step.t, reason) == (trace.n_iter, trace.reason)

def test_states_are_never_changed():
    rule, states = Aitken(1e-8), []
    state = rule.init()
    for value in -.5**np.arange(20.):
        states.append((state, repr(state)))
        state, _ = rule.step(state, value, 1)
    assert all(repr(s) == text for s, text in states)

def test_one_rule_serves_many_runs_at_once():
    rule = Aitken(1e-7)
    a, b = rule.init(), rule.init()
    for x, y in zip(em(coins, heads, max_iter=20), em(winter, deaths, sample_weight=days, max_iter=20)):
        a, _ = rule.step(a, x.loglik, 5)
        b, _ = rule.step(b, y.loglik, days.sum())
    alone = rule.init()
    for x in em(coins, heads, max_iter=20): alone, _ = rule.step(alone, x.loglik, 5)
    assert a == alone

@pytest.mark.parametrize("bad", ["soon", 3, True, Aitken, LastGain, [], object()], ids=lambda v: type(v).__name__)
def test_what_is_no_rule_is_refused(bad):
    with pytest.raises(ValueError, match="stop must be None, 'aitken', 'gain', a StoppingRule"): fit(coins, heads, stop=bad)

@pytest.mark.parametrize("said", [True, 0, "", b"x", ["converged"]], ids=str)
def test_a_rule_that_says_no_word_is_refused(said):
    with pytest.raises(TypeError, match="stop must give a reason, a word, or None"): fit(coins, heads, stop=lambda values, n: said)

@pytest.mark.parametrize("rule", [Aitken, LastGain])
def test_a_tol_below_zero_is_refused(rule):
    with pytest.raises(ValueError, match="tol must be at least 0"): rule(-1)

def test_a_rule_without_step_says_what_is_missing():
    class Empty(StoppingRule): pass
    with pytest.raises(TypeError, match=r"Empty must define step\(state, objective, n\)"): fit(coins, heads, stop=Empty())

def test_what_a_run_needs_is_public():
    assert {"StoppingRule", "Aitken", "LastGain", "Accelerator", "Anderson", "SQUAREM"} <= set(emlit.__all__)


# accelerators

def times(): return EMMap(Rows(deaths, days), {}, {}, lambda model: 0.0)

@pytest.mark.parametrize("name, value", [("squarem", SQUAREM()), ("anderson", Anderson()), ("auto", Anderson(patient=True)), ("anderson", Accelerator(anderson_jump))],
                         ids=["squarem", "anderson", "auto", "by hand"])
def test_names_stand_for_values(name, value):
    a, b = (fit(winter, deaths, sample_weight=days, accelerate=x) for x in (name, value))
    assert a == b and a.message == b.message

@pytest.mark.parametrize("value", [Anderson(), SQUAREM(), Anderson(patient=True), Anderson(window=3, cap=4.0, adapt=False)], ids=lambda v: type(v).__name__)
def test_an_accelerator_by_hand_goes_where_fit_goes(value):
    "Stored and taken up after each step, and from the same state twice."
    em_map = times()
    state = value.init(em_map.start(winter, winter.e_step(deaths, sample_weight=days)))
    path = [state.point.loglik]
    for _ in range(40):
        again, state = value.step(em_map, state), value.step(em_map, pickle.loads(pickle.dumps(state)))
        assert again.point.model == state.point.model
        path.append(state.point.loglik)
    assert_array_equal(path, fit(winter, deaths, sample_weight=days, accelerate=value, tol=0, max_iter=40).logliks)

def test_values_and_states_are_immutable():
    state = Anderson().init(times().start(winter, winter.e_step(deaths, sample_weight=days)))
    for thing, name in ((Anderson(), "cap"), (Aitken(), "tol"), (state, "cap"), (state.history, "pairs"), (state.point, "model")):
        with pytest.raises(FrozenInstanceError): setattr(thing, name, 1)

def aitken_jump(S, F, cap):
    r, v = F[-1] - S[-1], (F[-1] - S[-1]) - (F[-2] - S[-2])
    alpha = min(np.linalg.norm(r) / max(np.linalg.norm(v), 1e-300), cap)
    return (alpha - 1) * r, alpha, 1 - 1 / alpha

def wild_jump(S, F, cap): return 1e6 * (F[-1] - S[-1]) + 1, 1e6, 0.5
def broken_jump(S, F, cap): return np.full(S.shape[1], np.nan), 2.0, 0.5
def idle_jump(S, F, cap): return np.zeros(S.shape[1]), 1.0, 0.9

@pytest.mark.parametrize("jump", [aitken_jump, wild_jump, broken_jump, idle_jump])
def test_a_jump_of_ones_own_never_goes_downhill(jump):
    plain = fit(winter, deaths, sample_weight=days, max_iter=3000)
    for accelerate in (jump, Accelerator(jump, cap=8.0, rest=2, pause=1)):
        trace = fit(winter, deaths, sample_weight=days, accelerate=accelerate, max_iter=3000)
        assert np.diff(trace.logliks).min() >= -1e-9 and trace.loglik >= plain.loglik - 1e-4
        assert f"accelerated by {jump.__name__.removesuffix('_jump')} after 10 plain steps" in trace.message

def test_a_jump_of_ones_own_saves_steps():
    assert fit(winter, deaths, sample_weight=days, accelerate=aitken_jump).n_iter < .5 * fit(winter, deaths, sample_weight=days).n_iter

def test_fields_say_how_careful_it_is():
    "No jump but after the warm-up, after the rest and the pause; the first is bounded by cap."
    calls = []
    def jump(S, F, cap):
        calls.append((len(S), cap))
        return np.zeros(S.shape[1]), 2.0, 0.5 # a plain step, said to be a jump
    fit(winter, deaths, sample_weight=days, accelerate=Accelerator(jump, cap=3.0, warm_up=5, pause=4, window=6), tol=0, max_iter=20)
    assert calls[0] == (5, 3.0) and len(calls) == 3 and max(pairs for pairs, _ in calls) <= 7

@dataclass(frozen=True)
class Walk:
    point: object

class Plain:
    "An accelerator that is derived from nothing."
    def init(self, point): return Walk(point)
    def step(self, em_map, state): return Walk(em_map.plain(state.point))

def test_what_has_init_and_step_will_do():
    mine, plain = fit(coins, heads, accelerate=Plain()), fit(coins, heads)
    assert mine == plain
    assert fit(mine.model, heads, earlier=mine, accelerate=Plain(), max_iter=3).converged

@pytest.mark.parametrize("bad", [Anderson, SQUAREM, 0, [], object()], ids=lambda v: type(v).__name__)
def test_what_is_no_accelerator_is_refused(bad):
    with pytest.raises(ValueError, match="accelerate must be one of None, 'squarem', 'anderson', 'auto'; got"): fit(coins, heads, accelerate=bad)

def test_statistics_of_ones_own_need_coordinates():
    "With them a model of one's own is accelerated; without, it is said."
    class Sums(emlit.Stats):
        def coordinates(self, counts): raise AttributeError("none")
    class Own(Mixture):
        def e_step(self, x, **options):
            e = super().e_step(x, **options)
            return replace(e, stats=tuple(Sums(s.weight, s.total) for s in e.stats))
    with pytest.raises(TypeError, match="use accelerate=None"): fit(Own(winter.weights, winter.components), deaths, accelerate="anderson")


# an interrupt

class Stopping(Mixture):
    "A model whose E-step is interrupted at the m-th call."
    calls = []
    def e_step(self, x, **options):
        self.calls.append(1)
        if len(self.calls) > self.most: raise KeyboardInterrupt
        return super().e_step(x, **options)
    def m_step(self, e, **options):
        new = super().m_step(e, **options)
        return type(self)(new.weights, new.components)

def stopping(model, m): return type("Stopping", (Stopping,), {"most": m, "calls": []})(model.weights, model.components)

@pytest.mark.parametrize("accelerate", [None, "squarem", "anderson"])
@pytest.mark.parametrize("keep", ["all", "ends"])
def test_an_interrupt_carries_the_trace_so_far(accelerate, keep):
    with pytest.raises(KeyboardInterrupt) as caught: fit(stopping(winter, 16), deaths, sample_weight=days, accelerate=accelerate, keep=keep)
    trace = caught.value.trace
    assert isinstance(trace, Trace) and trace.reason == "interrupted" and not trace.converged and "interrupted at iteration 15" in trace.message
    whole = fit(winter, deaths, sample_weight=days, accelerate=accelerate, keep=keep, tol=0, max_iter=15)
    assert_array_equal(trace.logliks, whole.logliks)
    assert trace.model.weights.tolist() == whole.model.weights.tolist() and trace.n_iter == 15

@pytest.mark.parametrize("accelerate", [None, "anderson"])
def test_an_interrupted_run_can_be_taken_up(accelerate):
    with pytest.raises(KeyboardInterrupt) as caught: fit(stopping(winter, 20), deaths, sample_weight=days, accelerate=accelerate)
    trace = caught.value.trace
    here = Mixture(trace.model.weights, trace.model.components)
    rest = fit(here, deaths, sample_weight=days, accelerate=accelerate, earlier=trace)
    whole = fit(winter, deaths, sample_weight=days, accelerate=accelerate)
    assert trace.n_iter + rest.n_iter == whole.n_iter
    assert_allclose(rest.loglik, whole.loglik, rtol=1e-13)

def test_an_interrupt_before_the_first_step_has_no_trace():
    with pytest.raises(KeyboardInterrupt) as caught: fit(stopping(winter, 0), deaths)
    assert caught.value.trace is None

def test_other_errors_are_as_they_were():
    class Broken(Mixture):
        def m_step(self, e, **options): raise RuntimeError("out of order")
    with pytest.raises(RuntimeError, match="out of order") as caught: fit(Broken(coins.weights, coins.components), heads)
    assert not hasattr(caught.value, "trace")


# warnings have a reason

def test_a_warning_says_its_reason_as_a_field():
    with pytest.warns(emlit.foundations.errors.EMWarning) as caught: fit(Mixture([.5, .5], Binomial(10, [.4, .4])), heads)
    assert [w.message.reason for w in caught] == ["twins"]
    x = np.random.default_rng(15).normal(size=40)
    x[[17, 33]] = 8.25
    with pytest.warns(emlit.foundations.errors.EMWarning) as caught: trace = fit(Mixture([.9, .1], emlit.Normal([0., 8.2], [1, .1])), x)
    assert [w.message.reason for w in caught] == [trace.reason] == ["degenerate"]

def test_a_loose_stop_takes_the_same_looks_with_a_value():
    x = load_faithful()
    begin = emlit.starts.start(MultivariateNormal, x, emlit.starts.random_responsibilities(x, 3, np.random.default_rng(1)), structure="tied")
    assert fit(begin, x, tol=1e-3, keep="ends").n_iter == fit(begin, x, stop=Aitken(1e-3), keep="ends").n_iter
