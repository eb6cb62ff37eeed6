"""`load`: a data set from a folder, from the cache, from beside this file or from the network."""
import os
import sys
from pathlib import Path

import numpy as np

from oldlib.datasets.containers import embedded, find, verify
from oldlib.datasets.download import fetch
from oldlib.datasets.published import SETS
from oldlib.datasets.records import Images, NoData, Provenance

FOLDER = "EXPRESSIVITY_DATA"  # environment variable: a folder with full data sets
SOURCES = ("auto", "embedded", "full")


def load(name: str, split: str, source: str = "auto", data_dir: str | os.PathLike | None = None,
         download: bool = False) -> Images:
    """A split of MNIST, CIFAR-10 or Fashion-MNIST, verified, with its provenance.

    ``source="embedded"`` is the part that comes with this library (MNIST 10,000 + 2,000 images,
    CIFAR-10 2,000 + 500, always the first of the split) and is the same for everybody.
    ``"full"`` is the whole split or an error. ``"auto"`` is the whole split where there is one,
    else the embedded part. Whole splits are looked for in ``data_dir`` only, if it is given;
    else in the folder that the environment variable EXPRESSIVITY_DATA names, then in the cache.

    The content is hashed on every load, whatever container it comes in (idx or its ``.gz``,
    ``.npz``, CIFAR's ``.bin`` files or their ``.tar.gz``, lossless grids in WebP or PNG). A file
    that is there and wrong is an error that names it, never a reason to take another one.

    Args:
        name: ``"mnist"``, ``"cifar10"`` or ``"fashion_mnist"``.
        split: ``"train"`` or ``"test"``.
        source: ``"auto"``, ``"embedded"`` or ``"full"``.
        data_dir: the one folder to look in, and to download to.
        download: whether a whole split found nowhere may be fetched; without it there is never
            any access to the network. Needs pooch.

    Returns:
        `Images`: uint8 images ``(count, height, width, colours)``, int64 labels, provenance.

    Raises:
        NoData: not found; says where it was looked for and how to get it. WrongFile: found, but
            damaged, cut short or something else. ValueError: a bad argument.

    Accuracy: exact; every byte is covered by a hash.

    Source: [lecun1998], [krizhevsky2009], [xiao2017].

    >>> data = load("mnist", "test", source="embedded")
    >>> data.images.shape, data.labels[:5].tolist()
    ((2000, 28, 28, 1), [7, 2, 1, 0, 4])
    >>> print(data.provenance)
    MNIST test: first 2,000 of 10,000 images (embedded part, SHA-256 1cc1a583)
    """
    _one_of("name", name, tuple(SETS))
    _one_of("split", split, ("train", "test"))
    _one_of("source", source, SOURCES)
    if source == "embedded" and (download or data_dir is not None):
        raise ValueError("source must be 'full' or 'auto' to look into data_dir or to download, "
                         "got 'embedded'")
    data, blocks, parts = SETS[name], None, SETS[name].full[split]
    if source != "embedded":
        blocks = _full(name, split, _folders(data_dir), download)
    kind = "embedded" if blocks is None else "full"
    if blocks is None:
        if source == "full" or split not in data.embedded or data_dir is not None:
            raise NoData(_how_to(name, split, source, _folders(data_dir)))
        blocks, parts = embedded(name, split), data.embedded[split]
    sha256 = verify(blocks, data, parts)
    images = np.concatenate([block.images for block in blocks]).reshape(-1, *data.shape)
    labels = np.concatenate([block.labels for block in blocks]).astype(np.int64)
    return Images(images, labels, Provenance(name, data.title, split, kind, len(labels),
                                             data.total(split), sha256))


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def _full(name: str, split: str, folders: list[Path], download: bool) -> list | None:
    for folder in folders:
        try:
            if blocks := find(folder, name, split):
                return blocks
        except NoData:  # a copy that is not complete
            if not download:
                raise
    if not download:
        return None
    fetch(name, split, folders[-1])
    return find(folders[-1], name, split)


def _folders(data_dir: str | os.PathLike | None) -> list[Path]:
    """Where whole splits are looked for, the last one being where downloads go."""
    if data_dir is not None:
        return [_existing("data_dir", Path(data_dir))]
    named = os.environ.get(FOLDER)
    cache = Path(os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
                 or Path.home() / ".cache") / "chaos-and-expressivity"
    return [_existing(FOLDER, Path(named)), cache] if named else [cache]


def _existing(name: str, folder: Path) -> Path:
    if not folder.is_dir():
        raise NoData(f"{name} must name a folder that exists, got {folder}")
    return folder


def _how_to(name: str, split: str, source: str, folders: list[Path]) -> str:
    data = SETS[name]
    names = " and ".join(archive.name for archive in data.archives[split])
    none = "" if split in data.embedded else " No part of it comes with this library."
    part = ", or source='embedded' takes the part that comes with this library" * (
        split in data.embedded)
    return (f"{data.title} {split} was not found in {' or '.join(map(str, folders))}.{none} "
            f"load({name!r}, {split!r}, {source!r}, download=True) fetches it; or put {names} "
            f"into a folder that {FOLDER} or data_dir names{part}")
