"""A simulated MEAME server: the instrument's registers, and a culture that sees only currents."""
