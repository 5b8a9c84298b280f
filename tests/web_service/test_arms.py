"""Users of an experiment are answered by their arm, on every worker the same; nobody else notices."""

from datetime import UTC, datetime

import pytest

from recsys.serving import experiments, publishing
from recsys.serving.assignment import Assigner
from recsys.serving.postgres import transaction
from recsys.sites import SiteConfig
from recsys.sites.blend_policy import BlendPolicy
from recsys.sites.experiment import Experiment
from recsys.testing.small_release import NOON, SITE
from tests.web_service.conftest import until
from web_service.answering import NO_SLATE, NOTHING_DONE, Question, Wish
from web_service.arms import UNTREATED, Treatment

SHOP = {"site": SITE, "source": {"kind": "simulator"}, "interactions": [{"name": "view", "weight": 1}]}
USERS = [*("anna", "boris", "clara"), *(f"user-{number}" for number in range(40))]


def experiment(**more) -> Experiment:
    arms = [{"name": "live", "share": 0.5}, {"name": "second", "share": 0.5, "release_id": "second"}]
    return Experiment.model_validate({"id": "fresh", "site": SITE, "arms": arms, "ramp": (0.4999,), **more})


@pytest.fixture
def start(client, without_release, release_files):
    """The second release is published beside the live one, and an experiment starts; the service has noticed."""
    dsn = without_release.postgres_dsn()
    publishing.record_release(dsn, SITE, "second", as_of=NOON, at=NOON, state="gated")
    publishing.publish(dsn, SITE, "second", *release_files["second"])

    def begin(tried: Experiment) -> Experiment:
        experiments.start(dsn, tried, datetime.now(UTC))
        until(lambda: any(asked(client, user)["arm"] != "live" for user in USERS))
        return tried

    return begin


def asked(client, user: str, **query) -> dict:
    answer = client.get(f"/v1/{SITE}/recommendations", params={"user_id": user, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(answer: dict) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_each_user_is_answered_by_the_release_of_the_arm(client, start):
    arm_of = Assigner(start(experiment()), 0.4999).arm
    answers = {user: asked(client, user) for user in USERS}
    assert {arm_of(user) for user in USERS} == {"live", "second"}
    for user, answer in answers.items():
        assert answer["arm"] == f"fresh/{arm_of(user)}"
        assert answer["release_id"] == ("second" if arm_of(user) == "second" else "first")
    assert {user: asked(client, user)["arm"] for user in USERS} == {user: a["arm"] for user, a in answers.items()}


def test_many_users_at_once_get_what_each_gets_alone(client, start):
    start(experiment())
    users = [*USERS, USERS[0]]
    batch = client.post(f"/v1/{SITE}/recommendations/batch", json={"user_ids": users, "k": 4}).json()["answers"]
    assert [answer["user_id"] for answer in batch] == users
    assert len({answer["request_id"] for answer in batch}) == len(users)
    for user, answer in zip(users, batch, strict=True):
        alone = asked(client, user, k=4)
        assert (answer["arm"], answer["release_id"], answer["items"]) == (
            alone["arm"],
            alone["release_id"],
            alone["items"],
        )


def test_visitors_without_a_name_take_no_part(client, start):
    start(experiment())
    answer = client.get(f"/v1/{SITE}/recommendations").json()
    assert (answer["arm"], answer["release_id"]) == ("live", "first")


def test_an_arm_of_popular_items_is_personal_to_nobody(client, start):
    plain = [{"name": "live", "share": 0.5}, {"name": "plain", "share": 0.5, "mode": "popular"}]
    arm_of = Assigner(start(experiment(arms=plain)), 0.4999).arm
    known = next(user for user in ("anna", "boris", "clara", *USERS) if arm_of(user) == "plain")
    item = ids(asked(client, known))[0]
    client.post(f"/v1/{SITE}/events", json={"user_id": known, "item_id": item, "event_type": "view"})
    assert {item["source"] for item in asked(client, known, k=3)["items"]} == {"popular"}


def test_an_arm_may_mix_its_answers_otherwise(client, start):
    popular_first = {"online": 0, "offline": 0, "popular": 1}
    arms = [{"name": "live", "share": 0.5}, {"name": "mixed", "share": 0.5, "blend": popular_first}]
    arm_of = Assigner(start(experiment(arms=arms)), 0.4999).arm

    def first(user: str, **query) -> str:
        return asked(client, user, recent="i01", **query)["items"][0]["source"]

    expected = {"live": "similar", "mixed": "popular"}
    assert {user: first(user) for user in USERS} == {user: expected[arm_of(user)] for user in USERS}
    assert {first(user, mode="online") for user in USERS} == {"similar"}


def test_an_arm_that_names_weights_is_not_ranked_at_request_time():
    site = SiteConfig.model_validate(SHOP | {"serving": {"exclude_bought": False, "online_ranking": {"enabled": True}}})

    def ranked(treatment: Treatment) -> bool:
        return Question(site, Wish("anna", 3), NOTHING_DONE, NO_SLATE, NOON, treatment).may_be_ranked

    assert ranked(UNTREATED)
    assert not ranked(Treatment("fresh/mixed", blend=BlendPolicy(online=2)))


def test_weights_for_answers_that_are_never_mixed_are_refused():
    arms = [{"name": "live", "share": 0.5}, {"name": "odd", "share": 0.5, "mode": "popular", "blend": {"online": 2}}]
    with pytest.raises(ValueError, match="expected mode blended"):
        experiment(arms=arms)


def test_when_it_is_over_everybody_is_answered_by_what_is_live(client, start, without_release):
    start(experiment())
    experiments.end(without_release.postgres_dsn(), SITE, "fresh", "aborted", datetime.now(UTC), reason="Worse.")
    until(lambda: all(asked(client, user)["arm"] == "live" for user in USERS))
    assert {asked(client, user)["release_id"] for user in USERS} == {"first"}


def test_experiments_of_two_layers_stand_side_by_side(client, start, without_release):
    first = start(experiment())
    plain = [{"name": "as-asked", "share": 0.5}, {"name": "offline", "share": 0.5, "mode": "offline"}]
    second = experiment(id="ways", arms=plain, layer="ways")
    experiments.start(without_release.postgres_dsn(), second, datetime.now(UTC))
    until(lambda: any(" " in asked(client, user)["arm"] for user in USERS))
    for user in USERS:
        labels = [f"{each.id}/{Assigner(each, 0.4999).arm(user)}" for each in (first, second)]
        assert asked(client, user)["arm"] == " ".join(labels)


def test_the_impression_says_which_arm(client, start, without_release):
    arm_of = Assigner(start(experiment()), 0.4999).arm
    answer = asked(client, "anna")

    def arm_of_impression() -> list:
        with transaction(without_release.postgres_dsn()) as cursor:
            cursor.execute("SELECT arm FROM recsys.impression WHERE request_id = %s", (answer["request_id"],))
            return cursor.fetchall()

    until(arm_of_impression)
    assert arm_of_impression() == [(f"fresh/{arm_of('anna')}",)]
