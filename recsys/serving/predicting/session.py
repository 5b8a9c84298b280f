"""What a session is, for training and at request time. Pure: no clock, no I/O, no frames.

**Sessions.** The events of one user, in order, belong to one session until the session id changes, nothing happens for
longer than the pause, or something was bought: what comes after a purchase begins another. Purchases that follow each
other directly are one checkout.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from recsys.types import Frozen

if TYPE_CHECKING:
    from recsys.sites.config import SiteConfig

ALIASES: Final = {
    "add": "cart",
    "addtocart": "cart",
    "add_to_cart": "cart",
    "detail": "view",
    "pageview": "view",
    "buy": "purchase",
    "transaction": "purchase",
}
"""Other names of usual events; a name that the site itself has is never read as another."""


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """One event of a session. All but the type may be unknown."""

    event_type: str
    timestamp: float | None = None
    "Seconds since 1970, UTC."
    item_id: str | None = None
    category: str | None = None
    "Of the item, as known at that time."
    price: float | None = None
    "Of the item, as known at that time, in the site's currency."
    session_id: str | None = None

    @property
    def bare(self) -> "SessionEvent":
        """The same event when nothing but its type is told."""
        return SessionEvent(self.event_type)

    def of_item(self, category: str | None, price: float | None) -> "SessionEvent":
        """The same event when this is known of its item."""
        return SessionEvent(self.event_type, self.timestamp, self.item_id, category, price, self.session_id)


class SessionRules(Frozen):
    """Which events a session is made of, and when it ends."""

    event_types: tuple[str, ...]
    "All that a user can do, the purchase too, in the site's order; other events are left out."
    purchase: str
    cart: str
    remove: str
    pause_seconds: float
    "Longest time without an event within a session."

    @classmethod
    def of_site(cls, site: "SiteConfig") -> "SessionRules":
        """The rules of a site with a ``predictors.intent``.

        Raises:
            ConfigError: the site has none.
        """
        from recsys.errors import ConfigError

        policy = site.predictors.intent
        if policy is None:
            raise ConfigError(
                f"{site.site}: found no predictors.intent, expected one; add `predictors: {{intent: {{}}}}`"
            )
        return cls(
            event_types=site.event_types,
            purchase=site.serving.purchase_event,
            cart=policy.cart_event,
            remove=policy.remove_event,
            pause_seconds=60 * policy.pause_minutes,
        )

    @property
    def seen_types(self) -> tuple[str, ...]:
        """The event types that a session has while nothing is bought yet."""
        return tuple(name for name in self.event_types if name != self.purchase)

    def known(self, events: Iterable[SessionEvent]) -> list[SessionEvent]:
        """The events whose type the site has, also by another usual name, in the order given."""
        named = ((event, self._name(event.event_type)) for event in events)
        return [
            event if event.event_type == name else replace(event, event_type=name)
            for event, name in named
            if name in self.event_types
        ]

    def _name(self, event_type: str) -> str:
        return event_type if event_type in self.event_types else ALIASES.get(event_type, event_type)


def split_sessions(events: Iterable[SessionEvent], rules: SessionRules) -> list[list[SessionEvent]]:
    """The sessions of one user's events, oldest first; events must be in order, and of known types."""
    sessions: list[list[SessionEvent]] = []
    for event in events:
        if sessions and _continues(sessions[-1][-1], event, rules):
            sessions[-1].append(event)
        else:
            sessions.append([event])
    return sessions


def live_session(events: Sequence[SessionEvent], rules: SessionRules) -> list[SessionEvent]:
    """What a user has done in the session that is going on, oldest first; nothing when the last event bought.

    Args:
        events: of one user, oldest first, with or without times; unknown types are left out.
        rules: of the site.
    """
    sessions = split_sessions(rules.known(events), rules)
    if not sessions or sessions[-1][-1].event_type == rules.purchase:
        return []
    return sessions[-1]


def _continues(last: SessionEvent, event: SessionEvent, rules: SessionRules) -> bool:
    if last.event_type == rules.purchase and event.event_type != rules.purchase:
        return False
    if last.session_id != event.session_id:
        return False
    if last.timestamp is None or event.timestamp is None:
        return True
    return event.timestamp - last.timestamp <= rules.pause_seconds
