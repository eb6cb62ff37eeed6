"""The network that folds the line as often as any can: Telgarsky's sawtooth."""
import numpy as np

from oldlib.activations import get
from oldlib.checks import count
from oldlib.networks.readout import Network


def sawtooth(depth: int) -> Network:
    """Two ReLU units a layer that fold [0, 1] in the middle: ``2^depth`` pieces.

    Every layer applies the tent ``2 relu(x) - 4 relu(x - 1/2)``, as ``relu(2 x) - relu(4 x - 2)``:
    it goes up to 1 at the middle and back to 0, and each layer runs over all teeth of the layer
    before twice. The read-out is the tent of the last layer, divided by the square root of 2.

    Args:
        depth: hidden layers.

    Returns:
        The `Network`, with one input.

    Raises:
        ValueError, TypeError: depth below 1.

    Accuracy: exact in double precision up to depth 52: all numbers are fractions of powers of 2.

    Source: [telgarsky2016].

    >>> from oldlib.networks.paths import line
    >>> from oldlib.networks.piecewise import trace
    >>> net = sawtooth(3)
    >>> [layer.pieces for layer in trace(line([0.0], [1.0]), net.weights, net.biases)]
    [2, 4, 8]
    """
    depth = count("depth", depth)
    tent, fold = np.array([1.0, -1.0]), np.array([[2.0], [4.0]])
    weights = [fold] + [fold * tent] * (depth - 1)
    return Network(weights, [np.array([0.0, -2.0])] * depth, tent / np.sqrt(2), get("relu"))
