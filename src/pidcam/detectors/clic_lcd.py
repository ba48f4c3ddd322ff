"""CLIC calorimeters (the LCD set): electromagnetic and hadronic volumes of single particles of 10 to 510 GeV."""

from __future__ import annotations

from pidcam.detectors.base import WITH_SHAPES, Detector, Measured, detectors
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass

GEV = {"ECALMeasuredEnergy"}

FEATURES = (
    "ECALMeasuredEnergy",
    "ECALNumberOfHits",
    "ECAL_ratioFirstLayerToTotalE",
    "ECAL_ratioFirstLayerToSecondLayerE",
    *(f"ECALMoment{order}{axis}" for order in range(1, 7) for axis in "XYZ"),
    "ECAL_HCAL_ERatio",
    "ECAL_HCAL_nHitsRatio",
)
"""The 24 engineered features of the official files. Moments are energy-weighted, in cells along each axis: order 1 is
the mean, orders 2 to 6 are about it."""


@detectors.register("clic-lcd")
def clic_lcd() -> Detector:
    """ECAL 25 x 25 x 25 and HCAL 5 x 5 x 60 cells [x, y, layer] in GeV, 24 features, the true energy as target.

    HDF5 files of about 1000 events, one folder per species: Ele, Gamma, Pi0, ChPi; Quark and Gluon for jets. The class
    is `pdgID`, or the folder where a file has none. The true energy is the second number of `target` (after the PDG
    id), or its only one.
    """
    energy = (Channel(name="energy", unit="GeV"),)
    return Detector(
        name="clic-lcd",
        title="CLIC LCD calorimeters, ECAL 25 x 25 x 25 and HCAL 5 x 5 x 60",
        schema=EventSchema(
            name="clic-lcd",
            images=(
                Image(name="ecal", shape=(25, 25, 25), axes=("x", "y", "z"), channels=energy),
                Image(name="hcal", shape=(5, 5, 60), axes=("x", "y", "z"), channels=energy),
            ),
            features=tuple(Column(name=name, unit="GeV" if name in GEV else "") for name in FEATURES),
            targets=(Column(name="energy", unit="GeV"),),
            classes=(
                ParticleClass(name="electron", pdg=(11, -11)),
                ParticleClass(name="photon", pdg=(22,)),
                ParticleClass(name="neutral pion", pdg=(111,)),
                ParticleClass(name="charged pion", pdg=(211, -211)),
                # the second version of the set was to bring them
                ParticleClass(name="quark jet", pdg=tuple(s * f for f in (1, 2, 3, 4, 5) for s in (1, -1))),
                ParticleClass(name="gluon jet", pdg=(21,)),
            ),
            content_identifies=True,
        ),
        layout=Layout(
            format="hdf5",
            images={
                "ecal": ImageSource(key="ECAL", order="no-channel"),
                "hcal": ImageSource(key="HCAL", order="no-channel"),
            },
            features={name: name for name in FEATURES},
            targets={"energy": ("target[1]", "target")},
            label=LabelSource(
                key="pdgID",
                pdg=True,
                files={
                    "Ele*/*": "electron",
                    "Gamma*/*": "photon",
                    "Pi0*/*": "neutral pion",
                    "ChPi*/*": "charged pion",
                    "Quark*/*": "quark jet",
                    "Gluon*/*": "gluon jet",
                },
            ),
        ),
        recipes={"resnet": WITH_SHAPES},
        measured=Measured(  # benchmarks/results.py clic-lcd
            sample="4,200 simulated training events, networks for 8 epochs",
            auc={"resnet": (0.8872, 0.0065), "lcd-dnn": (0.8526, 0.0075), "bdt": (0.8988, 0.0062)},
        ),
    )
