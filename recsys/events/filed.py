"""A path pattern whose folders or file names may say when the rows of a file happened: ``log/YYYY/MM/DD/HH/*.gz``.

``YYYY``, ``MM``, ``DD`` and ``HH`` stand for the UTC time, ``{day}`` for YYYY-MM-DD, ``{hour}`` for HH. A pattern with
a day alone files by day, one with an hour too by hour, one with neither not at all.
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Final

from recsys.errors import ConfigError, SourceError
from recsys.events.files import RawFile, find
from recsys.events.raw import Filing
from recsys.layout import Settings

TOKEN: Final = re.compile(r"YYYY|MM|DD|HH")
TOKENS: Final = re.compile(r"(?<![A-Za-z])(?:YYYY|MM|DD|HH)+(?![A-Za-z])")
DIGITS: Final = {"YYYY": 4, "MM": 2, "DD": 2, "HH": 2}
AS_STRFTIME: Final = {"YYYY": "%Y", "MM": "%m", "DD": "%d", "HH": "%H"}
ONE_DAY: Final = timedelta(days=1)


class FiledPath:
    """Finds the files of a span of time.

    Raises:
        ConfigError: the pattern names an hour or a month, but no day.
    """

    def __init__(self, pattern: str, settings: Settings, *, late_days: int = 0) -> None:
        self._pattern = pattern.replace("{day}", "YYYY-MM-DD").replace("{hour}", "HH")
        self._settings = settings
        self._late = timedelta(days=late_days)
        self._tokens = [token for run in TOKENS.findall(self._pattern) for token in TOKEN.findall(run)]
        if self._tokens and not {"YYYY", "MM", "DD"} <= set(self._tokens):
            raise ConfigError(
                f"source.params: found the path {pattern!r}, expected a whole day in it (YYYY, MM and DD, or {{day}}), "
                "or none of these; correct the site's YAML"
            )
        if late_days and not self._tokens:
            raise ConfigError(
                f"source.params: found late_days with the path {pattern!r}, which files nothing by day; leave it out"
            )

    @property
    def filed(self) -> bool:
        """Whether the files are filed by day or hour."""
        return bool(self._tokens)

    @property
    def waits(self) -> bool:
        """Whether rows may lie under a later time because they came late."""
        return bool(self._late)

    def files(self, start: datetime, end: datetime) -> Iterator[tuple[RawFile, Filing | None]]:
        """The files that may have rows of this span (UTC), in order; all of them where they are not filed.

        Raises:
            SourceError: they are not filed, and there is none.
        """
        if not self.filed:
            for file in find(self._pattern, self._settings):
                yield file, None
            return
        day = start.replace(hour=0)
        while day < end + self._late:
            pattern = self._with(partial(_on, day))
            found = find(pattern, self._settings, required=False)
            slots = ((self._slot(file), file) for file in found)
            for slot, file in sorted(slots, key=lambda each: (each[0], each[1].location)):
                if slot + self._step > start and slot < end + self._late:
                    yield self._named(file), Filing(slot, slot + self._step, self._late)
            day += ONE_DAY

    def days(self) -> tuple[datetime, datetime]:
        """The first and the last slot that has a file.

        Raises:
            SourceError: there is none.
        """
        wild = self._with(lambda token: "[0-9]" * DIGITS[token])
        slots = [self._slot(file) for file in find(wild, self._settings)]
        return min(slots), max(slots)

    def _with(self, text_of: Callable[[str], str]) -> str:
        """The pattern with something else in place of each token."""
        return TOKENS.sub(lambda run: TOKEN.sub(lambda token: text_of(token.group()), run.group()), self._pattern)

    @property
    def _step(self) -> timedelta:
        return timedelta(hours=1) if "HH" in self._tokens else ONE_DAY

    def _slot(self, file: RawFile) -> datetime:
        """When the rows of the file began to happen, as its path says."""
        match = self._regex.fullmatch(file.location)
        if match is None:
            raise SourceError(f"{file.location}: found a path from which no day can be told; expected {self._pattern}")
        digits = dict(zip(self._tokens, match.groups(), strict=True))
        try:
            return datetime(*(int(digits.get(token, "0")) for token in DIGITS), tzinfo=UTC)  # type: ignore[arg-type,misc]
        except ValueError:
            raise SourceError(
                f"{file.location}: found no such day or hour, expected {self._pattern}; rename or move it"
            ) from None

    def _named(self, file: RawFile) -> RawFile:
        """Under a name that is unique among the files of all days."""
        wild = re.search(r"[*?\[]|" + TOKENS.pattern, self._pattern)
        start = self._pattern.rfind("/", 0, wild.start() if wild else 0) + 1
        return RawFile(file.location[start:], file.location, file.objects)

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        regex, end = "", 0
        for run in TOKENS.finditer(self._pattern):
            regex += _wildcards(self._pattern[end : run.start()])
            regex += TOKEN.sub(lambda token: f"([0-9]{{{DIGITS[token.group()]}}})", run.group())
            end = run.end()
        return re.compile(regex + _wildcards(self._pattern[end:]), re.DOTALL)


def _on(day: datetime, token: str) -> str:
    return "[0-2][0-9]" if token == "HH" else day.strftime(AS_STRFTIME[token])


def _wildcards(part: str) -> str:
    """Anything where a wildcard is: that it fits was seen when the file was found."""
    return "".join(
        ".*" if index % 2 else re.escape(text) for index, text in enumerate(re.split(r"([*?]+|\[[^\]]+\])", part))
    )
