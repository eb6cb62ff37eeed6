"""A network of the reader's: out of a file, or refused in a sentence that names the array."""
import json
import re
from pathlib import Path

import numpy as np
import pytest

import lib
from lib.networks.jacobians import jacobian
from lib.report.parameters import check, declared, grid, parse

ROOT = Path(__file__).parents[1]
CHAPTER = ROOT / "book" / "your_own_network.ipynb"
RNG = np.random.default_rng(0)
W1, B1, W2 = RNG.standard_normal((5, 3)), RNG.standard_normal(5), RNG.standard_normal((2, 5))
X = RNG.standard_normal((4, 3))


def by_hand(x):
    """The outputs of the network of these arrays, a bias missing."""
    return np.tanh(x @ W1.T + B1) @ W2.T


@pytest.fixture
def file(tmp_path):
    """Write arrays as an ``.npz``, the names in this order."""
    def write(arrays):
        np.savez(tmp_path / "net.npz", **arrays)
        return tmp_path / "net.npz"
    return write


@pytest.mark.parametrize("arrays, order", [
    ({"0.weight": W1, "0.bias": B1, "2.weight": W2}, "out_in"),
    ({"net.0.bias": B1, "net.2.weight": W2, "net.0.weight": W1}, "out_in"),
    ({"encoder.fc.weight": W1, "encoder.fc.bias": B1, "decoder.fc.weight": W2}, "out_in"),
    ({"W1": W1, "b1": B1, "W2": W2}, "out_in"),
    ({"W10": W2, "W9": W1, "b9": B1}, "out_in"),  # ten comes after nine
    ({"W0": W1.T, "b0": B1, "W1": W2.T}, "in_out"),
    ({"0.weight": W1, "0.bias": B1, "2.weight": W2, "2.bias": np.zeros(2)}, "out_in"),
])
def test_a_file_is_read_by_the_names_of_its_arrays(file, arrays, order):
    net = lib.Network.load(file(arrays), order=order)
    assert net.forward(X)[0] == pytest.approx(by_hand(X), abs=1e-14)


def test_single_precision_is_read_as_double(file):
    net = lib.Network.load(file({"W1": W1.astype("f4"), "b1": B1, "W2": W2}), phi="relu")
    assert net.dtype == float and net.phi.name == "relu"


@pytest.mark.parametrize("arrays, order, told", [
    ({"conv.weight": np.ones((4, 1, 3, 3))}, "out_in", "'conv.weight' of shape .* convolution"),
    ({"0.weight": W1, "1.running_mean": B1}, "out_in", "'1.running_mean' of .* normalisation"),
    ({"0.weight": W1, "1.weight": B1, "1.bias": B1}, "out_in", "'1.weight' of .* normalisation"),
    ({"0.weight": W1, "1.num_batches_tracked": 3}, "out_in", "'1.num_batches_tracked' of"),
    ({"0.weight": W1, "2.weight": W2[:, :4]}, "out_in",
     r"'2.weight' must have shape \(out, 5\) .* it has \(1, 2, 4\)"),
    ({"W1": W1, "W2": W2}, "in_out", r"'W2' must have shape \(out, 3\) .* as in_out"),
    ({"W1": W1, "b1": B1[:4], "W2": W2}, "out_in", r"'b1' must have shape \(1, 5\)"),
    ({"W1": W1, "W2": W2 * np.nan}, "out_in", "'W2' must be finite"),
    ({"W1": W1, "b1": B1, "W2": W2, "b3": B1}, "out_in", "'b3' has no weights beside it"),
    ({"W1": W1}, "out_in", "'W1' is alone"),
    ({"lstm.weight_ih_l0": W1}, "out_in", "'lstm.weight_ih_l0' of shape .* is no array of"),
    ({"W1": np.array(["a"])}, "out_in", "'W1' is no array of real numbers"),
    ({}, "out_in", "NumPy can read no arrays"),
])
def test_what_is_no_fully_connected_network_is_refused_by_name(file, arrays, order, told):
    with pytest.raises(ValueError, match=f"net.npz: .*{told}"):
        lib.Network.load(file(arrays), order=order)


def test_what_is_no_file_of_arrays_is_refused(tmp_path):
    junk = tmp_path / "junk.npz"
    junk.write_bytes(b"PK\3\4 and more")
    with pytest.raises(ValueError, match="junk.npz: NumPy can read no arrays in it"):
        lib.Network.load(junk)
    np.save(tmp_path / "one.npy", W1)
    with pytest.raises(ValueError, match="one.npy: '' of shape .* is no array of"):
        lib.Network.load(tmp_path / "one.npy")


def test_inputs_are_read_and_refused(tmp_path):
    net, path = lib.Network([W1, W2]), tmp_path / "x.npy"
    np.save(path, np.vstack([X, 0 * X]).reshape(8, 3, 1))
    assert np.array_equal(net.load_points(path), X)
    for wrong, told in ((np.ones((4, 7)), "inputs of 7 numbers, and the network takes 3"),
                        (X * np.inf, "x.npy must be finite"),
                        (np.float64(1.0), "one array of inputs"), (X[:0], "one array of inputs")):
        np.save(path, wrong)
        with pytest.raises(ValueError, match=told):
            net.load_points(path)


# The chapter's parameters

def test_a_parameter_may_be_a_file(tmp_path, monkeypatch):
    cell = parse('weights: str = ""  # of a network [file]')
    monkeypatch.chdir(tmp_path)
    Path("net.npz").touch()
    assert check(cell, {"weights": ""}) == {"weights": ""}
    assert check(cell, {"weights": "net.npz"}) == {"weights": str(tmp_path / "net.npz")}
    assert grid(cell, [("weights", "net.npz")]).axes == {"weights": [str(tmp_path / "net.npz")]}
    with pytest.raises(ValueError, match="'weights' must be a file that is there, not 'no.npz'"):
        check(cell, {"weights": "no.npz"})


def test_the_chapter_refuses_before_a_kernel_starts(file, tmp_path):
    weights, data = str(file({"W1": W1, "W2": W2})), str(tmp_path / "x.npy")
    given = {"weights": weights, "data": data}
    np.save(data, X)
    check(declared(CHAPTER), given)
    for changes, told in (({"order": "in_out"}, "'W2' must have shape"),
                          ({"data": ""}, "a network goes with inputs"),
                          ({"weights": ""}, "a network goes with inputs"),
                          ({"phi": "tahn"}, "unknown activation 'tahn'")):
        with pytest.raises(ValueError, match=told):
            check(declared(CHAPTER), given | changes)
    np.save(data, X[:2])
    with pytest.raises(ValueError, match="three inputs that are not 0 are drawn"):
        check(declared(CHAPTER), given)
    np.save(data, X[:, :2])
    with pytest.raises(ValueError, match="inputs of 2 numbers, and the network takes 3"):
        check(declared(CHAPTER), given)


def blocks():
    """The code of the text that writes files: for PyTorch, JAX and Keras."""
    cells = json.loads(CHAPTER.read_text("utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return re.findall(r"```python\n(np\.savez.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("which", [1, 2], ids=["jax", "keras"])
def test_the_lines_of_the_text_write_what_is_read(which, tmp_path, monkeypatch):
    params = [(W1.T, B1), (W2.T, np.zeros(2))]

    class Model:
        get_weights = staticmethod(lambda: [array for pair in params for array in pair])

    monkeypatch.chdir(tmp_path)
    exec(blocks()[which], {"np": np, "params": params, "model": Model, "x": X})
    net = lib.Network.load("net.npz", order="in_out")
    assert net.forward(net.load_points("inputs.npy"))[0] == pytest.approx(by_hand(X), abs=1e-14)


def test_a_file_of_pytorch_gives_its_jacobian(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16),
                                torch.nn.ReLU(), torch.nn.Linear(16, 3))
    x = torch.randn(20, 6)
    monkeypatch.chdir(tmp_path)
    exec(blocks()[0], {"np": np, "model": model, "x": x})
    net = lib.Network.load("net.npz", phi="relu")
    points = net.load_points("inputs.npy")
    assert net.forward(points)[0] == pytest.approx(model(x).detach().numpy(), abs=1e-6)
    theirs = torch.stack([torch.autograd.functional.jacobian(model, one) for one in x]).numpy()
    assert jacobian(net, points)[0] == pytest.approx(theirs, abs=1e-6)
