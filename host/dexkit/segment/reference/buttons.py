"""The button board segmenter: readable oracle for native/src/buttons.c, and its stand-in."""

from dexkit.segment.reference.base import ReferenceSegmenter


class ButtonsSegmenter(ReferenceSegmenter):
    """Twin of dexkit.segment.ButtonsSegmenter."""

    object_kind = "button_board"
