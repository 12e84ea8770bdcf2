"""What all chips share: a register file behind an I2C address, a data-ready pin, faults."""

from typing import ClassVar

#: What can be wrong with a chip. `missing` answers no request, `stuck` gives its last value for ever,
#: `never_ready` measures nothing, `saturated` is beyond its range, `moved` answers at the next address,
#: `slow` measures at half its rate, `weak` has a supply too weak to find its own zero.
FAULTS = ("", "missing", "stuck", "never_ready", "saturated", "moved", "slow", "weak")


class Chip:
    """A chip on an I2C bus, byte by byte, so that an emulated bus can use it as well.

    Parameters
    ----------
    address
        Its 7-bit address.
    """

    #: Registers after power-up: {register: value}, all others 0.
    RESET: ClassVar[dict[int, int]] = {}
    #: Highest register; the pointer wraps behind it.
    LAST = 0xFF

    def __init__(self, address: int) -> None:
        self.address = address
        self._fault = ""
        self.registers = bytearray(256)
        self.pointer = 0
        self._pointed = True
        #: Rising edges of the data-ready pin that nobody has fetched: device times in us.
        self.edges: list[float] = []
        self.power_up()

    def power_up(self) -> None:
        """Set the registers as after power-up."""
        self.registers[:] = bytes(256)
        for register, value in self.RESET.items():
            self.registers[register] = value

    @property
    def fault(self) -> str:
        """What is wrong with it, one of FAULTS."""
        return self._fault

    @fault.setter
    def fault(self, fault: str) -> None:
        self._fault = fault
        self.on_fault()

    def on_fault(self) -> None:
        """Do what a new fault changes."""

    # --------------------------------------------------------------------------------------------- bus

    def answers(self, address: int) -> bool:
        """Return whether the chip acknowledges this address."""
        return self._fault != "missing" and address == self.address + (self._fault == "moved")

    def start(self, reading: bool, now_us: float) -> None:
        """Begin a transfer."""
        self.run_to(now_us)
        self._pointed = reading

    def write(self, byte: int, now_us: float) -> None:
        """Take a byte from the board: the first one says to which register."""
        self.run_to(now_us)
        if not self._pointed:
            self._pointed = True
            self.pointer = byte
            return
        self.on_write(self.pointer, byte, now_us)
        self._next()

    def read(self, now_us: float) -> int:
        """Return the byte that the board reads."""
        self.run_to(now_us)
        value = self.on_read(self.pointer, now_us)
        self._next()
        return value

    def _next(self) -> None:
        self.pointer = 0 if self.pointer >= self.LAST else self.pointer + 1

    # ------------------------------------------------------------------------------------ for the chips

    def run_to(self, now_us: float) -> None:
        """Do what happens until then."""

    def on_write(self, register: int, value: int, now_us: float) -> None:
        """Store a register."""
        self.registers[register] = value

    def on_read(self, register: int, now_us: float) -> int:
        """Return a register."""
        return self.registers[register]

    def ready_level(self) -> int:
        """Return the level of the data-ready pin."""
        return 0

    def next_edge_us(self) -> float | None:
        """Return when the data-ready pin rises next if nobody reads, or None."""
        return None
