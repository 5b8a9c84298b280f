"""
# consume_stream

Follows the Kafka topic of one site: lands what has come since the last run, then writes the days that got messages.
Only for sites whose source is `kafka`. A run that is killed loses nothing and doubles nothing; the next one goes on.

* **By itself**: a watcher looks at the topic every 20 seconds and starts a run when messages wait.
* **By hand**: *Trigger*.
* **Without Airflow**: `recsys stream --site S` follows the topic without an end; messages then land within seconds.

What was written is announced by partition, and starts no training: that has its own clock.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from recsys_airflow.assets import event_log
from recsys_airflow.defaults import policy
from recsys_airflow.sites import usable_sites
from recsys_airflow.streams import announce_written, stream


def consume_stream(site):
    """The DAG of one site; one run at a time, because a topic is read once."""
    log = event_log(site.site)

    @task(outlets=[log])
    def consume(site, *, outlet_events):
        from recsys.stages import consume_stream as stage

        done = stage.run(site=site)
        announce_written(outlet_events[log], done.partitions)
        return done.model_dump(mode="json")

    common = policy("consume_stream", doc=__doc__, site=site.site, longest=timedelta(hours=2))
    with DAG(schedule=[stream(site.site)], **common):
        consume(site.site)


for usable in usable_sites():
    if usable.source.kind == "kafka":
        consume_stream(usable)
