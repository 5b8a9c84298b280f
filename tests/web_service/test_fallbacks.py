"""Why an answer is not personal is counted."""

import re

from recsys.testing.small_release import SITE
from tests.web_service.conftest import until
from tests.web_service.test_recommendations import ask, tell
from tests.web_service.test_standing import snapshot_answers
from web_service.app import create_app


def counted(client, metric="recsys_fallbacks_total"):
    lines = re.findall(rf"^{metric}\{{(.*)\}} (\S+)$", client.get("/metrics").text, flags=re.MULTILINE)
    return {(re.search('kind="(.*?)"', labels) or labels)[1]: float(count) for labels, count in lines}


def test_why_an_answer_is_not_personal(serve, shop):
    with serve(shop) as client:
        tell(client, "new", "i01")
        ask(client, user_id="anna")
        ask(client, user_id="new")
        assert counted(client) == {"tables": 2.0}
        ask(client)
        ask(client, user_id="never seen")
        ask(client, user_id="anna", only="i06")
        ask(client, user_id="nothing")
        ask(client, recent="i01")
        assert counted(client) == {"tables": 7.0, "anonymous": 1.0, "stranger": 1.0, "nothing-left": 2.0}
        assert f'recsys_cold_users_total{{site="{SITE}"}} 2.0' in client.get("/metrics").text


def test_a_snapshot_is_no_fallback_and_a_batch_counts_like_single_answers(serve, shop, tmp_path):
    settings = shop.model_copy(update={"recsys_snapshot_users": 3, "recsys_home": tmp_path})
    app = create_app(settings)
    with serve(settings, app) as client:
        until(snapshot_answers(app))
        body = {"user_ids": ["anna", "never seen", "stranger"], "k": 2}
        assert client.post(f"/v1/{SITE}/recommendations/batch", json=body).status_code == 200
        assert counted(client) == {"stranger": 2.0}
