"""How well a linear read-out of features fits a target: least squares, and a noisy read-out.

Plain least squares on features of exponentially different sizes is decided by rounding, so the
type of the floats and the rank cut belong to every result of `span`. `noisy_readout` replaces
both by a noise of stated size on every feature.
"""
from typing import NamedTuple

import numpy as np

from lib.checks import number, real


class Span(NamedTuple):
    """Orthonormal directions that the features span at the points.

    ``basis`` has shape (points, rank), ``singular`` are the singular values of the features,
    falling.
    """

    basis: np.ndarray
    singular: np.ndarray

    @property
    def rank(self) -> int:
        """How many directions were kept."""
        return self.basis.shape[1]

    def share(self, cut: float) -> int:
        """How many singular values are above this share of the largest."""
        return int(np.sum(self.singular > cut * self.singular[0]))


class Readout(NamedTuple):
    """A linear read-out of noisy features: its mean at every point and its noise.

    ``values`` has shape (..., points, targets); ``jitter`` (..., targets) is the standard
    deviation that the noise of the features gives the output.
    """

    values: np.ndarray
    jitter: np.ndarray


def span(features: np.ndarray, rank_cut: float = 1e-10, dtype: type = np.float64) -> Span:
    """The directions in which linear combinations of the features can move.

    Args:
        features: shape ``(points, features)``.
        rank_cut: directions whose singular value is below this share of the largest are left out;
            0 keeps all, the rounding noise among the features included.
        dtype: ``np.float64`` or ``np.float32``, in which features are held and factorised.

    Accuracy: with ``rank_cut`` well above the rounding of ``dtype`` that rounding; with 0 what is
        kept may be noise, and that noise then differs between machines.

    Source: textbook (QR, then the singular values of R).
    """
    features = real("features", features, axes="points, features")
    rank_cut = number("rank_cut", rank_cut, 0.0, 0.99)
    if not np.any(features):
        raise ValueError("features must not all be 0")
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, got {np.dtype(dtype)}")
    basis, triangle = np.linalg.qr(features.astype(dtype))
    if rank_cut == 0.0:
        return Span(basis, np.linalg.svd(triangle, compute_uv=False))
    turn, singular, _ = np.linalg.svd(triangle, full_matrices=False)
    return Span(basis @ turn[:, singular > rank_cut * singular[0]], singular)


def project(targets: np.ndarray, onto: Span) -> np.ndarray:
    """The least-squares fit of targets by the features, ``([targets,] points)``."""
    return _within(targets, onto) @ onto.basis.T


def angular_error(targets: np.ndarray, onto: Span) -> np.ndarray:
    """``1 - cos`` of the angle between a target and its least-squares fit, over the points.

    A fit is a projection, so that the cosine is the length of the target within the span, as a
    share of the whole. Targets ``([targets,] points)``, none of them 0, give ``([targets])``: 0
    where the fit is perfect, 1 where nothing is reproduced.

    Accuracy: rounding of the dtype of the span.

    Source: [poole2016], Fig. 5C; the shortcut derived here.
    """
    within, size = _within(targets, onto), np.linalg.norm(targets, axis=-1)
    if not np.all(size > 0.0):
        raise ValueError("targets holds a target that is 0 everywhere")
    return 1.0 - np.linalg.norm(within, axis=-1) / size


def cutoff(error: np.ndarray, level: float) -> np.ndarray:
    """Index up to which an error ``(..., n)`` that grows with the index stays below a level.

    The first index whose error is above the level, between samples by linear interpolation; n if
    there is none, 0 if the first is above already, NaN if one is.

    >>> cutoff([[0.0, 0.1, 0.3, 0.9], [0.0, 0.0, 0.0, 0.0]], 0.2).tolist()
    [1.5, 4.0]
    """
    error = real("error", error, axes="..., n", finite=False)
    level = number("level", level)
    over = error > level
    first = over.argmax(axis=-1)
    place = np.stack([np.maximum(first - 1, 0), first], axis=-1)
    before, after = np.moveaxis(np.take_along_axis(error, place, axis=-1), -1, 0)
    back = (after - level) / np.where(after > before, after - before, 1.0)
    crossed = np.where(first > 0, first - back, 0.0)
    place = np.where(over.any(axis=-1), crossed, float(error.shape[-1]))
    return np.where(np.isnan(error).any(axis=-1), np.nan, place)


def noisy_readout(gram: np.ndarray, targets: np.ndarray, noise: float,
                  train: np.ndarray | None = None) -> Readout:
    """The best linear read-out when every feature carries independent noise.

    Noise of standard deviation ``noise`` makes the mean squared error that of ridge regression:
    ``mean |y - w.h|^2 + noise^2 |w|^2``. Only inner products of the features are needed.

    Args:
        gram: inner products of the features at the points, shape ``(..., points, points)``: of a
            sampled network, or of a theory; NaN where it knows none.
        targets: shape ``(points,)`` or ``(points, targets)``.
        noise: standard deviation of the noise of one feature, positive.
        train: indices of the points that are fitted; all by default.

    Returns:
        `Readout` at all points, those that were not fitted included.

    Accuracy: rounding times ``1 + largest eigenvalue of gram / (points noise^2)``.

    Source: textbook (ridge regression).
    """
    gram = real("gram", gram, axes="..., points, points", finite=False)
    noise, points = number("noise", noise, low=1e-150), gram.shape[-1]
    targets = real("targets", targets, axes=f"{points}, ...").reshape(points, -1)
    train = np.arange(points) if train is None else np.arange(points)[train]
    inner = gram[..., train[:, None], train]
    ridge = len(train) * noise**2 * np.eye(len(train))
    dual = np.linalg.solve(inner + ridge, np.broadcast_to(
        targets[train], (*inner.shape[:-1], targets.shape[1])))
    size = np.sum(dual * (inner @ dual), axis=-2)
    return Readout(gram[..., train] @ dual, noise * np.sqrt(np.maximum(size, 0.0)))


def class_error(readout: Readout, labels: np.ndarray, test: np.ndarray | None = None
                ) -> np.ndarray:
    """Share of wrong signs of a noisy read-out, averaged over the noise and over the points.

    Args:
        readout: what `noisy_readout` returns for the labels as targets.
        labels: +1 or -1, shape ``(points,)`` or ``(points, targets)``.
        test: indices of the points that count; all by default.

    Returns:
        Shape ``(..., targets)``: 0.5 is guessing, exactly so where the read-out and its noise are
        below 1e-6 of the labels, where inner products resolve nothing.

    Source: derived here (the noise of the output is normal).
    """
    from scipy.special import ndtr

    labels = np.asarray(labels)
    labels = real("labels", labels[:, None] if labels.ndim == 1 else labels,
                  axes=readout.values.shape[-2:])
    if not np.all(np.abs(labels) == 1.0):
        raise ValueError("labels must be +1 or -1")
    jitter = readout.jitter[..., None, :]
    sure = -labels * readout.values / np.maximum(jitter, 1e-12)
    wrong = ndtr(np.where(np.abs(readout.values) + jitter <= 1e-6, 0.0, sure))
    return wrong[..., slice(None) if test is None else test, :].mean(axis=-2)


def _within(targets: np.ndarray, onto: Span) -> np.ndarray:
    """Coordinates of the targets along the directions of the span."""
    targets = real("targets", targets, axes=f"..., {len(onto.basis)}")
    return targets.astype(onto.basis.dtype) @ onto.basis
