"""A telescope of 8 x 8 pixels that measures charge."""

from pidcam.detectors.base import Detector, detectors
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass


@detectors.register("telescope")
def telescope() -> Detector:
    """Charge in 8 x 8 pixels, the angle of the track, and the true momentum."""
    pixels = Image(name="pixels", shape=(8, 8), axes=("x", "y"), channels=(Channel(name="charge", unit="ke"),))
    return Detector(
        name="telescope",
        title="A stranger's pixel telescope",
        schema=EventSchema(
            name="telescope",
            images=(pixels,),
            features=(Column(name="angle", unit="rad"),),
            targets=(Column(name="momentum", unit="GeV"),),
            classes=(ParticleClass(name="pion", pdg=(211, -211)), ParticleClass(name="proton", pdg=(2212,))),
        ),
        layout=Layout(
            format="hdf5",
            images={"pixels": ImageSource(key="clusters", order="no-channel")},
            features={"angle": "track/angle"},
            targets={"momentum": "truth/p"},
            label=LabelSource(key="truth/pdg", values={211: "pion", -211: "pion", 2212: "proton"}),
        ),
    )
