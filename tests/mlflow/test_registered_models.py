"""The model registry gives the same on MLflow's own store and on a workspace."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import mlflow
import pandas
import pytest
from model_journeys import Both, ModelJourney

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*")]  # warnings of MLflow


def test_registered_models_versions_aliases_and_stages(both: Both) -> None:
    from model_samples import log_adder

    @both.answer_the_same
    def models_registered(on: ModelJourney) -> None:
        client, name, other = on.client, f"{on.name} a", f"{on.name} b"
        info = log_adder()
        on.see("made", lambda: client.create_registered_model(name, {"team": "vision"}, "a note"))
        on.refused("made again", lambda: client.create_registered_model(name))
        for refused in ("", None):
            on.refused(f"named {refused!r}", lambda n=refused: client.create_registered_model(n))
        for taken in ("a/b", "a:b"):  # in an older MLflow
            on.note(f"named {taken!r}", lambda n=taken: client.create_registered_model(n))
        for number in range(4):
            tags = {"number": str(number), "even": str(number % 2)}
            made = {"source": info.model_uri, "run_id": None, "tags": tags, "description": f"number {number}"}
            on.see(f"version {number}", lambda m=made: client.create_model_version(name, **m, model_id=info.model_id))
        on.see("from a place", lambda: client.create_model_version(name, source=info.artifact_path))
        on.refused("of none", lambda: client.create_model_version("none", info.model_uri))
        on.refused("from none", lambda: client.create_model_version(name, "models:/m-00000000000000000000000000000000"))
        for alias, version in (("champion", 1), ("challenger", "2"), ("champion", "3")):
            client.set_registered_model_alias(name, alias, version)  # type: ignore[arg-type]
        on.see("by alias", lambda: client.get_model_version_by_alias(name, "champion"))
        on.refused("alias latest", lambda: client.set_registered_model_alias(name, "latest", "1"))
        on.refused("alias v1", lambda: client.set_registered_model_alias(name, "v1", "1"))
        on.refused("alias of no version", lambda: client.set_registered_model_alias(name, "x", "99"))
        client.delete_registered_model_alias(name, "challenger")
        on.refused("by an alias that was deleted", lambda: client.get_model_version_by_alias(name, "challenger"))
        client.set_model_version_tag(name, "1", "k", "v")
        client.delete_model_version_tag(name, "1", "k")
        on.note("tag that is not there", lambda: client.delete_model_version_tag(name, "1", "k"))
        on.refused("tag of no version", lambda: client.set_model_version_tag(name, "99", "k", "v"))
        client.set_registered_model_tag(name, "k", "v")
        client.delete_registered_model_tag(name, "team")
        on.see("note", lambda: client.update_model_version(name, "2", "another note"))
        on.see("note of all", lambda: client.update_registered_model(name, "another note"))
        for version, stage in ((1, "Staging"), (2, "Production"), (3, "production"), (4, "Archived"), (4, "Nowhere")):
            on.note(
                f"{version} to {stage}",
                lambda v=version, s=stage: client.transition_model_version_stage(name, str(v), s, True),
            )
        for stages in (None, ["Production"], ["None", "Archived"], ["Nowhere"]):
            on.note(f"newest of {stages}", lambda s=stages: client.get_latest_versions(name, s))
        on.see("stages", lambda: client.get_model_version_stages(name, "1"))
        on.see("place", lambda: client.get_model_version_download_uri(name, "1"))
        for copied in (f"models:/{name}/2", f"models:/{name}@champion"):
            on.see(f"copy of {copied}", lambda c=copied: client.copy_model_version(c, other))
        on.refused("copy of none", lambda: client.copy_model_version(f"models:/{name}/99", other))
        on.refused("copy of a run", lambda: client.copy_model_version("runs:/x/y", other))
        on.see(
            "predicted by the copy",
            lambda: mlflow.pyfunc.load_model(f"models:/{other}/1").predict(pandas.DataFrame({"a": [1]})),
        )
        for wanted in (
            f"name = '{name}'", f"name LIKE '{on.name}%'", "tags.k = 'v'", "name ILIKE '%A'", "run_id = 'x'", "x",
        ):  # fmt: skip
            on.note(f"models where {wanted}", lambda w=wanted: _named(client.search_registered_models(w), on.name))
        order = ["version_number DESC", "name"]
        for wanted in (
            f"name = '{name}' AND tags.even = '1'", f"name = '{name}' AND version_number > 2",
            f"source_path = '{info.model_uri}'", "run_id IN ('a', 'b')", f"name LIKE '{on.name}%'",
            f"name='{name}' AND current_stage = 'Production'", "tags.k",
        ):  # fmt: skip
            found = on.of(lambda w=wanted: client.search_model_versions(w, order_by=order))
            on.see(f"versions where {on.text(wanted)}", found)
        page = on.see("page", lambda: client.search_model_versions(f"name = '{name}'", 2, ["version_number"]))
        more = {"max_results": 2, "order_by": ["version_number"], "page_token": page.token}
        on.see("next page", lambda: client.search_model_versions(f"name = '{name}'", **more))
        on.note("order", lambda: client.search_registered_models("", order_by=["nothing"]))
        on.note("too many", lambda: client.search_registered_models(max_results=100_000))
        on.see("as one sees them", lambda: mlflow.search_model_versions(filter_string=f"name = '{other}'"))
        on.see("renamed", lambda: client.rename_registered_model(other, f"{on.name} c"))
        on.refused("renamed to a taken name", lambda: client.rename_registered_model(f"{on.name} c", name))
        client.delete_model_version(name, "3")
        on.refused("version that was deleted", lambda: client.get_model_version(name, "3"))
        on.refused("its alias", lambda: client.get_model_version_by_alias(name, "champion"))
        on.see("next version", lambda: client.create_model_version(name, info.model_uri).version)
        client.delete_registered_model(f"{on.name} c")
        on.refused("model that was deleted", lambda: client.get_registered_model(f"{on.name} c"))
        on.see("its versions", lambda: client.search_model_versions(f"name = '{on.name} c'"))


def _named(found, name: str) -> list[str]:
    return [one.name for one in found if one.name.startswith(name)]


def test_threads_can_register_versions_at_once(both: Both) -> None:
    from model_samples import log_adder

    @both.answer_the_same
    def models_of_threads(on: ModelJourney) -> None:
        def register(summand: float) -> list[str]:
            info = log_adder(summand, params={"summand": summand})
            return [str(mlflow.register_model(info.model_uri, on.name).version) for _ in range(3)]

        # MLflow checks whether a name is free and then takes it, so two threads must not do this simultaneously.
        on.client.create_registered_model(on.name)
        with ThreadPoolExecutor(4) as threads:
            given = list(threads.map(register, range(4)))
        on.see("versions", sorted(int(one) for some in given for one in some))
        on.said.clear()  # the order is random
        summands = [
            mlflow.pyfunc.load_model(f"models:/{on.name}/{version}").predict(pandas.DataFrame({"a": [0]}))["a"][0]
            for version in range(1, 13)
        ]
        on.see("models", sorted(summands))
        on.client.delete_registered_model(on.name)  # the assignment of versions is random
        for model in mlflow.search_logged_models(output_format="list"):
            on.see(f"versions of {model.params}", model.tags["mlflow.modelVersions"].count("version"))
            mlflow.delete_logged_model_tag(model.model_id, "mlflow.modelVersions")
