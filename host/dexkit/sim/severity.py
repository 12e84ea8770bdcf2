"""The four severities as data: how each kind of person moves, and the published totals this must give."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Severity:
    """How people of one severity move. Pairs are the lowest and highest value a person of this kind has.

    Totals of time are held against PUBLISHED by a test; what has no published figure is PROPOSED.
    """

    name: str
    # Tremor: enhanced physiological 8-12 Hz, essential 4-12 Hz, Parkinson 4-6 Hz (IPMDS 2018 as cited in
    # PMC6806079); the amplitudes are PROPOSED: one clinical point is a factor of 2 to 5 (Elble 2016).
    tremor_hz: tuple[float, float]
    tremor_ms2: tuple[float, float]
    tremor_deg: tuple[float, float]
    # Movement units: healthy drinking has few, stroke more (Alt Murphy 2011: 2.3, 3.4, 8.4 in two phases).
    submovements: tuple[int, int]
    fatigue: float  # how much slower the last part is than the first
    # Cup.
    cup_pace: float  # times the healthy duration of each phase
    drink_pace: float
    lift_ramp_s: tuple[float, float]
    failed_lift: float  # chance in a cycle
    bump: float
    put_bounce: float
    pause: float  # chance that a pour is interrupted
    spill: float  # mean part of the flow that misses the glass
    # Buttons.
    button_pace: float
    slips: float  # mean failed attempts before a button seats, for the middle size
    gives_up: float  # chance to give up a button of the smallest size
    # Pegs.
    peg_pace: float
    half_insertion: float  # chance in one insertion
    drop: float  # chance in one transfer
    two_at_once: float
    sink_back: float
    bounce_out: float


HEALTHY = Severity(
    "healthy",
    tremor_hz=(8.0, 11.0),
    tremor_ms2=(0.02, 0.08),
    tremor_deg=(0.02, 0.08),
    submovements=(1, 2),
    fatigue=0.03,
    cup_pace=1.0,
    drink_pace=1.0,
    lift_ramp_s=(0.08, 0.20),
    failed_lift=0.0,
    bump=0.10,
    put_bounce=0.20,
    pause=0.05,
    spill=0.0,
    button_pace=1.0,
    slips=0.1,
    gives_up=0.0,
    peg_pace=1.0,
    half_insertion=0.02,
    drop=0.004,
    two_at_once=0.01,
    sink_back=0.0,
    bounce_out=0.01,
)
MILD = Severity(
    "mild",
    tremor_hz=(5.0, 9.0),
    tremor_ms2=(0.1, 0.5),
    tremor_deg=(0.1, 0.4),
    submovements=(2, 3),
    fatigue=0.08,
    cup_pace=1.4,
    drink_pace=1.5,
    lift_ramp_s=(0.08, 0.25),
    failed_lift=0.10,
    bump=0.20,
    put_bounce=0.20,
    pause=0.15,
    spill=0.01,
    button_pace=2.2,
    slips=0.4,
    gives_up=0.0,
    peg_pace=1.56,
    half_insertion=0.06,
    drop=0.02,
    two_at_once=0.03,
    sink_back=0.03,
    bounce_out=0.03,
)
MODERATE = Severity(
    "moderate",
    tremor_hz=(4.0, 8.5),
    tremor_ms2=(0.2, 1.4),
    tremor_deg=(0.3, 1.0),
    submovements=(3, 5),
    fatigue=0.15,
    cup_pace=1.9,
    drink_pace=2.2,
    lift_ramp_s=(0.08, 0.35),
    failed_lift=0.25,
    bump=0.30,
    put_bounce=0.20,
    pause=0.30,
    spill=0.06,
    button_pace=7.5,
    slips=1.2,
    gives_up=0.03,
    peg_pace=2.7,
    half_insertion=0.15,
    drop=0.05,
    two_at_once=0.05,
    sink_back=0.08,
    bounce_out=0.06,
)
SEVERE = Severity(
    "severe",
    tremor_hz=(3.0, 6.5),
    tremor_ms2=(0.8, 2.5),
    tremor_deg=(0.8, 2.0),
    submovements=(4, 8),
    fatigue=0.25,
    cup_pace=2.6,
    drink_pace=3.2,
    lift_ramp_s=(0.10, 0.35),
    failed_lift=0.40,
    bump=0.40,
    put_bounce=0.25,
    pause=0.40,
    spill=0.25,
    button_pace=8.0,
    slips=2.5,
    gives_up=0.7,
    peg_pace=4.1,
    half_insertion=0.25,
    drop=0.08,
    two_at_once=0.06,
    sink_back=0.12,
    bounce_out=0.10,
)

PRESETS = {preset.name: preset for preset in (HEALTHY, MILD, MODERATE, SEVERE)}
SEVERITIES = tuple(PRESETS)


@dataclass(frozen=True)
class Published:
    """A published total that people of one severity must come near to."""

    measure: str
    severity: str
    mean: float
    sd: float
    source: str


PUBLISHED = (
    Published("pegs.total_s", "healthy", 18.93, 2.37, "Oxford Grice 2003, men 51-55 y, right hand"),
    Published("pegs.total_s", "mild", 31.4, 15.7, "Earhart 2011, Parkinson, dominant hand, n = 262"),
    Published("pegs.total_s", "moderate", 60.8, 39.7, "Beebe and Lang 2009, stroke at 3 to 6 months"),
    Published("pegs.total_s", "severe", 88.8, 40.2, "Beebe and Lang 2009, stroke at 1 month"),
    Published("drink.total_s", "healthy", 6.37, 1.68, "UE_ADLdatabase, 16 adults, 163 trials (DERIVED)"),
    Published("drink.peak_speed_ms", "healthy", 0.716, 0.097, "UE_ADLdatabase, as above (DERIVED)"),
    Published("drink.total_s", "mild", 9.3, 2.0, "Alt Murphy 2011, mild stroke (RECALLED)"),
    Published("drink.total_s", "moderate", 13.5, 3.0, "Alt Murphy 2011, moderate stroke (RECALLED)"),
)

#: Cheong 2018 grouped people by the time to fasten a button: A not completed, B > 18 s, C <= 18 s. Which
#: class each severity stands for is our reading (PROPOSED).
CHEONG_CLASS = {"healthy": "C", "mild": "C", "moderate": "B", "severe": "A"}
CHEONG_LIMIT_S = 18.0
