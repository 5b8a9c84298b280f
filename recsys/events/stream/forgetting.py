"""Messages of users who asked to be forgotten."""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from recsys import columns as c
from recsys.events.partition import naming
from recsys.events.stream.told import Format, tell
from recsys.events.validation import Rules
from recsys.types import UserId


def is_forgotten(messages: pl.DataFrame, erased: Mapping[UserId, datetime], form: Format, rules: Rules) -> pl.Series:
    """Whether each message tells what one of these users did before asking, or names the user and cannot be read.

    Args:
        messages: schema MESSAGES, as they landed.
        erased: who asked, and when (UTC).
        form: how a message is told as an event.
        rules: which times are sane.
    """
    told = tell(messages, form, rules)
    user, when = pl.col(c.USER_ID), pl.col(c.TIMESTAMP)
    asked = user.replace_strict(dict(erased), default=None, return_dtype=pl.Datetime("us", "UTC"))
    unreadable = pl.col(c.REASON).is_not_null() & naming(list(erased), c.MESSAGE)
    theirs = user.is_in(list(erased)) & (when < asked)
    return told.select((unreadable | theirs).fill_null(False)).to_series()
