"""What the data sets are, as ``published.toml`` beside this module lists and explains them."""
import tomllib
from importlib.resources import files
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
    mirrors: tuple[str, ...]
    full: dict[str, list[Part]]
    embedded: dict[str, list[Part]]
    archives: dict[str, list[Archive]]

    def total(self, split: str) -> int:
        """How many images the whole split has."""
        parts = self.full[split]
        return parts[0].count if self.layout == "idx" else sum(part.count for part in parts)


def _published() -> dict[str, DataSet]:
    """Every data set by its name."""
    tables = tomllib.loads((files("lib.tasks") / "published.toml").read_text("utf-8"))
    kinds = {"full": Part, "embedded": Part, "archives": Archive}
    for table in tables.values():
        for field, kind in kinds.items():
            table[field] = {split: [kind(*entry) for entry in entries]
                            for split, entries in table.get(field, {}).items()}
    return {name: DataSet(**table) for name, table in tables.items()}


SETS = _published()
