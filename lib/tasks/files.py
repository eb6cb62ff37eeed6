"""Files of image sets: whatever container they come in, the authors' own bytes, verified.

A hash belongs to the content, so every container (the canonical files or their ``.gz``, ``.npz``,
CIFAR's ``.tar.gz``, lossless grids) becomes the bytes of the canonical files first, these are
hashed, and only what is verified is decoded.
"""
import gzip
import hashlib
import io
import itertools
import re
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Callable

import numpy as np

from lib.tasks.published import SETS, DataSet, Part

UNREADABLE = (ValueError, KeyError, EOFError, OSError, SyntaxError, zipfile.BadZipFile,
              tarfile.TarError, zlib.error, struct.error)  # what damaged bytes make readers raise
EMBEDDED = Path(__file__).with_name("embedded")  # the parts that come with this library
HEADER = bytes([0, 0, 8])  # of an idx file of unsigned bytes; then the number of axes
TAR, PICKLED = "cifar-10-binary.tar.gz", "cifar-10-python.tar.gz"
FOREIGN = {".parquet", ".arrow", ".pkl", ".pickle", ".mat", ".7z", ".zip"}
LOOK = 2000  # files, in search of what might have been meant
Contents = list[tuple[object, bytes]]  # the file that was read, the bytes of a canonical file


class NoData(OSError):
    """The data set is not where it was looked for."""


class WrongFile(ValueError):
    """A file is damaged, cut short or something else than its name says; it was not used."""


def find(folder: Path, name: str, split: str, parts: list[Part]) -> Contents | None:
    """The canonical files of a split out of a folder, unverified; None if nothing of it is there.

    Some of its files missing is `NoData`, one that cannot be read `WrongFile`.

    >>> find(Path("no-such-folder"), "mnist", "test", SETS["mnist"].full["test"]) is None
    True
    """
    readers = (_plain, _npz) if SETS[name].layout == "idx" else (_plain, _tar, _grids)
    for subfolder in SETS[name].folders:
        for reader in readers:
            if contents := reader(folder / subfolder, name, split, parts):
                return contents
    return None


def strangers(folder: Path) -> list[str]:
    """What looks like images in a form, or so deep in folders, that `find` does not read it."""
    return [str(path) for path in itertools.islice(folder.rglob("*"), LOOK)
            if path.suffix in FOREIGN or path.name.startswith(("data_batch", "cifar-10-batches"))
            or re.search("(images|labels)[-.]idx", path.name)][:3]


def verified(contents: Contents, data: DataSet,
             parts: list[Part]) -> tuple[np.ndarray, np.ndarray, str]:
    """uint8 images ``(count, *shape)``, labels ``(count,)``, and SHA-256 of the canonical files.

    `WrongFile` names a file whose content is not the published one.

    Source: [lecun1998], [krizhevsky2009], layouts of their data files.

    >>> mnist = SETS["mnist"]
    >>> parts = mnist.embedded["test"]
    >>> verified(find(EMBEDDED / "mnist", "mnist", "test", parts), mnist, parts)[0].shape
    (2000, 28, 28, 1)
    """
    everything = hashlib.sha256()
    for part, (file, content) in zip(parts, contents, strict=True):
        everything.update(content)
        found = hashlib.sha256(content).hexdigest()
        if found != part.sha256:
            raise WrongFile(
                f"{file}: not the {part.name} of {data.title} (SHA-256 of its "
                f"content {found[:12]}, expected {part.sha256[:12]}). It is damaged, cut short or "
                "something else, and was not used: delete or replace it")
    if data.layout == "idx":  # a header, then the elements
        images, labels = (np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
                          for _, content in contents)
        return images.reshape(-1, *data.shape), labels, everything.hexdigest()
    height, width, colours = data.shape  # per image its label, then one plane a colour
    rows = np.frombuffer(b"".join(content for _, content in contents), np.uint8)
    rows = rows.reshape(-1, 1 + height * width * colours)
    planes = rows[:, 1:].reshape(-1, colours, height, width)
    return planes.transpose(0, 2, 3, 1), rows[:, 0], everything.hexdigest()


def _read(file: Path, reader: Callable) -> object:
    """Contents of a file; what damage makes readers raise becomes one error that names it."""
    try:
        return reader(file.read_bytes())
    except UNREADABLE as error:
        raise WrongFile(f"{file}: cannot be read ({type(error).__name__}: {error}). It is "
                        "damaged, cut short or something else, and was not used: delete or "
                        "replace it") from error


def _all_or_none(wanted: list[list[Path]]) -> list[Path] | None:
    """The first that exists of each list of names; None if of every list none does."""
    found = [next((path for path in paths if path.is_file()), None) for paths in wanted]
    if not any(found):
        return None
    for path, paths in zip(found, wanted):
        if path is None:
            raise NoData(f"{paths[0]} is missing beside {next(filter(None, found)).name}: this "
                         "copy of the data set is not complete, and was not used")
    return found


def _plain(folder: Path, name: str, split: str, parts: list[Part]) -> Contents | None:
    found = _all_or_none([[folder / (spelling + end) for end in ("", ".gz")
                           for spelling in (part.name, part.name.replace("-idx", ".idx"))]
                          for part in parts])
    return found and [(file, _read(file, gzip.decompress if file.suffix == ".gz" else bytes))
                      for file in found]


def _npz(folder: Path, name: str, split: str, parts: list[Part]) -> Contents | None:
    for file in (folder / f"{name}.npz", folder / f"{name}_{split}.npz"):
        if file.is_file():
            arrays = _read(file, lambda raw: _uint8(raw, f"x_{split}", f"y_{split}"))
            return [(file, HEADER + bytes([one.ndim]) + struct.pack(f">{one.ndim}I", *one.shape)
                     + one.tobytes()) for one in arrays]
    return None


def _tar(folder: Path, name: str, split: str, parts: list[Part]) -> Contents | None:
    file, pickled = folder / TAR, folder / PICKLED
    if file.is_file():
        names = [part.name for part in parts]
        return [(file, batch) for batch in _read(file, lambda raw: _members(raw, names))]
    if pickled.is_file():
        raise WrongFile(f"{pickled}: holds pickles, which can run any code, and was not "
                        f"used: take {TAR} instead")
    return None


def _grids(folder: Path, name: str, split: str, parts: list[Part]) -> Contents | None:
    stems = [part.name.removesuffix(".bin") for part in parts]
    found = _all_or_none([[folder / f"{name}_{stem}.webp"] for stem in stems]
                         + [[folder / f"{name}_labels.npz"]])
    if not found:
        return None
    *pictures, file = found
    [labels] = _read(file, lambda raw: _uint8(raw, split))
    if labels.shape != (sum(part.count for part in parts),):
        raise WrongFile(f"{file}: labels of shape {labels.shape}, which are not those of {name} "
                        f"{split}")
    return [_batch(picture, SETS[name], some, file)
            for picture, some in zip(pictures, np.split(labels, len(pictures)))]


def _batch(picture: Path, data: DataSet, labels: np.ndarray,
           file: Path) -> tuple[object, bytes]:
    """A binary batch out of a lossless picture, and labels out of a file."""
    images = _read(picture, lambda raw: tiles(raw, len(labels), data.shape))
    planes = images.transpose(0, 3, 1, 2).reshape(len(labels), -1)
    rows = np.concatenate([labels[:, None], planes], axis=1)
    return f"{picture} (with the labels of {file.name})", rows.tobytes()


def tiles(picture: bytes, count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 images ``(count, *shape)`` out of a lossless picture (PNG or WebP), a grid of tiles.

    >>> from PIL import Image
    >>> grid = np.arange(36, dtype=np.uint8).reshape(2, 6, 3)  # three tiles of 2 x 2 in a row
    >>> Image.fromarray(grid).save(file := io.BytesIO(), "PNG")
    >>> tiles(file.getvalue(), 3, (2, 2, 3))[1, 0, 0].tolist()
    [6, 7, 8]
    """
    from PIL import Image, features

    if picture[8:12] == b"WEBP" and not features.check("webp"):
        raise RuntimeError("this Pillow cannot read WebP: pip install --upgrade pillow")
    with Image.open(io.BytesIO(picture), formats=("PNG", "WEBP")) as opened:
        pixels = np.asarray(opened)
    height, width, colours = shape
    grid = pixels.reshape(len(pixels) // height, height, -1, width, colours)
    found = grid.transpose(0, 2, 1, 3, 4).reshape(-1, *shape)
    if len(found) < count:
        raise ValueError(f"a picture of {len(found)} tiles, not {count}")
    return found[:count].copy()


def _uint8(npz: bytes, *keys: str) -> list[np.ndarray]:
    """Named uint8 arrays of an npz file."""
    with np.load(io.BytesIO(npz), allow_pickle=False) as file:
        arrays = [file[key] for key in keys]
    if any(array.dtype != np.uint8 for array in arrays):
        raise ValueError(f"arrays of {', '.join(str(array.dtype) for array in arrays)}, not uint8")
    return arrays


def _members(archive: bytes, names: list[str]) -> list[bytes]:
    """Files out of a ``.tar.gz``, by the last part of their path, in the order of ``names``."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        for entry in opened:
            name = entry.name.split("/")[-1]
            if entry.isfile() and name in names:
                found[name] = opened.extractfile(entry).read()
    return [found[name] for name in names]
