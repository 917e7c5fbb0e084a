"""Sensors over HTTP: the gateway that receives frames, simulated sensors, and the Pi's loop."""
