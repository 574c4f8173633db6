"""Expressions that are computed together have the bits that each has alone."""

import numpy as np
import pytest

from netspec.describe.expressions import evaluate, parse
from netspec.describe.models import LIBRARY
from netspec.validation.ladder.together import Together


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_slopes_of_the_library_are_those_of_every_equation_alone(name):
    model = LIBRARY[name]
    states = [state.name for state in model.dynamics.states]
    trees = [state.rhs for state in model.dynamics.states]
    fixed = {n: np.full(50, v) for n, v in model.defaults().items()}
    fixed |= dict.fromkeys(model.inputs, np.linspace(-50.0, 300.0, 50))
    rng = np.random.default_rng(1)
    together = Together(trees, states)
    with np.errstate(all="ignore"):
        for change in (0.0, 1.0):  # what is held is taken anew
            held = {n: values + change for n, values in fixed.items()}
            together.hold(held)
            for _ in range(3):
                now = {n: rng.uniform(-80.0, -40.0, 50) for n in states}
                for found, tree in zip(together(now), trees, strict=True):
                    np.testing.assert_array_equal(found, evaluate(tree, held | now))


def test_what_is_shared_is_computed_once_and_what_stays_not_again():
    calls = []

    def counted(function):
        return lambda *args: calls.append(function) or function(*args)

    trees = [parse("exp(a*b)*x + exp(x)"), parse("exp(x) - exp(a*b)")]
    together = Together(trees, ["x"])
    for steps in together._steps.values():
        steps[:] = [(place, counted(function), args) for place, function, args in steps]
    together.hold({"a": 2.0, "b": 0.5})
    assert calls == [np.multiply, np.exp]
    calls.clear()
    first, second = together({"x": 1.0})
    assert sorted(f.__name__ for f in calls) == ["add", "exp", "multiply", "subtract"]
    assert (first, second) == (2 * np.e, 0.0)
