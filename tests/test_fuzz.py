"""A short fuzz run; `make fuzz` makes a long one."""
import pytest

import fuzz


def test_small_random_problems():
    outcomes, findings = fuzz.run(500, first=900_000_000, processes=1)
    assert not findings, "\n".join(f"python tests/fuzz.py --one {seed}: {what}" for seed, what in findings.items())
    assert outcomes.total() == 500 and outcomes["converged"] > 50 and outcomes["garbage refused"] > 50


@pytest.mark.parametrize("seed, words", [
    (241745248, "negative diagonal by rounding"), (474, "an array as keep"), (124, "a whole number beyond floating point"), (2369, "ragged tosses"),
    (2820, "a category block without rows"), (7256, "a component on its floor"), (16037, "a gamma whose mean underflows"), (242, "a rate of huge numbers")])
def test_what_once_went_wrong(seed, words): fuzz.once(seed)


def test_a_finding_is_found(monkeypatch):
    monkeypatch.setattr(fuzz.Problem, "__init__", lambda self, seed: 1 / 0)
    assert fuzz.attempt(3)[1:] == (False, "ZeroDivisionError: division by zero")
