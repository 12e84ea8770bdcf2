"""The radio of an emulated Pico W: rp2040py's model of its chip (CYW43439), fed with whole transfers.

The emulator stops where the driver hands a transfer to the RP2040's DMA, and goes on when it has the answer.
So driver, download of the chip's firmware and network stack are the image's own; the 32 ns of a bit are not
spent.
"""

from collections.abc import Callable
from typing import Any, cast

from rp2040py.external.cyw43.bus import (
    ASYNCEVENT_HEADER,
    BACKPLANE_FUNCTION,
    BUS_FUNCTION,
    CYW43_BACKPLANE_READ_PAD_LEN_BYTES,
    SDPCM_HEADER_LEN,
    SPI_BUS_CONTROL,
    WORD_LENGTH_32,
    GSPIBus,
)
from rp2040py.gpio_pin import GPIOPinState

from dexkit.sim.engines.lan import Lan
from dexkit.sim.radio import Radio

CLOCK, DATA, SELECT = 29, 24, 25  # its pins on a Pico W
_LOW, _HIGH = GPIOPinState.LOW, GPIOPinState.HIGH


class Wifi:
    """The chip, its bus, and the network that it finds.

    Parameters
    ----------
    radio
        Who is in the network: the desk's.
    """

    def __init__(self, radio: Radio) -> None:
        pins = _Pins()
        self._data, self._select = pins.gpio[DATA], pins.gpio[SELECT]
        self._wide = False  # whether the bus has words of 32 bits
        self._select.set_input_value(True)
        self._bus = _Chip()
        self._bus.attach_gpio(cast(Any, pins), clk=CLOCK, data=DATA, cs=SELECT)
        self.lan = Lan(radio, self._bus.queue_rx_ethernet_frame)
        self._bus.nat_bridge = cast(Any, self.lan)

    @property
    def calls(self) -> bool:
        """Whether the chip has something for the driver: the level of the data line between transfers."""
        return bool(self._data.value == _HIGH)

    def transfer(self, sent: bytes, wanted: int) -> bytes:
        """Return what the chip answers to one transfer: a command, then bytes to it or from it.

        Parameters
        ----------
        sent
            Bytes in the order of the wire.
        wanted
            How many bytes are read after them.
        """
        sent = self._turned(sent)
        command = int.from_bytes(sent[:4], "little")
        function, address, size = command >> 28 & 3, command >> 11 & 0x1FFFF, command & 0x7FF
        answer = b""
        if command >> 31:
            self._bus.write_register(function, address, size, int.from_bytes(sent[4 : 4 + size], "little"))
            if (function, address) == (BUS_FUNCTION, SPI_BUS_CONTROL) and sent[4] & WORD_LENGTH_32:
                self._wide = True
        else:
            waits = CYW43_BACKPLANE_READ_PAD_LEN_BYTES if function == BACKPLANE_FUNCTION else 0
            read = self._bus.read_register(function, address, size).to_bytes(size, "little")
            answer = self._turned((bytes(waits) + read).ljust(wanted, b"\0"))
        for level in (False, True):  # the end of the transfer, by which the chip looks whether it still calls
            self._select.set_input_value(level)
        return answer[:wanted]

    def _turned(self, data: bytes) -> bytes:
        """Return bytes of the wire in the chip's order, or back: until it is told, its words have 16 bits."""
        if self._wide:
            return data
        return b"".join(data[at : at + 2][::-1] for at in range(0, len(data), 2))

    def power_off(self) -> None:
        """Forget everything: the driver has taken the chip's power away."""
        self._bus.power_off()
        self._wide = False
        self._data.set_input_value(False)
        self.lan.reset()


class _Chip(GSPIBus):
    """The model, with its events where the driver's processor can read them."""

    def queue_rx_packet(self, data: bytes) -> None:
        """Stage a packet for the driver.

        The driver reads words in an event in place, and a Cortex-M0 reads no word across a boundary. So an
        event stands two bytes further, as a frame of data does here; the model was made for a processor that
        reads words anywhere.
        """
        if data[5] & 15 == ASYNCEVENT_HEADER and data[7] == SDPCM_HEADER_LEN:
            size = len(data) + 2
            sizes = size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
            head = sizes + data[4:7] + bytes([SDPCM_HEADER_LEN + 2]) + data[8:SDPCM_HEADER_LEN]
            data = head + bytes(2) + data[SDPCM_HEADER_LEN:]
        super().queue_rx_packet(data)


class _Pin:
    """A pin as the chip's model wants one: a level, and who hears of it."""

    def __init__(self) -> None:
        self.value = _LOW
        self._heard: list[Callable[[GPIOPinState, GPIOPinState], None]] = []

    def add_listener(self, heard: Callable[[GPIOPinState, GPIOPinState], None]) -> None:
        self._heard.append(heard)

    def set_input_value(self, level: bool) -> None:
        old, self.value = self.value, _HIGH if level else _LOW
        if old != self.value:
            for heard in self._heard:
                heard(self.value, old)


class _Pins:
    """The part of an RP2040 that the chip's model sees."""

    def __init__(self) -> None:
        self.gpio = {number: _Pin() for number in (CLOCK, DATA, SELECT)}
