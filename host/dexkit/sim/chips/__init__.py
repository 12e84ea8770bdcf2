"""Sensor chips as register models, after their data sheets, as far as drivers and firmware use them."""

from dexkit.sim.chips.chip import Chip
from dexkit.sim.chips.lsm6dsox import LSM6DSOX
from dexkit.sim.chips.mcp23017 import MCP23017
from dexkit.sim.chips.mpr121 import MPR121
from dexkit.sim.chips.nau7802 import NAU7802

__all__ = ["LSM6DSOX", "MCP23017", "MPR121", "NAU7802", "Chip"]
