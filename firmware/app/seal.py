# Chooses how frames are sealed: in machine code where the board can run it, plainly elsewhere.
try:
    from app.seal_fast import crc32, seal
except (AttributeError, ImportError, NameError, SyntaxError, ValueError):
    from app.seal_plain import crc32, seal
