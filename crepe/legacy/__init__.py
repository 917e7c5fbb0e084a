"""The interface of the original CREPE (2019), on top of `crepe.store`.

Import it through `crepe.stream_service`, `crepe.settings` and `crepe.utils`, as scripts did then.
"""
