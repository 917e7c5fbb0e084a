"""The culture as a reservoir: features of its activity, and a linear readout trained on them."""
