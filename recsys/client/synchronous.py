"""The client that waits."""

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from recsys.client import calls
from recsys.client.calls import Accepted, Call, Event, Forgotten, Intent, Told
from recsys.client.errors import Unavailable, error_of
from recsys.client.retrying import Retrying
from recsys.serving.contracts import Answer, ItemList


class Client:
    """Asks one site of the web service. One client serves many threads; close it, or use it in a ``with`` block.

    Every method raises ServiceError (see ``recsys.client.errors``) once its attempts are used up.
    """

    def __init__(
        self,
        url: str,
        site: str,
        *,
        key: str | None = None,
        timeout: float = calls.TIMEOUT,
        retrying: Retrying = Retrying(),  # noqa: B008 frozen
    ) -> None:
        """``url`` is the service's, as https://recommend.example.org; ``timeout`` is in seconds, for one attempt."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._retrying = retrying
        self._http = httpx.Client(base_url=f"{url.rstrip('/')}/v1/{site}", headers=headers, timeout=timeout)

    def recommendations(self, user_id: str | None = None, **wish: Any) -> Answer:
        """Items for a user, or for a stranger.

        ``wish``: k, offset, mode, category, min_price, max_price, only, exclude, hide, recent; see docs/api.md.
        """
        answer: Answer = self._send(calls.recommendations(user_id, wish))
        return answer

    def recommendations_for(self, user_ids: Sequence[str], **wish: Any) -> list[Answer]:
        """One answer for each user, in their order; a thousand go in one request."""
        answers: list[Answer] = []
        for call in calls.batches(user_ids, wish):
            answers += self._send(call)["answers"]
        return answers

    def session(self, items: Sequence[str], **wish: Any) -> Answer:
        """Next items for an anonymous visitor who looked at ``items``, newest last."""
        answer: Answer = self._send(calls.session(items, wish))
        return answer

    def intent(self, session: Sequence[str] = (), *, user_id: str | None = None) -> Intent:
        """How likely a session is to buy: one told by the types of its events, oldest first, or the user's live one.

        NotFound while the site has no live model of it.
        """
        answer: Intent = self._send(calls.intent(session, user_id))
        return answer

    def click_probabilities(self, rows: Iterable[Mapping[str, Any]]) -> list[float]:
        """How likely each raw row is to be clicked, in their order; a thousand go in one request.

        NotFound while the site has no live model of it; InvalidRequest names columns that some row has not.
        """
        said: list[float] = []
        for call in calls.clicks(rows):
            said += [each["click_probability"] for each in (self._send(call))["predictions"]]
        return said

    def similar(self, item_id: str, **wish: Any) -> ItemList:
        """Neighbours of an item, best first."""
        answer: ItemList = self._send(calls.similar(item_id, wish))
        return answer

    def popular(self, **wish: Any) -> ItemList:
        """What is popular now, in all or in one category."""
        answer: ItemList = self._send(calls.popular(wish))
        return answer

    def tell(self, *events: Event) -> Accepted:
        """Events of users and of items, any number; they are durable afterwards, and count once however often sent."""
        return self.tell_all(events)

    def tell_all(self, events: Iterable[Event]) -> Accepted:
        """The same for events from anywhere, a thousand in one request."""
        return calls.counted([self._send(call) for call in calls.telling(events)])

    def history(self, user_id: str, *, limit: int = 50) -> list[Told]:
        """What the user did, newest first."""
        answer: list[Told] = self._send(calls.history(user_id, limit))
        return answer

    def forget(self, user_id: str) -> Forgotten:
        """The user is forgotten: now, and in coming releases. Needs an admin's key."""
        answer: Forgotten = self._send(calls.forgetting(user_id))
        return answer

    def close(self) -> None:
        """Its connections are closed."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, call: Call) -> Any:
        """The JSON of the answer, after as many attempts as it takes and the client has."""
        attempt = 0
        while True:
            attempt += 1
            try:
                response = self._http.request(call.method, call.path, params=call.params, json=call.body)
                if response.is_success:
                    return response.json()
                error = error_of(response)
            except httpx.TransportError as fault:
                error = Unavailable(f"{type(fault).__name__}: {fault}")
            pause = self._retrying.pause(attempt, error)
            if pause is None:
                raise error
            time.sleep(pause)
