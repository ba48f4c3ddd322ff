"""Detector physics that simulators share: pure functions of parameters and random numbers."""
