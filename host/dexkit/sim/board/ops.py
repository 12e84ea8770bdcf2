"""The requests that a virtual board makes to its desk: their numbers and the layout of both sides.

A request is an operation, the microseconds spent since the last request, two arguments, and bytes; its reply
is ticks, the microseconds until the desk must be asked again, a result, flags, events (kind, number, ticks),
and bytes. Over a pipe they are laid out as below, the reply with the number of its events. Runs on CPython
and MicroPython.
"""

REQUEST = "<BIii"
REQUEST_BYTES = 13
REPLY = "<IIiBH"
REPLY_BYTES = 15
EVENT = "<BBI"
EVENT_BYTES = 6
#: What calling anything of the board's costs, roughly.
REQUEST_US = 4

#: Time stands where the board says; only events are fetched.
SYNC = 0
#: a us: time goes on until then or to the next event; b 1: also ends when a byte from the host waits.
SLEEP = 1
#: a bus; data scl, sda, frequency, microseconds after which a transfer that hangs is given up (u32).
I2C_INIT = 2
#: a bus, b address; data: u16 bytes to read, then the bytes to write.
I2C = 3
#: a pin; the result is its level.
PIN_GET = 4
#: a pin, b level; 2 and 3: an input that is pulled down or up.
PIN_SET = 5
#: a pin, b edges: 1 falling, 2 rising; 0 ends it.
PIN_WATCH = 6
#: a number, b period in us, 0 ends it; data one byte: 1 periodic.
TIMER = 7
#: a bytes at most; answers with them, without waiting, up to a control byte: there a program may end, and
#: what follows is for the next one.
READ = 9
READ_BYTES = 512
#: data for the host; the result is how many were taken.
WRITE = 10
#: a pin; data: one colour after the other, as the lights get them.
LIGHTS = 11
#: a bytes of chance.
CHANCE = 12
#: The board's unique id.
UNIQUE_ID = 13
#: The result is the millisecond clock.
MILLISECONDS = 14
#: a ms until the watchdog bites; 0: it is fed.
WATCHDOG = 15
#: a 0: hard reset, 1: soft reset. Never answers.
RESET = 16
#: a control byte that interrupts, -1 for none.
INTERRUPT = 17
#: Free memory in bytes.
MEMORY = 18

#: Result of an I2C request: nobody answered, or the bus hangs (EIO and ETIMEDOUT as rp2 tells them).
OK, NOBODY, HANGS = 0, 5, 110
#: Flags of a reply: bytes from the host wait; Ctrl-C came; there is room for bytes to it. The first and the
#: last are those of `select`.
WAITS, INTERRUPTED, ROOM = 1, 2, 4
#: Kinds of events.
EDGE, TICK = 0, 1
#: Ticks wrap here, as on MicroPython.
TICKS_MASK = (1 << 30) - 1
