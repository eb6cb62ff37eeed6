"""What the loader hands out: images, labels and where they come from; and its two refusals."""
from typing import NamedTuple

import numpy as np

from lib.checks import count as checked_count


class NoData(OSError):
    """The data set is not where it was looked for, or could not be downloaded."""


class WrongFile(ValueError):
    """A file is damaged, cut short or something else than its name says; it was not used."""


class Provenance(NamedTuple):
    """Where images come from. ``str()`` of it is the line that figures and tables print.

    ``source`` is ``"embedded"`` or ``"full"``, ``count`` how many images there are, ``total`` how
    many the whole split has. ``sha256`` is of the verified canonical files, one after another:
    those of the whole split or those of the embedded part, also where only the ``first`` images
    of them are used.
    """

    name: str
    title: str
    split: str
    source: str
    count: int
    total: int
    sha256: str

    @property
    def is_subset(self) -> bool:
        """Whether these are fewer images than the whole split."""
        return self.count < self.total

    def __str__(self) -> str:
        part = f"first {self.count:,} of" if self.is_subset else "all"
        kind = "embedded part" if self.source == "embedded" else "full set"
        return (f"{self.title} {self.split}: {part} {self.total:,} images "
                f"({kind}, SHA-256 {self.sha256[:8]})")


class Images(NamedTuple):
    """Images ``(count, height, width, colours)`` in uint8, labels ``(count,)`` in int64."""

    images: np.ndarray
    labels: np.ndarray
    provenance: Provenance


def first(data: Images, count: int) -> Images:
    """The first images of a set; its provenance says so.

    The published orders are shuffled, so that the first images are a fair sample of all.

    Args:
        data: of `lib.tasks.load`.
        count: how many; all, if there are no more than that.

    Returns:
        A view on them.

    Raises:
        ValueError, TypeError: ``count`` is not an integer of at least 1.

    Accuracy: exact.

    Source: derived here.

    >>> whole = Provenance("mnist", "MNIST", "test", "full", 4, 4, "0f")
    >>> part = first(Images(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4), whole), 3)
    >>> len(part.images), part.labels.tolist(), part.provenance.is_subset
    (3, [0, 1, 2], True)
    """
    count = min(checked_count("count", count), len(data.labels))
    return Images(data.images[:count], data.labels[:count], data.provenance._replace(count=count))
