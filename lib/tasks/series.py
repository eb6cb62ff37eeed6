"""Chaotic time series made on the spot, and the forecasting tasks cut from them."""
from typing import NamedTuple

import numpy as np

from lib.checks import count, real

STEP, DELAY = 0.1, 170  # of the Mackey-Glass equation, a step and how many of them are tau = 17
LORENZ_STEP, LORENZ_EVERY = 0.01, 0.05  # and from one sample of the Lorenz system to the next


def mackey_glass(samples: int, discard: int = 500) -> np.ndarray:
    """The Mackey-Glass equation ``x' = 0.2 x(t-17) / (1 + x(t-17)^10) - 0.1 x``, once a time unit.

    It starts from 1.2 at all times up to 0; the first samples are discarded, while the trajectory
    finds its attractor. Shape ``(samples, 1)``.

    Accuracy: half the step moves the first 300 time units by 3e-9. Later values follow the
        equation as well, but not its one true trajectory: errors double about every 100 time
        units, as in any chaos.

    Source: [mackey1977]; Runge-Kutta of order four, the delayed value between grid points by the
        cubic through both ends and their slopes, so that the order is kept; derived here.

    >>> mackey_glass(3, discard=0).shape
    (3, 1)
    """
    every = round(1 / STEP)
    samples, discard = count("samples", samples), count("discard", discard, low=0)
    return _delayed((discard + samples - 1) * every + 1)[discard * every::every, None]


def _delayed(points: int) -> np.ndarray:
    """``x(0), x(h), ...``; plain floats, which in a loop are faster than arrays."""
    def pull(old):  # what the past adds to the slope
        squared = old * old  # powers of the processor's library differ in the last digit
        eighth = squared * squared * squared * squared
        return 0.2 * old / (1.0 + eighth * squared)

    h, x, slope = STEP, [1.2], []
    for n in range(points - 1):
        back, now = n - DELAY, x[n]
        old, new = x[max(back, 0)], x[max(back + 1, 0)]
        bend = slope[back] - slope[back + 1] if back >= 0 else 0.0
        left, right = pull(old), pull(new)
        centre = pull(0.5 * (old + new) + 0.125 * h * bend)
        k1 = left - 0.1 * now
        k2 = centre - 0.1 * (now + 0.5 * h * k1)
        k3 = centre - 0.1 * (now + 0.5 * h * k2)
        k4 = right - 0.1 * (now + h * k3)
        slope.append(k1)
        x.append(now + h / 6.0 * (k1 + 2.0 * (k2 + k3) + k4))
    return np.array(x)


def lorenz(samples: int, discard: int = 200) -> np.ndarray:
    """The Lorenz system with sigma = 10, rho = 28, beta = 8/3, sampled every 0.05 time units.

    It starts from (1, 1, 25), and the first samples are discarded. Shape ``(samples, 3)``.

    Accuracy: about 1e-14 of the state a step; nearby trajectories part by a factor e about every
        1.1 time units, so that no two programs agree for longer than about 30. Steps of one
        length, in plain arithmetic, give the same series on every processor.

    Source: [lorenz1963]; integrated by SciPy's DOP853, order eight, with steps of 0.01.

    >>> lorenz(3, discard=0).shape
    (3, 3)
    """
    from scipy.integrate import ode
    samples, discard = count("samples", samples), count("discard", discard, low=0)

    def flow(_, state):
        x, y, z = state.tolist()
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z

    run = ode(flow).set_integrator("dop853", rtol=1.0, atol=1.0, first_step=LORENZ_STEP,
                                   max_step=LORENZ_STEP, nsteps=10**6)  # every step is so long
    run.set_initial_value([1.0, 1.0, 25.0])
    later = [run.integrate(LORENZ_EVERY * n) for n in range(1, discard + samples)]
    return np.array([[1.0, 1.0, 25.0], *later][discard:])


class Task(NamedTuple):
    """Inputs ``(points, inputs)`` and targets ``(points, ...)``, to train on and held out.

    `forecast` standardises both with the mean and the deviation of the training part.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def halves(self) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """The held-out points in two: the first half to choose by, the second to report on."""
        half = len(self.x_test) // 2
        return ((self.x_test[:half], self.y_test[:half]),
                (self.x_test[half:], self.y_test[half:]))


def forecast(series: np.ndarray, lags: tuple[int, ...], ahead: int, train: int,
             gap: int = 100) -> Task:
    """Predict the state some samples ahead from the present and some past ones.

    Args:
        series: shape ``(time, variables)``.
        lags: how many samples back the inputs lie, 0 for the present.
        ahead: how many samples ahead the target lies.
        train: how many of the first points are for training.
        gap: points left out between training and test; longer than lags and horizon together, so
            that no value is seen in both.

    Returns:
        The `Task`; all points after the gap are its test.

    >>> task = forecast(np.arange(20.0)[:, None], (0, 2), 3, train=8, gap=5)
    >>> task.x.shape, task.y_test.shape
    ((8, 2), (2, 1))
    """
    series = real("series", series, axes="time, variables")
    back = [count("lags", lag, low=0) for lag in lags]
    ahead, train = count("ahead", ahead, low=0), count("train", train, low=2)
    gap = count("gap", gap, low=max(back) + ahead)
    at = np.arange(max(back), len(series) - ahead)
    if at.size <= train + gap:
        raise ValueError(f"series must be longer: {at.size} points do not hold {train} for "
                         f"training, a gap of {gap} and a test")
    known = series[:at[train - 1] + ahead + 1]
    series = (series - known.mean(axis=0)) / known.std(axis=0)
    x = np.concatenate([series[at - lag] for lag in back], axis=1)
    y = series[at + ahead]
    return Task(x[:train], y[:train], x[train + gap:], y[train + gap:])
