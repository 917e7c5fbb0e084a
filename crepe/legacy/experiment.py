"""CREPE: the whole experiment from Python."""

import atexit
from pathlib import Path
from types import TracebackType
from typing import Self

from crepe.legacy.names import takes_old_names
from crepe.play import prepare
from crepe.supervise import control


class CREPE:
    """Starts every process of the experiment; with a file, that recording is the instrument.

    `shutdown` stops them all, as does leaving the `with` block, Ctrl-C and the end of the program.
    Raises ConfigError if the file is not there or an experiment runs already.
    """

    @takes_old_names
    def __init__(self, data_file_path: str | Path | None = None) -> None:
        file = None if data_file_path is None else Path(data_file_path)
        experiment = prepare(None, file=file)
        control.up(experiment.programs, experiment.path, session_is="new")
        self._is_up = True
        atexit.register(self.shutdown)

    def shutdown(self) -> None:
        """Stop every process that was started; harmless to repeat."""
        if self._is_up:
            self._is_up = False
            control.down()
            atexit.unregister(self.shutdown)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()
