"""The slow, readable twin of every segmenter: same signatures, same events bit for bit."""

from dexkit.segment.reference.buttons import ButtonsSegmenter
from dexkit.segment.reference.coaster import CoasterSegmenter
from dexkit.segment.reference.cup import CupSegmenter
from dexkit.segment.reference.pegs import PegsSegmenter
from dexkit.segment.whole import whole

__all__ = [
    "ButtonsSegmenter",
    "CoasterSegmenter",
    "CupSegmenter",
    "PegsSegmenter",
    "segment_buttons",
    "segment_coaster",
    "segment_cup",
    "segment_pegs",
]

segment_cup = whole(CupSegmenter)
segment_coaster = whole(CoasterSegmenter)
segment_buttons = whole(ButtonsSegmenter)
segment_pegs = whole(PegsSegmenter)
