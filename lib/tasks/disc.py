"""The task of Storm et al.: is a point of a square inside a disc of half its area?"""
import numpy as np

from lib.checks import count, number

HALF_SIDE = np.sqrt(3.0)
RADIUS = np.sqrt(2.0 / np.pi)  # of the disc, in half sides


def sample(points: int, rng: int | np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Uniform points of the square, ``(points, 2)``, and their targets +1 or -1, ``(points, 1)``.

    Coordinates have variance 1: half a side is ``sqrt(3)``.

    Source: [storm2024], section on the two-dimensional problem.
    """
    x = np.random.default_rng(rng).uniform(-1.0, 1.0, (count("points", points), 2))
    inside = np.sum(x * x, axis=1, keepdims=True) < RADIUS**2
    return HALF_SIDE * x, np.where(inside, 1.0, -1.0)


def rim(points: int, radius: float = RADIUS) -> np.ndarray:
    """Evenly spaced points on a circle, in half sides; by default on the edge of the disc."""
    angle = 2.0 * np.pi * np.arange(count("points", points)) / points
    size = HALF_SIDE * number("radius", radius, low=0.0)
    return size * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def core(points: int, radius: float = 0.2) -> np.ndarray:
    """Points spread evenly over the middle of the disc, as the seeds of a sunflower."""
    points, radius = count("points", points), number("radius", radius, low=0.0)
    seed = np.arange(points)
    angle = np.pi * (3.0 - np.sqrt(5.0)) * seed
    size = HALF_SIDE * radius * np.sqrt((seed + 0.5) / points)
    return size[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
