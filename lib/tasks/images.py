"""MNIST, CIFAR-10 and Fashion-MNIST: the parts that come with the library, or the whole sets."""
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.checks import choice, count
from lib.tasks.files import EMBEDDED, NoData, find, strangers, verified
from lib.tasks.published import SETS, DataSet

FOLDER = "EXPRESSIVITY_DATA"  # environment variable: a folder with full data sets


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

    def first(self, number: int) -> "Images":
        """The first images, all if there are no more; the published orders are shuffled."""
        number = min(count("number", number), len(self.labels))
        return Images(self.images[:number], self.labels[:number],
                      self.provenance._replace(count=number))

    def inputs(self, pool: int = 1, flat: bool = False) -> np.ndarray:
        """Numbers of mean about 0 and variance about 1: ``(x / 255 - mean) / deviation``.

        Mean and deviation are constants of the whole training set, a colour at a time (MNIST
        0.1307 and 0.3081), whatever part of it was loaded: nothing is fitted.

        Args:
            pool: side of the square blocks that are averaged: 2 makes 16 x 16 out of 32 x 32, and
                takes some variance away (CIFAR-10 keeps 0.93 of it).
            flat: one row an image instead of height x width x colours.

        Source: derived here, mean and deviation of the verified training images.
        """
        published, pool = SETS[self.provenance.name], count("pool", pool)
        number, height, width, colours = self.images.shape
        if height % pool or width % pool:
            raise ValueError(f"pool must divide {height} and {width}, got {pool}")
        blocks = self.images.reshape(number, height // pool, pool, width // pool, pool, colours)
        x = blocks.mean(axis=(2, 4))  # first, for memory: the rest is linear
        x /= 255.0
        x -= np.asarray(published.mean)
        x /= np.asarray(published.deviation)
        return x.reshape(number, -1) if flat else x


def load(name: str, split: str, source: str = "auto",
         data_dir: str | os.PathLike | None = None) -> Images:
    """A split of MNIST, CIFAR-10 or Fashion-MNIST, verified, with its provenance.

    ``source="embedded"`` is the part that comes with this library (MNIST 10,000 + 2,000 images,
    CIFAR-10 2,000 + 500, always the first of the split) and is the same for everybody.
    ``"full"`` is the whole split or an error. ``"auto"`` is the whole split where there is one,
    else the embedded part. Whole splits are looked for in ``data_dir``, if it is given, or else in
    the folder that the environment variable EXPRESSIVITY_DATA names.

    The content is hashed on every load, whatever container it comes in (idx or its ``.gz``,
    ``.npz``, CIFAR's ``.bin`` files or their ``.tar.gz``, lossless grids in WebP). A file that is
    there and wrong is an error that names it, never a reason to take another one.

    Raises:
        NoData: not found; says where it was looked for and how to get it. WrongFile: found, but
            damaged, cut short or something else.

    Source: [lecun1998], [krizhevsky2009], [xiao2017].

    >>> data = load("mnist", "test", source="embedded")
    >>> data.images.shape, data.labels[:5].tolist()
    ((2000, 28, 28, 1), [7, 2, 1, 0, 4])
    >>> print(data.provenance)
    MNIST test: first 2,000 of 10,000 images (embedded part, SHA-256 1cc1a583)
    """
    choice("name", name, SETS)
    choice("split", split, ("train", "test"))
    choice("source", source, ("auto", "embedded", "full"))
    if source == "embedded" and data_dir is not None:
        raise ValueError("source must be 'full' or 'auto' to look into data_dir, got 'embedded'")
    data, folder = SETS[name], None if source == "embedded" else _folder(data_dir)
    kind, parts = "full", data.full[split]
    contents = folder and find(folder, name, split, parts)
    if contents is None and source != "full" and split in data.embedded and data_dir is None:
        kind, parts = "embedded", data.embedded[split]
        contents = find(EMBEDDED / name, name, split, parts)
    if contents is None:
        raise NoData(_how_to(data, split, folder))
    images, labels, sha256 = verified(contents, data, parts)
    return Images(images, labels.astype(np.int64), Provenance(
        name, data.title, split, kind, len(labels), data.total(split), sha256))


def _folder(data_dir: str | os.PathLike | None) -> Path | None:
    """Where whole splits are looked for."""
    named, folder = "data_dir", data_dir
    if data_dir is None:
        named, folder = FOLDER, os.environ.get(FOLDER)
    if not folder:
        return None
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise NoData(f"{named} must name a folder that exists, got {folder}")
    return folder


def _how_to(data: DataSet, split: str, folder: Path | None) -> str:
    part = "source='embedded' takes the part that comes with this library." if (
        split in data.embedded) else "No part of it comes with this library."
    seen = folder and strangers(folder)
    other = f" Seen there, and not read: {', '.join(seen)}." if seen else ""
    names = " and ".join(part.name for part in data.full[split])
    return (f"{data.title} {split} was not found in {folder or FOLDER}.{other} Put {names}, from "
            f"{data.home}, into a folder that {FOLDER} or data_dir names. {part}")
