"""CSV, TSV and other delimited text files of events."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import StringConstraints, model_validator

from recsys.events.files import RawFile
from recsys.events.lines import Lines, TextForm, read_lines
from recsys.events.sources.source import Surroundings
from recsys.events.sources.tables import TableParams, TableSource, mapped


class CsvParams(TableParams):
    """How the text is written."""

    delimiter: Annotated[str, StringConstraints(pattern=r"^[\t -!#-~]$")] = ","
    'Between the fields of a line; "\\t" for TSV.'
    quoted: bool = True
    "False: a quote is a character like any other."
    header: tuple[str, ...] = ()
    "Names of the columns, for files whose first line is a row already."
    exact_columns: tuple[str, ...] = ()
    "Exactly these columns, in this order, must be in the file of events; empty: others may be there too."

    @model_validator(mode="after")
    def _the_header_has_the_columns(self) -> "CsvParams":
        if self.header and (missing := [name for name in self.columns.required if name not in self.header]):
            raise ValueError(f"header: found no {', '.join(missing)}, which columns names; add it where it stands")
        return self


def csv_files(params: CsvParams, surroundings: Surroundings) -> TableSource:
    """The source of kind ``csv``."""

    def read(file: RawFile, required: Sequence[str]) -> Iterator[Lines]:
        of_events = tuple(required) == params.columns.required
        form = TextForm(
            forms=(params.exact_columns,) if params.exact_columns and of_events else (),
            required=tuple(required),
            names=params.header if of_events else (),
            delimiter=params.delimiter,
            quoted=params.quoted,
            pattern=surroundings.quality.line_pattern if of_events else None,
        )
        return read_lines(file, form)

    return mapped(params, surroundings, read)
