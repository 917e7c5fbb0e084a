"""Sensors over HTTP: the door that hears them, simulated ones, and the Raspberry Pi's loop."""
