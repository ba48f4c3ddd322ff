"""What the names of columns say to a physicist."""

from __future__ import annotations

import re

AXES = (
    "x", "y", "z", "ix", "iy", "iz", "i", "j", "k", "u", "v", "w", "row", "col", "column", "eta", "phi", "ieta", "iphi",
    "theta", "layer", "plane", "wire", "tick", "strip", "pixel_x", "pixel_y",
)  # fmt: skip
"""Names of coordinates, also behind `hit_`, `cell.` and the like."""

CELL = re.compile(r"(.*[_./])?(cell|index|idx|flat|voxel|cellid|cell_id|pixel|pixel_id)", re.I)
LABEL = re.compile(
    r"(.*[./])?y|(.*[_./])?(label|labels|class|classes|target|targets|category|species|type|pid|particle|is_?[a-z]+|signal|truth)",
    re.I,
)
PDG = re.compile(r".*pdg.*", re.I)
NUMBER = re.compile(
    r"(.*[_./])?(n|id|uid|index|idx|entry|entries|row|run|lumi|number|nr|file|seed|frame|trigger)"
    r"|(.*[_./])?(event|evt|run|file|frame|entry|subrun)[ _]?(id|number|num|nr|no|index)?",
    re.I,
)
EVENT = re.compile(r"(.*[_./])?(event|evt|frame|trigger|entry)[ _]?(id|number|num|nr|no|index)?", re.I)
TRUTH = re.compile(r"(.*[_./])?(true|truth|mc|gen|sim|target|beam|vertex|vtx|parent|mother|initial)([_./]?.*)?", re.I)
WEIGHT = re.compile(r"(.*[_./])?(weight|weights|wgt)", re.I)

PARTICLES = {
    1: "down", 2: "up", 3: "strange", 4: "charm", 5: "bottom", 6: "top",
    11: "electron", 12: "electron neutrino", 13: "muon", 14: "muon neutrino", 15: "tau", 16: "tau neutrino",
    21: "gluon", 22: "photon", 23: "Z", 24: "W", 25: "Higgs",
    111: "neutral pion", 130: "long-lived kaon", 211: "charged pion", 310: "short-lived kaon", 321: "charged kaon",
    2112: "neutron", 2212: "proton", 1000010020: "deuteron", 1000010030: "triton", 1000020040: "alpha",
}  # fmt: skip
"""PDG ids (without sign) of what is most often told apart."""

OWN_ANTIPARTICLE = {21, 22, 23, 25, 111, 130, 310}


def tail(key: str) -> str:
    """The last step of a path: `truth/E` -> `E`."""
    return re.split(r"[/.]", key)[-1]


def is_axis(key: str) -> bool:
    """Whether a column is named like a coordinate."""
    name = tail(key).lower()
    return name in AXES or re.sub(r"^(hits?|cells?|pix(el)?s?|points?|voxels?)_?", "", name) in AXES


def is_label(key: str) -> bool:
    return bool(LABEL.fullmatch(key) or PDG.fullmatch(key))


def particle(pdg: int) -> str:
    """A name for a PDG id without its sign."""
    return PARTICLES.get(abs(pdg), f"pdg {abs(pdg)}")
