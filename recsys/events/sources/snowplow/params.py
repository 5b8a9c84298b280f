"""Which Snowplow events are a site's own, and what they mean."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, NonNegativeInt, PositiveFloat

from recsys.types import Frozen

PAGE_VIEW_ID: Final = "contexts_com_snowplowanalytics_snowplow_web_page_1.id"
"Where every tracker for the web puts the id of the page view."


def _with_a_group(pattern: str) -> str:
    try:
        groups = re.compile(pattern).groups
    except re.error as fault:
        raise ValueError(f"found {pattern!r}, expected a regular expression: {fault}") from None
    if groups < 1:
        raise ValueError(f"found {pattern!r}, expected a group in brackets that is the item id, as /([0-9]+)/")
    return pattern


class WidgetParams(Frozen):
    """How the site's pages tell what a widget showed, and what was clicked in it. A path is written with dots."""

    field: str = "se_action"
    "Path of what tells one from the other."
    seen: str = "widget_seen"
    "Its value where items were shown."
    click: str = "widget_click"
    "Its value where one of them was clicked."
    items: str = "se_property"
    "Path of the items shown, in order; in a column of structured events, separated by commas."
    clicked: str = "se_label"
    "Path of the item clicked."
    request: str = PAGE_VIEW_ID
    "Path of what a click and the impression it answers have in common."


class SnowplowParams(Frozen):
    """Where the files lie, and what of them is the site's."""

    path: str
    "Folder, or s3://bucket/prefix, that holds YYYY/MM/DD/HH/."
    app_id: str | None = None
    "Only events of this app_id are the site's; null: all are."
    user: Literal["domain_userid", "user_id", "network_userid"] = "domain_userid"
    "The column that says who it was."
    item: str = "page_urlpath"
    "Path of what names the item of a page."
    item_pattern: Annotated[str, AfterValidator(_with_a_group)] = "(.+)"
    "Regular expression whose first group is the item id; where it is not found, the event is not about an item."
    heartbeat_seconds: PositiveFloat = 10.0
    "Time between two pings of a page."
    late_days: NonNegativeInt = 1
    "An event may be filed this many days after it happened."
    widget: WidgetParams = WidgetParams()
    "How impressions and clicks are told."
