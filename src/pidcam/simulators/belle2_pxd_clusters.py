"""Belle II pixel detector: clusters as six numbers, from the same sensor as the 9 x 9 windows."""

from __future__ import annotations

from pidcam.events import EventBatch
from pidcam.simulation.clusters import largest_clusters
from pidcam.simulators.base import Generator, Simulator, Species, make_events, simulators
from pidcam.simulators.belle2_pxd import Belle2Pxd, seen


class Belle2PxdClusters(Belle2Pxd):
    """Clusters of pions, anti-deuterons, tetraquark-like particles and beam background in 75 um of silicon.

    The tetraquark is a particle of one elementary charge and the mass of the Z_c(3900), taken to live long enough;
    anti-deuterons lose energy like deuterons, and what they set free where they stop is left out.
    """


def events(parameters: Belle2PxdClusters, species: Species, n: int, rng: Generator) -> EventBatch:
    """A block of clusters."""
    return make_events("belle2-pxd-clusters", species, features=largest_clusters(seen(parameters, species.of, n, rng)))


simulators.add(
    "belle2-pxd-clusters",
    Simulator(
        detector="belle2-pxd-clusters",
        parameters=Belle2PxdClusters,
        species=(
            Species("beam background", "beam background", (), "BG"),
            Species("anti-deuteron", "anti-deuteron", (-1000010020,), "dd"),
            Species("pion", "pion", (211, -211), "pi"),
            Species("tetraquark", "tetraquark", (), "T"),
        ),
        events=events,
        file_name=lambda parameters, species, n, number: f"Beam_{species.file}_cluster_sim.txt",
        block=5000,
    ),
)
