"""NEXT, a high-pressure xenon TPC: tracks as points, single electrons against neutrinoless double beta decay."""

from __future__ import annotations

from pidcam.detectors.base import Detector, Measured, detectors
from pidcam.formats.layout import HitsSource, LabelSource, Layout
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass

PITCH = (10.0, 10.0, 5.0)
"""mm along x, y, z: the coarser of the two voxel sizes of Renner et al. (arXiv:1609.06202); the other is 2 x 2 x 2."""

TRUTH = {"vertex_x": "mm", "vertex_y": "mm", "vertex_z": "mm", "kinetic_1": "MeV", "kinetic_2": "MeV"}


@detectors.register("next-tpc")
def next_tpc() -> Detector:
    """Points (x, y, z in mm, energy in MeV) of a track, kept as they are and put on a grid when they are loaded.

    HDF5: the points of all events end to end in `x`, `y`, `z` and `energy`, with `offsets` (N+1): event i owns
    `[offsets[i]:offsets[i+1]]`; `is_bb` (N,) is 1 for two electrons (bb0nu) and 0 for one. The published files are
    described only as x, y, z, E with signal and background: these names are pidcam's choice. Grid: 40 x 40 x 80 voxels,
    40 cm in every direction around the origin. Simulated files also have `vertex_x`, `_y`, `_z` (mm) and the kinetic
    energies `kinetic_1`, `kinetic_2` (MeV) of the electrons, the second 0 where there is one.
    """
    shape = (40, 40, 80)
    track = Image(
        name="track",
        shape=shape,
        axes=("x", "y", "z"),
        unit="mm",
        pitch=PITCH,
        low=(-shape[0] * PITCH[0] / 2, -shape[1] * PITCH[1] / 2, -shape[2] * PITCH[2] / 2),
        channels=(Channel(name="energy", unit="MeV", non_negative=True),),
        storage="points",
    )
    return Detector(
        name="next-tpc",
        title="NEXT xenon TPC, tracks as points or voxels",
        schema=EventSchema(
            name="next-tpc",
            images=(track,),
            targets=tuple(Column(name=name, unit=unit, optional=True) for name, unit in TRUTH.items()),
            classes=(ParticleClass(name="electron", pdg=(11, -11)), ParticleClass(name="bb0nu")),
            content_identifies=True,
        ),
        layout=Layout(
            format="hdf5",
            hits={"track": HitsSource(coordinates=("x", "y", "z"), values=("energy",), offsets="offsets")},
            targets={name: name for name in TRUTH},
            label=LabelSource(key="is_bb", values={0: "electron", 1: "bb0nu"}),
        ),
        # no direction is special to a track in gas; its ends are what tells one electron from two
        recipes={
            "sparse-cnn": {
                "transforms": [
                    {"name": "flip", "axes": ["x", "y", "z"]},
                    {"name": "rotate", "axes": ["x", "y"]},
                    {"name": "shapes"},
                    {"name": "scale", "by": "rms"},
                ]
            }
        },
        measured=Measured(  # benchmarks/results.py next-tpc
            sample="5,600 simulated training events in voxels of 10 x 10 x 5 mm, networks for 8 epochs",
            auc={"sparse-cnn": (0.8973, 0.0079), "cnn-3d": (0.7325, 0.0124), "bdt": (0.909, 0.0074)},
        ),
    )
