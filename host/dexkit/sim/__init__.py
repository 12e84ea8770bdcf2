"""A simulated world with exact truth, for tests and demonstrations."""

from dexkit.sim.scene import TRUTH_DTYPE, Scene, make_scene
from dexkit.sim.severity import SEVERITIES

__all__ = ["SEVERITIES", "TRUTH_DTYPE", "Scene", "make_scene"]
