from hanzo_twin.sync.mqtt.receipts import Receipt, Receipts


def owed(receipts: Receipts, count: int) -> list[Receipt]:
    made = [Receipt(packet_id=number, qos=1) for number in range(count)]
    for receipt in made:
        receipts.owe(receipt)
    return made


def test_receipts_become_due_in_the_order_of_delivery() -> None:
    receipts = Receipts()
    first, second, third = owed(receipts, 3)
    assert receipts.settle([third]) == []
    assert receipts.settle([first]) == [first]
    assert receipts.settle([second]) == [second, third]


def test_a_receipt_is_due_once() -> None:
    receipts = Receipts()
    made = owed(receipts, 2)
    assert receipts.settle(made) == made
    assert receipts.settle(made) == []


def test_receipts_of_an_old_connection_are_never_due() -> None:
    receipts = Receipts()
    stale = owed(receipts, 2)
    receipts.clear()
    (fresh,) = owed(receipts, 1)
    assert receipts.settle(stale) == []
    assert receipts.settle([fresh]) == [fresh]
