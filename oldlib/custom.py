"""A caller's own nonlinearity, looked at closely before it is believed."""
from typing import Callable

import numpy as np

from oldlib.checks import real
from oldlib.differences import derivatives


def checked(phi: Callable, dphi: Callable | None, d2phi: Callable | None,
            kinks: tuple[float, ...], name: str) -> dict:
    """Fields of an `lib.activations.Activation`, for `lib.activations.custom`.

    Args, Raises: as there.
    """
    kinks = tuple(sorted(real("kinks", kinks).ravel().tolist()))
    probe = _probe_points(kinks)
    phi = _in_numpy(phi, probe)
    y = _refuse_unless_elementwise(phi, probe)
    if dphi is None or d2phi is None:
        first, second = derivatives(phi, kinks, need=dphi is None, need_second=d2phi is None)
    for label, given, of in (
            ("dphi", dphi, phi), ("d2phi", d2phi, first if dphi is None else dphi)):
        if given is not None:
            theirs = _refuse_unless_elementwise(given, probe, label)
            ours = (of(probe + 1e-5) - of(probe - 1e-5)) / 2e-5
            if not np.allclose(theirs, ours, rtol=1e-4, atol=1e-5 * (1 + np.abs(ours).max())):
                raise ValueError(f"{label} is not the derivative of phi: at "
                                 f"{_worst(probe, theirs, ours)}")
    mirror = np.asarray(phi(-probe))
    symmetric_kinks = np.allclose(kinks, [-k for k in reversed(kinks)])
    parity = "odd" if np.allclose(mirror, -y, rtol=1e-13, atol=1e-15) else \
        "even" if np.allclose(mirror, y, rtol=1e-13, atol=1e-15) else ""
    known = getattr(phi, "__name__", "<")  # a lambda has none worth showing
    return {"name": name or ("custom" if known.startswith("<") else known), "phi": phi,
            "dphi": first if dphi is None else dphi, "d2phi": second if d2phi is None else d2phi,
            "kinks": kinks, "parity": parity if symmetric_kinks else "",
            "accuracy": (1e-12, 1e-12 if dphi else 1e-11, 1e-12 if d2phi else 1e-8)}


def _in_numpy(phi: Callable, x: np.ndarray) -> Callable:
    """The callable with NumPy arrays coming out, for one of a library with arrays of its own."""
    try:
        y = phi(x)
        array = np.asarray(y)
    except Exception as problem:
        raise TypeError(f"phi must take a NumPy array and return what np.asarray understands; it "
                        f"failed with {type(problem).__name__}: {problem}") from problem
    if array.dtype in (np.float16, np.float32):
        raise ValueError(f"phi returned {array.dtype} for float64; averages and derivatives need "
                         "double precision throughout")
    if isinstance(y, np.ndarray):
        return phi

    def converted(x: np.ndarray) -> np.ndarray:
        return np.asarray(phi(x))

    converted.__name__ = getattr(phi, "__name__", "<")
    return converted


def _probe_points(kinks: tuple[float, ...]) -> np.ndarray:
    """Points of both signs, away from the kinks, where a callable is tried out."""
    x = np.linspace(-7.9, 7.9, 96)
    return x[np.all(np.abs(x[:, None] - np.asarray(kinks)) > 0.02, axis=-1)]


def _refuse_unless_elementwise(f: Callable, x: np.ndarray, label: str = "phi") -> np.ndarray:
    y = np.asarray(f(x))
    if y.shape != x.shape:
        raise ValueError(f"{label} must keep the shape: {x.shape} became {y.shape}")
    if not (np.issubdtype(y.dtype, np.floating) or np.issubdtype(y.dtype, np.integer)):
        raise ValueError(f"{label} must return real numbers, got dtype {y.dtype}")
    if not np.all(np.isfinite(y)):
        raise ValueError(f"{label} returned {y[~np.isfinite(y)][0]} at x = "
                         f"{x[~np.isfinite(y)][0]:.3g}")
    shuffled = x.reshape(2, -1)[:, ::-1] if x.size % 2 == 0 else x[None, ::-1]
    again = np.asarray(f(shuffled))
    expected = y.reshape(2, -1)[:, ::-1] if x.size % 2 == 0 else y[None, ::-1]
    few = np.asarray(f(x[3:5]))
    if again.shape != expected.shape or not np.allclose(again, expected, rtol=1e-12, atol=1e-15) \
            or not np.allclose(few, y[3:5], rtol=1e-12, atol=1e-15):
        raise ValueError(f"{label} must be elementwise and deterministic: the value at one point "
                         "changed with the other points")
    return y


def _worst(x: np.ndarray, theirs: np.ndarray, ours: np.ndarray) -> str:
    i = int(np.abs(theirs - ours).argmax())
    return f"x = {x[i]:.3g} it is {theirs[i]:.6g}, differences give {ours[i]:.6g}"


