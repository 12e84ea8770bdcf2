"""The coaster segmenter: readable oracle for native/src/coaster.c, and its stand-in."""

from dexkit.segment.reference.base import ReferenceSegmenter


class CoasterSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.CoasterSegmenter."""

    object_kind = "coaster"
