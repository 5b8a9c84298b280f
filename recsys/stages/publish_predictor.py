"""The model files of a predictor's release, from the object store into Postgres, where the web service finds them."""

import tempfile
from pathlib import Path
from typing import Final

from recsys.releases import files as f
from recsys.serving import publishing
from recsys.serving.audit import LIBRARY
from recsys.stages.context import StageContext
from recsys.types import ReleaseId, SiteId

MODEL: Final = "model"
"""Folder of the model's files within the release."""


def run(*, site: SiteId, release_id: ReleaseId, by: str = LIBRARY, context: StageContext) -> int:
    """The release can be activated afterwards; the number of its files.

    Raises:
        ReleaseError: it was refused, or its files are gone.
        StoreError: a store does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        f.ReleaseFiles(context.blobs, site, release_id).get_folder(MODEL, Path(folder))
        return publishing.publish_model(context.dsn, site, release_id, Path(folder), by=by)
