"""Bounds on what networks can do, whatever their weights."""
from typing import Callable

import numpy as np

from lib.activations import Activation, get
from lib.checks import count

FAR = np.array([1e12, 1e15])  # a bounded phi is level out here, to rounding


def shallow_length_bound(width: int, sign_changes: int, *,
                         phi: str | Activation | Callable = "tanh",
                         closed: bool = False) -> float:
    """Greatest length of a curve behind one hidden layer: ``L^E <= N (1 + s) R``.

    For any weights and biases whatever of one layer ``x = phi(W u + b)`` of N units, with phi
    non-decreasing of range ``R = sup phi - inf phi``, and any curve ``u(theta)`` no projection
    of whose velocity, ``w . du/dtheta``, changes its sign more than s times.

    Proof. The speed ``|dx/dtheta|`` is at most the sum over units of ``|dx_i/dtheta|``, so the
    length is at most the sum of the total variations of the N units. The pre-activation of a
    unit has the velocity ``w_i . du/dtheta``; it changes sign at most s times, so the
    pre-activation is monotone on at most 1 + s pieces of the curve, and so is x_i, because phi
    is non-decreasing. On a piece x_i varies by at most R. Closed curve: going round, the last
    piece continues the first, and the pieces are as many as the sign changes, s.

    A circle has s = 2 going round, so ``L^E <= 2 N R``, which is 4 N for tanh. The bound is
    reached only as the weights grow without limit; at fixed sigma_w lengths grow as sqrt(N).

    Args:
        width: number N of hidden units.
        sign_changes: s. On a closed curve, going round once, an even number.
        phi: bounded, non-decreasing activation.
        closed: whether the curve ends where it starts.

    Returns:
        The bound on the true Euclidean length of the activations.

    Raises:
        ValueError: phi is unbounded or decreases somewhere, or s is odd on a closed curve.

    Accuracy: exact but for the rounding of R, which is read off phi at +-1e15.

    Source: [poole2016], theorem on shallow networks; the proof and the closed curve are
        derived here.

    >>> shallow_length_bound(100, 2, closed=True)
    400.0
    """
    width, pieces = count("width", width), count("sign_changes", sign_changes, low=0)
    if closed and pieces % 2:
        raise ValueError(f"sign_changes must be even on a closed curve, got {pieces}")
    return float(width * (pieces if closed else pieces + 1) * _range(get(phi)))


def _range(phi: Activation) -> float:
    """sup phi - inf phi of a bounded non-decreasing phi, or an error that says what it is."""
    x = np.unique(np.concatenate([np.linspace(-30, 30, 6001), np.geomspace(30, 1e6, 200),
                                  -np.geomspace(30, 1e6, 200)]))
    with np.errstate(all="ignore"):
        y, ends = np.asarray(phi.phi(x)), np.asarray(phi.phi(np.concatenate([-FAR, FAR])))
    size = np.abs(y).max()
    if np.any(np.diff(y) < -1e-14 * size):
        raise ValueError(f"phi must be non-decreasing; {phi.name} decreases near x = "
                         f"{x[np.argmin(np.diff(y))]:.3g}")
    if not np.all(np.isfinite(ends)) or np.ptp(ends[:2]) + np.ptp(ends[2:]) > 1e-9 * size:
        raise ValueError(f"phi must be bounded; {phi.name} is not, so that no length is too great")
    return float(ends[3] - ends[1])
