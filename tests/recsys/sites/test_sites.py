from datetime import date

import pytest

from recsys.errors import ConfigError, UnknownSiteError
from recsys.events.schema import INTERACTIONS
from recsys.sites import add_site, load_site, parse_site, site_ids, template_names
from recsys.sites.table_policy import INTERACTION_COLUMNS

SMALL = "site: shop\nsource: {kind: simulator}\ninteractions: [{name: view}, {name: purchase}]\n"


def test_every_template_is_a_site_without_faults(tmp_path):
    for site in template_names():
        from_dir = None if site == "demo_shop" else tmp_path
        config = add_site(tmp_path / "sites", site, from_dir=from_dir)
        assert config == load_site(tmp_path / "sites", site)
        assert config.site == site
    assert site_ids(tmp_path / "sites") == template_names()


@pytest.mark.parametrize("name", ["with space", "quote'\"s", "hash # {}", "ünïcode", "colon: x"])
def test_any_folder_name_survives_in_the_yaml(tmp_path, name):
    (tmp_path / name).mkdir()
    config = add_site(tmp_path / "sites", "online_retail", from_dir=tmp_path / name)
    assert config.source.params == {"path": str(tmp_path / name)}


def test_a_site_is_added_once_from_a_folder_that_is_there(tmp_path):
    with pytest.raises(ConfigError, match=r"found no template 'amazon'; expected one of: .*online_retail"):
        add_site(tmp_path, "amazon")
    with pytest.raises(ConfigError, match="--from DIR"):
        add_site(tmp_path, "retailrocket")
    with pytest.raises(ConfigError, match=r"found no folder .*missing"):
        add_site(tmp_path, "retailrocket", from_dir=tmp_path / "missing")
    with pytest.raises(ConfigError, match="leave --from out"):
        add_site(tmp_path, "demo_shop", from_dir=tmp_path)
    assert site_ids(tmp_path) == []
    add_site(tmp_path, "demo_shop")
    with pytest.raises(ConfigError, match="is there already"):
        add_site(tmp_path, "demo_shop")


def test_an_unknown_site_is_told_with_the_known_ones(tmp_path):
    with pytest.raises(UnknownSiteError, match="unknown site 'shop'; known here: none"):
        load_site(tmp_path / "missing", "shop")
    add_site(tmp_path, "demo_shop")
    for site in ("shop", "../demo_shop", ""):
        with pytest.raises(UnknownSiteError, match="known here: demo_shop"):
            load_site(tmp_path, site)


def test_every_fault_is_told_at_once_with_line_and_key():
    text = (
        "site: Shop!\n"
        "source: {kind: simulator}\n"
        "interactions:\n"
        "  - {name: view, weight: -1}\n"
        "  - {name: purchase, color: red}\n"
        "quality:\n"
        "  max_bad_share: 2\n"
        "  earliest: last year\n"
        "speed: high\n"
    )
    with pytest.raises(ConfigError) as found:
        parse_site(text, name="shop.yaml")
    lines = str(found.value).splitlines()
    assert lines[0] == "shop.yaml: 6 faults"
    assert [line.split(": ")[:2] for line in lines[1:]] == [
        ["  line 1", "site"],
        ["  line 4", "interactions.0.weight"],
        ["  line 5", "interactions.1.color"],
        ["  line 7", "quality.max_bad_share"],
        ["  line 8", "quality.earliest"],
        ["  line 9", "speed"],
    ]


@pytest.mark.parametrize("text", ["site: [", "a: b: c", "\t- x", "site: shop\n  source: x"])
def test_yaml_that_cannot_be_read_says_where(text):
    with pytest.raises(ConfigError, match=r"shop\.yaml: not valid YAML: .*line \d"):
        parse_site(text, name="shop.yaml")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_yaml_of_another_shape_is_refused(text):
    with pytest.raises(ConfigError, match="expected a mapping"):
        parse_site(text, name="shop.yaml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "shop.yaml").write_bytes(b"title: caf\xe9\n" + SMALL.encode())
    with pytest.raises(ConfigError, match=r"shop\.yaml: found bytes that are not UTF-8"):
        load_site(tmp_path, "shop")


def test_a_key_that_stands_twice_is_a_fault():
    with pytest.raises(ConfigError, match="line 4: site: this key stands twice"):
        parse_site(SMALL + "site: other\n", name="shop.yaml")


def test_names_must_be_unique_and_the_purchase_event_known():
    with pytest.raises(ConfigError, match="each name once"):
        parse_site(SMALL.replace("{name: view}", "{name: purchase}"), name="shop.yaml")
    with pytest.raises(ConfigError, match="expected one of \\['view', 'bought'\\]"):
        parse_site(SMALL.replace("purchase", "bought"), name="shop.yaml")


@pytest.mark.parametrize(
    ("beside", "is_fault"),
    [
        ("serving: {repeats: decay, online_ranking: {enabled: true}}", True),
        ("serving: {repeats: block, online_ranking: {enabled: true}}", False),
        ("serving: {online_ranking: {enabled: true}}\nreranking: {diversity: 0.2}", True),
        ("serving: {repeats: decay}\nreranking: {diversity: 0.2}", False),
    ],
)
def test_what_the_ranker_ordered_at_request_time_is_not_rearranged(beside, is_fault):
    text = f"site: shop\nsource: {{kind: simulator}}\ninteractions: [{{name: purchase}}]\n{beside}\n"
    if is_fault:
        with pytest.raises(ConfigError, match="choose one of them"):
            parse_site(text, name="shop.yaml")
    else:
        parse_site(text, name="shop.yaml")


def test_a_file_is_named_after_its_site(tmp_path):
    (tmp_path / "other.yaml").write_text(SMALL)
    with pytest.raises(ConfigError, match="found site: 'shop', expected 'other'"):
        load_site(tmp_path, "other")


@pytest.mark.parametrize("day", ["2015-01-01", '"2015-01-01"'])
def test_a_day_may_be_quoted_or_not(day):
    quality = parse_site(f"{SMALL}quality: {{earliest: {day}}}\n", name="shop.yaml").quality
    assert date.fromisoformat(quality.earliest) == date(2015, 1, 1)


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        ("{table: {rows: {min: 5, max: 4}}}", "rows: found 5 above 4"),
        ("{table: {events_per_session: {min: 3, max: 2.5}}}", "events_per_session: found 3 above 2.5"),
        ("{table: {volume: {min_ratio: 2, max_ratio: 1}}}", "volume: found 2 above 1"),
        ("{table: {max_null_share: {colour: 0.1}}}", r"max_null_share: found \['colour'\], expected columns of"),
        (
            "{table: {values: {user_id: [anna]}}}",
            r"values: found \['user_id'\], expected columns of \['item_id', 'event_",
        ),
        ("{line_pattern: '('}", r"found '\(', expected a regular expression: missing \)"),
    ],
)
def test_expectations_of_a_partition_must_make_sense(quality, said):
    with pytest.raises(ConfigError, match=said):
        parse_site(SMALL + f"quality: {quality}\n", name="shop.yaml")


def test_the_columns_that_a_policy_may_name_are_those_of_the_log():
    assert tuple(INTERACTIONS) == INTERACTION_COLUMNS


def test_generators_on_trial_are_candidates_where_tuning_took_them():
    site = parse_site(SMALL + "candidates: [{kind: popularity}, {kind: covisitation}]\n", name="shop.yaml")
    taken = site.tuned({"candidates": {"on_trial": 1}, "session_knn": {"neighbours": 50}})
    assert [spec.kind for spec in site.tuned({}).candidates] == ["popularity", "covisitation"]
    assert [spec.kind for spec in taken.candidates] == ["popularity", "covisitation", "session_knn"]
    assert taken.candidates[-1].params == {"neighbours": 50}
    without = parse_site(SMALL + "candidates_on_trial: []\n", name="shop.yaml")
    assert without.tuned({"candidates": {"on_trial": 1}}) == without
