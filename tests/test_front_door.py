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


def test_importing_the_library_takes_no_time():
    code = ("import time; start = time.process_time(); import lib; lib.__all__; "
            "print(time.process_time() - start)")
    took = [float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                 check=True).stdout) for _ in range(3)]
    assert min(took) < 0.15


TEN_LINES = """
import lib

net = dict(sigma_w=2.5, sigma_b=0.3, phi="tanh")
theory = lib.MeanField(**net)
told = theory.run(q=theory.q_star, c=[0.2, 0.5, 0.8], depth=30, width=1000)
seen = lib.Ensemble(**net, width=1000, networks=100, seed=2016).run(
    q=theory.q_star, c=[0.2, 0.5, 0.8], depth=30)
picture = lib.compare(told, seen, "c")
formula = lib.MeanField(sigma_w=1.5, sigma_b=0.1, phi="x * sigmoid(1.702 * x)")
given = lib.Network(weights, biases, phi="relu")
"""


def test_the_first_ten_lines_of_a_newcomer():
    """As they are written; what they say is true, and what they show is not empty."""
    weights, biases = [np.eye(3)[:, :2], np.ones((1, 3))], [np.zeros(3), np.ones(1)]
    room = {"weights": weights, "biases": biases}
    exec(TEN_LINES, room)
    assert "chaotic" in repr(room["theory"]) and "q_star" in repr(room["theory"])
    told, seen = room["told"], room["seen"]
    assert told.c.shape == (30, 3) and seen.c.shape == (100, 30, 3)
    assert np.allclose(seen.c[:, 0], told.c[0]) and np.allclose(seen.q[:, 0], told.q[0])
    gap = (seen.c.mean(axis=0) - told.c)[1:]
    assert np.abs(gap / (told.sd_c[1:] / 10)).max() < 4.5  # 100 networks; 90 points of one run
    assert "image/svg+xml" in room["picture"]._repr_mimebundle_()
    assert "x * sigmoid(1.702 * x)" in repr(room["formula"])
    x = np.array([[2.0, -3.0]])
    assert room["given"].forward(x).tolist() == [[[3.0]]]  # relu(2) + relu(-3) + relu(0) + 1


def test_the_same_object_and_arguments_give_the_same_numbers():
    nets = lib.Ensemble(1.4, 0.1, width=30, networks=4, seed=7)
    assert np.array_equal(nets.run(1.0, 0.5, depth=5).c, nets.run(1.0, 0.5, depth=5).c)


@pytest.mark.parametrize("phi", ["gelu", "x * tanh(x)", np.sin])
def test_activations_and_gains_come_through_the_same_door(phi):
    assert float(lib.activation(phi).phi(np.array(0.0))) == 0.0
    assert lib.gains(phi)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match="lib has no 'Meanfield'; it has .*MeanField"):
        getattr(lib, "Meanfield")  # noqa: B009


def test_a_profile_gives_its_fields_as_attributes():
    told = Profile("theory", np.arange(1, 4), {"q": np.ones((3, 2))}, x=np.array([1.0, 2.0]))
    assert told.q.shape == (3, 2) and copy.copy(told).layer.tolist() == [1, 2, 3]
    assert repr(told) == "<profile of theory, layers 1 to 3: q (3, 2)>"
    with pytest.raises(AttributeError, match="this profile has no 'kappa2'; it has q"):
        getattr(told, "kappa2")  # noqa: B009
