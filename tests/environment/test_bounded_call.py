"""Calls that may hang."""

import threading

import pytest

from crepe.environment.bounded_call import begin, call_within


def test_the_result_and_the_error_of_a_call_are_its_own():
    assert call_within(10.0, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        call_within(10.0, divmod, 7, 0)

    def late():
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        call_within(10.0, late)


def test_a_call_that_hangs_is_given_up_and_its_late_result_discarded():
    is_over, is_discarded = threading.Event(), threading.Event()
    late = []

    def hang():
        assert is_over.wait(60)
        return "late"

    def discard(result):
        late.append(result)
        is_discarded.set()

    with pytest.raises(TimeoutError, match=r"no answer within 0.05 s"):
        call_within(0.05, hang, discard=discard)
    assert late == []
    is_over.set()
    assert is_discarded.wait(60)
    assert late == ["late"]


def test_a_call_that_was_begun_keeps_no_process_alive():
    future = begin(threading.current_thread)
    assert future.result(10.0).daemon
