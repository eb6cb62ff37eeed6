"""Fetching a data set with pooch: verified, then moved into place as a whole."""
import importlib.util
import os
import time
from pathlib import Path

from lib.tasks.published import SETS
from lib.tasks.records import NoData

CONNECT, READ = 4.0, 60.0  # seconds without an answer, without a byte
PATIENCE = 6.0  # seconds of failing after which the other mirrors are not tried


def fetch(name: str, split: str, folder: Path) -> None:
    """Download the archives of a split into ``folder / name``.

    Files arrive in a folder ``incoming`` that no loader looks into, are checked against the hash
    of the archive, and move into place when all of them are there: an interrupted download leaves
    nothing that could be taken for data, and is taken up where it stopped.

    Args:
        name: of the data set.
        split: ``"train"`` or ``"test"``.
        folder: the cache.

    Raises:
        NoData: no network, no such file there, another content, or pooch is not installed.

    Source: the archives that the authors publish; hashes in `lib.tasks.published`.

    >>> fetch("mnist", "test", Path("x"))  # doctest: +SKIP
    """
    try:
        import pooch
    except ImportError as error:
        raise NoData("downloading needs pooch, which is not installed: "
                     "pip install pooch") from error
    data, place = SETS[name], folder / name
    bar = importlib.util.find_spec("tqdm") is not None
    get = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**16, timeout=(CONNECT, READ))
    waiting = [archive for archive in data.archives[split]
               if not (place / archive.name).is_file()]
    for archive in waiting:
        failures, start = [], time.monotonic()
        for mirror in data.mirrors:
            try:
                pooch.retrieve(mirror + archive.name, archive.known_hash, archive.name,
                               place / "incoming", downloader=get)
                break
            except (OSError, ValueError) as error:  # requests' errors are OSErrors
                failures.append(f"{mirror}: {_short(error)}")
            if time.monotonic() - start > PATIENCE:
                break
        if len(failures) and not (place / "incoming" / archive.name).is_file():
            raise NoData(f"{archive.name} of {data.title} could not be downloaded and nothing "
                         f"was put in place. {'; '.join(failures)}")
    for archive in waiting:
        os.replace(place / "incoming" / archive.name, place / archive.name)


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:160]}{'...' if len(text) > 160 else ''}"
