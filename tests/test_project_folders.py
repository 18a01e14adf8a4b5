"""A configuration file of ours or of the old SDK names the workspace of a project folder."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from bridge import AlreadyExists, Experiment, InvalidValue, NotAllowed, NotFound, Workspace

SCOPE = "/subscriptions/sub-1/resourceGroups/group-1/providers/Microsoft.MachineLearningServices/workspaces/{}"
PORTAL = {"subscription_id": "sub-2", "resource_group": "group-2", "workspace_name": "portal-ws"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create an empty `$BRIDGE_HOME`, and an empty project folder as the working folder."""
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    (tmp_path / "project" / "below" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "home"


def write(path: str, said: object) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(said), encoding="utf-8")
    return file


def test_the_file_of_azures_portal_creates_and_opens_a_workspace(home: Path) -> None:
    write("config.json", PORTAL)
    ws = Workspace.from_config()
    assert (ws.name, ws.path) == ("portal-ws", home / "portal-ws")
    assert (ws.subscription_id, ws.resource_group, ws.location, ws.sku) == ("sub-2", "group-2", "local", "basic")
    assert Workspace.from_config().id == ws.id


def test_the_file_of_the_old_sdk_opens_a_workspace_too(home: Path) -> None:
    write(".azureml/config.json", {"Id": None, "Scope": SCOPE.format("scope-ws")})
    ws = Workspace.from_config()
    assert (ws.name, ws.subscription_id, ws.resource_group) == ("scope-ws", "sub-1", "group-1")


def test_a_scope_overrides_the_three_keys(home: Path) -> None:
    write("config.json", {**PORTAL, "Scope": SCOPE.format("scope-ws")})
    assert Workspace.from_config().name == "scope-ws"


def test_an_address_overrides_all_and_is_relative_to_the_project_folder(home: Path, tmp_path: Path) -> None:
    ws = Workspace.create("here", path="data/ws")
    for file in (".bridge/config.json", ".azureml/config.json", "config.json"):
        written = write(file, {**PORTAL, "address": "data/ws"})
        assert Workspace.from_config("below").path == tmp_path / "project" / "data" / "ws"
        assert Workspace.from_config(written).id == ws.id
        written.unlink()
    write("config.json", {"address": ws.get_mlflow_tracking_uri()})
    assert Workspace.from_config().id == ws.id
    assert not home.exists()


def test_a_workspace_is_not_created_at_an_address(home: Path) -> None:
    write("config.json", {**PORTAL, "address": "nowhere"})
    with pytest.raises(NotFound, match="nowhere"):
        Workspace.from_config()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (".bridge/config.json", ".azureml/config.json"),
        (".bridge/project.json", ".azureml/config.json"),
        (".azureml/config.json", ".azureml/project.json"),
        (".azureml/project.json", "aml_config/config.json"),
        ("aml_config/config.json", "config.json"),
        ("config.json", "project.json"),
        ("below/config.json", "config.json"),
        # Each name is searched up to the root before the next name.
        (".azureml/config.json", "below/config.json"),
        ("config.json", "below/project.json"),
    ],
)
def test_files_are_searched_in_the_order_of_the_old_sdk(home: Path, first: str, second: str) -> None:
    write(first, {**PORTAL, "workspace_name": "first"})
    write(second, {**PORTAL, "workspace_name": "second"})
    assert Workspace.from_config("below/deeper").name == "first"


def test_a_file_can_have_another_name_or_path(home: Path) -> None:
    write("config.json", PORTAL)
    write(".azureml/other.json", {**PORTAL, "workspace_name": "other"})
    assert Workspace.from_config(_file_name="other.json").name == "other"
    assert Workspace.from_config(path=".azureml/other.json").name == "other"
    assert Workspace.from_config(".", None, None, None).name == "portal-ws"


def test_a_missing_file_is_reported_with_a_remedy(home: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="write_config") as error:
        Workspace.from_config()
    assert str(tmp_path / "project") in str(error.value)


@pytest.mark.parametrize(
    "said", [[], "text", {}, {"workspace_name": "half"}, {"address": ""}, {"Scope": "/nonsense/x"}]
)
def test_a_file_without_a_workspace_is_named(home: Path, said: object) -> None:
    write("config.json", said)
    with pytest.raises(InvalidValue, match="config.json"):
        Workspace.from_config()
    assert not home.exists()


def test_a_file_that_is_not_json_is_named(home: Path) -> None:
    Path("config.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidValue, match="not JSON"):
        Workspace.from_config()


def test_a_name_that_leads_out_of_the_home_folder_is_refused(home: Path) -> None:
    write("config.json", {**PORTAL, "workspace_name": "../elsewhere"})
    with pytest.raises(InvalidValue, match="workspace name"):
        Workspace.from_config()


def test_a_byte_order_mark_is_ignored(home: Path) -> None:
    Path("config.json").write_text("\ufeff" + json.dumps(PORTAL), encoding="utf-8")
    assert Workspace.from_config().name == "portal-ws"


def test_a_written_file_is_found_and_has_azures_format(home: Path, tmp_path: Path) -> None:
    ws = Workspace.create("mine", path=tmp_path / "elsewhere", subscription_id="s", resource_group="g")
    ws.write_config()
    said = json.loads(Path(".azureml/config.json").read_text(encoding="utf-8"))
    assert said["Id"] is None
    assert said["Scope"] == SCOPE.format("mine").replace("sub-1", "s").replace("group-1", "g")
    again = Workspace.from_config("below")
    assert (again.id, again.subscription_id) == (ws.id, "s")


def test_an_existing_file_is_replaced(home: Path) -> None:
    ws = Workspace.create("mine")
    for path, file_name, wanted in (
        (".azureml", None, ".azureml/config.json"),
        ("a", "other", "a/.azureml/other.json"),
        ("b", None, "b/.azureml/config.json"),
    ):
        ws.write_config(path, file_name)
        assert Path(wanted).is_file()
    Path("c/aml_config").mkdir(parents=True)
    ws.write_config("c")
    assert Path("c/aml_config/config.json").is_file()
    write("d/.azureml/project.json", PORTAL)
    ws.write_config("d")
    assert Workspace.from_config("d/.azureml/project.json").name == "mine"
    write("e/.bridge/config.json", PORTAL)
    ws.write_config("e")
    assert Workspace.from_config("e").name == "mine"
    assert not Path("e/.azureml").exists()


def test_the_constructor_and_get_open_an_existing_workspace(home: Path) -> None:
    with pytest.raises(NotFound, match=r"Workspace.create\('old'\)"):
        Workspace("s", "g", "old")
    made = Workspace.create(
        name="old",
        auth=object(),
        subscription_id="s",
        resource_group="g",
        location="westeurope",
        create_resource_group=True,
        sku="enterprise",
        tags={"team": "vision"},
        friendly_name="Old one",
        show_output=False,
    )
    for ws in (
        Workspace(subscription_id="s", resource_group="g", workspace_name="old", auth=None, _cloud="AzureCloud"),
        Workspace("s", "g", "old"),
        Workspace.get("old", auth=None, subscription_id="s", resource_group="g"),
        Workspace.get(name="old"),
    ):
        assert ws.id == made.id
        assert (ws.subscription_id, ws.resource_group, ws.location) == ("s", "g", "westeurope")
        assert (ws.sku, ws.tags) == ("enterprise", {"team": "vision"})
    with pytest.raises(NotFound):
        Workspace.get("none")
    with pytest.raises(AlreadyExists):
        Workspace.create("old", subscription_id="s")


def test_an_unknown_argument_is_refused(home: Path) -> None:
    with pytest.raises(TypeError, match="pth"):
        Workspace.create("typo", pth="./here")
    with pytest.raises(TypeError, match="nonsense"):
        Workspace.get("typo", nonsense=1)
    assert not home.exists()


def test_details_given_for_a_workspace_stay_with_its_handles(home: Path) -> None:
    write("config.json", PORTAL)
    Workspace.create("portal-ws", location="here")
    run = Experiment(Workspace.from_config(), "e").start_logging()
    assert run.experiment.workspace.subscription_id == "sub-2"
    again = pickle.loads(pickle.dumps(run)).experiment.workspace
    assert isinstance(again, Workspace)
    assert (again.subscription_id, again.location, again.id) == ("sub-2", "here", run.experiment.workspace.id)
    run.complete()


def test_workspaces_are_listed_by_name(home: Path) -> None:
    assert Workspace.list("sub") == {}
    first, second = Workspace.create("one"), Workspace.create("two")
    Workspace.create("one", path=home / "renamed")
    listed = Workspace.list("sub", auth=None, resource_group="g")
    assert {name: len(found) for name, found in listed.items()} == {"one": 2, "two": 1}
    assert first.id in {ws.id for ws in listed["one"]}
    assert listed["two"][0].id == second.id


def test_details_have_the_old_names(home: Path) -> None:
    ws = Workspace.create("mine", subscription_id="s", resource_group="g", friendly_name="Mine", tags={"a": "b"})
    details = ws.get_details()
    assert details["id"].endswith("/workspaces/mine")
    assert (details["name"], details["friendlyName"], details["tags"]) == ("mine", "Mine", {"a": "b"})
    assert details["workspaceid"] == ws.id
    assert details["creationTime"].startswith("20")
    assert ws.discovery_url == ws.get_mlflow_tracking_uri()


def test_features_without_a_counterpart_are_reported(home: Path) -> None:
    ws = Workspace.create("mine")
    assert (list(ws.compute_targets), ws.datastores, ws.datasets, ws.webservices) == (["local"], {}, {}, {})
    with pytest.raises(NotAllowed, match="upload_folder"):
        ws.get_default_datastore()
    with pytest.raises(NotAllowed, match="environment variables"):
        ws.get_default_keyvault()
