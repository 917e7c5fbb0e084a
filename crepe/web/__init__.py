"""HTTP, done once for the page, the sensor gateway and the simulators."""
