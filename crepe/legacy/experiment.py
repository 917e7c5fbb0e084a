"""CREPE: the whole experiment from Python."""

import atexit
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from crepe.config.overrides import FileChoice, prepare
from crepe.legacy.names import takes_old_names
from crepe.supervise import unfinished
from crepe.supervise.start import running


class CREPE:
    """All programs of the experiment, running; with a file, that recording is the instrument.

    `shutdown` stops them all, as does leaving the `with` block, Ctrl-C, SIGTERM and the end of the
    program. Raises ConfigError if the file does not exist, if an experiment runs already, or if the
    last session is unfinished and is not abandoned at the terminal or by `new=True`. Raises
    LeaseError if another session has the culture on the server of CREPE_REDIS, unless
    `take_over=True` ends that session.
    """

    @takes_old_names
    def __init__(
        self,
        data_file_path: str | Path | None = None,
        *,
        new: bool = False,
        take_over: bool = False,
    ) -> None:
        file = None if data_file_path is None else Path(data_file_path)
        experiment = prepare(None, file=FileChoice(file) if file else None)
        unfinished.abandon(new=new)
        self._programs = ExitStack()
        self._programs.enter_context(running(experiment, take_over=take_over))
        atexit.register(self.shutdown)

    def shutdown(self) -> None:
        """Stop every process that was started; harmless to repeat."""
        self._programs.close()
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
