"""Surroundings of every test: one thread, steady examples, kernels that cannot hang."""
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from jupyter_client.manager import KernelManager

from lib.report.execute import SURROUNDINGS, kernel_folder, private_kernels
from tests.browser import Browser
from tests.within_errors import install

collect_ignore_glob = ["book/evidence/*"]  # runs on record are not run again

os.environ.update(SURROUNDINGS, MPLBACKEND="agg")  # two workers share the cores

# The same examples everywhere, and no deadline on a machine that others use as well.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Let nbval start its kernels as the book does, and know which digits errors support."""
    import nbval.kernel
    import nbval.plugin

    folder = kernel_folder()
    config.add_cleanup(folder.cleanup)
    nbval.kernel.KernelManager = private_kernels(Path(folder.name), KernelManager)
    install(nbval.plugin.IPyNbCell)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for all tests of a worker."""
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """A fresh page; at the end nothing was complained of, and no host was asked."""
    chromium.fresh()
    yield chromium
    assert chromium.complaints == []
    assert {address.split(":")[0] for address in chromium.requests} <= {"file", "blob", "data"}
