# The inner loops, over bytes: in machine code where the board can run it, plainly elsewhere. None allocates.
try:
    from app.inner_fast import after, copy, crc32, fill_bits, fill_load, fill_motion, room, same, seal, sound
except (AttributeError, ImportError, NameError, SyntaxError, ValueError):
    from app.inner_plain import after, copy, crc32, fill_bits, fill_load, fill_motion, room, same, seal, sound
