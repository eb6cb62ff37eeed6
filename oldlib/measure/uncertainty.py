"""How sure an ensemble is, and whether a number tells where it errs."""
import numpy as np

from oldlib.checks import real


def mean_prediction(outputs: np.ndarray) -> np.ndarray:
    """Probabilities of classes, averaged over an ensemble of networks.

    Args:
        outputs: before the softmax, shape ``(networks, points, classes)``.

    Returns:
        Shape ``(points, classes)``.

    Raises:
        ValueError: another number of axes.

    Accuracy: rounding.

    Source: [storm2024].

    >>> mean_prediction([[[0.0, 0.0]], [[1000.0, 0.0]]]).tolist()
    [[0.75, 0.25]]
    """
    outputs = real("outputs", outputs)
    if outputs.ndim != 3:
        raise ValueError(f"outputs must have shape (networks, points, classes), got "
                         f"{outputs.shape}")
    p = np.exp(outputs - outputs.max(axis=2, keepdims=True))
    return (p / p.sum(axis=2, keepdims=True)).mean(axis=0)


def predictive_entropy(outputs: np.ndarray) -> np.ndarray:
    """Entropy of the mean prediction, ``-sum_i <p_i> ln <p_i>``; not the mean of entropies.

    Args:
        outputs: as for `mean_prediction`.

    Returns:
        Shape ``(points,)``.

    Raises:
        ValueError: as `mean_prediction`.

    Accuracy: rounding.

    Source: [storm2024].

    >>> predictive_entropy(np.zeros((3, 1, 10))).round(6).tolist() == [round(np.log(10), 6)]
    True
    """
    p = mean_prediction(outputs)
    return -np.sum(p * np.log(np.maximum(p, 1e-300)), axis=1)


def peak_offset(values: np.ndarray, classes: np.ndarray) -> float:
    """Distance along a path from the largest value to the nearest change of class.

    Args:
        values: along the path at even steps, shape ``(points,)``.
        classes: likewise.

    Returns:
        As a share of the path; a change lies in the middle between two points.

    Raises:
        ValueError: shapes that differ, or a path without a change.

    Accuracy: half a step.

    Source: derived here, for [storm2024], Fig. 4a.

    >>> peak_offset([0.0, 1.0, 0.0, 0.0, 0.0], [9, 9, 9, 4, 4])
    0.375
    """
    values, classes = real("values", values), np.asarray(classes)
    if values.ndim != 1 or values.shape != classes.shape:
        raise ValueError(f"values and classes must have one shape (points,), got {values.shape} "
                         f"and {classes.shape}")
    changes = np.flatnonzero(classes[1:] != classes[:-1]) + 0.5
    if not changes.size:
        raise ValueError("classes must change along the path")
    return float(np.abs(changes - values.argmax()).min() / (len(values) - 1))


def detection(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the curve: how often a positive has a higher score than a negative.

    Args:
        scores: shape ``(n,)``.
        positive: truth values, shape ``(n,)``, both kinds.

    Returns:
        From 0 to 1; 0.5 for scores that know nothing.

    Raises:
        ValueError: shapes that differ, or one kind only.

    Accuracy: exact, ties counted half.

    Source: textbook (Mann and Whitney's statistic).

    >>> detection([0.1, 0.2, 0.3, 0.4], [False, True, False, True])
    0.75
    """
    scores, positive = real("scores", scores), np.asarray(positive, dtype=bool)
    if scores.ndim != 1 or scores.shape != positive.shape or positive.all() or not positive.any():
        raise ValueError("positive must be truth values of both kinds, one a score, got "
                         f"{positive.sum()} of {positive.size} for {scores.shape} scores")
    others = np.sort(scores[~positive])
    below = np.searchsorted(others, scores[positive], side="left")
    upto = np.searchsorted(others, scores[positive], side="right")
    return float(np.mean(0.5 * (below + upto)) / len(others))


def by_bins(edges: np.ndarray, x: np.ndarray, values: np.ndarray
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of values in bins of x, with standard errors.

    Args:
        edges: of the bins, ascending; a bin holds its lower edge.
        x: shape ``(n,)``.
        values: shape ``(n,)``.

    Returns:
        Means, standard errors and numbers of values, shape ``(bins,)``; NaN for an empty bin,
        and an infinite error where there is one value.

    Raises:
        ValueError: shapes that differ, edges that do not ascend.

    Accuracy: errors take the values as independent.

    Source: textbook.

    >>> [part.tolist() for part in by_bins([0, 1, 2], [0.5, 0.5, 1.5, 1.5], [1, 1, 0, 2])]
    [[1.0, 1.0], [0.0, 1.0], [2, 2]]
    """
    edges, x, values = real("edges", edges), real("x", x), real("values", values)
    if edges.ndim != 1 or edges.size < 2 or np.any(np.diff(edges) <= 0):
        raise ValueError("edges must be at least two, ascending")
    if x.ndim != 1 or x.shape != values.shape:
        raise ValueError(f"x and values must have one shape (n,), got {x.shape}, {values.shape}")
    place, bins = np.searchsorted(edges, x, side="right") - 1, len(edges) - 1
    inside = (place >= 0) & (place < bins)
    place, values = place[inside], values[inside]
    number = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(place, values, bins) / number
        off = np.bincount(place, (values - mean[place]) ** 2, bins)
        error = np.where(number > 1, np.sqrt(off / (number - 1) / number),
                         np.where(number == 1, np.inf, np.nan))
    return mean, error, number
