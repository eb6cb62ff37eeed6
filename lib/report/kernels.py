"""Kernels that can run side by side and give the same bytes whoever runs them."""
from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

# One thread each (kernels run side by side, and a sum over threads rounds differently), sets in a
# fixed order, figures always inline.
SURROUNDINGS = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


def private_kernels(folder: Path, manager: type) -> type:
    """A kernel manager class whose kernels run this Python and talk through files in ``folder``.

    Over TCP a kernel's ports are picked first and bound later, so that kernels started side by
    side may pick the same ones and then hang for ever. Files cannot collide.

    Args:
        folder: private and short of name, as a socket's path is limited to some 100 characters.
        manager: ``jupyter_client.KernelManager`` or its asynchronous twin.

    Returns:
        A subclass of ``manager``; its ``kill_all()`` ends every kernel at once.
    """
    from jupyter_client.kernelspec import KernelSpec

    numbers = itertools.count()
    started: list[PrivateKernel] = []

    class PrivateKernel(manager):
        def __init__(self, **traits: object) -> None:
            super().__init__(**traits)
            self._home = folder / str(next(numbers))
            if os.name == "posix":
                self.transport, self.connection_file = "ipc", f"{self._home}.json"
            started.append(self)

        @property
        def kernel_spec(self) -> KernelSpec:
            # IPYTHONDIR: neither the reader's start-up files nor a history shared by kernels
            return KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                env={**SURROUNDINGS, "IPYTHONDIR": str(self._home)},
                display_name="Python 3", language="python")

        @staticmethod
        def kill_all() -> None:
            for kernel in started:
                process = getattr(kernel.provisioner, "process", None)
                if process is not None:
                    process.kill()

    return PrivateKernel
