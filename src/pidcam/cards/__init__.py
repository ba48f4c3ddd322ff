"""Anybody's own files as a detector: a short YAML, the card, says what is where. `pidcam card` drafts it."""

from pidcam.cards.card import Card, CardColumn, CardImage
from pidcam.cards.find import find_detector, is_card, load_card, raw_files

__all__ = ["Card", "CardColumn", "CardImage", "find_detector", "is_card", "load_card", "raw_files"]
