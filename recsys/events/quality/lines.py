"""The line level: which lines of a text source have the form that the site expects."""

from typing import Final

import polars as pl

from recsys.errors import ConfigError

LINE_PATTERN: Final = "line_pattern"
"The reason of a line that does not match ``quality.line_pattern``."


def matches(lines: pl.Series, pattern: str) -> pl.Series:
    r"""Whether each line matches somewhere; a line that is null does not. The syntax is that of Rust's regex.

    A line feed or carriage return at its end is not part of a line: ``$`` stands before it.

    Raises:
        ConfigError: Rust does not know this pattern, as one that looks around or back.
    """
    bare = lines.str.strip_chars_end("\r\n")
    try:
        return bare.str.contains(pattern).fill_null(False)
    except pl.exceptions.ComputeError as error:
        fault = str(error).partition("\n\nThis error occurred")[0]
        raise ConfigError(
            f"quality.line_pattern: found {pattern!r}, expected a regular expression as Rust knows them "
            f"(without looking around or back): {fault}"
        ) from None
