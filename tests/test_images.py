"""The loader of images: every container gives the same content, and no wrong file is ever used.

Small made-up sets take the place of the published ones, so that nothing here needs the full data;
the tests at the end do, and run only where EXPRESSIVITY_DATA names a folder that has them.
"""
import gzip
import hashlib
import io
import os
import socket
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.tasks.files import NoData, WrongFile
from lib.tasks.images import Images, Provenance, load
from lib.tasks.published import SETS, Part

COUNTS = {"train": 12, "test": 6}
RNG = np.random.default_rng(5)
DIGITS = {split: (RNG.integers(0, 256, (n, 28, 28), dtype=np.uint8),
                  RNG.integers(0, 10, n, dtype=np.uint8)) for split, n in COUNTS.items()}
COLOURS = {split: (RNG.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8),
                   RNG.integers(0, 10, n, dtype=np.uint8)) for split, n in COUNTS.items()}
BATCHES = {"train": ["data_batch_1", "data_batch_2"], "test": ["test_batch"]}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def idx(array: np.ndarray) -> bytes:
    """Written anew from the description of the format."""
    return b"\0\0\x08" + bytes([array.ndim]) + b"".join(
        struct.pack(">i", n) for n in array.shape) + array.tobytes()


def batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Label, red plane, green plane, blue plane of each image in turn."""
    return b"".join(bytes([label]) + b"".join(image[:, :, colour].tobytes() for colour in range(3))
                    for image, label in zip(images, labels))


def batches(split: str) -> dict[str, bytes]:
    pieces = zip(*(np.split(array, len(BATCHES[split])) for array in COLOURS[split]))
    return {f"{name}.bin": batch(*piece) for name, piece in zip(BATCHES[split], pieces)}


def idx_files(split: str, pack=lambda data: data, end: str = "") -> dict[str, bytes]:
    images, labels = DIGITS[split]
    stem = {"train": "train", "test": "t10k"}[split]
    return {f"{stem}-images-idx3-ubyte{end}": pack(idx(images)),
            f"{stem}-labels-idx1-ubyte{end}": pack(idx(labels))}


def npz(**arrays: np.ndarray) -> bytes:
    np.savez(file := io.BytesIO(), **arrays)
    return file.getvalue()


def tar(files: dict[str, bytes]) -> bytes:
    with tarfile.open(fileobj=(file := io.BytesIO()), mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def picture(pixels: np.ndarray, kind: str) -> bytes:
    Image.fromarray(pixels).save(file := io.BytesIO(), kind, lossless=True)
    return file.getvalue()


def grid(images: np.ndarray, across: int) -> np.ndarray:
    """Tiles in rows, the last row filled with zeros."""
    rows = [images[start:start + across] for start in range(0, len(images), across)]
    empty = np.zeros((32, 32, 3), np.uint8)
    return np.vstack([np.hstack([*row, *[empty] * (across - len(row))]) for row in rows])


def grids(split: str) -> dict[str, bytes]:
    pieces = np.split(COLOURS[split][0], len(BATCHES[split]))
    files = {f"cifar10_{name}.webp": picture(grid(piece, 4), "WEBP")
             for name, piece in zip(BATCHES[split], pieces)}
    return {**files, "cifar10_labels.npz": npz(**{s: COLOURS[s][1] for s in COUNTS})}


CONTAINERS = {
    "idx": ("mnist", "", idx_files),
    "idx.gz": ("mnist", "", lambda split: idx_files(split, gzip.compress, ".gz")),
    "idx in a subfolder": ("mnist", "MNIST/raw", idx_files),
    "idx below the folder of MNIST": ("mnist", "raw", idx_files),
    "npz": ("mnist", "", lambda split: {"mnist.npz": npz(**{
        f"{key}_{s}": DIGITS[s][k] for s in COUNTS for k, key in enumerate("xy")})}),
    "npz of a split": ("mnist", "", lambda split: {f"mnist_{split}.npz": npz(**{
        f"{key}_{split}": DIGITS[split][k] for k, key in enumerate("xy")})}),
    "bin": ("cifar10", "cifar-10-batches-bin", batches),
    "bin in a folder of a folder": ("cifar10", "cifar-10-binary/cifar-10-batches-bin", batches),
    "tar.gz": ("cifar10", "", lambda split: {"cifar-10-binary.tar.gz": tar(
        {"readme.html": b"-", **batches("train"), **batches("test")})}),
    "webp grids": ("cifar10", "", grids),
}
each_container = pytest.mark.parametrize("container", CONTAINERS)


@pytest.fixture(autouse=True)
def small_sets(monkeypatch, request):
    """Made-up sets of a few images, and no network."""
    if "real" in request.keywords:
        return
    monkeypatch.delenv("EXPRESSIVITY_DATA", raising=False)
    digits = {split: tuple(Part(name, COUNTS[split], sha(data))
                           for name, data in idx_files(split).items()) for split in COUNTS}
    colours = {split: tuple(Part(name, len(data) // 3073, sha(data))
                            for name, data in batches(split).items()) for split in COUNTS}
    monkeypatch.setitem(SETS, "mnist", SETS["mnist"]._replace(full=digits))
    monkeypatch.setitem(SETS, "cifar10", SETS["cifar10"]._replace(full=colours))
    monkeypatch.setattr(socket.socket, "connect", lambda *a: pytest.fail("network was used"))


def put(folder: Path, files: dict[str, bytes], subfolder: str = "") -> Path:
    (folder / subfolder).mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / subfolder / name).write_bytes(data)
    return folder


@each_container
@pytest.mark.parametrize("split", COUNTS)
def test_every_container_gives_the_same_content(container, split, tmp_path):
    name, subfolder, files = CONTAINERS[container]
    data = load(name, split, "full", put(tmp_path, files(split), subfolder))
    images, labels = {"mnist": DIGITS, "cifar10": COLOURS}[name][split]
    assert np.array_equal(data.images, images.reshape(data.images.shape))
    assert data.images.ndim == 4 and data.images.dtype == np.uint8
    assert data.labels.dtype == np.int64 and np.array_equal(data.labels, labels)
    told = data.provenance
    assert (told.source, told.count, told.is_subset) == ("full", COUNTS[split], False)
    whole = idx_files(split) if name == "mnist" else batches(split)
    assert told.sha256 == sha(b"".join(whole.values()))
    assert str(told) == (f"{told.title} {split}: all {COUNTS[split]} images (full set, SHA-256 "
                         f"{told.sha256[:8]})")


@each_container
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other"])
def test_a_damaged_file_is_refused_by_name(container, damage, tmp_path):
    """Also by source="auto", which must not pass over it to the embedded part."""
    name, subfolder, files = CONTAINERS[container]
    for victim, good in files("test").items():
        at = 3 * len(good) // 4  # in containers of both splits this is in the test images
        bad = {"cut": good[:-(len(good) // 4)], "empty": b"", "other": b"hello" * 700,
               "flip": good[:at] + bytes([good[at] ^ 255]) + good[at + 1:]}[damage]
        if victim == "cifar10_labels.npz" and damage == "flip":
            continue  # it may hit the labels of the other split, which are not used
        put(tmp_path, {**files("test"), victim: bad}, subfolder)
        for source in ("full", "auto"):
            with pytest.raises(WrongFile, match=victim.replace(".", r"\.")):
                load(name, "test", source, tmp_path)


def test_labels_in_another_order_are_refused(tmp_path):
    files = grids("test")
    files["cifar10_labels.npz"] = npz(test=COLOURS["test"][1][::-1])
    with pytest.raises(WrongFile, match=r"test_batch\.webp \(with the labels of cifar10_labels"):
        load("cifar10", "test", "full", put(tmp_path, files))


def test_images_in_another_order_are_refused(tmp_path):
    """Every image is right, and every byte is there."""
    images, labels = DIGITS["test"]
    put(tmp_path, {"mnist.npz": npz(x_test=images[::-1], y_test=labels[::-1])})
    with pytest.raises(WrongFile, match=r"mnist\.npz: not the t10k-images"):
        load("mnist", "test", "full", tmp_path)


def test_another_set_of_the_same_form_is_refused(tmp_path):
    put(tmp_path, idx_files("test"), "fashion_mnist")
    with pytest.raises(WrongFile, match="not the t10k-images-idx3-ubyte of Fashion-MNIST"):
        load("fashion_mnist", "test", "auto", tmp_path)


@pytest.mark.parametrize("container", ["idx", "idx.gz", "bin", "webp grids"])
def test_a_missing_file_is_named(container, tmp_path):
    name, subfolder, files = CONTAINERS[container]
    for missing in files("train"):
        folder = put(tmp_path / missing, files("train"), subfolder)
        (folder / subfolder / missing).unlink()
        stem = missing.split(".")[0].removeprefix("cifar10_")
        with pytest.raises(NoData, match=f"{stem}.* is missing beside"):
            load(name, "train", "auto", folder)


def test_pickles_are_not_opened(tmp_path):
    with pytest.raises(WrongFile, match="pickles"):
        load("cifar10", "test", "full", put(tmp_path, {"cifar-10-python.tar.gz": b"x"}))


def test_arrays_of_objects_are_not_opened(tmp_path):
    put(tmp_path, {"mnist.npz": npz(x_test=np.array([{}], object), y_test=DIGITS["test"][1])})
    with pytest.raises(WrongFile, match=r"mnist\.npz: cannot be read"):
        load("mnist", "test", "full", tmp_path)


def test_where_it_looks(tmp_path, monkeypatch):
    """An explicit folder alone; else the variable's, then the embedded part."""
    assert load("mnist", "test").provenance.source == "embedded"
    with pytest.raises(NoData, match="was not found in EXPRESSIVITY_DATA.*source='embedded'"):
        load("mnist", "test", "full")
    monkeypatch.setenv("EXPRESSIVITY_DATA", str(put(tmp_path / "a", idx_files("train"))))
    assert load("mnist", "train").provenance.source == "full"
    assert load("mnist", "test").provenance.source == "embedded"
    assert load("mnist", "train", "embedded").provenance.count == 10000
    for source in ("auto", "full"):
        with pytest.raises(NoData, match="was not found in .*a.*from https://"):
            load("mnist", "test", source, data_dir=tmp_path / "a")
    for folder in ("b", "a/t10k-images-idx3-ubyte"):
        with pytest.raises(NoData, match="data_dir must name a folder that exists"):
            load("mnist", "test", data_dir=tmp_path / folder)
    monkeypatch.setenv("EXPRESSIVITY_DATA", "typo")
    with pytest.raises(NoData, match="EXPRESSIVITY_DATA must name a folder"):
        load("mnist", "test")
    assert load("mnist", "test", "embedded").provenance.count == 2000


def test_fashion_mnist_says_how_to_get_it():
    for source in ("auto", "embedded", "full"):
        with pytest.raises(NoData, match="t10k-images.*https://fashion.*No part of it comes with"):
            load("fashion_mnist", "test", source)


@pytest.mark.parametrize("arguments, says", [
    (("cifar100", "test"), "name must be 'mnist' or 'fashion_mnist' or 'cifar10', got 'cifar100'"),
    (("mnist", "valid"), "split must be 'train' or 'test', got 'valid'"),
    (("mnist", "test", "small"), "source must be 'auto' or 'embedded' or 'full', got 'small'"),
    (("mnist", "test", "embedded", "."), "source must be 'full' or 'auto'"),
])
def test_bad_arguments(arguments, says):
    with pytest.raises(ValueError, match=says):
        load(*arguments)


# The embedded files

@pytest.mark.parametrize("name, split, count, total, classes", [
    ("mnist", "train", 10000, 60000, [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]),
    ("mnist", "test", 2000, 10000, [175, 234, 219, 207, 217, 179, 178, 205, 192, 194]),
    ("cifar10", "train", 2000, 50000, [202, 191, 203, 195, 214, 183, 207, 199, 203, 203]),
    ("cifar10", "test", 500, 10000, [57, 41, 51, 49, 40, 48, 54, 47, 57, 56]),
])
@pytest.mark.real
def test_embedded(name, split, count, total, classes):
    data = load(name, split, source="embedded")
    assert np.bincount(data.labels).tolist() == classes
    assert len(data.images) == count
    assert data.provenance.is_subset and data.provenance.total == total
    assert f"first {count:,} of {total:,} images (embedded part" in str(data.provenance)


def test_embedded_files_are_small_and_described():
    folder = Path(load.__code__.co_filename).parent / "embedded"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 7e6
    for path in files:
        if path.suffix != ".md":
            text = (path.parent / "README.md").read_text("utf-8")
            assert path.name in text and sha(path.read_bytes()) in text
            assert all(word in text for word in ("**Source.**", "**Cite.**", "**Licence.**"))
    for name in ("mnist", "cifar10"):
        text = (folder / name / "README.md").read_text("utf-8")
        for parts in SETS[name].embedded.values():
            assert all(part.sha256 in text for part in parts)


@pytest.mark.real
def test_a_damaged_embedded_file_is_refused(monkeypatch):
    damaged = {"test": (SETS["mnist"].embedded["test"][0]._replace(sha256="0" * 64),
                        SETS["mnist"].embedded["test"][1])}
    monkeypatch.setitem(SETS, "mnist", SETS["mnist"]._replace(embedded=damaged))
    with pytest.raises(WrongFile, match=r"mnist\.npz"):
        load("mnist", "test", "embedded")


# Parts and numbers

@pytest.mark.real
def test_first_says_that_it_is_a_part():
    data = load("mnist", "test", "embedded").first(30)
    assert (data.images.shape[0], data.labels.shape[0]) == (30, 30)
    assert "first 30 of" in str(data.provenance)
    assert data.first(10**6).provenance.count == 30
    with pytest.raises(ValueError, match="number must be at least 1"):
        data.first(0)


def test_standardised_against_a_loop():
    images = COLOURS["test"][0]
    data = Images(images, COLOURS["test"][1], Provenance(
        "cifar10", "CIFAR-10", "test", "full", 6, 6, "0"))
    x = data.inputs(pool=2)
    mean, deviation = (0.49140, 0.48216, 0.44653), (0.24703, 0.24349, 0.26159)
    for n, i, j, c in [(0, 0, 0, 0), (3, 5, 11, 1), (5, 15, 15, 2)]:
        block = [images[n, 2 * i + a, 2 * j + b, c] / 255 for a in (0, 1) for b in (0, 1)]
        assert x[n, i, j, c] == pytest.approx((sum(block) / 4 - mean[c]) / deviation[c], abs=1e-12)
    assert np.array_equal(data.inputs(pool=2, flat=True), x.reshape(6, 16 * 16 * 3))
    assert x.dtype == np.float64
    with pytest.raises(ValueError, match="pool must divide 32 and 32, got 5"):
        data.inputs(pool=5)


@pytest.mark.real
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_standardised_images_have_mean_0_and_variance_1(name):
    x = load(name, "train", "embedded").inputs()
    assert np.abs(x.mean((0, 1, 2))).max() < 0.02
    assert np.abs(x.std((0, 1, 2)) - 1.0).max() < 0.02


def test_published_hashes_are_whole():
    for data in SETS.values():
        for parts in (*data.full.values(), *data.embedded.values()):
            assert all(len(part.sha256) == 64 and int(part.sha256, 16) for part in parts)


# The full sets, where there are any

full = pytest.mark.skipif(not os.environ.get("EXPRESSIVITY_DATA"),
                          reason="EXPRESSIVITY_DATA names no folder with full data sets")


@full
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name, classes, mean", [
    ("mnist", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], 0.1307),
    ("cifar10", [1000] * 10, 0.4734),
    ("fashion_mnist", [1000] * 10, 0.2860),
])
def test_full_sets(name, classes, mean):
    data = load(name, "test", "full")
    assert np.bincount(data.labels).tolist() == classes
    assert data.images.mean() / 255 == pytest.approx(mean, abs=0.01)
    assert not data.provenance.is_subset


@full
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_embedded_part_is_the_first_of_the_full_set(name, split):
    part, whole = load(name, split, "embedded"), load(name, split, "full")
    assert np.array_equal(part.images, whole.images[:len(part.images)])
    assert np.array_equal(part.labels, whole.labels[:len(part.labels)])


@pytest.mark.parametrize("name, file", [
    ("cifar10", "cifar-10-batches-py/data_batch_1"),
    ("cifar10", "plain_text/train-00000-of-00001.parquet"),
    ("mnist", "a/b/c/train-images-idx3-ubyte.gz"),
    ("mnist", "archive.zip"),
])
def test_what_is_there_and_not_read_is_named(tmp_path, name, file):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(b"-")
    with pytest.raises(NoData, match="Seen there, and not read: .*" + file.split("/")[0]):
        load(name, "train", "full", data_dir=tmp_path)


def test_a_folder_in_the_home_of_a_reader_is_found(tmp_path, monkeypatch):
    for file, content in idx_files("test").items():
        (tmp_path / file).write_bytes(content)
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("USERPROFILE", str(tmp_path.parent))
    monkeypatch.setenv("EXPRESSIVITY_DATA", f"~/{tmp_path.name}")
    assert load("mnist", "test", "full").provenance.source == "full"
