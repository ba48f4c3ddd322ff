"""CMS ECAL crops of single electrons and photons of 50 GeV: the "particle images" challenge of ML4SCI."""

from __future__ import annotations

from pidcam.detectors.base import Detector, Measured, OfficialFile, detectors
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass


@detectors.register("cms-ecal")
def cms_ecal() -> Detector:
    """32 x 32 crystals around the highest one: rows along eta, columns along phi; hit energy and hit time."""
    ecal = Image(
        name="ecal",
        shape=(32, 32),
        axes=("eta", "phi"),
        # not declared non-negative: a hit is a fitted pulse, and noise may pull a small one below zero
        channels=(Channel(name="energy", unit="50 GeV"), Channel(name="time", unit="ns")),
    )
    return Detector(
        name="cms-ecal",
        title="CMS ECAL electron/photon crops, 32 x 32 crystals, energy and time",
        schema=EventSchema(
            name="cms-ecal",
            images=(ecal,),
            # simulated files tell them, the official ones do not
            targets=(
                Column(name="pt", unit="GeV", optional=True),
                Column(name="eta", optional=True),
                Column(name="charge", unit="e", optional=True),
            ),
            classes=(ParticleClass(name="photon", pdg=(22,)), ParticleClass(name="electron", pdg=(11, -11))),
            content_identifies=True,
        ),
        layout=Layout(
            format="hdf5",
            images={"ecal": ImageSource(key="X", order="channel-last")},
            targets={name: name for name in ("pt", "eta", "charge")},
            label=LabelSource(key="y", values={0: "photon", 1: "electron"}),
        ),
        official_split={"train": (0, 160_000), "valid": (160_000, 185_600), "test": (185_600, 211_200)},
        # the time of a hit says nothing about its species; mirror images about the highest crystal are events as well;
        # what a shower's width is need not be learnt
        recipes={
            "resnet": {
                "model": {"dense": [64]},
                "transforms": [
                    {"name": "channels", "keep": {"ecal": ["energy"]}},
                    {"name": "flip", "axes": ["eta", "phi"], "about": "cell"},
                    {"name": "shapes"},
                    {"name": "scale", "by": "rms"},
                ],
            }
        },
        measured=Measured(  # benchmarks/results.py cms-ecal
            sample="28,000 simulated training events",
            auc={"resnet": (0.8225, 0.0046), "reference-cnn": (0.5816, 0.0064), "bdt": (0.8111, 0.0048)},
        ),
        files=(
            _file(
                "SingleElectronPt50_IMGCROPS_n249k_RHv1.hdf5",
                "FbXw3V4XNyYB3oA",
                "sHjzCNFTFxutYCj",
                128_927_319,
                87_010_508,
            ),
            _file(
                "SinglePhotonPt50_IMGCROPS_n249k_RHv1.hdf5",
                "AtBT8y4MiQYFcgc",
                "69nGEZjOy3xGxBq",
                119_703_858,
                79_876_391,
            ),
        ),
    )


def _file(name: str, newer: str, older: str, *sizes: int) -> OfficialFile:
    """One species on its two public shares; which share serves which size is not documented, so both may."""
    share = "https://cernbox.cern.ch/remote.php/dav/public-files"
    urls = {"newer": f"{share}/{newer}/{name}", "older": f"{share}/{older}/{name}"}
    return OfficialFile(name, urls, dict.fromkeys(sizes))
