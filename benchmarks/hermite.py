"""Hermite features, depth by iteration, and our activation beside tanh."""
import numpy as np

from benchmarks.items import Item
from benchmarks.limits import seconds
from lib.activations import get
from lib.theory.correlated import Kernel
from lib.theory.hermite import features


def hermite() -> list[Item]:
    """Coefficients to chi1 at 1e-10, four hundred layers of one kernel, the price of a cubic.

    The bar of the activation is four times tanh's own time, measured here.
    """
    x = np.random.default_rng(0).standard_normal((64, 5, 1024))
    tanh, ours, relu = get("tanh"), get("hermite"), get("relu")
    return [
        Item("chi1 of tanh at q = 4.08 from 400 Hermite orders, to 1e-10",
             lambda: features("tanh", 4.0791238753, 401).gain(2.5), 0.005),
        Item("400 layers of ReLU's kernel", lambda: Kernel(relu, 1.0).descend(0.5, 401), 0.15),
        Item("our activation and its slope, 330,000 values", lambda: (ours.phi(x), ours.dphi(x)),
             4.0 * seconds(lambda: (tanh.phi(x), tanh.dphi(x)), 5), scaled=False),
    ]
