"""What is known of a session after each of its events, as numbers. The same code for training and at request time.

A session is walked through event by event: the features after an event come from that event and those before it, and
from nothing else. NaN is what is not known.
"""

from itertools import product
from math import nan
from typing import Final

from recsys.serving.predicting.session import SessionEvent, SessionRules

LAST: Final = 3
"""How many last event types are told in their order."""
HOUR: Final = 3600.0


def feature_names(rules: SessionRules) -> tuple[str, ...]:
    """The names of ``SessionWalk.features``, in its order."""
    types = rules.seen_types
    return (
        *("events", "event_types"),
        *(f"{prefix}_{name}" for prefix in ("count", "share", "since") for name in types),
        *(f"pair_{first}_{second}" for first, second in product(types, types)),
        *(f"last_{back}" for back in range(1, LAST + 1)),
        *("seconds", "last_gap", "mean_gap", "longest_gap", "hour"),
        *("items", "revisits", "last_item_events", "last_item_in_cart"),
        *("last_price", "mean_price", "lowest_price", "highest_price", "price_ratio"),
        *("categories", "category_share", "category_changes"),
        *("cart_items", "cart_value", "events_since_cart", "seconds_since_cart"),
    )


class SessionWalk:
    """What a session has told so far."""

    def __init__(self, rules: SessionRules) -> None:
        self._rules = rules
        self._types = {name: number for number, name in enumerate(rules.seen_types)}
        width = len(self._types)
        self._events = 0
        self._counts = [0] * width
        self._last_of = [-1] * width
        self._pairs = [0] * (width * width)
        self._last_types: list[int] = []
        self._times = _Times()
        self._items: dict[str, int] = {}
        self._with_item = 0
        self._last_item: str | None = None
        self._prices = _Prices()
        self._categories: dict[str, int] = {}
        self._last_category: str | None = None
        self._category_changes = 0
        self._cart: dict[str, float | None] = {}
        self._first_cart: int | None = None
        self._first_cart_time: float | None = None

    def add(self, event: SessionEvent) -> None:
        """Takes the next event; its type is one of the rules', and no purchase."""
        kind = self._types[event.event_type]
        if self._last_types:
            self._pairs[self._last_types[0] * len(self._types) + kind] += 1
        self._last_types = [kind, *self._last_types[: LAST - 1]]
        self._counts[kind] += 1
        self._last_of[kind] = self._events
        self._times.add(event.timestamp)
        self._add_item(event)
        if event.event_type == self._rules.cart and self._first_cart is None:
            self._first_cart, self._first_cart_time = self._events, event.timestamp
        self._events += 1

    @property
    def events_since_cart(self) -> int | None:
        """How many events came after the first that put something in the cart; None before it."""
        return None if self._first_cart is None else self._events - 1 - self._first_cart

    def features(self) -> list[float]:
        """What is known after the last event, in the order of ``feature_names``."""
        last = [float(kind) for kind in self._last_types]
        return [
            float(self._events),
            float(sum(count > 0 for count in self._counts)),
            *(float(count) for count in self._counts),
            *(_ratio(count, self._events) for count in self._counts),
            *(float(self._events - 1 - place) if place >= 0 else nan for place in self._last_of),
            *(float(count) for count in self._pairs),
            *last,
            *[nan] * (LAST - len(last)),
            *self._times.features(),
            *self._item_features(),
            *self._prices.features(),
            *self._category_features(),
            *self._cart_features(),
        ]

    def _add_item(self, event: SessionEvent) -> None:
        self._last_item = event.item_id
        if event.item_id is not None:
            self._with_item += 1
            self._items[event.item_id] = self._items.get(event.item_id, 0) + 1
            if event.event_type == self._rules.cart:
                self._cart[event.item_id] = event.price
            elif event.event_type == self._rules.remove:
                self._cart.pop(event.item_id, None)
        self._prices.add(event.price)
        if event.category is not None:
            changed = self._last_category is not None and self._last_category != event.category
            self._category_changes += changed
            self._last_category = event.category
            self._categories[event.category] = self._categories.get(event.category, 0) + 1

    def _item_features(self) -> list[float]:
        if not self._with_item:
            return [nan] * 4
        of_last = self._items.get(self._last_item, 0) if self._last_item is not None else 0
        revisits = _ratio(self._with_item - len(self._items), self._with_item)
        return [float(len(self._items)), revisits, float(of_last), float(self._last_item in self._cart)]

    def _category_features(self) -> list[float]:
        if self._last_category is None:
            return [nan] * 3
        share = _ratio(self._categories[self._last_category], sum(self._categories.values()))
        return [float(len(self._categories)), share, float(self._category_changes)]

    def _cart_features(self) -> list[float]:
        if self._first_cart is None:
            return [nan] * 4
        prices = [price for price in self._cart.values() if price is not None]
        return [
            float(len(self._cart)) if self._with_item else nan,
            sum(prices) if prices else nan,
            float(self._events - 1 - self._first_cart),
            self._times.since(self._first_cart_time),
        ]


class _Times:
    def __init__(self) -> None:
        self._first: float | None = None
        self._last: float | None = None
        self._gap = self._longest = nan
        self._gaps = 0

    def add(self, when: float | None) -> None:
        if when is None:
            return
        if self._first is None or self._last is None:
            self._first = when
        else:
            self._gap = when - self._last
            self._longest = self._gap if self._gaps == 0 else max(self._longest, self._gap)
            self._gaps += 1
        self._last = when

    def since(self, when: float | None) -> float:
        return nan if when is None or self._last is None else self._last - when

    def features(self) -> list[float]:
        if self._last is None or self._first is None:
            return [nan] * 5
        seconds = self._last - self._first
        mean = seconds / self._gaps if self._gaps else nan
        return [seconds, self._gap, mean, self._longest, float(self._last // HOUR % 24)]


class _Prices:
    def __init__(self) -> None:
        self._last = nan
        self._sum = 0.0
        self._known = 0
        self._lowest = self._highest = nan

    def add(self, price: float | None) -> None:
        if price is None:
            return
        self._lowest = price if not self._known else min(self._lowest, price)
        self._highest = price if not self._known else max(self._highest, price)
        self._last = price
        self._sum += price
        self._known += 1

    def features(self) -> list[float]:
        if not self._known:
            return [nan] * 5
        mean = self._sum / self._known
        return [self._last, mean, self._lowest, self._highest, self._last / mean if mean else nan]


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else nan
