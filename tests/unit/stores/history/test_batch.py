from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanzo_twin.errors import InvalidInputError
from hanzo_twin.stores.history import GENESIS, AddressTable, ChainHead, HistoryBatch, Kind
from hanzo_twin.stores.history.frames import decode, encode


def test_a_scalar_fills_its_column() -> None:
    batch = HistoryBatch(kind=Kind.DRIFT, addresses=["b", "a"], time=1.5, received=2.0, value=[3.0, np.nan])
    assert len(batch) == 2
    assert batch.rows.time.tolist() == [1_500_000, 1_500_000]
    assert batch.rows.kind.tolist() == [Kind.DRIFT, Kind.DRIFT]
    assert [batch.rows.table.sorted_names[rank] for rank in batch.rows.rank] == ["b", "a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": [0.0, np.nan]}, "row 1: time is nan s"),
        ({"received": np.inf}, "row 0: received is inf s"),
        ({"time": 1e12}, "row 0: time is 1000000000000.0 s"),
        ({"time": [0.0]}, "'time' has shape (1,); expected (2,)"),
        ({"value": [1.0, 2.0, 3.0]}, "'value' has shape (3,); expected (2,)"),
        ({"kind": [0, 9]}, "outside 0 … 6"),
        ({"kind": [0]}, "'kind' has shape (1,)"),
        ({"address": [0, 2]}, "points to 2, outside a table of 2"),
        ({"addresses": ["a", ""]}, "may not be empty"),
        ({"addresses": ["a", "\ud800"]}, "not valid Unicode"),
        ({"detail": {5: "{}"}}, "row 5 of a batch of 2"),
        ({"detail": {0: "{'a': 1}"}}, "row 0: detail is not JSON text"),
    ],
)
def test_bad_columns_are_refused(change: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"kind": Kind.READING, "addresses": ["a", "b"], "time": 0.0, "received": 0.0}
    with pytest.raises(InvalidInputError) as caught:
        HistoryBatch(**(good | change))  # type: ignore[arg-type]
    assert message in str(caught.value)


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["/a.x", "/b.y", "/µ.z", "/w.\n"]),
        st.sampled_from(list(Kind)),
        st.integers(-(10**15), 10**15),
        st.floats(),
        st.none() | st.sampled_from(["{}", '{"a": "é"}', "null"]),
    ),
    min_size=1,
    max_size=20,
)


@given(rows=ROWS, sequence=st.integers(1, 2**40))
def test_decoding_a_payload_and_encoding_it_again_gives_the_same_bytes(
    rows: list[tuple[str, Kind, int, float, str | None]], sequence: int
) -> None:
    names = ["/unused", *(row[0] for row in rows)]
    batch = HistoryBatch(
        kind=[row[1] for row in rows],
        addresses=names,
        address=np.arange(1, len(names)),
        time=[row[2] / 1e6 for row in rows],
        received=0.0,
        value=[row[3] for row in rows],
        detail={index: row[4] for index, row in enumerate(rows) if row[4] is not None},
    )
    payload = encode(batch.rows, sequence)
    again = decode(memoryview(payload))
    assert encode(again, sequence) == payload
    assert b"/unused" not in payload
    assert [again.table.sorted_names[rank] for rank in again.rank] == [row[0] for row in rows]


def test_the_payload_does_not_depend_on_how_the_addresses_were_given() -> None:
    table = AddressTable(["z", "a", "m", "a"])
    by_table = HistoryBatch(kind=Kind.READING, addresses=table, address=[2, 3, 0], time=1.0, received=1.0, value=1.0)
    by_names = HistoryBatch(kind=Kind.READING, addresses=["m", "a", "z"], time=1.0, received=1.0, value=1.0)
    assert encode(by_table.rows, 7) == encode(by_names.rows, 7)


def test_a_head_is_text_and_back() -> None:
    head = GENESIS.follow(b"payload")
    assert ChainHead.parse(str(head)) == head
    with pytest.raises(ValueError, match="not of the form"):
        ChainHead.parse("3:abcd")
