"""One call, one record: the mean-field phase of any nonlinearity."""
from typing import Callable, NamedTuple

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import real
from oldlib.theory import meanfield
from oldlib.theory.lengths import fixed_points

MARGIN = 1e-9  # how close to 1 chi1 must be to be called critical


class Record(NamedTuple):
    """What mean-field theory says of one nonlinearity at one (sigma_w, sigma_b).

    ``phase`` is "ordered", "critical", "chaotic" or "none" (lengths do not settle); depth scales
    count layers; ``lyapunov`` is ``(1/2) ln chi1`` per layer; what does not exist is NaN.
    """

    activation: str
    sigma_w: float
    sigma_b: float
    phase: str
    q_star: float
    chi1: float
    chi2: float
    c_star: float
    xi_q: float
    xi_c: float
    lyapunov: float
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        head = (f"{self.activation} at sigma_w = {self.sigma_w:g}, sigma_b = {self.sigma_b:g}: "
                f"{self.phase}")
        numbers = [f"{name:9} {getattr(self, name):.6g}" for name in self._fields[4:11]]
        return "\n  ".join([head, *numbers, *(f"warning: {w}" for w in self.warnings)])


def analyse(phi: str | Activation | Callable, sigma_w: float, sigma_b: float) -> Record:
    """Phase, fixed points, depth scales and Lyapunov exponent of any nonlinearity.

    Args:
        phi: name, `lib.activations.Activation`, or any elementwise callable.
        sigma_w, sigma_b: standard deviations of weights (times root fan-in) and biases; scalars.

    Returns:
        A `Record`; ``warnings`` says what a reader must know before using its numbers.

    Raises:
        ValueError, TypeError: bad arguments or a callable that is not a nonlinearity.
        NotTrusted: an average whose error cannot be bounded (an undeclared kink, say).

    Accuracy: that of `lib.theory.meanfield`.

    Source: [poole2016], [schoenholz2017].

    >>> analyse("tanh", 1.3, 0.3).phase, analyse("tanh", 2.5, 0.3).phase
    ('ordered', 'chaotic')
    """
    phi = get(phi)
    w, b = real("sigma_w", sigma_w, low=0.0), real("sigma_b", sigma_b, low=0.0)
    if w.ndim or b.ndim:
        raise ValueError("sigma_w and sigma_b must be single numbers; for grids use "
                         "lib.theory.meanfield")
    found = fixed_points(phi, w, b)
    kind, q, warnings = str(found.kind), float(found.value), []
    if kind == "neutral":
        warnings.append("every length is a fixed point; q* = 1 is the start")
    elif kind != "stable":
        warnings.append({"diverges": "from unit length on, lengths grow without bound",
                         "out of reach": "q* is infinite or too large to average phi there",
                         }[kind])
    if np.isfinite(found.repeller):
        warnings.append(f"two fixed points: lengths above q = {float(found.repeller):.4g} "
                        "diverge, lengths below approach q*")
    if q == 0.0:
        warnings.append("activity dies out: q* = 0, and c* is the limit sigma_b -> 0")
    return _record(phi, float(w), float(b), q, warnings)


def _record(phi: Activation, w: float, b: float, q: float, warnings: list[str]) -> Record:
    def number(function: Callable, *args, **kwargs) -> float:
        return float(function(w, b, *args, phi=phi, missing="nan", **kwargs))

    gain = number(meanfield.chi1) if phi.continuous else np.inf
    bend = number(meanfield.chi2) if phi.differentiable else np.inf
    if not phi.differentiable:
        warnings.append("phi has a kink: chi2 and with it all curvature is infinite")
    phase = "none" if np.isnan(q) else "critical" if abs(gain - 1.0) < MARGIN else \
        "chaotic" if gain > 1.0 else "ordered"
    scales = [np.nan] * 3 if phase == "none" or not phi.continuous else [
        number(f) for f in (meanfield.c_star, meanfield.xi_q, meanfield.xi_c)]
    with np.errstate(divide="ignore"):
        lyapunov = 0.5 * float(np.log(gain))
    return Record(phi.name, w, b, phase, q, gain, bend, *scales, lyapunov, tuple(warnings))
