# A command line, read where it lies: @<number> <word> <arguments>*<checksum>. Pings and acks allocate nothing.
from app.inner import after, same, sound


class Command:
    # One line at a time; read() says whether it is sound, then the words can be asked for.
    def __init__(self, line):
        self.line = line
        self.number = 0
        self.checksum = bytearray(4)
        self._end = 0  # of the last argument
        self._word = 0  # where the word begins
        self._here = 0  # where the present argument begins
        self._at = 0  # where it ends

    def read(self, length):
        # Whether these bytes of the line are a sound command.
        line = self.line
        self.number = 0
        if length > len(line):
            return False
        if length and line[length - 1] == 13:
            length -= 1
        star = length - 9
        if star < 4 or line[0] != 64 or line[star] != 42:
            return False
        if not sound(line, star, self.checksum):
            return False
        at, number = 1, 0
        while 48 <= line[at] <= 57:
            number = 10 * number + line[at] - 48
            at += 1
            if at > 6:
                return False
        if at == 1 or number > 65535 or line[at] != 32:
            return False
        self.number, self._word, self._end = number, at + 1, star
        self._at = after(line, at + 1, star)
        return True

    def word_is(self, text):
        at, length = self._word, len(text)
        return after(self.line, at, self._end) - at == length and same(self.line, at, text, length)

    def next(self):
        # Go to the next argument; return whether there is one.
        if self._at >= self._end:
            return False
        self._here = self._at + 1
        self._at = after(self.line, self._here, self._end)
        return True

    def is_(self, text):
        # Whether the present argument is this text.
        length = len(text)
        return self._at - self._here == length and same(self.line, self._here, text, length)

    def decimal(self):
        # The present argument as a number below 2^30, or -1.
        value = 0
        if not 0 < self._at - self._here < 10:
            return -1
        for i in range(self._here, self._at):
            if not 48 <= self.line[i] <= 57:
                return -1
            value = 10 * value + self.line[i] - 48
        return value if value < 0x40000000 else -1

    def four_bits(self, k):
        # Bits 4k to 4k + 3 of the present argument in hexadecimal, which stand from the highest digit on.
        at = self._at - 1 - k
        return digit(self.line[at]) if at >= self._here else 0

    def is_mask(self):
        # Whether the present argument has one to eight hexadecimal digits.
        if not 0 < self._at - self._here <= 8:
            return False
        for i in range(self._here, self._at):
            if digit(self.line[i]) < 0:
                return False
        return True

    def word(self):
        return self._text(self._word, after(self.line, self._word, self._end))

    def arguments(self):
        # All arguments as text.
        begin = after(self.line, self._word, self._end)
        return self._text(begin + 1, self._end).split() if begin < self._end else []

    def _text(self, at, end):
        return str(bytes(self.line[at:end]), "ascii")


def digit(byte):
    # The value of a hexadecimal digit in lower case, or -1.
    if 48 <= byte <= 57:
        return byte - 48
    return byte - 87 if 97 <= byte <= 102 else -1
