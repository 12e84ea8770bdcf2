"""From an object's samples to its events; docs/events.md says what each event means."""

from dexkit.core import lib
from dexkit.segment import reference
from dexkit.segment.events import EVENT_DTYPE
from dexkit.segment.whole import whole

if lib is not None:
    from dexkit.segment.face import ButtonsSegmenter, CoasterSegmenter, CupSegmenter, PegsSegmenter
else:
    from dexkit.segment.reference import (  # type: ignore[assignment]
        ButtonsSegmenter,
        CoasterSegmenter,
        CupSegmenter,
        PegsSegmenter,
    )

__all__ = [
    "EVENT_DTYPE",
    "ButtonsSegmenter",
    "CoasterSegmenter",
    "CupSegmenter",
    "PegsSegmenter",
    "reference",
    "segment_buttons",
    "segment_coaster",
    "segment_cup",
    "segment_pegs",
]

segment_cup = whole(CupSegmenter)
segment_coaster = whole(CoasterSegmenter)
segment_buttons = whole(ButtonsSegmenter)
segment_pegs = whole(PegsSegmenter)
