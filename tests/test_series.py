"""Mackey-Glass and Lorenz against other integrators and known facts; how a task is cut."""
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lib.tasks.series import forecast, lorenz, mackey_glass


def by_steps(tau, until, start=1.2):
    """Method of steps: on each delay the past is known, so SciPy solves an ordinary equation."""
    pieces, x = [lambda t: [start]], start
    for n in range(int(until / tau) + 1):
        def flow(t, x, past=pieces[-1]):
            old = past(t - tau)[0]
            return 0.2 * old / (1 + old**10) - 0.1 * x

        piece = solve_ivp(flow, (n * tau, (n + 1) * tau), [x], "DOP853", dense_output=True,
                          rtol=1e-11, atol=1e-12)
        x = piece.y[0, -1]
        pieces.append(piece.sol)
    return lambda t: float(pieces[int(t / tau) + 1](t)[0])


def test_mackey_glass_is_the_method_of_steps():
    exact = by_steps(17.0, 150.0)
    series = mackey_glass(150, discard=0)[:, 0]
    assert max(abs(series[t] - exact(t)) for t in range(1, 150, 7)) < 2e-7


def test_mackey_glass_converges_with_order_four(monkeypatch):
    found = {}
    for finer in (1, 2, 8):
        monkeypatch.setattr("lib.tasks.series.STEP", 0.1 / finer)
        monkeypatch.setattr("lib.tasks.series.DELAY", 170 * finer)
        found[finer] = mackey_glass(121, discard=0)
    coarse, half = (np.abs(found[finer] - found[8]).max() for finer in (1, 2))
    assert coarse < 1e-8 and 10 < coarse / half < 24


def test_mackey_glass_is_on_its_attractor(monkeypatch):
    x = mackey_glass(2000)
    assert x.shape == (2000, 1) and 0.2 < x.min() < 0.5 and 1.2 < x.max() < 1.5
    monkeypatch.setattr("lib.tasks.series.DELAY", 30)  # below the threshold
    assert np.abs(mackey_glass(40, discard=2000) - 1).max() < 1e-6


def test_lorenz_against_another_integrator_and_its_attractor():
    def flow(t, s):
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    mine = lorenz(101, discard=0)
    other = solve_ivp(flow, (0, 5.0), [1, 1, 25], "DOP853", 0.05 * np.arange(101), rtol=1e-13,
                      atol=1e-13).y.T
    assert np.abs(mine - other).max() < 1e-7
    long = lorenz(4000)
    assert abs(long[:, 2].mean() - 23.55) < 0.5 and np.abs(long[:, 0]).max() < 21
    assert np.abs(mine[1:] - lorenz(100, discard=1)).max() < 1e-7


def test_a_task_is_cut_without_a_leak():
    time = np.arange(300.0)
    task = forecast(np.stack([time, -time], 1), (0, 3, 9), 7, train=100, gap=40)
    back = task.x * (known := np.arange(116.0)).std() + known.mean()
    assert np.allclose(back[0, ::2], [9, 6, 0]) and task.x.shape == (100, 6)
    target = task.y * known.std() + known.mean()
    assert np.allclose(target[:, 0], time[16:116])
    first = task.x_test * known.std() + known.mean()
    assert np.allclose(first[0, 0], 149) and first[0, ::2].min() > target[-1, 0]
    assert len(task.x_test) == len(task.y_test) == 300 - 9 - 7 - 140
    for side in (0, 1):
        whole = np.concatenate([half[side] for half in task.halves])
        assert np.array_equal(whole, (task.x_test, task.y_test)[side])
    assert len(task.halves[0][0]) == 72


@pytest.mark.parametrize("call, error, named", [
    (lambda: mackey_glass(0), ValueError, "samples"),
    (lambda: lorenz(5, discard=-1), ValueError, "discard"),
    (lambda: lorenz(5.5), TypeError, "samples"),
    (lambda: forecast(np.zeros(9), (0,), 1, 5), ValueError, "series"),
    (lambda: forecast(np.zeros((50, 1)), (0, 6), 10, 20, gap=15), ValueError, "gap"),
    (lambda: forecast(np.zeros((50, 1)), (0,), 10, 30, gap=10), ValueError, "longer"),
])
def test_bad_arguments_are_named(call, error, named):
    with pytest.raises(error, match=named):
        call()
