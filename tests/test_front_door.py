"""The front door: few names, loaded when they are used; and the record that runs return."""
import copy
import subprocess
import sys

import numpy as np
import pytest

import lib
from lib.profile import Profile


def test_importing_the_library_imports_neither_scipy_nor_matplotlib():
    code = "import sys, lib; print([m for m in ('scipy', 'matplotlib') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="lib has no 'Meanfield'; it has .*MeanField"):
        getattr(lib, "Meanfield")  # noqa: B009


def test_a_profile_gives_its_fields_as_attributes():
    told = Profile("theory", np.arange(1, 4), {"q": np.ones((3, 2))}, x=np.array([1.0, 2.0]))
    assert told.q.shape == (3, 2) and copy.copy(told).layer.tolist() == [1, 2, 3]
    assert repr(told) == "<profile of theory, layers 1 to 3: q (3, 2)>"
    with pytest.raises(AttributeError, match="this profile has no 'kappa2'; it has q"):
        getattr(told, "kappa2")  # noqa: B009
