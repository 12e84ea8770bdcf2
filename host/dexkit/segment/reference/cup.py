"""The cup segmenter: readable oracle for native/src/cup.c, and its stand-in."""

from dexkit.segment.reference.base import ReferenceSegmenter


class CupSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.CupSegmenter."""

    object_kind = "cup"
