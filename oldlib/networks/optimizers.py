"""Rules by which a gradient changes the parameters."""
from dataclasses import dataclass
from typing import Callable, Sequence

import numpy as np

from oldlib.checks import real

MEMORY, SQUARES, TINY = 0.9, 0.999, 1e-8  # of Adam: beta_1, beta_2 and epsilon

Update = Callable[[Sequence[np.ndarray], int], None]


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent: ``v <- momentum v + g``, ``w <- w - rate (v + decay w)``.

    Args:
        rate: step size.
        momentum: from 0 (none) to below 1.
        decay: of the weights, decoupled from the gradient; biases do not decay.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding.

    Source: [sutskever2013]; decoupled decay [loshchilov2019].

    >>> Sgd(0.1, momentum=0.9)
    Sgd(rate=0.1, momentum=0.9, decay=0.0)
    """

    rate: float
    momentum: float = 0.0
    decay: float = 0.0

    def __post_init__(self) -> None:
        real("rate", self.rate, low=0.0)
        real("momentum", self.momentum, low=0.0, high=np.nextafter(1.0, 0.0))
        real("decay", self.decay, low=0.0)

    def begin(self, parameters: Sequence[np.ndarray], decays: Sequence[bool],
              steps: int) -> Update:
        """What changes these arrays in place, given their gradients and the step from 0 on."""
        velocities = [np.zeros_like(array) for array in parameters] if self.momentum else None

        def update(gradients: Sequence[np.ndarray], step: int) -> None:
            for place, (array, g) in enumerate(zip(parameters, gradients)):
                if velocities:
                    velocity = velocities[place]
                    velocity *= self.momentum
                    velocity += g
                    g = self.rate * velocity
                else:
                    g *= self.rate
                if self.decay and decays[place]:
                    array *= 1 - self.rate * self.decay
                array -= g

        return update


@dataclass(frozen=True)
class Adam:
    """Adam with the usual constants (0.9, 0.999, 1e-8).

    Args:
        rate: step size.
        cosine: let the rate fall to 0 over the training as half a cosine.
        decay: of the weights, decoupled from the gradient; biases do not decay.

    Raises:
        ValueError, TypeError: bad arguments.

    Accuracy: rounding.

    Source: [kingma2015]; cosine and decoupled decay [loshchilov2019].

    >>> Adam(1e-3, cosine=True)
    Adam(rate=0.001, cosine=True, decay=0.0)
    """

    rate: float
    cosine: bool = False
    decay: float = 0.0

    def __post_init__(self) -> None:
        real("rate", self.rate, low=0.0)
        real("decay", self.decay, low=0.0)

    def begin(self, parameters: Sequence[np.ndarray], decays: Sequence[bool],
              steps: int) -> Update:
        """What changes these arrays in place, given their gradients and the step from 0 on."""
        means = [np.zeros_like(array) for array in parameters]
        squares = [np.zeros_like(array) for array in parameters]

        def update(gradients: Sequence[np.ndarray], step: int) -> None:
            rate = self.rate * (0.5 * (1 + np.cos(np.pi * step / steps)) if self.cosine else 1.0)
            root = np.sqrt(1 - SQUARES ** (step + 1))
            length = rate * root / (1 - MEMORY ** (step + 1))
            for array, g, mean, square, decayed in zip(parameters, gradients, means, squares,
                                                       decays):
                mean *= MEMORY
                mean += (1 - MEMORY) * g
                square *= SQUARES
                g *= g
                g *= 1 - SQUARES
                square += g
                np.sqrt(square, out=g)
                g += TINY * root
                np.divide(mean, g, out=g)
                g *= length
                if self.decay and decayed:
                    array *= 1 - rate * self.decay
                array -= g

        return update
