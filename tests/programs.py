"""Runs a small program on a virtual board as a plain call, and gives its names back."""

from dexkit.hardware import load
from dexkit.sim.build import make_desk
from dexkit.sim.feed import Stage
from dexkit.sim.loader import Loader

#: What published drivers need of a bus, in short.
BUSIO = """
class I2C:
    def __init__(self, bus): self.bus = bus
    def try_lock(self): return True
    def unlock(self): pass
    def writeto(self, address, buffer, start=0, end=None):
        self.bus.writeto(address, bytes(buffer)[start:end])
    def readfrom_into(self, address, buffer, start=0, end=None):
        buffer[start:end] = self.bus.readfrom(address, len(buffer[start:end]))
    def writeto_then_readfrom(self, address, out, into, out_start=0, out_end=None, in_start=0, in_end=None):
        self.bus.writeto(address, bytes(out)[out_start:out_end], False)
        into[in_start:in_end] = self.bus.readfrom(address, len(into[in_start:in_end]))
"""


def run(tmp_path, scene, program, faults=None, **settings):
    """Run a program on a virtual board until it ends; return the board's chips and the program's names.

    The scene begins when the board is switched on.
    """
    stage = Stage(scene.duration_s)
    stage.begin(0.0)
    desk, chips = make_desk(load(scene.object_kind), scene.worlds[scene.object_kind], stage, **settings)
    for name, fault in (faults or {}).items():
        chips[name].fault = fault
    (tmp_path / "busio.py").write_text(BUSIO)
    (tmp_path / "digitalio.py").write_text("class Direction: INPUT = 0\nclass Pull: UP = 1\n")
    (tmp_path / "main.py").write_text(program)
    return chips, Loader(desk, tmp_path).run("main")
