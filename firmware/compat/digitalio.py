# CircuitPython's digitalio: only what adafruit_mcp230xx names; its pins are read as registers here.


class Direction:
    INPUT = 0
    OUTPUT = 1


class Pull:
    UP = 1
    DOWN = 2
