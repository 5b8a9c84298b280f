"""What can go wrong, as one small tree.

    RecsysError
    ├── ConfigError            a setting or a site's YAML is not usable
    │   └── UnknownSiteError   no such site
    ├── DataError              rows or files are not what they should be
    │   ├── SourceError        a file or folder is missing, empty, or not in the published form
    │   ├── SchemaError        a frame at a border has the wrong columns or types
    │   ├── PartitionRefused   too many bad rows, or none where traffic is expected: nothing was committed
    │   ├── MissingColumns     rows that are to be scored lack columns; they are named
    │   ├── TableRefused       a predictor's table is not what its site expects: nothing was trained
    │   └── NotEnoughData      the log is too short or too thin for what was asked
    ├── NotFittedError         generate or score was called before fit
    ├── FeatureMismatch        a model was trained on another feature set
    ├── PlatformError          a server of the embedded platform cannot start, or did not stay up
    ├── FetchError             a site's content API does not answer; it may later
    ├── StoreError             Postgres or the object store answered with something unexpected
    ├── ReleaseError           a release is missing, incomplete, or in the wrong state for what was asked
    │   └── UnknownReleaseError  the site has no release of this id
    ├── ServiceError           the web service did not answer as asked; kinds in recsys/client/errors.py
    └── ExperimentError        an experiment is over, or in the way of another
        └── UnknownExperimentError  the site has no experiment of this name

A message has three parts: what was found, what was expected, what to do. A refused gate is an outcome, not an error.
"""


class RecsysError(Exception):
    """Everything this library raises on purpose."""


class ConfigError(RecsysError):
    """A setting or a site's YAML is not usable."""


class UnknownSiteError(ConfigError):
    """There is no site of this name."""


class DataError(RecsysError):
    """Rows or files are not what they should be."""


class SourceError(DataError):
    """A source's file or folder is missing, empty, or not in its published form."""


class SchemaError(DataError):
    """A frame at a folder border has the wrong columns or types."""


class PartitionRefused(DataError):
    """A partition was not committed; the last good one, if any, is untouched."""


class MissingColumns(DataError):
    """Rows that are to be scored lack ``columns``."""

    def __init__(self, message: str, *, columns: tuple[str, ...]) -> None:
        super().__init__(message)
        self.columns = columns


class TableRefused(DataError):
    """What a predictor would learn from is not what its site expects; nothing was trained."""


class NotEnoughData(DataError):
    """The log is too short or too thin for what was asked."""


class NotFittedError(RecsysError):
    """``generate`` or ``score`` was called before ``fit``."""


class FeatureMismatch(RecsysError):
    """A model was trained on another feature set than the one it is given."""


class PlatformError(RecsysError):
    """A server of the embedded platform cannot start, or did not stay up."""


class FetchError(RecsysError):
    """A site's content API does not answer; it may later."""


class StoreError(RecsysError):
    """Postgres or the object store answered with something unexpected."""


class ReleaseError(RecsysError):
    """A release is missing, incomplete, or in the wrong state for what was asked."""


class UnknownReleaseError(ReleaseError):
    """The site has no release of this id."""


class ExperimentError(RecsysError):
    """An experiment is over, or in the way of another."""


class UnknownExperimentError(ExperimentError):
    """The site has no experiment of this name."""
