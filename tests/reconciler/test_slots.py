"""At most so many rollouts at once."""

from __future__ import annotations

from generator.reconciler.slots import RolloutSlots


def test_no_more_than_the_limit_have_a_slot() -> None:
    """The third waits, and is named when one is given back."""
    slots = RolloutSlots(2)
    assert slots.take("a")
    assert slots.take("b")
    assert not slots.take("c")
    assert slots.waiting() == ("c",)
    assert slots.release("a") == ("c",)
    assert slots.take("c")
    assert slots.holders() == ("b", "c")


def test_whoever_has_a_slot_keeps_it() -> None:
    """A newer revision of an endpoint that rolls needs none: a bad revision never blocks its own fix."""
    slots = RolloutSlots(1)
    assert slots.take("a")
    assert slots.take("a")


def test_first_come_first_served() -> None:
    """In the order in which they asked."""
    slots = RolloutSlots(1)
    slots.take("a")
    for name in ("d", "b", "c"):
        slots.take(name)
    assert slots.release("a") == ("d",)


def test_rollouts_under_way_count_even_beyond_the_limit() -> None:
    """After a restart more may be rolling than the limit allows; none new begins until they are fewer."""
    slots = RolloutSlots(1)
    slots.hold("a")
    slots.hold("b")
    assert not slots.take("c")
    assert slots.release("a") == ()
    assert slots.release("b") == ("c",)


def test_a_higher_limit_lets_the_next_ones_in() -> None:
    """The environment's file may change at any time."""
    slots = RolloutSlots(1)
    slots.take("a")
    slots.take("b")
    slots.take("c")
    assert slots.set_limit(3) == ("b", "c")


def test_a_revert_by_hand_gives_its_slot_back() -> None:
    """The stamp is back at an older revision, and so is the verdict on it."""
    slots = RolloutSlots(1)
    slots.take("a", 3)
    slots.take("a", 2)
    slots.take("b")
    assert slots.release("a", 2) == ("b",)


def test_whoever_needs_no_slot_any_more_keeps_nobody_behind_it_waiting() -> None:
    """It was deleted or suspended while it waited."""
    slots = RolloutSlots(1)
    for name in ("a", "b", "c"):
        slots.take(name)
    assert slots.release("a") == ("b",)
    assert slots.leave("b") == ("c",)
    assert slots.leave("b") == ()
