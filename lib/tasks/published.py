"""What the data sets are, as ``published.toml`` beside this module lists and explains them."""
import tomllib
from importlib.resources import files
from typing import NamedTuple


class Part(NamedTuple):
    """One canonical file: its name, how many images it counts, the SHA-256 of its bytes."""

    name: str
    count: int
    sha256: str


class DataSet(NamedTuple):
    """A data set: layout of its canonical files, and the files of each split.

    ``layout`` is ``"idx"`` (one file of images, one of labels) or ``"bin"`` (labels and colour
    planes side by side, several files a split). ``folders`` are looked into besides the given one,
    ``home`` is where the authors' files can be had.
    """

    title: str
    layout: str
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    folders: tuple[str, ...]
    home: str
    full: dict[str, list[Part]]
    embedded: dict[str, list[Part]]

    def total(self, split: str) -> int:
        """How many images the whole split has."""
        parts = self.full[split]
        return parts[0].count if self.layout == "idx" else sum(part.count for part in parts)


def _published() -> dict[str, DataSet]:
    """Every data set by its name."""
    tables = tomllib.loads((files("lib.tasks") / "published.toml").read_text("utf-8"))
    for table in tables.values():
        for kind in ("full", "embedded"):
            table[kind] = {split: [Part(*entry) for entry in entries]
                           for split, entries in table.get(kind, {}).items()}
    return {name: DataSet(**table) for name, table in tables.items()}


SETS = _published()
