"""Scripts about registries: models, prompts, webhooks and MCP servers."""

from __future__ import annotations

from typing import Any

import mlflow
import mlflow.genai
from forwarding import Forwarded, script
from forwarding_traces import info
from mlflow.entities.mcp_server import MCPStatus
from mlflow.entities.webhook import WebhookEvent, WebhookStatus

LONG = "x" * 9000


@script
def registered_models(t: Forwarded) -> None:
    client, run = t.client, t.run()
    mine = f"m{t.experiment}"
    t.see("create", lambda: client.create_registered_model(mine, tags={"team": "vision"}, description="d"))
    for name in (mine, "", None, 5, "a/b", "a:b", "x" * 300):
        t.see(f"create {str(name)[:9]!r}", lambda n=name: client.create_registered_model(n))
    source = f"{client.get_run(run).info.artifact_uri}/model"
    logged = client.create_logged_model(t.experiment, "logged", source_run_id=run)
    t.names[logged.model_id] = "<model>"
    t.see(
        "version", lambda: client.create_model_version(mine, source, run_id=run, tags={"a": "1"}, description="first")
    )
    t.see(
        "version of a logged model",
        lambda: client.create_model_version(mine, f"models:/{logged.model_id}", model_id=logged.model_id),
    )
    t.see(
        "version of an unknown logged model",
        lambda: client.create_model_version(mine, "models:/m-unknown", model_id="m-unknown"),
    )
    t.see("version of an unknown run", lambda: client.create_model_version(mine, source, run_id="f" * 32))
    t.see("version elsewhere", lambda: client.create_model_version(mine, "s3://bucket/model"))
    t.see("version of a version", lambda: client.create_model_version(mine, f"models:/{mine}/1"))
    t.see("version of nothing", lambda: client.create_model_version(mine, ""))
    t.see("version of unknown", lambda: client.create_model_version("none", source))
    t.see("copy", lambda: client.copy_model_version(f"models:/{mine}/1", f"copy of {mine}"))
    t.see("copy unknown", lambda: client.copy_model_version(f"models:/{mine}/99", f"copy of {mine}"))
    t.see("get", lambda: client.get_registered_model(mine))
    t.see("get unknown", lambda: client.get_registered_model("none"))
    for version in ("1", 2, "99", "x", None):
        t.see(f"get version {version!r}", lambda v=version: client.get_model_version(mine, v))
        t.see(f"place of version {version!r}", lambda v=version: client.get_model_version_download_uri(mine, v))
    for text in (
        f"name = '{mine}'",
        f"run_id = '{run}'",
        "source_path LIKE '%model'",
        "tags.a = '1'",
        "version_number > 2",
        "nonsense = '1'",
        "name",
    ):
        t.see(
            f"find {text}",
            lambda x=text: sorted(
                (one.name, one.version) for one in client.search_model_versions(x) if mine in one.name
            ),
        )
    for text in (f"name LIKE '%{mine}'", "tags.team = 'vision'", "tags.none IS NULL", "run_id = 'x'", "name = "):
        t.see(
            f"find models {text}",
            lambda x=text: sorted(one.name for one in client.search_registered_models(x) if mine in one.name),
        )
    for alias, version in (
        ("champion", "2"),
        ("champion", "1"),
        ("latest", "1"),
        ("v1", "1"),
        ("", "1"),
        ("a", "99"),
        ("x" * 300, "1"),
    ):
        t.see(
            f"alias {alias[:9]!r} {version}", lambda a=alias, v=version: client.set_registered_model_alias(mine, a, v)
        )
    t.see("by alias", lambda: client.get_model_version_by_alias(mine, "champion"))
    t.see("by unknown alias", lambda: client.get_model_version_by_alias(mine, "none"))
    t.see("delete alias", lambda: client.delete_registered_model_alias(mine, "champion"))
    t.see("delete alias again", lambda: client.delete_registered_model_alias(mine, "champion"))
    t.see("tag", lambda: client.set_model_version_tag(mine, "1", "k", "v"))
    t.see("tag by a bad key", lambda: client.set_model_version_tag(mine, "1", "a@b", "v"))
    t.see("tag too long", lambda: client.set_model_version_tag(mine, "1", "k", "v" * 200_000))
    t.see("tag of the model", lambda: client.set_registered_model_tag(mine, "k", "v"))
    t.see(
        "delete tags",
        lambda: (client.delete_model_version_tag(mine, "1", "k"), client.delete_registered_model_tag(mine, "k")),
    )
    t.see("update", lambda: client.update_model_version(mine, "1", "changed"))
    t.see("update the model", lambda: client.update_registered_model(mine, "changed").description)
    t.see("stage", lambda: client.transition_model_version_stage(mine, "1", "Production").current_stage)
    t.see("bad stage", lambda: client.transition_model_version_stage(mine, "1", "None of it"))
    t.see("latest", lambda: sorted((one.version, one.current_stage) for one in client.get_latest_versions(mine)))
    t.see("delete version", lambda: client.delete_model_version(mine, "1"))
    t.see("delete version again", lambda: client.delete_model_version(mine, "1"))
    t.see("rename to taken", lambda: client.rename_registered_model(mine, f"copy of {mine}"))
    t.see("rename", lambda: client.rename_registered_model(mine, f"renamed {mine}"))
    t.see("delete", lambda: client.delete_registered_model(f"renamed {mine}"))
    t.see("delete again", lambda: client.delete_registered_model(f"renamed {mine}"))
    t.see("left", lambda: [one.name for one in client.search_registered_models(f"name LIKE '%{mine}'")])


@script
def prompts(t: Forwarded) -> None:
    client, run = t.client, t.run()
    mine = f"p{t.experiment}"
    t.see(
        "register",
        lambda: mlflow.genai.register_prompt(mine, "hello {{name}}", commit_message="first", tags={"lang": "en"}),
    )
    chat = [{"role": "system", "content": "be {{style}}"}, {"role": "user", "content": "{{q}}"}]
    shape = {"type": "object", "properties": {"a": {"type": "string"}}}
    t.see(
        "register a chat",
        lambda: mlflow.genai.register_prompt(
            mine, chat, response_format=shape, model_config={"model_name": "m", "temperature": 0.1}
        ),
    )
    for name in ("", None, 5, "a/b", "x" * 300):
        t.see(f"register {str(name)[:9]!r}", lambda n=name: mlflow.genai.register_prompt(n, "t"))
    t.see("register long", lambda: mlflow.genai.register_prompt(mine, "x" * 200_000).version)
    t.see("register bad", lambda: mlflow.genai.register_prompt(f"bad-{mine}", [{"no": "role"}]))
    t.see("load", lambda: mlflow.genai.load_prompt(mine, version=1))
    t.see("load chat", lambda: mlflow.genai.load_prompt(f"prompts:/{mine}/2").format(style="kind", q="why"))
    t.see("load with too few", lambda: mlflow.genai.load_prompt(mine, version=1).format())
    t.see("load latest", lambda: mlflow.genai.load_prompt(f"prompts:/{mine}@latest").version)
    t.see("load unknown version", lambda: mlflow.genai.load_prompt(mine, version=99))
    t.see("load unknown", lambda: mlflow.genai.load_prompt("none", version=1))
    t.see("load unknown quietly", lambda: mlflow.genai.load_prompt("none", version=1, allow_missing=True))
    t.see("alias", lambda: mlflow.genai.set_prompt_alias(mine, "best", 2))
    t.see("alias of unknown", lambda: mlflow.genai.set_prompt_alias(mine, "best", 99))
    t.see("alias that is none", lambda: mlflow.genai.set_prompt_alias(mine, "latest", 1))
    t.see("load by alias", lambda: mlflow.genai.load_prompt(f"prompts:/{mine}@best").version)
    t.see("delete alias", lambda: mlflow.genai.delete_prompt_alias(mine, "best"))
    t.see("load by a deleted alias", lambda: client.load_prompt(f"prompts:/{mine}@best"))
    t.see("tag", lambda: mlflow.genai.set_prompt_tag(mine, "k", "v"))
    t.see("version tag", lambda: mlflow.genai.set_prompt_version_tag(mine, 1, "k", "v"))
    t.see("tag of unknown", lambda: mlflow.genai.set_prompt_tag("none", "k", "v"))
    t.see("tags", lambda: (mlflow.genai.get_prompt_tags(mine), mlflow.genai.load_prompt(mine, version=1).tags))
    t.see(
        "delete tags",
        lambda: (mlflow.genai.delete_prompt_tag(mine, "k"), mlflow.genai.delete_prompt_version_tag(mine, 1, "k")),
    )
    for text in (
        f"name = '{mine}'",
        "name LIKE 'p%'",
        "tags.lang = 'en'",
        f"experiment_id = '{t.experiment}'",
        "nonsense = '1'",
        "name",
    ):
        t.see(
            f"find {text}",
            lambda x=text: sorted(one.name for one in mlflow.genai.search_prompts(x) if mine in one.name),
        )
    t.see("versions", lambda: [one.version for one in client.search_prompt_versions(mine)])
    prompt = mlflow.genai.load_prompt(mine, version=1)
    with mlflow.start_run(run_id=run):
        t.see("load in a run", lambda: mlflow.genai.load_prompt(mine, version=2).version)
        with mlflow.start_span("asked") as span:
            mlflow.genai.load_prompt(mine, version=1)
    mlflow.flush_trace_async_logging()
    t.see("its run's prompts", lambda: client.get_run(run).data.tags.get("mlflow.linkedPrompts"))
    t.see("its trace's prompts", lambda: client.get_trace(span.trace_id).info.tags.get("mlflow.linkedPrompts"))
    t.see("link to a run", lambda: client.link_prompt_version_to_run(run, prompt))
    t.see("link to an unknown run", lambda: client.link_prompt_version_to_run("f" * 32, prompt))
    t.see("prompts of the run", lambda: client.list_logged_prompts(run))
    trace = t.store.start_trace(info(t, 0)).trace_id
    t.see("link to a trace", lambda: client.link_prompt_versions_to_trace([prompt], trace))
    t.see("link to an unknown trace", lambda: client.link_prompt_versions_to_trace([prompt], "tr-unknown"))
    t.see(
        "traces of it",
        lambda: len(t.store.search_traces(locations=[t.experiment], filter_string=f"prompt = '{mine}/1'")[0]),
    )
    model = client.create_logged_model(t.experiment, "m")
    t.see("link to a model", lambda: client.link_prompt_version_to_model(mine, "1", model.model_id))
    t.see("link to an unknown model", lambda: client.link_prompt_version_to_model(mine, "1", "m-unknown"))
    t.see("prompts of the model", lambda: client.get_logged_model(model.model_id).tags)
    t.see("delete with versions", lambda: client.delete_prompt(mine))
    t.see("delete version", lambda: client.delete_prompt_version(mine, "1"))
    t.see("delete version again", lambda: client.delete_prompt_version(mine, "1"))
    t.see("model by the name of a prompt", lambda: client.get_registered_model(mine))
    t.see("create a model of its name", lambda: client.create_registered_model(mine))
    for version in ("2", "3"):
        t.see(f"delete version {version}", lambda v=version: client.delete_prompt_version(mine, v))
    t.see("delete", lambda: client.delete_prompt(mine))
    t.see("delete again", lambda: client.delete_prompt(mine))


@script
def webhooks(t: Forwarded) -> None:
    client, url = t.client, "https://127.0.0.1/hook"
    made, event = WebhookEvent("registered_model", "created"), WebhookEvent("model_version", "created")
    t.see("create", lambda: client.create_webhook("hook", url, [made, event], description="d", secret="s"))
    for name, address, events in (
        ("", url, [made]),
        ("x" * 300, url, [made]),
        ("two words", url, [made]),
        ("no-url", "", [made]),
        ("bad-url", "ftp://x", [made]),
        ("unknown-host", "https://none.invalid/x", [made]),
        ("no-events", url, []),
        ("bad-events", url, ["x"]),
    ):
        t.see(f"create {name[:9]!r}", lambda n=name, u=address, e=events: client.create_webhook(n, u, e))
    hook = next(one.webhook_id for one in client.list_webhooks() if one.name == "hook")
    t.see("get", lambda: client.get_webhook(hook))
    t.see("get unknown", lambda: client.get_webhook("none"))
    t.see("list", lambda: sorted(client.list_webhooks(), key=lambda one: one.name))
    t.see("by event", lambda: sorted(one.name for one in t.registry.list_webhooks_by_event(event)))
    t.see("page", lambda: len(client.list_webhooks(max_results=1)))
    t.see("page of none", lambda: len(client.list_webhooks(max_results=0)))
    t.see("test", lambda: client.test_webhook(hook))
    t.see("update", lambda: client.update_webhook(hook, name="renamed", status=WebhookStatus.DISABLED, events=[event]))
    t.see("update unknown", lambda: client.update_webhook("none", name="renamed"))
    t.see("update badly", lambda: client.update_webhook(hook, url="nothing"))
    t.see("delete", lambda: client.delete_webhook(hook))
    t.see("delete again", lambda: client.delete_webhook(hook))
    t.see("bad event", lambda: WebhookEvent("registered_model", "deleted"))
    t.see("left", lambda: sorted(one.name[:9] for one in client.list_webhooks()))


@script
def mcp_servers(t: Forwarded) -> None:
    store, client = t.store, t.client
    mine = f"io.test/e{t.experiment}"

    def document(version: str, **more: Any) -> dict[str, Any]:
        return {"name": mine, "version": version, "description": "d", **more}

    t.see("create", lambda: store.create_mcp_server(mine, description="d", created_by="ann"))
    for name in (mine, "", "no slash", "x" * 600, None):
        t.see(f"create {str(name)[:9]!r}", lambda n=name: store.create_mcp_server(n))
    t.see("version", lambda: store.create_mcp_server_version(document("1.0.0"), source="here", created_by="ann"))
    t.see("version again", lambda: store.create_mcp_server_version(document("1.0.0")))
    remote = {"remotes": [{"type": "streamable-http", "url": "https://example.com/mcp"}]}
    t.see(
        "active version",
        lambda: store.create_mcp_server_version(document("1.1.0", **remote), status=MCPStatus.ACTIVE, tools=[]),
    )
    t.see("version without a name", lambda: store.create_mcp_server_version({"version": "1"}))
    t.see("by the call", lambda: mlflow.genai.register_mcp_server(server_json=document("2.0.0")))
    for version in ("1.0.0", "9", "", None):
        t.see(f"get version {version!r}", lambda v=version: client.get_mcp_server_version(mine, v))
    t.see("get", lambda: client.get_mcp_server(mine))
    t.see("get unknown", lambda: client.get_mcp_server("io.test/none"))
    t.see("latest", lambda: client.get_latest_mcp_server_version(mine))
    t.see("update", lambda: store.update_mcp_server(mine, description=None, display_name="Mine", last_updated_by="bob"))
    t.see("update unknown", lambda: store.update_mcp_server("io.test/none", description="x"))
    t.see("activate", lambda: store.update_mcp_server_version(mine, "1.0.0", status=MCPStatus.ACTIVE))
    t.see("back to draft", lambda: store.update_mcp_server_version(mine, "1.0.0", status=MCPStatus.DRAFT))
    for text in ("name LIKE 'io.test/%'", "status = 'active'", "tags.k = 'v'", "nonsense = '1'", "name"):
        t.see(
            f"find {text}", lambda x=text: sorted(one.name for one in client.search_mcp_servers(x) if one.name == mine)
        )
        t.see(
            f"find versions {text}",
            lambda x=text: sorted(one.version for one in client.search_mcp_server_versions(mine, x)),
        )
    t.see("alias", lambda: client.set_mcp_server_alias(mine, "stable", "1.1.0"))
    t.see("alias of unknown", lambda: client.set_mcp_server_alias(mine, "stable", "9"))
    t.see("by alias", lambda: client.get_mcp_server_version_by_alias(mine, "stable").version)
    t.see("by unknown alias", lambda: client.get_mcp_server_version_by_alias(mine, "none"))
    t.see(
        "tags",
        lambda: (client.set_mcp_server_tag(mine, "k", "v"), client.set_mcp_server_version_tag(mine, "1.0.0", "a", "1")),
    )
    t.see("tag of unknown", lambda: client.set_mcp_server_tag("io.test/none", "k", "v"))
    t.see("endpoint", lambda: store.create_mcp_access_endpoint(mine, "https://example.com/mcp", server_alias="stable"))
    t.see("endpoint of nothing", lambda: store.create_mcp_access_endpoint(mine, "https://example.com/mcp"))
    t.see(
        "endpoint by a bad address", lambda: store.create_mcp_access_endpoint(mine, "nothing", server_version="1.1.0")
    )
    found = sorted(store.search_mcp_access_endpoints(mine), key=lambda one: str(one.url))
    t.see("endpoints", lambda: found)
    endpoint = found[0].id if found else "none"
    t.see("get endpoint", lambda: client.get_mcp_access_endpoint(mine, endpoint))
    t.see("update endpoint", lambda: store.update_mcp_access_endpoint(mine, endpoint, url="https://example.com/other"))
    trace = store.start_trace(info(t, 0)).trace_id
    version = client.get_mcp_server_version(mine, "1.1.0")
    t.see("link to a trace", lambda: store.link_mcp_server_versions_to_trace(trace, [version]))
    t.see("versions of the trace", lambda: store.get_mcp_server_versions_for_trace(trace))
    t.see("delete endpoint", lambda: client.delete_mcp_access_endpoint(mine, endpoint))
    t.see("delete endpoint again", lambda: client.delete_mcp_access_endpoint(mine, endpoint))
    t.see("delete alias", lambda: client.delete_mcp_server_alias(mine, "stable"))
    t.see(
        "delete tags",
        lambda: (client.delete_mcp_server_tag(mine, "k"), client.delete_mcp_server_version_tag(mine, "1.0.0", "a")),
    )
    t.see("delete version", lambda: client.delete_mcp_server_version(mine, "1.0.0"))
    t.see("delete version again", lambda: client.delete_mcp_server_version(mine, "1.0.0"))
    t.see("delete", lambda: client.delete_mcp_server(mine))
    t.see("delete again", lambda: client.delete_mcp_server(mine))
