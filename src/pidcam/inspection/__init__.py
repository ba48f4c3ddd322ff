"""A look at events before any model: counts, ranges, spectra, what is empty, bad, missing or there twice."""

from pidcam.inspection.facts import EventFacts, Inspection, PartFacts, RunFacts, StoreFacts
from pidcam.inspection.inspector import Inspector

__all__ = ["EventFacts", "Inspection", "Inspector", "PartFacts", "RunFacts", "StoreFacts"]
