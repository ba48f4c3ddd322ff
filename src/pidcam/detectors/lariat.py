"""LArIAT, a liquid-argon time projection chamber in a test beam: two wire planes as images, fifteen species."""

from __future__ import annotations

from pidcam.detectors.base import WITH_SHAPES, Detector, Measured, detectors
from pidcam.formats.layout import HitsSource, ImageSource, LabelSource, Layout
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass

SPECIES: dict[str, tuple[str, tuple[int, ...]]] = {
    "electron": ("electron", (11,)),
    "antielectron": ("positron", (-11,)),
    "muon": ("muon", (13,)),
    "antimuon": ("antimuon", (-13,)),
    "pionPlus": ("positive pion", (211,)),
    "pionMinus": ("negative pion", (-211,)),
    "kaonPlus": ("positive kaon", (321,)),
    "kaonMinus": ("negative kaon", (-321,)),
    "proton": ("proton", (2212,)),
    "antiproton": ("antiproton", (-2212,)),
    "photon": ("photon", (22,)),
    "pion": ("neutral pion", (111,)),
    "nue": ("electron neutrino", (12, -12)),
    "numu": ("muon neutrino", (14, -14)),
    "nutau": ("tau neutrino", (16, -16)),
}
"""What the official files' names begin with, up to the first `_` or `.`: the class, and its PDG ids."""


@detectors.register("lariat")
def lariat() -> Detector:
    """Induction and collection plane, 240 wires of 4 mm x 4096 ticks of 128 ns, ADC counts of either sign.

    HDF5, one species per file, whose name begins with it (`electron_134.2d.h5`). `images` (N, 2, 240, 4096) int16 or
    float. Targets come where the file has them: energies and momenta in GeV, the track's length in cm; neutrinos have
    their own energy, their lepton's momentum, and in `mode_truth` the current of the interaction, 0 charged, 1 neutral.
    LArIAT records 3072 ticks; the arrays are padded. Crop and down-sample them by transforms. Simulated files have the
    true deposits of all events end to end, of event i `[offsets[i]:offsets[i+1]]` in `trajectory/offsets`: their place
    in mm in `trajectory/C` (deposits, 3), electrons that did not recombine in `trajectory/V`, MeV in `trajectory/E`.
    """
    planes = Image(
        name="planes",
        shape=(240, 4096),
        axes=("wire", "tick"),
        channels=(Channel(name="induction", unit="ADC"), Channel(name="collection", unit="ADC")),
    )
    trajectory = Image(
        name="trajectory",
        shape=(160, 140, 300),
        axes=("x", "y", "z"),
        unit="mm",
        pitch=(3.0, 3.0, 3.0),
        low=(0.0, -210.0, 0.0),
        channels=(Channel(name="charge", unit="electrons"), Channel(name="energy", unit="MeV")),
        storage="points",
    )
    targets = {
        "energy": ("Energy", "GeV"),
        "px": ("Px", "GeV"),
        "py": ("Py", "GeV"),
        "pz": ("Pz", "GeV"),
        "track_length": ("Track_length", "cm"),
        "lepton_momentum": ("lep_mom_truth", "GeV"),
        "neutrino_energy": ("nu_energy_truth", "GeV"),
        "mode": ("mode_truth", ""),
    }
    return Detector(
        name="lariat",
        title="LArIAT liquid-argon TPC, two planes of 240 wires x 4096 ticks",
        schema=EventSchema(
            name="lariat",
            images=(planes,),
            targets=tuple(Column(name=name, unit=unit, optional=True) for name, (_, unit) in targets.items()),
            classes=tuple(ParticleClass(name=name, pdg=pdg) for name, pdg in SPECIES.values()),
            content_identifies=True,
        ),
        layout=Layout(
            format="hdf5",
            images={"planes": ImageSource(key=("images", "features"), order="channel-first", dtype="int16")},
            targets={name: key for name, (key, _) in targets.items()},
            label=LabelSource(files={f"{start}[_.]*": name for start, (name, _) in SPECIES.items()}),
        ),
        recipes={"sparse-cnn": WITH_SHAPES},
        measured=Measured(  # benchmarks/results.py lariat
            sample="3,138 simulated training events, networks for 8 epochs on 2 wires and 8 ticks joined",
            auc={"sparse-cnn": (0.9262, 0.0036), "inception": (0.8860, 0.0044), "bdt": (0.9210, 0.0040)},
        ),
        truth=(
            (
                trajectory,
                HitsSource(
                    coordinates=("trajectory/C[0]", "trajectory/C[1]", "trajectory/C[2]"),
                    values=("trajectory/V", "trajectory/E"),
                    offsets="trajectory/offsets",
                    outside="drop",
                ),
            ),
        ),
    )
