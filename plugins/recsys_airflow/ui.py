"""Links from Airflow's pages to the platform's other pages."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from recsys.layout import Settings


class RecsysPages(AirflowPlugin):
    """Adds MLflow, the recommendations page and Jupyter to the navigation; the addresses are those of the settings."""

    name = "recsys"

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        settings = Settings()
        pages = {
            "Recommendations": settings.web_url,
            "MLflow": settings.tracking_uri,
            "Jupyter": settings.jupyter_url,
        }
        cls.external_views = [
            {"name": name, "href": address, "destination": "nav", "category": "browse"}
            for name, address in pages.items()
        ]
