"""Pixel telescope of a stranger, who never changed a line of pidcam."""
