"""The generated pages of the documentation: facts that the code has once, as Markdown."""
