"""The views of the page: what of a session a browser is sent for each; see `registry`."""
