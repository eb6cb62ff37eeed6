"""Mean-field numbers computed once by another program (trapezoid rules and Brent's method, with
mpmath checks), each at its own tolerance: tests/data/poole2016.json."""
import json
import re
from pathlib import Path

import numpy as np
import pytest

from lib.activations import get
from lib.theory.correlated import pair_average
from lib.theory.gaussian import moment, moment_slope
from lib.theory.meanfield import MeanField

TABLE = Path(__file__).parent / "data" / "poole2016.json"
VALUES = json.loads(TABLE.read_text("utf-8"))["values"]
W, B = np.meshgrid(np.arange(1.0, 5.1, 0.5), np.arange(0.0, 4.1, 0.5), indexing="ij")


def orbit_c(w, b, n, d):
    return 1 - MeanField(w, b).run(deficit=d, depth=n + 1).deficit[-1, 0]


def start(q):
    """The names round it; the starts are three of 100 points from 0 to 15."""
    return round(q * 99 / 15) * 15 / 99


def line(b, phi="tanh"):
    return MeanField(1.0, b, phi).critical_line()


def critical(b):
    return MeanField(line(b), b)


def of(name):
    return lambda w, b: getattr(MeanField(w, b), name)


def averages(order, phi="tanh"):
    return lambda q: moment(get(phi), np.array(q), order)


POINT = r"tanh\.sw=(#)\.sb=(#)\."
CALLS = {  # what is computed for a name; # stands for a number, which becomes an argument
    r"gauss\.E_tanh2\.q=(#)": averages(0),
    r"gauss\.E_sech4\.q=(#)": averages(1),
    r"gauss\.E_d2tanh2\.q=(#)": averages(2),
    r"gauss\.E_tanh_d2tanh\.q=(#)":  # by parts: d/dq E phi^2 = E[phi'^2 + phi phi'']
        lambda q: moment_slope(get("tanh"), np.array(q)) - averages(1)(q),
    r"erf\.E_phi2\.q=(#)": averages(0, "erf"),
    r"erf\.E_dphi2\.q=(#)": averages(1, "erf"),
    r"erf\.E_d2phi2\.q=(#)": averages(2, "erf"),
    r"relu\.E_phi2\.q=(#)": averages(0, "relu"),
    r"erf\.E_phi_phi\.q=(#)\.c=(#)": lambda q, c: pair_average(get("erf"), q, q, c),
    r"relu\.E_phi_phi\.q=(#)\.c=(#)": lambda q, c: pair_average(get("relu"), q, q, c),
    r"relu\.critical_sw": lambda: line(0.3, "relu"),
    POINT + "qstar": of("q_star"),
    POINT + "V_slope_at_qstar":
        lambda w, b: MeanField(w, b).length_slope(MeanField(w, b).q_star),
    POINT + "xi_q": of("xi_q"),
    POINT + "chi1": of("chi1"),
    POINT + "chi2": of("chi2"),
    POINT + "ln_chi1": lambda w, b: np.log(MeanField(w, b).chi1),
    POINT + "cstar": of("c_star"),
    POINT + "C_slope_at_cstar": of("slope_at_c_star"),
    POINT + "xi_c": of("xi_c"),
    POINT + r"V\(q=(#)\)": lambda w, b, q: MeanField(w, b).length_map(q),
    POINT + r"C\(c=(#)\)_at_qstar": lambda w, b, c: MeanField(w, b).correlation_map(c),
    POINT + r"q_after_(#)_maps_from_(#)":
        lambda w, b, n, q: MeanField(w, b).run(start(q), depth=int(n) + 1).q[-1, 0],
    POINT + r"c_after_(#)_maps_from_(#)": lambda w, b, n, c: orbit_c(w, b, int(n), 1 - c),
    POINT + r"autocorr_after_(#)_maps_dtheta=(#)":
        lambda w, b, n, t: orbit_c(w, b, int(n), 2 * np.sin(0.5 * t) ** 2),
    POINT + r"autocorr_after_(#)_maps_dtheta=pi": lambda w, b, n: orbit_c(w, b, int(n), 2.0),
    POINT + r"autocorr_after_(#)_maps_dtheta=pi/2": lambda w, b, n: orbit_c(w, b, int(n), 1.0),
    POINT + r"offshell_q1=(#)\.q_layer(#)":
        lambda w, b, q, n: MeanField(w, b).run(q, depth=int(n)).q[-1, 0],
    r"tanh\.critical_sw\.sb=(#)": line,
    r"tanh\.critical_qstar\.sb=(#)": lambda b: critical(b).q_star,
    r"tanh\.critical\.sb=(#)\.chi2": lambda b: critical(b).chi2,
    r"grid\.qstar": lambda: MeanField(W, B).q_star,
    r"grid\.chi1": lambda: MeanField(W, B).chi1,
    r"grid\.chi2": lambda: MeanField(W, B).chi2,
    r"grid\.cstar": lambda: MeanField(W, B).c_star,
}
NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"


def call_for(name):
    """The call and its arguments, or nothing."""
    found = [(call, match) for pattern, call in CALLS.items()
             if (match := re.fullmatch(pattern.replace("#", NUMBER), name))]
    return [(call, [float(x) for x in match.groups()]) for call, match in found]


@pytest.mark.parametrize("entry", VALUES, ids=lambda entry: entry["name"])
def test_a_reference_value_is_met_at_its_tolerance(entry):
    [(call, arguments)] = call_for(entry["name"])
    got = call(*arguments)
    assert np.shape(got) == np.shape(entry["value"])
    allowed = entry["tolerance"] + 2e-16 * np.abs(entry["value"])  # 0 means but for rounding
    assert np.all(np.abs(got - np.array(entry["value"])) <= allowed)


def test_every_entry_has_one_call_and_every_call_an_entry():
    names = [entry["name"] for entry in VALUES]
    assert len(set(names)) == len(names) > 100
    assert [name for name in names if len(call_for(name)) != 1] == []
    used = {id(call_for(name)[0][0]) for name in names}
    assert used == {id(call) for call in CALLS.values()}


def test_the_values_are_not_vacuous():
    """A relative error of 1e-4 would be noticed in nearly all of them."""
    loose = [entry["name"] for entry in VALUES
             if np.all(entry["tolerance"] >= 1e-4 * np.abs(entry["value"]))]
    assert all("critical" in name or "cstar" in name or "sb=0.0" in name for name in loose)
