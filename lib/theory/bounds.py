"""Bounds on how many pieces networks can cut their input into, whatever their weights."""
from math import comb, log10
from typing import NamedTuple

import numpy as np

from lib.checks import choice, count

HYPERPLANES = {"relu": 1, "hard_tanh": 2, "sign": 1}  # a unit, parallel to each other


class Chain(NamedTuple):
    """Bounds for one number of neurons arranged in more and more layers.

    ``depth`` and ``width`` are lists of integers whose product is the number of neurons,
    ``log10_printed`` and ``log10_sharp`` arrays.
    """

    depth: list[int]
    width: list[int]
    log10_printed: np.ndarray
    log10_sharp: np.ndarray


def layer_patterns(width: int, inputs: int, phi: str = "relu") -> int:
    """Most activation patterns that one layer of k units can have over R^m, m inputs.

    A unit of ReLU or of sign has one hyperplane, and k hyperplanes in general position cut R^m
    into ``sum_{i <= m} C(k, i)`` regions. A hard-tanh unit has two parallel ones. In general
    position any i <= m units contribute one hyperplane each, in 2^i ways, to a face of codimension
    i, hence ``sum_{i <= m} 2^i C(k, i)``: fewer than 2 k hyperplanes that are not parallel make.

    Source: textbook (Zaslavsky's count) for one hyperplane a unit; pairs derived here, beside
        [raghu2017], ICLR form, Theorem 4.

    >>> layer_patterns(4, 2), layer_patterns(4, 2, phi="hard_tanh")
    (11, 33)
    """
    width, inputs = count("width", width), count("inputs", inputs)
    each = HYPERPLANES[choice("phi", phi, HYPERPLANES)]
    return sum(each**i * comb(width, i) for i in range(min(width, inputs) + 1))


def patterns_bound(width: int, depth: int, inputs: int, *, phi: str = "relu",
                   printed: bool = False) -> int:
    """Most activation patterns of n layers of k units over R^m: ``layer_patterns ** n``.

    Every layer cuts each region of the layers before, where it is affine, at most as often as
    one layer can cut R^m. Units of sign make the first layer's output constant on each region, so
    that no later layer cuts anything and n does not matter.

    Args:
        width: k units a layer.
        depth: n layers.
        inputs: dimension m of the input.
        phi: "relu", "hard_tanh" or "sign".
        printed: the paper's form, ``k^(m n)`` for ReLU and ``(2 k)^(m n)`` for hard-tanh,
            which it states up to a constant factor.

    Accuracy: attained by one layer; by deeper networks in general not.

    Source: [raghu2017], ICLR form, Theorem 4; ICML form, Theorem 1. The sharp count of
        hard-tanh and the case of sign are derived here.

    >>> patterns_bound(4, 3, 2), patterns_bound(4, 3, 2, printed=True)
    (1331, 4096)
    """
    depth, one = count("depth", depth), layer_patterns(width, inputs, phi)
    if printed:
        choice("phi", phi, ("relu", "hard_tanh"))
        return (HYPERPLANES[phi] * width) ** (inputs * depth)
    return one if phi == "sign" else one**depth


def patterns_chain(neurons: int, inputs: int, phi: str = "relu") -> Chain:
    """The bounds for N neurons in 1, 2, ... layers of equal width, all divisors of N.

    The printed bound, ``log U = m N ln(k) / k``, rises with depth until k = e: k = 4 and
    k = 2 give the same. The sharp one stops depending on depth where k <= m, at 2^N (3^N for
    hard-tanh): the chain needs layers wider than the input.

    Source: [raghu2017], ICML form, corollary of Theorem 1; both limits are derived here.

    >>> patterns_chain(64, 2).log10_sharp[:3].round(2).tolist()
    [3.32, 5.45, 8.55]
    """
    neurons = count("neurons", neurons)
    depth = [n for n in range(1, neurons + 1) if neurons % n == 0]
    width = [neurons // n for n in depth]
    printed, sharp = (np.array([log10(patterns_bound(k, n, inputs, phi=phi, printed=form))
                                for k, n in zip(width, depth)]) for form in (True, False))
    return Chain(depth, width, printed, sharp)
