"""Whatever stands where an id belongs, on every route that takes one: an answer or a problem, never a fault of ours."""

import json
import socket

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from recsys.testing.small_release import SITE

STRANGE = {
    "unicode": "ü中😀\u202e\u200b\ufeff",
    "nul": "a\x00b",
    "control": "a\x1f\x7f\n\r",
    "long": "x" * 10_000,
    "path": "../../../etc/passwd",
    "dots": "..",
    "slashes": "//a///b/",
    "windows": "..\\..\\con",
    "sql": "'; DROP TABLE recsys.event; --",
    "like": "%_%",
    "template": "${jndi:ldap://x}{{7*7}}",
    "script": "<script>alert(1)</script>",
    "percent": "%2e%2e%2f%00%zz%",
    "comma": "a,b,,c",
    "array": '{a,"b"}\\N',
    "number": "-1e309",
    "blank": " ",
    "empty": "",
}
RAW = [
    *("%ed%a0%80", "%ff%fe", "%c0%af", "%00", "%2f%2e%2e%2f", "%25%32%66", "%", "%zz", "a%20b", "a+b", ";a=b", "a;b"),
    *("%E2%80%AE", "?", "??", "#", "&user_id=b", "=", "%0d%0aX-Injected:%201", "..%2f", "%2e%2e", "*", "~", "@", ":"),
]
"""As it goes over the wire: half a surrogate pair, no UTF-8, overlong, twice encoded, injected headers."""


@pytest.fixture(scope="module")
def places(shared):
    """Method, path and query of every route that takes an id, with ``{}`` where it belongs."""
    found = []
    for path, methods in shared.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            fixed = path.replace("{site}", SITE)
            needed = "&".join(
                f"{each['name']}=i01" for each in parameters if each["in"] == "query" and each["required"]
            )
            if "{" in fixed:
                template = fixed[: fixed.index("{")] + "{}" + fixed[fixed.index("}") + 1 :]
                if "{" not in template.replace("{}", ""):
                    found.append((method.upper(), template, needed))
            if "{site}" in path:
                other = path.replace("{site}", "{}", 1)
                if other.count("{") == 1:
                    found.append((method.upper(), other, needed))
            for each in parameters:
                if each["in"] == "query" and method == "get" and "{" not in fixed:
                    found.append(("GET", fixed, f"{needed}&{each['name']}={{}}".lstrip("&")))
    assert len(found) > 30
    return found


def exchange(client, method, target):
    """Status, headers and body of the answer to this target, byte for byte."""
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=60) as connection:
        head = f"{method} {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" if method == "POST" else "\r\n"
        connection.sendall(head.encode())
        said = b""
        while more := connection.recv(1 << 16):
            said += more
    head, _, body = said.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode("latin-1").lower(), body


def require_known(client, method, target):
    status, head, body = exchange(client, method, target)
    assert status < 500, (method, target, body)
    assert "\r\nx-injected" not in head
    if status >= 400:
        assert "application/problem+json" in head, (method, target, head)
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["type"].startswith("urn:recsys:problem:")
    elif status != 204 and not 300 <= status < 400:
        assert json.loads(body) is not None


@pytest.mark.parametrize("name", STRANGE)
def test_strange_ids_are_answered_or_refused(shared, places, name):
    encoded = "".join(f"%{byte:02X}" for byte in STRANGE[name].encode())
    for method, path, query in places:
        target = f"{path.format(encoded)}?{query.format(encoded)}"
        require_known(shared, method, target)


def test_strange_bytes_are_answered_or_refused(shared, places):
    for method, path, query in places:
        for raw in RAW if "{}" in path else RAW[::2]:
            require_known(shared, method, f"{path.format(raw)}?{query.format(raw)}")


IDS = st.one_of(
    st.text(max_size=300), st.sampled_from(sorted(STRANGE.values())), st.integers(), st.none(), st.booleans()
)


@how(max_examples=40, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=IDS, item=IDS, event_id=IDS, ids=st.lists(IDS, max_size=5))
def test_strange_ids_in_bodies_are_answered_or_refused(shared, user, item, event_id, ids):
    bodies = {
        f"/v1/{SITE}/events": {"user_id": user, "item_id": item, "event_id": event_id, "event_type": "view"},
        f"/v1/{SITE}/recommendations": {"user_id": user, "exclude": ids, "recent": ids, "category": item},
        f"/v1/{SITE}/recommendations/batch": {"user_ids": ids, "only": ids},
    }
    for path, body in bodies.items():
        content = json.dumps(body)  # half a surrogate pair is \ud800 here, which JSON allows
        reply = shared.post(path, content=content, headers={"Content-Type": "application/json"})
        assert reply.status_code < 500, (path, body, reply.text)
        if reply.status_code >= 400:
            assert reply.headers["content-type"] == "application/problem+json"


def test_nothing_of_it_changed_the_shop(shared):
    """The routes that change something were asked too, with ids that are nobody's."""
    assert shared.get(f"/v1/{SITE}/releases").json()["live"]["release_id"] == "first"
    assert shared.get(f"/v1/{SITE}/popular").json()["items"]
