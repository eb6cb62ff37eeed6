"""What a run through the layers returns, from theory and from networks alike."""
from dataclasses import dataclass, field
from typing import Mapping

import numpy as np


@dataclass(frozen=True, repr=False)
class Profile:
    """Numbers layer by layer, each field an attribute; a plain record with no arithmetic.

    Args:
        label: where it comes from, for legends.
        layer: 1 to depth; row 0 of every field is the first pre-activation ``h^1``.
        fields: arrays with axes ``(network, layer, point, *sigma)``; theory has no first axis, and
            ``sd_q, sd_c``, standard deviations over networks, where it was given a width.
        networks: how many networks were sampled; None for theory.
        x: what the points are, for axes: lengths, correlations or angles; shape ``(point,)``.
        sigma: ``{"sigma_w": values, "sigma_b": values}`` over the last axes, for legends.
    """

    label: str
    layer: np.ndarray
    fields: Mapping[str, np.ndarray] = field(default_factory=dict)
    networks: int | None = None
    x: np.ndarray | None = None
    sigma: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __getattr__(self, name: str) -> np.ndarray:
        fields = self.__dict__.get("fields", {})  # absent while a copy is being made
        if name not in fields:
            raise AttributeError(f"this profile has no {name!r}; it has {', '.join(fields)}")
        return fields[name]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {np.shape(one)}" for name, one in self.fields.items())
        return f"<profile of {self.label}, layers {self.layer[0]} to {self.layer[-1]}: {shapes}>"
