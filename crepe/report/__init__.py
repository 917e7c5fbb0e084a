"""`crepe report`: a recorded session as one page, with its figures and its numbers as files."""
