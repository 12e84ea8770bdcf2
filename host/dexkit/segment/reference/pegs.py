"""The pegboard segmenter: readable oracle for native/src/pegs.c, and its stand-in."""

from dexkit.segment.reference.base import ReferenceSegmenter


class PegsSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.PegsSegmenter."""

    object_kind = "pegboard"
