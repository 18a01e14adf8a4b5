"""Scripts of searches over runs, for `parity.py`."""

from __future__ import annotations

import math
from typing import Any

from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag, ViewType
from parity import START, Trial, metric, scenario

FILTERS = (
    None, "", " ",
    "metrics.loss < 0.3", "metrics.loss <= 0.25", "metric.loss != 0.5", "metrics.loss = 0.25", "metrics.`loss` > .1",
    "metrics.nan != 0", "metrics.nan = 0", "metrics.nan < 1", "metrics.big > 1e308", "metrics.big = 1e400",
    "metrics.never != 1", "metrics.\"dash-key\" = 1", "metrics.dash-key = 1", "metrics.a.b > 0", "metrics.loss = 'x'",
    "metrics.loss LIKE 'x'", "metrics.loss IS NULL", "metrics.loss = -1.5e-3", "metrics.loss = +1",
    "metrics.loss = 1_0",
    "params.model = 'cnn'", "param.model != 'cnn'", "parameters.model LIKE 'c%'", "params.model ILIKE 'C_N'",
    "params.model = \"cnn\"", "params.model = cnn", "params.model = 5", "params.model > 'a'", "params.only IS NULL",
    "params.only IS NOT NULL", "params.model IN ('cnn')", "params.percent LIKE '100%'", "params.percent LIKE '100\\%'",
    "params.model LIKE 'CNN'", "params.lines LIKE 'a%b'", "params.lines LIKE 'a_b'", "params.quote = 'it''s'",
    "tags.team = 'vision'", "tags.team LIKE 'vis%' and params.model = 'cnn'", "tag.team IS NULL",
    "tags.team IS NOT NULL",
    "tags.team != 'vision'", "tags.mlflow.runName = 'run 2'", "tags.`mlflow.runName` LIKE 'run%'",
    "tags.mlflow.note.content = 'noted'", "tags.mlflow.note.content IS NULL", "tags.mlflow.parentRunId IS NOT NULL",
    "tags.mlflow.user = 'ada'",
    "run_name = 'run 1'", "attributes.run_name LIKE 'run%'", "attribute.`run name` = 'run 1'", "run_name IS NULL",
    "run_name IN ('run 1')", "status = 'FINISHED'", "status != 'FINISHED'", "status = 'finished'", "status LIKE 'F%'",
    "attr.status ILIKE 'f%'", "user_id = 'ada'", "user_id != 'ada'",
    f"start_time > {START + 2}", f"created <= {START + 2}", "start_time = '5'", "start_time > 1.5",
    f"end_time > {START}", "end_time != 0", "end_time IS NULL", "experiment_id = '0'", "lifecycle_stage = 'active'",
    "duration > 5", "User = 'ada'", "run_id IN ()", "run_id = 5", "run_id LIKE '%'", "run_id NOT IN ('x')",
    "dataset.name = 'digits'", "datasets.digest LIKE 'd%'", "dataset.context = 'train'", "dataset.name != 'digits'",
    "dataset.name IN ('digits', 'other')", "dataset.context = 'test' AND dataset.name = 'digits'", "dataset.x = '1'",
    "dataset.name NOT IN ('digits')",
    "metrics.loss < 0.3 AND AND tags.team = 'vision'", "AND metrics.loss < 0.3", "metrics.loss < 0.3 AND",
    "metrics.loss < 0.3 tags.team = 'vision'", "metrics.loss < 0.3 OR tags.team = 'vision'", "NOT metrics.loss < 0.3",
    "(metrics.loss < 0.3)", "metrics.loss BETWEEN 0 AND 1", "metrics.loss", "loss < 0.3", "nothing.loss < 0.3",
    "metrics.loss < 0.3; metrics.loss < 0.4", "metrics.loss << 0.3", "Metrics.loss < 0.3", "tags.team = 'vision",
)  # fmt: skip

ORDERS = (
    ["metrics.loss"], ["metrics.loss ASC"], ["metrics.loss DESC"], ["metrics.nan"], ["metrics.nan DESC"],
    ["params.model"], ["params.model DESC", "metrics.loss"], ["params.number"], ["tags.team DESC"],
    ["attributes.start_time ASC"], ["start_time DESC"], ["created"], ["run_name"], ["end_time"],
    ["end_time DESC"], ["user_id"], ["status"], ["tags.mlflow.runName DESC"], ["metrics.never"], ["nothing"], [""],
    [" metrics.loss"], ["metrics.loss up"], ["metrics.loss ASC DESC"], ["dataset.name"],
    ["metrics.loss", "metric.loss"], ["metrics.loss, params.model"], ["artifact_uri"],
)  # fmt: skip


def _make_runs(t: Trial) -> list[str]:
    store = t.store
    made = []
    for i in range(6):
        run = t.run(start_time=START + i, user_id="ada" if i % 2 else "unknown")
        made.append(run)
        store.log_metric(run, metric("loss", (0.5, 0.25, 0.1, 0.25, 0.7, 0.3)[i]))
        store.log_param(run, Param("model", ("cnn", "rnn", "cnn", "tree", "Cnn", "c-n")[i]))
        store.log_param(run, Param("number", ("10", "9", "100", "1", "", "a")[i]))
    store.log_metric(made[0], metric("nan", math.nan))
    store.log_metric(made[1], metric("nan", -1.0))
    store.log_metric(made[2], metric("nan", 1.0))
    store.log_metric(made[2], metric("big", math.inf))
    store.log_metric(made[3], metric("dash-key", 1.0))
    store.log_metric(made[3], metric("a.b", 1.0))
    store.log_param(made[1], Param("only", "here"))
    store.log_param(made[2], Param("percent", "100%"))
    store.log_param(made[3], Param("percent", "100 percent"))
    store.log_param(made[4], Param("lines", "a\nb"))
    store.log_param(made[5], Param("quote", "it''s"))
    for run, team in zip(made, ("vision", "text", "vision", "", None, "vision"), strict=True):
        if team is not None:
            store.set_tag(run, RunTag("team", team))
    store.set_tag(made[1], RunTag("mlflow.note.content", "noted"))
    store.set_tag(made[2], RunTag("mlflow.parentRunId", made[1]))
    for run, status in zip(made, (3, 4, 5, 1, 2, 3), strict=True):
        store.update_run_info(run, status, START + 100 if status > 2 else None, None)
    for run, name, context in ((made[0], "digits", "train"), (made[1], "digits", "test"), (made[1], "other", None)):
        tags = [InputTag("mlflow.data.context", context)] if context else []
        store.log_inputs(run, [DatasetInput(Dataset(name, f"d-{name}", "local", "here"), tags)])
    return made


def _ids(t: Trial, **given: Any) -> Any:
    defaults = {"experiment_ids": [t.experiment], "filter_string": "", "run_view_type": ViewType.ACTIVE_ONLY}
    return [one.info.run_id for one in t.store.search_runs(**(defaults | given))]


@scenario
def search_runs(t: Trial) -> None:
    made = _make_runs(t)
    for filter_string in FILTERS:
        t.see(f"filter {filter_string!r}", lambda f=filter_string: sorted(map(t.plain, _ids(t, filter_string=f))))
    one, two = made[:2]
    for name, filter_string in {
        "run_id =": f"run_id = '{one}'",
        "run_id IN": f"attributes.run_id IN ('{one}', \"{two}\")",
        "run_id IN with a comma": f"run_id IN ('{one}',)",
        "run_id NOT IN": f"run_id NOT IN ('{one}', '{two}')",
        "parent": f"tags.`mlflow.parentRunId` = '{two}'",
    }.items():
        t.see(name, lambda f=filter_string: sorted(map(t.plain, _ids(t, filter_string=f))))


@scenario
def order_runs(t: Trial) -> None:
    _make_runs(t)
    t.see("no order", lambda: _ids(t))
    for order_by in ORDERS:
        t.see(f"order {order_by}", lambda o=order_by: _ids(t, order_by=o))
    # Ids are random, so only their order can be compared.
    for step, order_by, falling in (("ids", ["run_id"], False), ("ids falling", ["attribute.run_id DESC"], True)):
        t.see(step, lambda o=order_by, f=falling: _ids(t, order_by=o) == sorted(_ids(t), reverse=f))
    twins = [t.run(start_time=START + 99) for _ in range(4)]
    t.see("twins by id", lambda: _ids(t)[:4] == sorted(twins))


@scenario
def scope_and_pages(t: Trial) -> None:
    made = [t.run(start_time=START + i) for i in range(5)]
    t.store.delete_run(made[0])
    for view in (1, 2, 3):
        t.see(f"view {view}", lambda v=view: _ids(t, run_view_type=v))
    for ids in ([], ["99999"], ["abc"], [int(t.experiment)], [t.experiment, t.experiment]):
        shown = str(ids).replace(t.experiment, "mine")
        t.see(f"experiments {shown}", lambda i=ids: _ids(t, experiment_ids=i))
    for count in (0, -1, 50_001, None, 2, 4, 5):
        t.see(f"at most {count}", lambda n=count: bool(t.store.search_runs([t.experiment], "", 1, n).token))
    token = t.store.search_runs([t.experiment], "", 1, 2).token
    t.see("token", lambda: token)
    t.see("second page", lambda: _ids(t, max_results=2, page_token=token))
    t.see("second page, token as text", lambda: _ids(t, max_results=2, page_token=token.decode()))
    for bad in ("abc", "YWJj", "e30=", "eyJvZmZzZXQiOiAwfQ==", "eyJvZmZzZXQiOiAieCJ9", ""):
        t.see(f"token {bad!r}", lambda b=bad: _ids(t, page_token=b))
    t.see("past the end", lambda: _ids(t, page_token="eyJvZmZzZXQiOiA5OX0="))
    t.see("whole runs", lambda: list(t.store.search_runs([t.experiment], "", 1, 1)))
