"""Chaos and expressivity: the front door. Every name is loaded when it is first used."""
from importlib import import_module

DOORS = {
    "activation": "lib.activations",
    "gains": "lib.theory.meanfield",
    "MeanField": "lib.theory.meanfield",
    "Ensemble": "lib.networks.ensemble",
    "Network": "lib.networks.network",
    "Profile": "lib.profile",
    "Estimate": "lib.estimate",
    "Untrusted": "lib.checks",
    "compare": "lib.report.figures",
    "Claims": "lib.report.claims",
}
__all__ = list(DOORS)


def __getattr__(name: str) -> object:
    if name not in DOORS:
        raise AttributeError(f"lib has no {name!r}; it has {', '.join(DOORS)}")
    value = getattr(import_module(DOORS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
