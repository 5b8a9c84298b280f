from datetime import UTC, datetime, timedelta

import pytest

from recsys.errors import ConfigError
from recsys.serving.api_keys import create_key, digest, list_keys, revoke_key, rotate_key
from recsys.serving.postgres import transaction

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def make(dsn, site="shop", scopes=("read",), **more):
    return create_key(dsn, site=site, scopes=scopes, at=NOW, by="user anna", **more)


def test_a_key_is_random_and_only_its_digest_is_kept(dsn):
    made, other = make(dsn, label="the app"), make(dsn)
    assert made.key != other.key
    assert made.key.startswith(f"recsys_{made.about.key_id}_")
    assert len(made.key.split("_", 2)[2]) == 43  # 256 bits
    assert made.key not in repr(made)
    with transaction(dsn) as cursor:
        cursor.execute("SELECT digest, api_key::text FROM recsys.api_key WHERE key_id = %s", (made.about.key_id,))
        kept, whole_row = cursor.fetchone()
    assert bytes(kept) == digest(made.key.encode())
    assert made.key.split("_", 2)[2] not in whole_row


def test_keys_are_listed_by_site_with_what_is_known_of_them(dsn):
    mine, theirs, all_sites = make(dsn, scopes=("write", "read")), make(dsn, site="other"), make(dsn, site=None)
    assert list_keys(dsn, "shop") == [mine.about]
    assert list_keys(dsn, "other") == [theirs.about]
    assert list_keys(dsn, None) == [all_sites.about]
    assert mine.about.scopes == ("read", "write")
    assert (mine.about.created_by, mine.about.last_used_at) == ("user anna", None)


def test_a_rotated_key_goes_on_for_the_overlap_and_no_longer_than_it_would_have(dsn):
    old = make(dsn, scopes=("read", "write"), label="the app").about
    new = rotate_key(dsn, old.key_id, site="shop", at=NOW, by="user ben", overlap=HOUR).about
    assert (new.site, new.scopes, new.label, new.expires_at) == ("shop", ("read", "write"), "the app", None)
    kept = {key.key_id: key for key in list_keys(dsn, "shop")}[old.key_id]
    assert (kept.expires_at, kept.replaced_by) == (NOW + HOUR, new.key_id)
    ending = make(dsn, expires_at=NOW + HOUR / 2).about
    rotate_key(dsn, ending.key_id, site="shop", at=NOW, by="user ben", overlap=HOUR)
    assert {key.key_id: key for key in list_keys(dsn, "shop")}[ending.key_id].expires_at == NOW + HOUR / 2


def test_a_revoked_key_stays_as_it_was_revoked_and_is_not_rotated(dsn):
    key_id = make(dsn).about.key_id
    first = revoke_key(dsn, key_id, site="shop", at=NOW, by="user anna")
    again = revoke_key(dsn, key_id, site="shop", at=NOW + HOUR, by="user ben")
    assert first == again
    assert (again.revoked_at, again.revoked_by) == (NOW, "user anna")
    with pytest.raises(ConfigError, match="ended at 2026-03-01"):
        rotate_key(dsn, key_id, site="shop", at=NOW + HOUR, by="user ben", overlap=HOUR)


def test_a_key_of_another_site_is_not_found(dsn):
    key_id = make(dsn).about.key_id
    for site in ("other", None):
        with pytest.raises(ConfigError, match="found no key"):
            revoke_key(dsn, key_id, site=site, at=NOW, by="user anna")
        with pytest.raises(ConfigError, match="found no key"):
            rotate_key(dsn, key_id, site=site, at=NOW, by="user anna", overlap=HOUR)
    assert list_keys(dsn, "shop")[0].revoked_at is None


def test_what_makes_no_sense_is_refused(dsn):
    for scopes in ((), ("read", "everything")):
        with pytest.raises(ConfigError, match="at least one of read, write, admin"):
            make(dsn, scopes=scopes)
    with pytest.raises(ConfigError, match="a time to come"):
        make(dsn, expires_at=NOW)
