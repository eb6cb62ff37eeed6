"""Surroundings of every test: one thread, steady examples, kernels that cannot hang."""
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from jupyter_client.manager import KernelManager

from lib.report.execute import SURROUNDINGS, private_kernels
from tests.within_errors import install

os.environ.update(SURROUNDINGS, MPLBACKEND="agg")  # two workers share the cores

# The same examples everywhere, and no deadline on a machine that others use as well.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")


def pytest_configure(config: pytest.Config) -> None:
    """Let nbval start its kernels as the book does, and know which digits errors support."""
    import nbval.kernel
    import nbval.plugin

    folder = Path(tempfile.mkdtemp(prefix="k"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    nbval.kernel.KernelManager = private_kernels(folder, KernelManager)
    install(nbval.plugin.IPyNbCell)
