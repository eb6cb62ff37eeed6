"""Chaotic time series made on the spot, and the forecasting tasks cut from them."""
from typing import NamedTuple

import numpy as np

from lib.checks import Untrusted, count, number, real

STEP = 0.01  # of the Lorenz system


def mackey_glass(samples: int, tau: float = 17.0, step: float = 0.1, every: int = 10,
                 discard: int = 500, start: float = 1.2) -> np.ndarray:
    """The Mackey-Glass equation ``x' = 0.2 x(t-tau) / (1 + x(t-tau)^10) - 0.1 x``, sampled.

    Args:
        tau: the delay, a whole number of steps.
        step: of the integration.
        every: steps from one sample to the next.
        discard: samples thrown away first, while the trajectory finds its attractor.
        start: value at all times up to 0.

    Returns:
        The series, shape ``(samples, 1)``. `Untrusted` if half the step moves the first 300 time
        units by more than 1e-6.

    Accuracy: that check, made in every call; the default step moves by 3e-9. Later values follow
        the equation as well, but not its one true trajectory: errors double about every 100 time
        units, as in any chaos.

    Source: [mackey1977]; Runge-Kutta of order four, the delayed value between grid points by the
        cubic through both ends and their slopes, so that the order is kept; derived here.

    >>> mackey_glass(3, discard=0).shape
    (3, 1)
    """
    samples, every = count("samples", samples), count("every", every)
    discard = count("discard", discard, low=0)
    step, start = number("step", step, 1e-4), number("start", start, 0.0)
    delay = number("tau", tau, step) / step
    if abs(delay - round(delay)) > 1e-9 * delay:
        raise ValueError(f"tau must be a whole number of steps, got {delay:g} of them")
    series = _delayed(start, round(delay), step, (discard + samples - 1) * every + 1)
    checked = min(series.size, int(np.ceil(300.0 / step)))
    finer = _delayed(start, 2 * round(delay), 0.5 * step, 2 * checked - 1)[::2]
    moved = np.abs(finer - series[:checked]).max()
    chosen = series[discard * every::every, None]
    if not moved <= 1e-6:
        raise Untrusted(f"half the step moves Mackey-Glass by {moved:.1g} within 300 time "
                            f"units: take a step below {step:g}", chosen)
    return chosen


def _delayed(start: float, delay: int, h: float, points: int) -> np.ndarray:
    """``x(0), x(h), ...``; plain floats, which in a loop are faster than arrays."""
    def pull(old):  # what the past adds to the slope
        squared = old * old  # powers of the processor's library differ in the last digit
        eighth = squared * squared * squared * squared
        return 0.2 * old / (1.0 + eighth * squared)

    x, slope = [start], []
    for n in range(points - 1):
        back, now = n - delay, x[n]
        old, new = (x[i] if i > 0 else start for i in (back, back + 1))
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


def lorenz(samples: int, every: float = 0.05, discard: int = 200,
           start: tuple[float, float, float] = (1.0, 1.0, 25.0)) -> np.ndarray:
    """The Lorenz system with sigma = 10, rho = 28, beta = 8/3, sampled.

    Args:
        every: time from one sample to the next.
        discard: samples thrown away first.

    Returns:
        The states, shape ``(samples, 3)``.

    Accuracy: about 1e-14 of the state a step; nearby trajectories part by a factor e about every
        1.1 time units, so that no two programs agree for longer than about 30. Steps of one
        length, in plain arithmetic, give the same series on every processor.

    Source: [lorenz1963]; integrated by SciPy's DOP853, order eight, with steps of 0.01.

    >>> lorenz(3, discard=0).shape
    (3, 3)
    """
    from scipy.integrate import ode
    samples, discard = count("samples", samples), count("discard", discard, low=0)
    every, start = number("every", every, 1e-6), real("start", start)
    if start.shape != (3,):
        raise ValueError(f"start must be three numbers, got shape {start.shape}")

    def flow(_, state):
        x, y, z = state.tolist()
        return 10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z

    run = ode(flow).set_integrator("dop853", rtol=1.0, atol=1.0, first_step=STEP, max_step=STEP,
                                   nsteps=10**6)  # so loose that every step is STEP long
    run.set_initial_value(start)
    states = [start if time == 0.0 else run.integrate(time)
              for time in every * np.arange(discard + samples)]
    return np.array(states[discard:])


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
    series = real("series", series)
    if series.ndim != 2:
        raise ValueError(f"series must have shape (time, variables), got {series.shape}")
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
