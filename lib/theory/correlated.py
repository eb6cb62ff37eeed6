"""Averages over two correlated normals: the right method for each phi, or an exception.

=====================  =========================================  ==========================
phi                    method                                     cost a value
=====================  =========================================  ==========================
smooth                 Mehler's series (`lib.theory.mehler`)      one product, bound for free
piecewise linear       Price's theorem (`lib.theory.price`)       two hundred exponentials
anything else          polar rule (`lib.theory.polar`)            ten thousand phi
=====================  =========================================  ==========================
"""
import numpy as np

from lib.activations import Activation
from lib.checks import real
from lib.theory import mehler, polar
from lib.theory.gaussian import moment
from lib.theory.price import PriceKernel
from lib.theory.quadrature import NotTrusted


class Kernel:
    """``E phi(u1) phi(u2)`` for normals of equal variance q and correlation c = 1 - d.

    Everything is a function of the deficit d, because 1 - c, computed from c, is lost near 1.

    Args:
        phi: the activation.
        q: variances, any shape. Deficits given to the methods broadcast against it; along the
            axes that q lacks they share all work but one product.

    Accuracy: 1e-10, of the deficit itself down to 1e-30, for smooth and piecewise-linear phi;
        the same for others where the two grids of the polar rule agree, else `NotTrusted`.

    Source: [poole2016] (the integral in the correlation map).

    >>> from lib.activations import get
    >>> relu = Kernel(get("relu"), np.array(2.0))
    >>> float(relu.value(np.array(1.0))).__round__(10), round(1 / np.pi, 10)
    (0.3183098862, 0.3183098862)
    """

    def __init__(self, phi: Activation, q: np.ndarray):
        self.phi, self.q = phi, real("q", q, low=0.0)
        self._method = _method_for(phi)(phi, self.q.ravel())

    @property
    def power(self) -> np.ndarray:
        """``E phi(u)^2``, the value at c = 1; shape of ``q``."""
        return self._method.power.reshape(self.q.shape)

    @property
    def slope_at_one(self) -> np.ndarray:
        """``q E phi'(u)^2``, the slope at c = 1; shape of ``q``."""
        return self._method.slope_power.reshape(self.q.shape)

    def deficit(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``E phi(u)^2 - E phi(u1) phi(u2)``.

        Args:
            d: ``1 - c`` in [0, 2]; broadcasts against q.
            rtol: relative accuracy asked for.

        Returns:
            The deficits, broadcast shape.

        Raises:
            NotTrusted: the bound stays above ``rtol``; carries the best values.

        Accuracy: ``rtol``.

        Source: as the class.
        """
        return self._evaluate("deficit", d, rtol)

    def slope(self, d: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
        """``d/dc E phi(u1) phi(u2) = q E phi'(u1) phi'(u2)``; arguments as `deficit`.

        Args:
            d: ``1 - c`` in [0, 2]; broadcasts against q.
            rtol: accuracy asked for, relative to the slope at c = 1.

        Returns:
            The slopes, broadcast shape.

        Raises:
            NotTrusted: the bound stays above ``rtol``; carries the best values.

        Accuracy: ``rtol``.

        Source: [price1958].
        """
        return self._evaluate("slope", d, rtol)

    def value(self, d: np.ndarray, atol: float = 1e-10) -> np.ndarray:
        """``E phi(u1) phi(u2)`` to ``atol E phi^2``; arguments as `deficit`.

        Args:
            d: ``1 - c`` in [0, 2]; broadcasts against q.
            atol: accuracy asked for, relative to ``E phi^2``.

        Returns:
            The averages, broadcast shape.

        Raises:
            NotTrusted: the bound stays above ``atol``; carries the best values.

        Accuracy: ``atol``.

        Source: as the class.
        """
        return self.power - self.deficit(d, rtol=atol)

    def _evaluate(self, what: str, d: np.ndarray, rtol: float) -> np.ndarray:
        """By a matrix with a row for each variance; axes that q lacks become its columns."""
        d = real("d", d, low=0.0, high=2.0)
        shape = np.broadcast_shapes(self.q.shape, d.shape)
        own = (1,) * (len(shape) - self.q.ndim) + self.q.shape
        rows = [axis for axis, size in enumerate(own) if size != 1]
        order = rows + [axis for axis, size in enumerate(own) if size == 1]
        d = d.reshape((1,) * (len(shape) - d.ndim) + d.shape)
        if all(d.shape[axis] == 1 for axis in rows):  # the same deficits for every variance
            work = np.broadcast_to(d, [1 if axis in rows else size
                                       for axis, size in enumerate(shape)]).ravel()
        else:
            work = np.broadcast_to(d, shape).transpose(order).reshape(self.q.size, -1)
        value = self._settled(what, work, rtol)
        return value.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))

    def _settled(self, what: str, work: np.ndarray, rtol: float) -> np.ndarray:
        value, bound = getattr(self._method, what)(work, rtol)
        scale = np.abs(value) if what == "deficit" else self._method.slope_power[:, None]
        rows = np.any(bound > rtol * scale + 1e-300, axis=1)
        if rows.any():
            value[rows] = self._second_opinion(what, rows, work, rtol)
        return value

    def _second_opinion(self, what: str, rows: np.ndarray, work: np.ndarray,
                        rtol: float) -> np.ndarray:
        """The rows a series could not settle, by the polar rule."""
        method = polar.PolarKernel(self.phi, self._method.q[rows])
        value, bound = getattr(method, what)(work if work.ndim == 1 else work[rows], rtol)
        scale = np.abs(value) if what == "deficit" else method.slope_power[:, None]
        if np.any(bound > rtol * scale + 1e-300):
            worst = np.max(bound / (scale + 1e-300))
            raise NotTrusted(f"the average of {self.phi.name} over two correlated normals is "
                             f"known to {worst:.0e} only, not {rtol:g}", value)
        return value


def pair_average(phi: Activation, q: np.ndarray, other: np.ndarray, c: np.ndarray,
                 atol: float = 1e-10) -> np.ndarray:
    """``E phi(u1) phi(u2)`` for normals of variances ``q``, ``other`` and correlation ``c``.

    Args:
        phi: the activation.
        q, other: variances; c: correlation in [-1, 1]. All broadcast.
        atol: accuracy asked for, relative to the root mean squares of the two factors.

    Returns:
        The averages, broadcast shape.

    Raises:
        NotTrusted: the bound stays above ``atol``.

    Accuracy: ``atol``.

    Source: [poole2016], correlation map off the shell.

    >>> from lib.activations import get
    >>> float(pair_average(get("linear"), 4.0, 9.0, 0.5)).__round__(9)
    3.0
    """
    q, other, c = np.broadcast_arrays(real("q", q, low=0.0), real("other", other, low=0.0),
                                      real("c", c, low=-1.0, high=1.0))
    rows = q.ravel(), other.ravel(), c.ravel()
    method = _method_for(phi)
    if method is PriceKernel:
        kernel = PriceKernel(phi, rows[0], rows[1])
        return (kernel.power - kernel.deficit(1.0 - rows[2][:, None])[0][:, 0]).reshape(q.shape)
    allowed = atol * np.sqrt(moment(phi, rows[0]) * moment(phi, rows[1]))
    if method is mehler.MehlerKernel:
        value, bound = mehler.off_shell(phi, *rows, atol)
        if np.all(bound <= allowed + 1e-300):
            return value.reshape(q.shape)
    grids = polar.GRIDS[1:]
    coarse, fine = (np.array([polar.pair_average(phi.phi, *point, phi.kinks, grid) for point in
                              zip(rows[0], rows[1], np.arccos(rows[2]))]) for grid in grids)
    if np.any(np.abs(fine - coarse) > allowed):
        raise NotTrusted(f"the average of {phi.name} over two correlated normals is not settled "
                         f"to {atol:g}", fine.reshape(q.shape))
    return fine.reshape(q.shape)


def _method_for(phi: Activation) -> type:
    if phi.kinks and phi.piecewise_linear and phi.continuous:
        return PriceKernel
    return polar.PolarKernel if phi.kinks else mehler.MehlerKernel
