"""Belle II pixel detector: 9 x 9 windows of ADC values, and clusters described by six numbers. Two text layouts."""

from __future__ import annotations

from pidcam.detectors.base import WITH_SHAPES, Detector, Measured, detectors
from pidcam.formats.layout import ImageSource, LabelSource, Layout, TextOptions
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass

PION = ParticleClass(name="pion", pdg=(211, -211))
BACKGROUND = ParticleClass(name="beam background")
UINT16 = (0.0, 65535.0)

OF_ONE_CLASS = ("pion", "proton", "deuteron", "kaon", "muon", "electron")

CLUSTER = ("total_charge", "seed_charge", "minimum_charge", "size", "size_u", "size_v")
"""The six columns of a cluster file, in their order."""


@detectors.register("belle2-pxd")
def belle2_pxd() -> Detector:
    """9 x 9 pixels around the seed, ADC counts.

    `pions.txt`, `protons.txt` and `deuterons.txt` hold 86 columns, of which 2 to 82 are the window; the others are not
    documented and are not read. `monopol_bg_9x9.txt` holds 82, the window being 1 to 81; its first column tells
    monopole (1) from beam background (0). The published script dropped the rows that are 0 there, here they are a
    class. Kaons, muons and electrons, of which no files were published, are simulated in the layout of pions. Windows
    of whole numbers coincide by chance, so equal content does not make one event of two.
    """
    window = Image(
        name="window",
        shape=(9, 9),
        axes=("v", "u"),
        channels=(Channel(name="charge", unit="ADU", non_negative=True),),
    )
    monopoles = Layout(
        format="text",
        text=TextOptions(columns=82),
        images={"window": ImageSource(key="1:82", order="no-channel")},
        label=LabelSource(key="0", values={0: "beam background", 1: "monopole"}),
    )
    return Detector(
        name="belle2-pxd",
        title="Belle II PXD, 9 x 9 pixel windows",
        schema=EventSchema(
            name="belle2-pxd",
            images=(window,),
            classes=(
                BACKGROUND,
                ParticleClass(name="monopole"),
                PION,
                ParticleClass(name="proton", pdg=(2212, -2212)),
                ParticleClass(name="deuteron", pdg=(1000010020, -1000010020)),
                ParticleClass(name="kaon", pdg=(321, -321)),
                ParticleClass(name="muon", pdg=(13, -13)),
                ParticleClass(name="electron", pdg=(11, -11)),
            ),
        ),
        layout=Layout(
            format="text",
            text=TextOptions(columns=86),
            images={"window": ImageSource(key="2:83", order="no-channel")},
            label=LabelSource(files={f"*{name}*": name for name in OF_ONE_CLASS}),
            variants={"*monopol*": monopoles},
        ),
        recipes={"resnet": WITH_SHAPES},
        measured=Measured(  # benchmarks/results.py belle2-pxd
            sample="11,200 simulated training events",
            auc={"resnet": (0.7699, 0.0044), "pxd-cnn": (0.7682, 0.0044), "bdt": (0.7637, 0.0045)},
        ),
    )


@detectors.register("belle2-pxd-clusters")
def belle2_pxd_clusters() -> Detector:
    """Charges (ADC counts) and sizes (pixels) of clusters; the class is in the name of the file.

    Files `Beam_{BG,dd,pi,T}_cluster_sim.txt`: beam background, anti-deuteron, pion, tetraquark. The published split is
    70/20/10. Published studies scaled every column by its maximum.
    """
    units = ("ADU",) * 3 + ("pixels",) * 3
    columns = dict(zip(CLUSTER, units, strict=True))
    return Detector(
        name="belle2-pxd-clusters",
        title="Belle II PXD, clusters as six numbers",
        schema=EventSchema(
            name="belle2-pxd-clusters",
            features=tuple(Column(name=name, unit=unit, range=UINT16) for name, unit in columns.items()),
            classes=(
                BACKGROUND,
                ParticleClass(name="anti-deuteron", pdg=(-1000010020,)),
                PION,
                ParticleClass(name="tetraquark"),
            ),
        ),
        layout=Layout(
            format="text",
            text=TextOptions(columns=len(CLUSTER)),
            features={name: str(number) for number, name in enumerate(CLUSTER)},
            label=LabelSource(
                files={
                    "*_BG_*": "beam background",
                    "*_dd_*": "anti-deuteron",
                    "*_pi_*": "pion",
                    "*_T_*": "tetraquark",
                }
            ),
        ),
        split="0.7/0.2/0.1",
        measured=Measured(  # benchmarks/results.py belle2-pxd-clusters
            sample="16,800 simulated training events",
            auc={"mlp": (0.8502, 0.0032), "pxd-mlp": (0.8399, 0.0032), "bdt": (0.847, 0.0032)},
        ),
    )
