"""What the data sets are: canonical files, their SHA-256, and where they can be had.

A hash belongs to the *content*: the bytes of the authors' uncompressed files. Every container
(``.gz``, ``.npz``, ``.tar.gz``, a grid of images) is unpacked, the authors' bytes are rebuilt and
hashed, so that one set of constants serves all of them. Hashes of the whole MNIST and CIFAR-10 are
the published ones; those of the embedded parts were computed here from the same bytes, cut short.
"""
from typing import NamedTuple


class Part(NamedTuple):
    """One canonical file: its name, how many images it counts, the SHA-256 of its bytes."""

    name: str
    count: int
    sha256: str


class Archive(NamedTuple):
    """A file to download, with the hash of its own bytes as pooch writes it."""

    name: str
    known_hash: str


class DataSet(NamedTuple):
    """A data set: layout of its canonical files, and the files of each split.

    ``layout`` is ``"idx"`` (one file of images, one of labels) or ``"bin"`` (labels and colour
    planes side by side, several files a split). ``folders`` are looked into besides the given one.
    """

    title: str
    layout: str
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    folders: tuple[str, ...]
    full: dict[str, tuple[Part, ...]]
    embedded: dict[str, tuple[Part, ...]]
    archives: dict[str, tuple[Archive, ...]]
    mirrors: tuple[str, ...]

    def total(self, split: str) -> int:
        """How many images the whole split has."""
        parts = self.full[split]
        return parts[0].count if self.layout == "idx" else sum(part.count for part in parts)


def _idx(train: str, train_labels: str, test: str, test_labels: str,
         counts: tuple[int, int] = (60000, 10000)) -> dict[str, tuple[Part, ...]]:
    return {"train": (Part("train-images-idx3-ubyte", counts[0], train),
                      Part("train-labels-idx1-ubyte", counts[0], train_labels)),
            "test": (Part("t10k-images-idx3-ubyte", counts[1], test),
                     Part("t10k-labels-idx1-ubyte", counts[1], test_labels))}


def _gz(train: str, train_labels: str, test: str,
        test_labels: str) -> dict[str, tuple[Archive, ...]]:
    return {"train": (Archive("train-images-idx3-ubyte.gz", train),
                      Archive("train-labels-idx1-ubyte.gz", train_labels)),
            "test": (Archive("t10k-images-idx3-ubyte.gz", test),
                     Archive("t10k-labels-idx1-ubyte.gz", test_labels))}


_CIFAR_ARCHIVE = (Archive(
    "cifar-10-binary.tar.gz",
    "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),)

SETS: dict[str, DataSet] = {
    "mnist": DataSet(
        "MNIST", "idx", (28, 28, 1), (0.1307,), (0.3081,),
        folders=("", "mnist", "MNIST", "MNIST/raw"),
        full=_idx("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                  "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                  "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                  "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
        embedded=_idx("2889698e6bc3614913e76901316712919d1998fc2b44512451bfe65bc1e668b1",
                      "651e38e2ac0632f5113ec18f1df4977117f953197819034009971a6675a0df78",
                      "3f6bd66dee48df299584c67669bceee490faa25f931496bd7473b42106d7daed",
                      "7b098e5f6a3065807cebeabf36fb1724a8aff19f2673ac08b4923e0e8c715bce",
                      counts=(10000, 2000)),
        archives=_gz(
            "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/",
                 "https://storage.googleapis.com/cvdf-datasets/mnist/")),
    "fashion_mnist": DataSet(
        "Fashion-MNIST", "idx", (28, 28, 1), (0.2860,), (0.3530,),
        folders=("", "fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
        full=_idx("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                  "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                  "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                  "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
        embedded={},
        archives=_gz("md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                     "md5:25c81989df183df01b3e8a0aad5dffbe",
                     "md5:bef4ecab320f06d8554ea6380940ec79",
                     "md5:bb300cfdad3c16e7a12a480ee83cd310"),
        mirrors=("https://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                 "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/")),
    "cifar10": DataSet(
        "CIFAR-10", "bin", (32, 32, 3), (0.49140, 0.48216, 0.44653), (0.24703, 0.24349, 0.26159),
        folders=("", "cifar10", "cifar-10-batches-bin"),
        full={"train": (
            Part("data_batch_1.bin", 10000,
                 "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
            Part("data_batch_2.bin", 10000,
                 "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
            Part("data_batch_3.bin", 10000,
                 "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
            Part("data_batch_4.bin", 10000,
                 "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
            Part("data_batch_5.bin", 10000,
                 "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add")),
            "test": (
            Part("test_batch.bin", 10000,
                 "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),)},
        embedded={"train": (Part(
            "train_2000.webp", 2000,
            "eae30ce617c27eb358b2409617ac9c388f67c480af37b07393173a79541bb8f4"),),
            "test": (Part(
                "test_500.webp", 500,
                "ba456e78b292ef2a6e366d304e587255370906951905b2e06af8e9f54f412f62"),)},
        archives={"train": _CIFAR_ARCHIVE, "test": _CIFAR_ARCHIVE},
        mirrors=("https://www.cs.toronto.edu/~kriz/",)),
}
