"""Order, duplicates and lateness of readings."""

from __future__ import annotations

import numpy as np

from hanzo_twin.sync.alignment import Aligner


def test_readings_come_out_in_order_of_their_stamps() -> None:
    aligner = Aligner(2)
    for column, value, time in [(0, 1.0, 0.3), (1, 2.0, 0.1), (0, 3.0, 0.2), (1, 4.0, 0.9)]:
        assert aligner.accept(column, value, time, reached=0.0)
    due = aligner.take(0.5)
    np.testing.assert_array_equal(due.times, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(due.values, [2.0, 3.0, 1.0])
    assert aligner.out_of_order == 1
    assert len(aligner) == 1
    assert [array.tolist() for array in due.first()] == [[0, 1], [1, 0]]
    assert [array.tolist() for array in due.latest()] == [[0, 1], [2, 0]]


def test_a_stamp_seen_before_is_a_duplicate() -> None:
    aligner = Aligner(1)
    assert aligner.accept(0, 1.0, 0.1, reached=0.0)
    assert not aligner.accept(0, 1.0, 0.1, reached=0.0)
    aligner.take(1.0)
    assert not aligner.accept(0, 1.0, 0.1, reached=1.0)
    assert (aligner.duplicates, aligner.late) == (2, 0)


def test_a_reading_of_the_past_is_late() -> None:
    aligner = Aligner(1)
    assert not aligner.accept(0, 1.0, 0.9, reached=1.0)
    assert not aligner.accept(0, 1.0, 1.0, reached=1.0)
    assert aligner.late == 2
    assert len(aligner.take(9.0)) == 0


def test_forgetting_drops_what_is_held_and_all_memory_of_stamps() -> None:
    aligner = Aligner(1)
    aligner.accept(0, 1.0, 0.5, reached=0.0)
    aligner.forget()
    assert len(aligner) == 0
    assert aligner.accept(0, 1.0, 0.5, reached=0.0)
