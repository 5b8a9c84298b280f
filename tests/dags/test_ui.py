from pathlib import Path

import pytest
from airflow._shared.module_loading import find_path_from_directory
from airflow.plugins_manager import AirflowPlugin

from recsys_airflow import ui


def test_the_pages_of_the_platform_are_linked_at_their_own_addresses(monkeypatch):
    monkeypatch.setenv("RECSYS_WEB_PORT", "18000")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example.org")
    ui.RecsysPages.on_load()
    links = {view["name"]: view["href"] for view in ui.RecsysPages.external_views}
    assert links["Recommendations"] == "http://127.0.0.1:18000"
    assert links["MLflow"] == "https://mlflow.example.org"
    assert all("url_route" not in view for view in ui.RecsysPages.external_views)


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern")  # of Airflow's own
def test_airflow_loads_one_file_of_the_folder_as_a_plugin():
    """Every other file would be imported a second time, under its bare name."""
    found = [Path(path) for path in find_path_from_directory(Path(ui.__file__).parents[1], ".airflowignore")]
    assert [path.name for path in found if path.suffix == ".py"] == ["ui.py"]
    assert issubclass(ui.RecsysPages, AirflowPlugin)
