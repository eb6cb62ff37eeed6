"""From bytes to the numbers a network is fed."""
import numpy as np

from oldlib.checks import count
from oldlib.datasets.published import SETS
from oldlib.datasets.records import Images


def standardised(data: Images, pool: int = 1, flat: bool = False) -> np.ndarray:
    """Images as numbers of mean about 0 and variance about 1: ``(x / 255 - mean) / deviation``.

    Mean and deviation are constants of the whole training set, a colour at a time (MNIST 0.1307
    and 0.3081), whatever part of it was loaded: nothing is fitted.

    Args:
        data: of `lib.datasets.load`; its ``images`` may have been replaced by others.
        pool: side of the square blocks that are averaged: 2 makes 16 x 16 out of 32 x 32, and
            takes some variance away (CIFAR-10 keeps 0.93 of it).
        flat: one row an image instead of height x width x colours.

    Returns:
        Float64, ``(count, height, width, colours)``, or ``(count, inputs)`` if flat.

    Raises:
        ValueError: ``pool`` does not divide the side of the images.

    Accuracy: rounding.

    Source: derived here (mean and deviation of the verified training images).

    >>> from oldlib.datasets.records import Provenance
    >>> where = Provenance("mnist", "MNIST", "test", "full", 1, 10000, "0f")
    >>> black = Images(np.zeros((1, 2, 2, 1), np.uint8), np.zeros(1, np.int64), where)
    >>> standardised(black, pool=2, flat=True).round(4).tolist()
    [[-0.4242]]
    """
    published, pool = SETS[data.provenance.name], count("pool", pool)
    number, height, width, colours = data.images.shape
    if height % pool or width % pool:
        raise ValueError(f"pool must divide {height} and {width}, got {pool}")
    blocks = data.images.reshape(number, height // pool, pool, width // pool, pool, colours)
    x = blocks.mean(axis=(2, 4))  # first, for memory: the rest is linear
    x /= 255.0
    x -= np.asarray(published.mean)
    x /= np.asarray(published.deviation)
    return x.reshape(number, -1) if flat else x
