"""Results on disk: one process at a time, and damage is named."""

import pytest

from crepe.errors import ConfigError, CrepeError
from crepe.study.sweep.results import Results
from crepe.study.sweep.runs import Outcome


def test_a_document_comes_back_after_the_file_was_closed(tmp_path, open_file):
    file = open_file()
    request = file.request(file.point(1, {"actors.detect.threshold_sd": 4.5}), 7)
    results = Results(tmp_path / "results")
    assert results.document(request) is None
    results.keep(request, Outcome({"accuracy": 0.5, "µ": None}, "", 1.0))
    results.close()
    again = Results(tmp_path / "results")
    assert again.document(request) == {"accuracy": 0.5, "µ": None}
    again.close()


def test_two_sweeps_do_not_share_a_directory(tmp_path):
    results = Results(tmp_path)
    with pytest.raises(ConfigError, match="another `crepe sweep` is running there"):
        Results(tmp_path)
    results.close()
    Results(tmp_path).close()


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "results.sqlite").write_text("no database, but a text that is long enough\n" * 9)
    with pytest.raises(CrepeError, match=r"results.sqlite: .*; move it away to begin anew"):
        Results(tmp_path)
