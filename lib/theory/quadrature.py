"""Until the rest of the room has moved: see lib.theory.gaussian."""
from lib.checks import Untrusted as NotTrusted  # noqa: F401
from lib.theory.gaussian import (  # noqa: F401
    LEVELS,
    REACH,
    half_line,
    split_half_line,
    three_sums,
    unit_interval,
)
