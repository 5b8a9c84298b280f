"""What was shown to whom, from which release."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from recsys.serving.contracts import Answer

_INSERT: Final = """
INSERT INTO recsys.impression (site, request_id, user_id, release_id, arm, item_ids, sources, served_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (site, request_id) DO NOTHING
"""


async def write_impressions(pool: asyncpg.Pool, answers: Sequence[tuple[Answer, datetime]]) -> None:
    """Each answer with the time it was served is one impression; one that is there already stays as it is."""
    await pool.executemany(
        _INSERT,
        [
            (
                *(answer.site, answer.request_id, answer.user_id, answer.release_id, answer.arm),
                *([item.item_id for item in answer.items], [item.source for item in answer.items], served_at),
            )
            for answer, served_at in answers
        ],
    )
