"""A log on a full disk costs lines, and does not end supervisord."""

import sys
from pathlib import Path

import pytest
from supervisor import loggers

from crepe.supervise.safe_logs import make_logs_safe


class Full:
    """A file on a full disk."""

    closed = False

    def write(self, text):
        raise OSError(28, "No space left on device")

    def tell(self):
        return 1000

    def close(self):
        self.closed = True
        raise OSError(28, "No space left on device")


@pytest.fixture
def logger(tmp_path, monkeypatch):
    """A logger into a file on a full disk, as stderr is."""
    monkeypatch.setattr(loggers.Handler, "handleError", loggers.Handler.handleError)
    rolls_over = loggers.RotatingFileHandler.doRollover
    monkeypatch.setattr(loggers.RotatingFileHandler, "doRollover", rolls_over)
    monkeypatch.setattr(sys, "stderr", Full())
    logger = loggers.getLogger()
    path = tmp_path / "a.log"
    loggers.handle_file(logger, str(path), "%(message)s", rotating=True, maxbytes=10, backups=1)
    logger.handlers[0].stream.close()
    logger.handlers[0].stream = Full()
    return logger


def test_supervisor_by_itself_raises_what_it_cannot_write(logger):
    with pytest.raises(OSError, match="No space left"):
        logger.critical("lost")


def test_what_cannot_be_written_is_dropped_until_there_is_room(logger):
    make_logs_safe()
    logger.critical("lost, and the roll-over fails")
    logger.critical("opens the file again")
    logger.critical("kept")
    path = Path(logger.handlers[0].baseFilename)
    kept = [file.read_text() for file in path.parent.glob("a.log*")]
    assert "kept" in "".join(kept)
    logger.close()
