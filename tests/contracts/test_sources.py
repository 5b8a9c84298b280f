"""Every source that the registry knows passes the suite on small files in its published form."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
import yaml

from recsys.errors import ConfigError
from recsys.events.counts import NO_ROWS
from recsys.events.sources.registry import SOURCES, open_source
from recsys.sites import template_names
from recsys.sites.adding import PLACEHOLDER
from recsys.sites.config import ComponentSpec, InteractionType, QualityPolicy
from recsys.testing.sources import SourceContract, SourceExample
from tests.contracts.kafka_topic import kafka

BUYING = (InteractionType(name="purchase"),)
BROWSING = (InteractionType(name="view"), InteractionType(name="cart"), InteractionType(name="purchase"))


def online_retail(folder: Path) -> SourceExample:
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    (folder / "2010-12-01.csv").write_text(
        header
        + "536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
        + '536365,21777,"RECIPE BOX, BLUE",4,2010-12-01 08:26:00,7.95,17850.0,United Kingdom\n'
        + "536365,85123A,HEART HOLDER,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n"
        + "C536379,85123A,HEART HOLDER,-1,2010-12-01 09:41:00,2.55,14527.0,United Kingdom\n"
    )
    (folder / "2010-12-03.csv").write_text(
        header
        + "536500,85123A,HEART HOLDER,2,2010-12-03 10:00:00,2.95,12347.0,Iceland\n"
        + "536501,22423,CAKE STAND,1,2010-12-03 10:05:00,12.75,,Iceland\n"
    )
    spec = ComponentSpec(kind="online_retail", params={"path": folder})
    return SourceExample(spec, date(2010, 12, 1), date(2010, 12, 3), BUYING)


def retailrocket(folder: Path) -> SourceExample:
    (folder / "events.csv").write_text(
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433224214164,992329,view,248676,\n"
        "1433224214164,992329,view,248676,\n"
        "1433224244164,992329,addtocart,248676,\n"
        "soon,992329,view,248676,\n"
        "-1,992329,view,248676,\n"
        "1433397000000,111016,transaction,318965,4000\n"
        "1433397000001,111016,gaze,318965,\n"
    )
    (folder / "item_properties_part1.csv").write_text(
        "timestamp,itemid,property,value\n1433224000000,248676,categoryid,1338\n1433396000000,248676,available,0\n"
    )
    (folder / "category_tree.csv").write_text("categoryid,parentid\n1338,12\n12,\n,12\n")
    spec = ComponentSpec(kind="retailrocket", params={"path": folder})
    quality = QualityPolicy(earliest="2015-01-01", latest="2016-01-01")
    return SourceExample(spec, date(2015, 6, 2), date(2015, 6, 4), BROWSING, quality)


def simulator(folder: Path) -> SourceExample:
    spec = ComponentSpec(kind="simulator", params={"seed": 3, "users": 40, "items": 30})
    return SourceExample(spec, date(2026, 3, 1), date(2026, 3, 3), BROWSING)


def snowplow(folder: Path) -> SourceExample:
    def event(name: str, at: str, **fields: str) -> str:
        said = {"app_id": "gazette", "event_name": name, "event_id": f"{name}-{at}", "domain_userid": "reader-1"}
        when = {"collector_tstamp": f"2021-05-{at}", "derived_tstamp": f"2021-05-{at}"}
        return json.dumps({**said, **when, "page_urlpath": "/2021/1234/story", **fields})

    hours = {
        "2021/05/01/13": [
            event("page_view", "01T13:00:01.250Z"),
            event("page_view", "01T13:00:01.250Z"),
            event("page_ping", "01T13:00:11.250Z"),
            event("page_ping", "01T13:00:21.250Z"),
            event("page_view", "01T13:00:30Z", page_urlpath="/section/food"),
            event("page_view", "01T13:00:31Z", app_id="herald"),
            '{"app_id": "gazette", "event_name": "page_v',
        ],
        "2021/05/03/00": [
            event("struct", "03T00:00:01Z", se_action="widget_seen", se_property="7,8,9"),
            event("struct", "03T00:00:09Z", se_action="widget_click", se_label="8"),
            event("page_view", "02T23:59:59.999Z"),
            event("page_view", "01T10:00:00Z"),
        ],
    }
    for hour, lines in hours.items():
        (folder / hour).mkdir(parents=True)
        (folder / hour / "part-0.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    params = {"path": str(folder), "app_id": "gazette", "item_pattern": "/([0-9]+)/story"}
    reading = tuple(InteractionType(name=name) for name in ("view", "dwell", "click"))
    return SourceExample(ComponentSpec(kind="snowplow", params=params), date(2021, 5, 1), date(2021, 5, 3), reading)


TABLE_COLUMNS = {"user_id": "who", "item_id": "what", "event_type": "did", "timestamp": "at", "value": "paid"}


def csv(folder: Path) -> SourceExample:
    (folder / "log.tsv.gz").write_bytes(
        gzip.compress(
            b"at\twho\twhat\tdid\tpaid\tshop\n"
            b"2026-03-01T10:00:00Z\tanna\tp1\tlook\t\twest\n"
            b"2026-03-01T10:00:00Z\tanna\tp1\tlook\t\teast\n"
            b"2026-03-01T12:00:00+02:00\tanna\tp1\tpurchase\t12.50\twest\n"
            b"2026-03-01 23:59:59\tbob\tp2\tpurchase\ta lot\twest\n"
            b"bob\tp2\n"
            b'2026-03-02\t"bob\tp2\tlook\t\twest\n'
            b"1772496000\tbob\tp2\tlook\t\twest\n"
        )
    )
    (folder / "items.tsv").write_text("id\tname\tmade by\np1\tTea\tWest Ltd.\n\tnameless\t\n")
    items = {
        "path": f"{folder}/items.tsv",
        "columns": {"item_id": "id", "title": "name"},
        "attributes": {"brand": "made by"},
        "since": "2026-03-01",
    }
    columns = {**TABLE_COLUMNS, "event_type": {"column": "did", "map": {"look": "view"}}}
    params = {"path": f"{folder}/log*", "delimiter": "\t", "columns": columns, "items": items}
    return SourceExample(ComponentSpec(kind="csv", params=params), date(2026, 3, 1), date(2026, 3, 3), BROWSING)


def parquet(folder: Path) -> SourceExample:
    moments = pl.Series(["2026-03-01 10:00", "2026-03-02 00:30", "2026-03-03 01:00", None]).str.to_datetime()
    table = {"who": [1.0, 2.0, 3.0, 4.0], "what": ["p1"] * 4, "at": moments, "paid": [1, 2, 3, 4]}
    pl.DataFrame(table).write_parquet(folder / "a.parquet")
    params = {
        "path": f"{folder}/*.parquet",
        "columns": {**TABLE_COLUMNS, "event_type": {"constant": "purchase"}},
        "timezone": "Europe/Vienna",
    }
    return SourceExample(ComponentSpec(kind="parquet", params=params), date(2026, 3, 1), date(2026, 3, 3), BUYING)


def ndjson(folder: Path) -> SourceExample:
    for day in (1, 2, 3):
        (folder / f"2026/03/0{day}").mkdir(parents=True)
        (folder / f"2026/03/0{day}/log.ndjson").write_text(
            f'{{"id": "a{day}", "u": {{"id": 7}}, "t": "2026-03-0{day}T08:00:00Z", "what": "p1", "did": "view"}}\n'
            f'{{"id": "b{day}", "u": {{"id": 8}}, "t": "2026-03-0{day}T09:00:00Z", "shown": ["p1", "p2"]}}\n'
            f'{{"id": "c{day}", "u": {{"id": 7}}, "t": "2026-02-28T23:00:00Z", "what": "late", "did": "view"}}\n'
            '{"id": "d"\n[]\n'
        )
    columns = {"event_id": "id", "user_id": "u.id", "timestamp": "t", "item_id": "what", "event_type": "did"}
    params = {"path": f"{folder}/YYYY/MM/DD/*.ndjson", "columns": {**columns, "items": "shown"}, "late_days": 2}
    return SourceExample(ComponentSpec(kind="ndjson", params=params), date(2026, 3, 1), date(2026, 3, 3), BROWSING)


def mind(folder: Path) -> SourceExample:
    (folder / "behaviors.tsv").write_text(
        "1\tU1\t11/12/2019 2:14:46 PM\tN9 N8\tN1-0 N2-1 N3-1\n"
        "1\tU1\t11/12/2019 2:14:46 PM\tN9 N8\tN1-0 N2-1 N3-1\n"
        "2\tU2\t11/14/2019 12:00:01 AM\t\tN1-1\n"
        "3\tU2\t11/14/2019 12:00:01 AM\t\tN1 N2\n"
        "4\tU2\tsoon\t\tN1-1\n"
        "5\tU2\n"
    )
    (folder / "news.tsv").write_text(
        'N1\tsports\tgolf\tA "title\tText.\thttps://example.org/1\t[{"Label": "Golf"}]\t[]\n'
        "\tsports\tgolf\tA\t\t\t[]\t[]\n"
    )
    quality = QualityPolicy(earliest="2019-01-01", latest="2020-01-01")
    clicking = (InteractionType(name="click"),)
    spec = ComponentSpec(kind="mind", params={"path": str(folder)})
    return SourceExample(spec, date(2019, 11, 12), date(2019, 11, 14), clicking, quality)


def coveo(folder: Path) -> SourceExample:
    (folder / "browsing_train.csv").write_text(
        "session_id_hash,event_type,product_action,product_sku_hash,server_timestamp_epoch_ms,hashed_url\n"
        "s1,event_product,detail,a,1550885210881,u1\n"
        "s1,event_product,detail,a,1550885210881,u1\n"
        "s1,pageview,,,1550885210881,u1\n"
        "s1,event_product,remove,a,1550885215484,u2\n"
        "s1,event_product,add,a,soon,u2\n"
        "s2,event_product,purchase,b,1551052800000,u2\n"
    )
    (folder / "search_train.csv").write_text(
        "session_id_hash,query_vector,clicked_skus_hash,product_skus_hash,server_timestamp_epoch_ms\n"
        "s1,\"[-0.2, 0.1]\",\"['b']\",\"['a', 'b']\",1550885234192\n"
        's1,"[-0.2, 0.3]",,,1550885234192\n'
        "s2,\"[-0.2, 0.1]\",,\"['b', 'c']\",1551052800001\n"
    )
    (folder / "sku_to_content.csv").write_text(
        "product_sku_hash,description_vector,category_hash,image_vector,price_bucket\n"
        'a,"[0.3, -0.1]",top/inner,"[340.3, 1.5]",7.0\nb,,,,\n,,top,,\n'
    )
    quality = QualityPolicy(earliest="2019-01-01", latest="2020-01-01")
    spec = ComponentSpec(kind="coveo", params={"path": str(folder)})
    return SourceExample(spec, date(2019, 2, 23), date(2019, 2, 25), BROWSING, quality)


def movielens(folder: Path) -> SourceExample:
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,31,2.5,1260759144\n2,1,4.0,1260845544\n2,,4.0,1260845544\n"
    )
    (folder / "tags.csv").write_text(
        "userId,movieId,tag,timestamp\n15,31,sandra 'boring' bullock,1260759999\n15,31,dentist,1260759999\n"
    )
    (folder / "movies.csv").write_text(
        "movieId,title,genres\n1,Toy Story (1995),Adventure|Animation\n"
        '31,"American President, The (1995)",(no genres listed)\n,Nameless,Drama\n'
    )
    spec = ComponentSpec(kind="movielens", params={"path": str(folder)})
    stars = (InteractionType(name="rating"), InteractionType(name="tag"))
    return SourceExample(spec, date(2009, 12, 14), date(2009, 12, 15), stars)


def avazu(folder: Path) -> SourceExample:
    rest = "1005,0,1fbe01fe,f3845767,28905ebd,ecad2386,7801e8d9,07d7df22"
    (folder / "train.csv").write_text(
        "id,click,hour,C1,banner_pos,site_id,site_domain,site_category,app_id,app_domain,app_category,device_id,"
        "device_ip,device_model,device_type,device_conn_type,C14,C15,C16,C17,C18,C19,C20,C21\n"
        f"10000169349117863715,0,14102100,{rest},a99f214a,ddd2926e,44956a24,1,2,15706,320,50,1722,0,35,-1,79\n"
        f"10000371904215119486,1,14102101,{rest},a99f214a,96809ac8,711ee120,1,0,15704,320,50,1722,0,35,100084,79\n"
        f"10000640724480838376,1,14102200,{rest},0f2161f8,b3cf8def,8a4875bd,1,0,15704,320,50,1722,0,35,100084,79\n"
        f"10000679056417042096,2,14102300,{rest},0f2161f8,e8275b8f,6332421a,1,0,15706,320,50,1722,0,35,100084,79\n"
    )
    spec = ComponentSpec(kind="avazu", params={"path": str(folder)})
    return SourceExample(spec, date(2014, 10, 21), date(2014, 10, 22), (InteractionType(name="click"),))


EXAMPLES: dict[str, Callable[[Path], SourceExample]] = {
    "avazu": avazu,
    "coveo": coveo,
    "csv": csv,
    "kafka": kafka,
    "mind": mind,
    "movielens": movielens,
    "ndjson": ndjson,
    "online_retail": online_retail,
    "parquet": parquet,
    "retailrocket": retailrocket,
    "simulator": simulator,
    "snowplow": snowplow,
}


@pytest.fixture(params=sorted(SOURCES))
def example(request, tmp_path) -> SourceExample:
    return EXAMPLES[request.param](tmp_path)


class TestEverySource(SourceContract):
    pass


@pytest.mark.parametrize(
    ("kind", "kept", "duplicates", "quarantined"),
    [
        ("coveo", 4, 1, {"no_item": 2, "unknown_event_type": 2, "bad_timestamp": 1, "missing_item_id": 1}),
        (
            "mind",
            5,
            3,
            {"bad_timestamp": 2, "missing_click_flag": 1, "wrong_number_of_columns": 1, "missing_item_id": 1},
        ),
        (
            "retailrocket",
            3,
            1,
            {"bad_timestamp": 1, "absurd_timestamp": 1, "unknown_event_type": 1, "bad_category": 1},
        ),
        ("snowplow", 5, 2, {"no_item": 1, "broken_json": 1, "timestamp_outside_day": 1}),
    ],
)
def test_rows_in_are_kept_set_aside_or_duplicates_and_nothing_else(tmp_path, kind, kept, duplicates, quarantined):
    example = EXAMPLES[kind](tmp_path)
    batches = example.batches(example.first, example.last)
    partitions = example.sorted_out(example.first, example.last).values()
    counts = sum((partition.counts for partition in partitions), NO_ROWS)
    assert (counts.kept, counts.duplicates, counts.quarantined) == (kept, duplicates, quarantined)
    assert counts.rows_in == sum(file.rows for batch in batches for file in batch.files)


def test_every_template_names_a_source_of_the_registry():
    templates = files("recsys.sites").joinpath("templates")
    texts = [templates.joinpath(f"{name}.yaml").read_text(encoding="utf-8") for name in template_names()]
    kinds = [yaml.safe_load(text.replace(PLACEHOLDER, "''"))["source"]["kind"] for text in texts]
    assert set(kinds) <= set(SOURCES)
    assert set(EXAMPLES) == set(SOURCES)


def test_an_unknown_kind_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=f"found 'ftp', expected one of: {', '.join(sorted(SOURCES))}"):
        open_source(ComponentSpec(kind="ftp"))
