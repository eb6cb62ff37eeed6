"""Bytes of image files into arrays and back: idx, CIFAR's binary batches, grids of tiles.

Nothing here opens a file: bytes go in, arrays come out, and ``ValueError`` says what is wrong.
"""
import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib

import numpy as np

UNREADABLE = (ValueError, KeyError, EOFError, OSError, SyntaxError, zipfile.BadZipFile,
              tarfile.TarError, zlib.error, struct.error)  # what damaged bytes make readers raise
UNSIGNED_BYTES = 8  # code of the element type in an idx header


def from_idx(data: bytes) -> np.ndarray:
    """Array of the bytes of an idx file (big-endian header, then the elements).

    Args:
        data: the whole file, unpacked.

    Returns:
        uint8 array of the shape in the header.

    Raises:
        ValueError: no idx header of unsigned bytes, or a length that is not the header's.

    Accuracy: exact.

    Source: [lecun1998], layout of its data files.

    >>> from_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])).tolist()
    [7, 9]
    """
    if len(data) < 4 or data[:3] != bytes([0, 0, UNSIGNED_BYTES]) or not data[3]:
        raise ValueError("no idx header of unsigned bytes")
    start = 4 + 4 * data[3]
    shape = struct.unpack(f">{data[3]}I", data[4:start])
    size = 1
    for length in shape:
        size *= length
    if len(data) - start != size:
        raise ValueError(f"{len(data) - start} bytes where its header promises {size}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def to_idx(array: np.ndarray) -> bytes:
    """Bytes of the idx file of an array: the inverse of `from_idx`.

    Args:
        array: of dtype uint8.

    Returns:
        Header and elements.

    Source: [lecun1998], layout of its data files.

    >>> list(to_idx(np.array([7, 9], np.uint8)))
    [0, 0, 8, 1, 0, 0, 0, 2, 7, 9]
    """
    header = bytes([0, 0, UNSIGNED_BYTES, array.ndim])
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def from_bin(data: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a binary batch: per image its label, then one plane a colour.

    Args:
        data: the whole file.
        shape: of one image, ``(height, width, colours)``.

    Returns:
        uint8 images ``(count, *shape)`` and uint8 labels ``(count,)``.

    Raises:
        ValueError: a length that is no whole number of images.

    Accuracy: exact.

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
    """Bytes of a binary batch: the inverse of `from_bin`.

    Args:
        images: uint8, ``(count, height, width, colours)``.
        labels: one an image, below 256.

    Returns:
        Label and colour planes of each image in turn.

    Source: [krizhevsky2009], layout of its data files.

    >>> list(to_bin(np.array([[[[10, 20, 30]]]], np.uint8), np.array([3])))
    [3, 10, 20, 30]
    """
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    return np.concatenate([labels.astype(np.uint8)[:, None], planes], axis=1).tobytes()


def from_picture(data: bytes, count: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Images out of one lossless picture: a grid of tiles, or one unrolled image a row.

    Args:
        data: a PNG or WebP file.
        count: how many images it holds; tiles after them are filling.
        shape: of one image, ``(height, width, 3)``.

    Returns:
        uint8, ``(count, *shape)``.

    Raises:
        ValueError: not that many images. OSError: not a picture, or cut short. RuntimeError:
            Pillow was built without WebP.

    Accuracy: exact for lossless files.

    Source: derived here.

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
    """Named uint8 arrays of an npz file.

    Args:
        data: the whole file.
        *keys: names of the arrays.

    Returns:
        One array a key.

    Raises:
        ValueError, KeyError, zipfile.BadZipFile: another kind of file, or damaged.

    Accuracy: exact.

    Source: NumPy's format.

    >>> np.savez(file := io.BytesIO(), train=np.array([7, 9], np.uint8))
    >>> from_npz(file.getvalue(), "train")[0].tolist()
    [7, 9]
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = [file[key] for key in keys]
    if any(array.dtype != np.uint8 for array in arrays):
        raise ValueError(f"arrays of {', '.join(str(array.dtype) for array in arrays)}, not uint8")
    return arrays


def from_json(data: bytes) -> np.ndarray:
    """Labels of a JSON list of integers.

    Args:
        data: the whole file.

    Returns:
        uint8, one an image.

    Raises:
        ValueError: not such a list.

    Accuracy: exact.

    Source: derived here.

    >>> from_json(b"[3,8]").tolist()
    [3, 8]
    """
    labels = np.asarray(json.loads(data))
    if labels.ndim != 1 or labels.dtype.kind != "i" or np.any((labels < 0) | (labels > 255)):
        raise ValueError("not a list of labels")
    return labels.astype(np.uint8)


def unpacked(data: bytes, name: str) -> bytes:
    """The bytes, gunzipped if the name ends in ``.gz``.

    Args:
        data: the whole file.
        name: of the file.

    Returns:
        The bytes inside.

    Raises:
        EOFError, OSError, zlib.error: cut short or damaged.

    Source: derived here.

    >>> unpacked(gzip.compress(b"abc"), "x.gz")
    b'abc'
    """
    return gzip.decompress(data) if name.endswith(".gz") else data


def members(data: bytes, names: list[str]) -> list[bytes]:
    """Files out of a ``.tar.gz``, by their last name.

    Args:
        data: the whole archive.
        names: last parts of the paths inside.

    Returns:
        Their bytes, in the order of ``names``.

    Raises:
        KeyError: one of them is not there. tarfile.TarError, EOFError, OSError: damaged.

    Source: derived here.

    >>> archive = tarfile.open(fileobj=(file := io.BytesIO()), mode="w:gz")
    >>> archive.addfile(entry := tarfile.TarInfo("a/b.bin"))
    >>> archive.close(); members(file.getvalue(), ["b.bin"])
    [b'']
    """
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for entry in archive:
            if entry.isfile() and entry.name.split("/")[-1] in names:
                found[entry.name.split("/")[-1]] = archive.extractfile(entry).read()
    return [found[name] for name in names]
