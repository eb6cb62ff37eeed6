"""Statistics of sampled networks that no library has: growth, ranks, agreement of an ensemble."""
import numpy as np

from lib.checks import real


def factor_per_layer(lengths: np.ndarray) -> np.ndarray:
    """Factor per layer of the mean over networks, ``(last / first)^(1 / steps)``.

    The mean over networks is taken before the ratio: expected lengths are what formulas speak
    of, and a typical network is shorter than the mean.

    Args:
        lengths: shape ``(networks, ..., layers)``, not negative: a dead network counts as 0. The
            first of the layers is where the fit starts.

    Returns:
        Shape ``(...)``.

    >>> factor_per_layer([[1.0, 3.0, 4.0], [1.0, 1.0, 14.0]]).item()
    3.0
    """
    lengths = real("lengths", lengths, low=0.0)
    if lengths.ndim < 2 or lengths.shape[-1] < 2:
        raise ValueError("lengths must have shape (networks, ..., layers) with at least two "
                         f"layers, got {lengths.shape}")
    mean = lengths.mean(axis=0)
    if not np.all(mean > 0.0):
        raise ValueError("lengths must not be 0 in all networks")
    return (mean[..., -1] / mean[..., 0]) ** (1.0 / (lengths.shape[-1] - 1))
