"""A number, how wrong it can be, and how many independent samples stand behind it.

An `Estimate` comes into being where something is measured: the functions below take samples with
networks, or whatever else is independent, on their first axis. All errors, error bars, intervals
and digits of the book are made here and nowhere else. Where samples are not finite there is no
number: value and error are NaN, which claims and figures know how to show.
"""
import math
from dataclasses import dataclass, field
from typing import Callable, Iterator

import numpy as np

from lib.checks import choice, count, number, real

KINDS = ("bound", "mean", "slope", "share", "largest", "jackknife")
FLOOR = 1e-12  # a smaller error is platform noise
RELATIVE_FLOOR = 1e-8  # so is one smaller than this share of the value
DIGITS = 6  # significant digits shown, whatever the error would allow
NETWORKS = "networks, ..."
DRAWS = 1000  # how often the networks of a largest gap are drawn again


@dataclass(frozen=True, repr=False)
class Estimate:
    """A value with its error; ``value, error = estimate`` takes it apart.

    Args:
        value: a number, or an array for figures.
        error: one standard error, of the shape of the value, or for a ``bound`` the most by which
            the value can be off; NaN where a single sample tells nothing of it.
        samples: how many independent samples; None for a bound.
        kind: one of `KINDS`, which decides the interval.
        draws: of a ``largest``, how far resampled means strayed from the mean at most.
    """

    value: float | np.ndarray
    error: float | np.ndarray
    samples: int | None = None
    kind: str = "bound"
    draws: np.ndarray | None = field(default=None, compare=False)

    def __post_init__(self):
        choice("kind", self.kind, KINDS)
        value, error = np.broadcast_arrays(*(np.asarray(x, dtype=float) for x in self))
        if np.any(error < 0.0):
            raise ValueError(f"error must not be negative, got {np.nanmin(error):g}")
        if self.kind != "bound":
            object.__setattr__(self, "samples", count("samples", self.samples))
        for name, array in (("value", value), ("error", error)):
            object.__setattr__(self, name, array if array.ndim else float(array))

    def __iter__(self) -> Iterator:
        return iter((self.value, self.error))

    def __getitem__(self, place: object) -> "Estimate":
        return Estimate(self.value[place], self.error[place], self.samples, self.kind)

    def __lt__(self, other: "Estimate") -> bool:
        return self.value < other.value  # so that min and max find the worst of several

    def interval(self, level: float = 0.95) -> tuple:
        """Where the true value lies, with this probability.

        Args:
            level: between 0 and 1; of a bound it does not matter.

        Returns:
            Lower and upper end, each of the shape of the value: value ± bound; Student's interval
            of a mean, a slope or a jackknife, infinite for a single sample; Wilson's of a share.
            Of a largest gap: what the largest strays of resampled means leave possible, from 0
            where chance alone explains the gap.

        Accuracy: a largest gap is covered more often than the level says where there is no gap.

        Source: textbook; of a largest gap: simultaneous band by resampling.
        """
        level = number("level", level, 0.0, 1.0)
        if self.kind == "bound":
            return self.value - self.error, self.value + self.error
        from scipy.special import ndtri, stdtrit

        normal = ndtri(0.5 + 0.5 * level)
        if self.kind == "share":
            centre, reach = _wilson(self.value, self.samples, normal)
            return centre - reach, centre + reach
        if self.samples == 1:
            return self.value - math.inf, self.value + math.inf
        student = stdtrit(self.samples - 1, 0.5 + 0.5 * level)
        if self.draws is None:
            return self.value - student * self.error, self.value + student * self.error
        reach = np.quantile(self.draws, level) * (student / normal if normal else 1.0)
        return max(self.value - reach, 0.0), self.value + reach

    def rounded(self) -> "Estimate":
        """The same with the digits that mean something, so that stored bytes repeat.

        Returns:
            Values to 3 significant digits of the error, and errors to 2, raised to 1e-12 and to
            1e-8 of the value where they are smaller. Without an error, or with an error of 0,
            values to 8 digits.

        >>> tuple(bound(0.9398074003, 2.31e-5).rounded())
        (0.9398074, 2.3e-05)
        >>> tuple(exact(96 / 25).rounded())
        (3.84, 0.0)
        """
        pairs = np.array([_rounded(*pair) for pair in self._pairs()]).reshape(-1, 2).T
        value, error = pairs.reshape(2, *np.shape(self.value))
        return Estimate(value, error, self.samples, self.kind, self.draws)

    @property
    def text(self) -> str:
        """``value ± error``, both with the digits the error supports, six at most.

        >>> bound(0.9398074, 2.3e-05).text, bound(2.5948e8, 3.1e6).text, exact(7).text
        ('0.93981 ± 0.00002', '(2.59 ± 0.03)e+08', '7 exactly')
        """
        return ", ".join(_text(*pair, self.kind) for pair in self._pairs())

    def __repr__(self) -> str:
        if np.size(self.value) > DIGITS:
            told = f"{np.shape(self.value)} from {np.min(self.value):.3g} to " \
                   f"{np.max(self.value):.3g}, errors up to {np.max(self.error):.1g}"
        else:
            told = f"[{self.text}]" if np.ndim(self.value) else self.text
        if self.draws is not None:
            told += f", {np.mean(self.draws):.1g} by chance alone"
        return told if self.kind == "bound" else f"{told} ({self.kind}, {self.samples} samples)"

    def _pairs(self) -> Iterator[tuple[float, float]]:
        return zip(np.ravel(self.value).tolist(), np.ravel(self.error).tolist())


def exact(value: float | np.ndarray) -> Estimate:
    """A count, or what is made of counts."""
    return Estimate(value, 0.0)


def bound(value: float | np.ndarray, error: float | np.ndarray) -> Estimate:
    """A computed value that is off by ``error`` at most."""
    return Estimate(value, error)


def mean(samples: np.ndarray) -> Estimate:
    """Mean over networks, ``(networks, ...)`` to ``(...)``, with its standard error.

    >>> mean([0.0, 2.0])
    1.0 ± 1.0 (mean, 2 samples)
    """
    samples = real("samples", samples, axes=NETWORKS, finite=False)
    return Estimate(_mean(samples), _error(samples), len(samples), "mean")


def pooled(samples: np.ndarray) -> Estimate:
    """Mean over networks in many places, ``(networks, ...)`` to ``(...)``, with one error for all.

    Of a few networks the scatter in one place says little; that of all places together does, if
    they scatter alike. What is not finite has no value and is left out.

    >>> pooled([[0.0, 5.0], [2.0, 5.0]])
    [1.0 ± 0.7, 5.0 ± 0.7] (mean, 3 samples)
    """
    one = mean(samples)
    known = np.isfinite(one.error)
    error = np.sqrt(np.mean(np.square(one.error)[known])) if known.any() else np.nan
    return Estimate(one.value, np.where(np.isfinite(one.value), error, np.nan),
                    1 + int(known.sum()) * (one.samples - 1), "mean")


def share(hits: np.ndarray) -> Estimate:
    """Share of independent trials, one a network, that hit; its error is never 0.

    Hits are 0 or 1, ``(networks, ...)`` to ``(...)``.

    Source: [wilson1927].

    >>> share([True, True, True, True])
    1.00 ± 0.10 (share, 4 samples)
    """
    hits = real("hits", np.asarray(hits) * 1.0, 0.0, 1.0, axes=NETWORKS)
    value = hits.mean(axis=0)
    return Estimate(value, _wilson(value, len(hits), 1.0)[1], len(hits), "share")


def slope(x: np.ndarray, samples: np.ndarray) -> Estimate:
    """Mean slope of samples against x, each network fitted by itself by least squares.

    Of logarithms against the layer it is the growth per layer; against the logarithm of the
    layer, an exponent.

    Args:
        x: shape ``(points,)``; without two different values there is no slope.
        samples: shape ``(networks, points, ...)``.

    >>> slope([1.0, 2.0, 3.0], [[0.0, 2.0, 4.0], [1.0, 3.0, 7.0]])
    2.5 ± 0.5 (slope, 2 samples)
    """
    x = real("x", x, axes="points")
    samples = real("samples", samples, axes=f"networks, {x.size}, ...", finite=False)
    lever = x - x.mean()
    with np.errstate(all="ignore"):
        slopes = np.tensordot(samples, lever / (lever @ lever), (1, 0))
    return Estimate(_mean(slopes), _error(slopes), len(slopes), "slope")


def exponent(x: np.ndarray, means: Estimate) -> Estimate:
    """Power with which independent means grow with x, by a straight line through logarithms.

    Args:
        x: positive, shape ``(points,)``; without two different values there is no exponent.
        means: positive, same shape; each is weighted by its relative error. Where one has none
            all weigh the same, and the exponent has no error either.

    Accuracy: first order in ``error / mean``.

    Source: textbook (weighted least squares).

    >>> exponent([1.0, 10.0], Estimate([5.0, 500.0], [0.05, 5.0], 9, "mean"))
    2.000 ± 0.006 (slope, 9 samples)
    """
    x, error = real("x", x, np.finfo(float).tiny, axes="points"), means.error
    value = real("means", means.value, axes=x.shape, finite=False)
    known = np.all(error > 0.0)
    with np.errstate(all="ignore"):
        weight = (value / error) ** 2 if known else np.ones(x.size)
        lever = np.log(x) - np.average(np.log(x), weights=weight)
        spread = weight @ lever**2
        power = weight @ (lever * np.log(value)) / spread
        if means.kind == "bound":  # bounds add up, they do not average out
            return bound(power, np.abs(lever) @ (weight * error / value) / spread)
        return Estimate(power, spread**-0.5 if known else np.nan, means.samples, "slope")


def ratio(above: np.ndarray, below: np.ndarray) -> Estimate:
    """Mean over networks divided by another of the same networks, ``(networks, ...)`` both.

    >>> ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    2 without scatter (jackknife, 3 samples)
    """
    with np.errstate(all="ignore"):
        return jackknife(lambda a, b: a.mean(axis=0) / b.mean(axis=0), above, below)


def jackknife(statistic: Callable, *samples: np.ndarray) -> Estimate:
    """A statistic of samples; its error by leaving out one network at a time.

    Good for smooth functions of means: ratios, slopes, correlations; not for a median or a
    maximum over networks.

    Args:
        statistic: from arrays of networks to a number or an array.
        samples: of the same networks, each of shape ``(networks, ...)``.

    Accuracy: the error to first order in 1 / networks; NaN if the statistic is not finite without
        one of them.

    >>> jackknife(np.mean, [0.0, 2.0])
    1.0 ± 1.0 (jackknife, 2 samples)
    """
    arrays = [real("samples", one, axes=NETWORKS, finite=False) for one in samples]
    networks = len(arrays[0])
    if any(len(one) != networks for one in arrays):
        raise ValueError("samples must be of the same networks, got "
                         f"{', '.join(str(len(one)) for one in arrays)} of them")
    value = np.asarray(statistic(*arrays), dtype=float)
    if networks == 1:
        return Estimate(value, np.full_like(value, np.nan), 1, "jackknife")
    without = np.array([statistic(*(np.delete(one, i, axis=0) for one in arrays))
                        for i in range(networks)], dtype=float)
    with np.errstate(all="ignore"):
        error = np.sqrt((networks - 1) * without.var(axis=0))
    return Estimate(value, error, networks, "jackknife")


def worst_gap(samples: np.ndarray, expected: np.ndarray, relative: bool = False) -> Estimate:
    """The largest deviation of a mean over networks from what is expected.

    Args:
        samples: shape ``(networks, ...)``.
        expected: shape ``(...)``.
        relative: whether to divide by the expected values.

    Returns:
        The largest ``|mean - expected|`` with the standard error of that mean.

    Accuracy: the largest of many deviations is biased upwards; what chance alone would give is
        shown with it, and its interval, from networks drawn again, allows for it.

    >>> worst_gap([[1.0, 2.0], [1.0, 4.0]], [1.0, 2.0]).text
    '1.0 ± 1.0'
    """
    samples, expected = _matching(samples, expected)
    if not samples.size:
        return Estimate(math.nan, math.nan, len(samples), "largest")
    unit = np.abs(expected) if relative else np.ones_like(expected)
    with np.errstate(all="ignore"):
        networks, flat = len(samples), (samples / unit).reshape(len(samples), -1)
        centre = _mean(flat)
        gap = np.abs(centre - (expected / unit).ravel())
    worst = gap.argmax()
    drawn = np.random.default_rng(0).multinomial(networks, [1.0 / networks] * networks, DRAWS)
    strays = [np.abs(some @ flat / networks - centre).max(axis=1) for some in
              np.split(drawn, DRAWS // 50)] if networks > 1 else [np.full(DRAWS, np.nan)]
    draws = np.concatenate(strays) * math.sqrt(networks / max(networks - 1, 1))
    return Estimate(gap[worst], _error(flat[:, worst]), networks, "largest", draws)


def spread_ratio(samples: np.ndarray, predicted: np.ndarray) -> Estimate:
    """The standard deviation over networks in units of the predicted one.

    Args:
        samples: shape ``(networks, points, ...)``.
        predicted: predicted standard deviations, shape ``(points, ...)``.

    Returns:
        Root mean square over the points of the ratio, then the mean over all that is left; its
        error by leaving out one network at a time, NaN for fewer than three.

    >>> spread_ratio([[[0.0, 0.0]], [[2.0, 2.0]], [[1.0, 4.0]]], [[1.0, 1.0]]).text
    '1.5 ± 0.4'
    """
    samples, predicted = _matching(samples, predicted)
    if not samples.size:
        return Estimate(math.nan, math.nan, len(samples), "jackknife")

    def spread(some: np.ndarray) -> np.ndarray:
        squares = ((some - some.mean(axis=0)) / predicted) ** 2
        return np.sqrt(np.mean(squares.sum(axis=0) / (len(some) - 1), axis=0)).mean()

    with np.errstate(all="ignore"):
        return jackknife(spread, samples)


def _matching(samples: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    samples = real("samples", samples, finite=False)
    expected = real("expected", expected, finite=False)
    if not samples.shape or not len(samples) or samples.shape[1:] != expected.shape:
        raise ValueError(f"samples of shape {samples.shape} do not match {expected.shape}: the "
                         "first axis counts networks")
    return samples, expected


def _error(samples: np.ndarray) -> np.ndarray:
    """Standard error of the mean over the first axis, NaN for a single sample."""
    if len(samples) == 1:
        return np.full(samples.shape[1:], np.nan)
    with np.errstate(all="ignore"):
        return samples.std(axis=0, ddof=1) / math.sqrt(len(samples))


def _mean(samples: np.ndarray) -> np.ndarray:
    """Mean over the first axis, NaN where a sample is not finite."""
    return np.where(np.isfinite(samples), samples, np.nan).mean(axis=0)


def _wilson(value: np.ndarray, samples: np.ndarray, z: float) -> tuple:
    """Middle and half width of Wilson's interval of a share, ``z`` standard deviations wide."""
    per = z * z / samples
    reach = np.sqrt(value * (1.0 - value) * per + 0.25 * per**2)
    return (value + 0.5 * per) / (1.0 + per), reach / (1.0 + per)


def _rounded(value: float, error: float) -> tuple[float, float]:
    if not (0.0 < error < math.inf and math.isfinite(value)):
        return float(f"{value:.8g}") + 0.0, error + 0.0  # + 0.0: no minus zero
    error = float(f"{max(error, FLOOR, RELATIVE_FLOOR * abs(value)):.1e}")
    return round(value, 2 - _exponent(error)) + 0.0, error


def _text(value: float, error: float, kind: str) -> str:
    if math.isnan(value):
        return "no number"
    if error == 0.0:
        return f"{value:.{DIGITS}g} {'exactly' if kind == 'bound' else 'without scatter'}"
    if not (error < math.inf and math.isfinite(value)):
        return f"{value:.3g}"
    if value == 0.0 and error < 1e-4:
        return f"0 ± {error:.0e}"
    scale = _exponent(max(abs(value), error))
    if -4 <= scale < DIGITS:
        return "{} ± {}".format(*_aligned(value, error))
    value, error = value / 10.0**scale, error / 10.0**scale
    return "({} ± {})e{:+03d}".format(*_aligned(value, error), scale)


def _aligned(value: float, error: float) -> tuple[str, str]:
    """Value and error to the same last digit: the error's first, or second after a 1."""
    last = _exponent(error) - (f"{error:.0e}"[0] == "1")
    if value:
        last = max(last, _exponent(value) - DIGITS + 1)
    error = max(error, 10.0**last)  # what is not shown of the value is part of its error
    places = max(0, -last)
    return f"{round(value, -last) + 0.0:.{places}f}", f"{round(error, -last):.{places}f}"


def _exponent(number: float) -> int:
    """The power of ten of the first significant digit of a positive or negative number."""
    return math.floor(math.log10(abs(number)))
