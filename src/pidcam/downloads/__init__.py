"""Official raw files from their public addresses."""

from pidcam.downloads.official import download

__all__ = ["download"]
