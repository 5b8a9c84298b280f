"""Defines no DAG: shows a site whose YAML is broken as an import error, at the top of Airflow's pages.

Every other file here leaves such a site out, so the DAGs of the other sites go on.
"""

from recsys_airflow.sites import refuse_broken_sites

refuse_broken_sites()
