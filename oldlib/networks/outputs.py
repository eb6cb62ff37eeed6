"""Outputs of one random network at several depths, in a stated float type.

The hidden layers are drawn once; at each depth asked for, a linear output layer of its own is put
on what is there. So outputs of depth d are d linear maps with d - 1 nonlinear layers between.
"""
from typing import Callable, Iterator, Sequence

import numpy as np

from oldlib.activations import Activation, get
from oldlib.checks import count, real

BLOCK = 1000  # points at a time, so that a wide layer is not in memory twice

def arc(dimension: int, points: int, radius: float, rng: int | np.random.Generator,
        turn: float = 0.5) -> np.ndarray:
    """Points on a part of a circle in a random plane through the origin.

    Args:
        dimension: of the space, at least 2.
        points: how many, at ``theta = 2 pi turn k / points``.
        radius: of the circle.
        rng: a seed or a `numpy.random.Generator`.
        turn: the part of the circle; by default the half on which the paper works.

    Returns:
        Shape ``(dimension, points)``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding.

    Source: [poole2016], Fig. 5.

    >>> arc(5, 4, 2.0, 0).shape
    (5, 4)
    """
    dimension, points = count("dimension", dimension, 2), count("points", points)
    radius = float(real("radius", radius, low=0.0))
    rng = np.random.default_rng(rng)
    theta = 2.0 * np.pi * float(real("turn", turn, 0.0, 1.0)) * np.arange(points) / points
    plane = np.linalg.qr(rng.standard_normal((dimension, 2)))[0]
    return radius * plane @ np.stack([np.cos(theta), np.sin(theta)])


def outputs(x: np.ndarray, sigma_w: float, sigma_b: float, width: int, units: int,
            depths: Sequence[int], rng: int | np.random.Generator, *,
            phi: str | Activation | Callable = "tanh", dtype: type = np.float64
            ) -> Iterator[np.ndarray]:
    """Linear outputs of one random network, cut off at each of several depths.

    Args:
        x: inputs, shape ``(dimension, points)``.
        sigma_w, sigma_b: standard deviations; weights have variance ``sigma_w**2 / fan-in``.
        width: neurons of a hidden layer.
        units: number of outputs.
        depths: number of linear maps, rising; 1 has no hidden layer.
        rng: a seed or a `numpy.random.Generator`.
        phi: activation.
        dtype: type of everything: weights, products and results.

    Returns:
        Iterator over the depths of arrays of shape ``(units, points)``.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding of ``dtype``, which the chaotic phase multiplies by ``sqrt(chi1)`` a
        layer. The same seed draws the same network in both types, to rounding.

    Source: [poole2016], Fig. 5.

    >>> [y.shape for y in outputs(np.ones((3, 7)), 1.0, 0.1, 5, 2, [1, 3], rng=0)]
    [(2, 7), (2, 7)]
    """
    x, phi, rng = real("x", x), get(phi), np.random.default_rng(rng)
    sigma_w, sigma_b = (float(real(name, value, low=0.0)) for name, value in
                        (("sigma_w", sigma_w), ("sigma_b", sigma_b)))
    width, units = count("width", width), count("units", units)
    depths = [count("depths", depth) for depth in depths]
    if x.ndim != 2 or not x.size or not depths or depths != sorted(set(depths)):
        raise ValueError(f"x must have shape (dimension, points) and depths must rise, got "
                         f"{x.shape} and {depths}")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
    return _outputs(x.astype(dtype), sigma_w, sigma_b, width, units, depths, rng, phi)


def _outputs(x: np.ndarray, sigma_w: float, sigma_b: float, width: int, units: int,
             depths: list[int], rng: np.random.Generator, phi: Activation) -> Iterator:
    def layer(x: np.ndarray, rows: int, bend: Callable) -> np.ndarray:
        w = rng.standard_normal((rows, len(x))) * (sigma_w / np.sqrt(len(x)))
        w, b = w.astype(x.dtype), (sigma_b * rng.standard_normal((rows, 1))).astype(x.dtype)
        out = np.empty((rows, x.shape[1]), x.dtype)
        for start in range(0, x.shape[1], BLOCK):
            some = slice(start, start + BLOCK)
            out[:, some] = bend(w @ x[:, some] + b)
        return out

    for depth in range(1, depths[-1] + 1):
        if depth in depths:
            yield layer(x, units, np.positive)
        if depth < depths[-1]:
            x = layer(x, width, phi.phi)
