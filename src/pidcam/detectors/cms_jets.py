"""CMS quark and gluon jets as three-layer images: Parquet files `QCDToGGQQ_IMGjet_RH1all_jet0_run*.snappy.parquet`."""

from __future__ import annotations

from pidcam.detectors.base import WITH_SHAPES, Detector, Measured, detectors
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass


@detectors.register("cms-jets")
def cms_jets() -> Detector:
    """125 x 125 cells around the jet axis, channels first: pT of tracks, ECAL and HCAL energy; the jet's pT, mass.

    The energy of an HCAL tower is spread evenly over its 5 x 5 cells. Simulated files also tell the PDG id and pT of
    the parton, the number of other collisions, and which jets are of one `collision`: these stay in one split.
    """
    jet = Image(
        name="jet",
        shape=(125, 125),
        axes=("eta", "phi"),
        # preprocessing is left to transforms: below 1e-3 and beyond 500 sigma there are cells of no meaning
        channels=(
            Channel(name="tracks", unit="GeV"),
            Channel(name="ecal", unit="GeV"),
            Channel(name="hcal", unit="GeV"),
        ),
    )
    quarks = tuple(sign * flavour for flavour in (1, 2, 3, 4, 5) for sign in (1, -1))
    return Detector(
        name="cms-jets",
        title="CMS quark/gluon jets, 125 x 125 cells of tracks, ECAL and HCAL",
        schema=EventSchema(
            name="cms-jets",
            images=(jet,),
            # they tell the classes apart by themselves (AUC 0.72): state whether a model was given them
            features=(Column(name="pt", unit="GeV"), Column(name="m0", unit="GeV")),
            # what simulated files know beside
            targets=(
                Column(name="parton", optional=True),
                Column(name="parton_pt", unit="GeV", optional=True),
                Column(name="pile_up", optional=True),
                Column(name="collision", optional=True),
            ),
            classes=(ParticleClass(name="quark", pdg=quarks), ParticleClass(name="gluon", pdg=(21,))),
            content_identifies=True,
        ),
        layout=Layout(
            format="parquet",
            images={"jet": ImageSource(key="X_jets", order="channel-first")},
            features={"pt": "pt", "m0": "m0"},
            targets={name: name for name in ("parton", "parton_pt", "pile_up", "collision")},
            label=LabelSource(key="y", values={0: "quark", 1: "gluon"}),
        ),
        split_by="collision",
        recipes={"resnet": WITH_SHAPES},
        measured=Measured(  # benchmarks/results.py cms-jets
            sample="5,600 simulated training events, networks for 6 epochs",
            auc={"resnet": (0.7955, 0.011), "two-branch": (0.7889, 0.0112), "bdt": (0.7978, 0.011)},
        ),
    )
