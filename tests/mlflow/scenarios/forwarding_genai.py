"""Scripts about the evaluation of applications: assessments, scorers, datasets, reviews, issues."""

from __future__ import annotations

import json
from typing import Any

import mlflow
import mlflow.genai
from forwarding import Forwarded, script
from forwarding_traces import info
from mlflow.entities import AssessmentError, AssessmentSource, Expectation, Feedback
from mlflow.entities.issue import IssueSeverity, IssueStatus
from mlflow.genai import label_schemas, review_queues
from mlflow.genai.label_schemas import InputCategorical, InputNumeric, InputPassFail, InputText
from mlflow.genai.scorers import Guidelines, registry, scorer

PASSED = InputPassFail("yes", "no")
LONG = "x" * 9000
HUMAN = AssessmentSource("HUMAN", "ann")


@script
def assessments(t: Forwarded) -> None:
    trace, other = (t.store.start_trace(info(t, number)).trace_id for number in (1, 2))
    for name, call in {
        "feedback": lambda: mlflow.log_feedback(
            trace_id=trace, name="correct", value=True, source=HUMAN, rationale="so"
        ),
        "feedback as a list": lambda: mlflow.log_feedback(trace_id=trace, name="list", value=["a", 1, None]),
        "feedback with an error": lambda: mlflow.log_feedback(trace_id=trace, name="failed", error=ValueError("no")),
        "feedback of nothing": lambda: mlflow.log_feedback(trace_id=trace, name="nothing"),
        "feedback without a name": lambda: mlflow.log_feedback(trace_id=trace, name="", value=1),
        "feedback with a long name": lambda: mlflow.log_feedback(trace_id=trace, name="x" * 300, value=1),
        "long rationale": lambda: mlflow.log_feedback(trace_id=trace, name="long", value=LONG, rationale=LONG),
        "feedback with data": lambda: mlflow.log_feedback(
            trace_id=trace, name="data", value=0.5, metadata={"a": "1", "b": 2}
        ),
        "feedback that is NaN": lambda: mlflow.log_feedback(trace_id=other, name="nan", value=float("nan")),
        "expectation": lambda: mlflow.log_expectation(trace_id=trace, name="answer", value={"n": [42]}, source=HUMAN),
        "expectation of an object": lambda: mlflow.log_expectation(trace_id=trace, name="set", value={1, 2}),
        "of unknown": lambda: mlflow.log_feedback(trace_id="tr-unknown", name="a", value=1),
        "expectation of unknown": lambda: mlflow.log_expectation(trace_id="tr-unknown", name="a", value=1),
        "as it is": lambda: mlflow.log_assessment(trace, Feedback(name="own", error=AssessmentError("CODE", "said"))),
        "that is none": lambda: mlflow.log_assessment(trace, "text"),
        "of a run": lambda: mlflow.log_assessment(
            trace, Feedback(name="run", value=1, metadata={"mlflow.assessment.sourceRunId": "x"})
        ),
    }.items():
        t.see(name, call)
    first = mlflow.log_feedback(trace_id=trace, name="first", value="a", source=HUMAN)
    wish = mlflow.log_expectation(trace_id=trace, name="wish", value=1, source=HUMAN)
    t.see("get", lambda: mlflow.get_assessment(trace, first.assessment_id))
    t.see("get unknown", lambda: mlflow.get_assessment(trace, "a-unknown"))
    t.see("get of unknown", lambda: mlflow.get_assessment("tr-unknown", first.assessment_id))
    t.see(
        "update",
        lambda: mlflow.update_assessment(trace, first.assessment_id, Feedback(name="first", value="b", rationale="r")),
    )
    t.see(
        "update to another kind",
        lambda: mlflow.update_assessment(trace, first.assessment_id, Expectation(name="first", value=1)),
    )
    t.see(
        "update its name",
        lambda: mlflow.update_assessment(trace, first.assessment_id, Feedback(name="second", value="c")),
    )
    t.see("update unknown", lambda: mlflow.update_assessment(trace, "a-unknown", Feedback(name="first", value="b")))
    t.see(
        "update expectation",
        lambda: mlflow.update_assessment(trace, wish.assessment_id, Expectation(name="wish", value=2)),
    )
    t.see(
        "override",
        lambda: mlflow.override_feedback(trace_id=trace, assessment_id=first.assessment_id, value="z", source=HUMAN),
    )
    t.see("override unknown", lambda: mlflow.override_feedback(trace_id=trace, assessment_id="a-unknown", value="z"))
    t.see(
        "override expectation",
        lambda: mlflow.override_feedback(trace_id=trace, assessment_id=wish.assessment_id, value="z"),
    )
    t.see("overridden", lambda: mlflow.get_assessment(trace, first.assessment_id))
    t.see("all", lambda: _named(t, trace))
    t.see(
        "found by feedback",
        lambda: t.store.search_traces(locations=[t.experiment], filter_string="feedback.correct = 'true'"),
    )
    t.see(
        "found by expectation",
        lambda: len(t.store.search_traces(locations=[t.experiment], filter_string="expectation.wish = '2'")[0]),
    )
    t.see("delete", lambda: mlflow.delete_assessment(trace, wish.assessment_id))
    t.see("delete again", lambda: mlflow.delete_assessment(trace, wish.assessment_id))
    t.see("delete of unknown", lambda: mlflow.delete_assessment("tr-unknown", wish.assessment_id))
    t.see("left", lambda: [one["assessment_name"] for one in _named(t, trace)])
    t.see("delete the trace", lambda: t.client.delete_traces(t.experiment, trace_ids=[trace]))
    t.see("gone with it", lambda: mlflow.get_assessment(trace, first.assessment_id))


def _named(t: Forwarded, trace: str) -> list[dict[str, Any]]:
    found = [one.to_dictionary() for one in t.store.get_trace_info(trace).assessments]
    return sorted(found, key=lambda one: (one["assessment_name"], one.get("overrides", "")))


@script
def scorers(t: Forwarded) -> None:
    @scorer
    def length(outputs: str) -> int:
        return len(outputs)

    store, guide = t.store, Guidelines(name="polite", guidelines=["be polite"], model="openai:/gpt-4")
    t.see("register", lambda: guide.register(name="polite"))
    t.see("register again", lambda: Guidelines(guidelines="be kind", model="openai:/gpt-4").register(name="polite"))
    t.see("register a function", lambda: length.register(name="length"))
    t.see("register elsewhere", lambda: guide.register(name="polite", experiment_id="99999"))
    t.see("list", lambda: mlflow.genai.list_scorers())
    t.see("list of another", lambda: mlflow.genai.list_scorers(experiment_id="99999"))
    t.see("versions", lambda: registry.list_scorer_versions(name="polite"))
    for version in (None, 1, 2, 3, "1", "x"):
        t.see(f"get {version!r}", lambda v=version: mlflow.genai.get_scorer(name="polite", version=v))
    t.see("get unknown", lambda: mlflow.genai.get_scorer(name="none"))
    t.see("delete a version", lambda: mlflow.genai.delete_scorer(name="polite", version=1))
    t.see("delete it again", lambda: mlflow.genai.delete_scorer(name="polite", version=1))
    t.see("delete none", lambda: mlflow.genai.delete_scorer(name="polite"))
    t.see("delete all", lambda: mlflow.genai.delete_scorer(name="polite", version="all"))
    t.see("delete unknown", lambda: mlflow.genai.delete_scorer(name="none", version=1))
    t.see("start", lambda: guide.start(sampling_config=mlflow.genai.scorers.ScorerSamplingConfig(sample_rate=0.5)))
    text = json.dumps({"name": "s", "instructions_judge_pydantic_data": {"model": "openai:/gpt-4"}})
    for name in ("s", "", "x" * 300, None, 5):
        t.see(f"raw {str(name)[:9]!r}", lambda n=name: store.register_scorer(t.experiment, n, text))
    t.see("raw that is no JSON", lambda: store.register_scorer(t.experiment, "bad", "{"))
    t.see("raw versions", lambda: store.list_scorer_versions(t.experiment, "s"))
    t.see("raw get", lambda: store.get_scorer(t.experiment, "s"))
    t.see("raw list", lambda: store.list_scorers(t.experiment))
    t.see("raw list of several", lambda: store.list_scorers_across_experiments([t.experiment]))
    scorer_id = getattr(store.get_scorer(t.experiment, "s"), "scorer_id", "")
    t.see("online", lambda: store.upsert_online_scoring_config(t.experiment, "s", 0.5, "status = 'OK'"))
    t.see("online too often", lambda: store.upsert_online_scoring_config(t.experiment, "s", 1.5))
    t.see("online by a bad filter", lambda: store.upsert_online_scoring_config(t.experiment, "s", 0.5, "status"))
    t.see("online of unknown", lambda: store.upsert_online_scoring_config(t.experiment, "none", 0.5))
    t.see("online configs", lambda: store.get_online_scoring_configs([scorer_id]))
    t.see("raw delete", lambda: store.delete_scorer(t.experiment, "s"))
    t.see("raw delete again", lambda: store.delete_scorer(t.experiment, "s"))


@script
def datasets(t: Forwarded) -> None:
    client, store = t.client, t.store
    other = store.create_experiment(f"other of {t.experiment}")
    mine = f"questions {t.experiment}"
    t.see("create", lambda: mlflow.genai.create_dataset(mine, experiment_id=t.experiment, tags={"k": "v", "n": 1}))
    made = mlflow.genai.create_dataset(mine, experiment_id=[t.experiment, other])
    for name, more in (
        ("", {}),
        (None, {}),
        ("x" * 600, {}),
        ("unknown place", {"experiment_id": "99999"}),
        ("bad place", {"experiment_id": "abc"}),
        ("bad tags", {"tags": "no"}),
        ("long tag", {"tags": {"k" * 600: "v"}}),
    ):
        t.see(f"create {str(name)[:15]!r}", lambda n=name, m=more: mlflow.genai.create_dataset(n, **m))
    t.see("get", lambda: mlflow.genai.get_dataset(dataset_id=made.dataset_id))
    t.see("get unknown", lambda: mlflow.genai.get_dataset(dataset_id="d-unknown"))
    t.see("get by name", lambda: mlflow.genai.get_dataset(name=mine))
    t.see("get by nothing", lambda: mlflow.genai.get_dataset())
    records = [
        {"inputs": {"q": "1 + 1"}, "expectations": {"a": "2"}, "tags": {"level": "easy"}},
        {"inputs": {"q": "2 + 2", "n": [1, None, {"x": 1.5}]}},
        {"inputs": {"q": "1 + 1"}, "expectations": {"b": 3}},
    ]
    t.see("merge", lambda: len(made.merge_records(records).to_df()))
    t.see("merge again", lambda: len(made.merge_records(records[:1]).to_df()))
    t.see("frame", lambda: made.to_df().sort_values("inputs", key=lambda column: column.map(str)))
    t.see("records", lambda: _records(store, made.dataset_id))
    for name, bad in {
        "none": [],
        "no inputs": [{"expectations": {}}],
        "text": "x",
        "texts": ["x"],
        "text as inputs": [{"inputs": "x"}],
        "more": [{"inputs": {}, "other": 1}],
    }.items():
        t.see(f"merge {name}", lambda b=bad: len(made.merge_records(b).to_df()))
    trace = client.get_trace(_trace(t))
    t.see("merge traces", lambda: len(made.merge_records([trace]).to_df()))
    t.see("profile and schema", lambda: [(one.schema, one.profile) for one in [store.get_dataset(made.dataset_id)]])
    for text in (
        "name LIKE 'questions%'",
        "tags.k = 'v'",
        "name = 'none'",
        "created_time > 0",
        "nonsense = 1",
        "name >",
        "dataset_id = 'x'",
    ):
        t.see(
            f"find {text}",
            lambda x=text: sorted(
                one.name for one in mlflow.genai.search_datasets(experiment_ids=[t.experiment], filter_string=x)
            ),
        )
    for order in (["name ASC"], ["created_time"], ["last_update_time DESC"], ["nonsense"]):
        t.see(
            f"order {order}",
            lambda o=order: sorted(
                one.name for one in mlflow.genai.search_datasets(experiment_ids=[t.experiment], order_by=o)
            ),
        )
    t.see("page", lambda: len(store.search_datasets([t.experiment], max_results=1)))
    t.see("page of none", lambda: store.search_datasets([t.experiment], max_results=0))
    t.see("find in unknown", lambda: list(mlflow.genai.search_datasets(experiment_ids=["99999"])))
    t.see("tags", lambda: mlflow.genai.set_dataset_tags(dataset_id=made.dataset_id, tags={"a": "1", "k": None}))
    t.see("tags of unknown", lambda: mlflow.genai.set_dataset_tags(dataset_id="d-unknown", tags={"a": "1"}))
    t.see("delete tag", lambda: mlflow.genai.delete_dataset_tag(dataset_id=made.dataset_id, key="a"))
    t.see("delete tag again", lambda: mlflow.genai.delete_dataset_tag(dataset_id=made.dataset_id, key="a"))
    t.see("tags now", lambda: mlflow.genai.get_dataset(dataset_id=made.dataset_id).tags)
    associate = mlflow.genai.datasets
    t.see(
        "add",
        lambda: sorted(associate.add_dataset_to_experiments(made.dataset_id, [t.experiment, other]).experiment_ids),
    )
    t.see("add to unknown", lambda: associate.add_dataset_to_experiments(made.dataset_id, ["99999"]).experiment_ids)
    t.see("remove", lambda: associate.remove_dataset_from_experiments(made.dataset_id, [other]).experiment_ids)
    t.see("remove again", lambda: associate.remove_dataset_from_experiments(made.dataset_id, [other]).experiment_ids)
    t.see("experiments", lambda: store.get_dataset_experiment_ids(made.dataset_id))
    ids = sorted(made.to_df()["dataset_record_id"])
    t.see("delete records", lambda: made.delete_records(ids[:1]))
    t.see("delete them again", lambda: made.delete_records(ids[:1]))
    t.see("records left", lambda: len(mlflow.genai.get_dataset(dataset_id=made.dataset_id).to_df()))
    t.see("delete", lambda: mlflow.genai.delete_dataset(dataset_id=made.dataset_id))
    t.see("delete again", lambda: mlflow.genai.delete_dataset(dataset_id=made.dataset_id))
    t.see("left", lambda: [one.name for one in mlflow.genai.search_datasets(experiment_ids=[t.experiment, other])])


def _trace(t: Forwarded) -> str:
    with mlflow.start_span("answered") as span:
        span.set_inputs({"q": "3 + 3"})
        span.set_outputs("6")
    mlflow.flush_trace_async_logging()
    return span.trace_id


def _records(store: Any, dataset_id: str) -> Any:
    found, token = store._load_dataset_records(dataset_id, max_results=1)
    rest, end = store._load_dataset_records(dataset_id, max_results=10, page_token=token)
    return sorted((one.to_dict() for one in [*found, *rest]), key=lambda one: json.dumps(one["inputs"])), end


@script
def reviews(t: Forwarded) -> None:
    store = t.store
    t.see("schemas before", lambda: store.list_label_schemas(t.experiment))
    for name, kind, asked in (
        ("ok", "feedback", PASSED),
        ("kind", "feedback", InputCategorical(options=["a", "b"], multi_select=True)),
        ("score", "expectation", InputNumeric(min_value=0, max_value=1)),
        ("text", "expectation", InputText(max_length=10)),
        ("ok", "feedback", PASSED),
        ("", "feedback", PASSED),
        ("x" * 600, "feedback", PASSED),
        ("bad kind", "other", PASSED),
        ("no options", "feedback", InputCategorical(options=[])),
        ("no input", "feedback", None),
    ):

        def make(name: str = name, kind: Any = kind, asked: Any = asked) -> Any:
            return label_schemas.create_label_schema(
                name, type=kind, input=asked, instruction="do", enable_comment=True
            )

        t.see(f"schema {name[:9]!r} {len(t.seen)}", make)
    one = store.get_label_schema_by_name(t.experiment, "ok")
    t.see("schema by name", lambda: store.get_label_schema_by_name(t.experiment, "none"))
    t.see("schema by id", lambda: store.get_label_schema(one.schema_id))
    t.see("schema by unknown id", lambda: store.get_label_schema("ls-none"))
    t.see("schema update", lambda: store.update_label_schema(one.schema_id, name="fine", instruction="now"))
    t.see("schema update to taken", lambda: store.update_label_schema(one.schema_id, name="text"))
    t.see("schema update unknown", lambda: store.update_label_schema("ls-none", name="text 2"))
    t.see("schemas", lambda: store.list_label_schemas(t.experiment, max_results=3))
    t.see("schemas of unknown", lambda: store.list_label_schemas("99999"))

    queues = review_queues
    t.see("user queue", lambda: queues.get_or_create_user_queue("Ann"))
    t.see("user queue again", lambda: queues.get_or_create_user_queue("ann "))
    t.see("user queue without a user", lambda: queues.get_or_create_user_queue(""))
    t.see("user queue elsewhere", lambda: queues.get_or_create_user_queue("ann", experiment_id="99999"))
    more = {"users": ["bob", "Bob", "ann"], "schema_ids": [one.schema_id]}
    t.see("queue", lambda: queues.create_review_queue("mine", queue_type="custom", **more))
    for name, given in {
        "mine": more,
        "": {},
        "x" * 600: {},
        "default": {},
        "unknown schema": {"schema_ids": ["ls-none"]},
        "unknown place": {"experiment_id": "99999"},
    }.items():
        t.see(f"queue {name[:15]!r}", lambda n=name, g=given: queues.create_review_queue(n, queue_type="custom", **g))
    queue = store.get_review_queue_by_name(t.experiment, name="mine")
    traces = [store.start_trace(info(t, number)).trace_id for number in range(3)]
    t.see("get", lambda: queues.get_review_queue(queue.queue_id))
    t.see("get unknown", lambda: queues.get_review_queue("rq-none"))
    t.see("by unknown name", lambda: store.get_review_queue_by_name(t.experiment, name="none"))
    t.see("add", lambda: queues.add_items_to_review_queue(queue.queue_id, item_ids=traces))
    t.see("add again", lambda: queues.add_items_to_review_queue(queue.queue_id, item_ids=traces[:1]))
    t.see("add unknown", lambda: queues.add_items_to_review_queue(queue.queue_id, item_ids=["tr-unknown"]))
    t.see("add to unknown", lambda: queues.add_items_to_review_queue("rq-none", item_ids=traces))
    t.see("add none", lambda: queues.add_items_to_review_queue(queue.queue_id, item_ids=[]))
    given = {"item_id": traces[0], "status": "complete", "completed_by": "ann"}
    t.see("complete", lambda: queues.set_review_queue_item_status(queue.queue_id, **given))
    t.see(
        "complete unknown", lambda: queues.set_review_queue_item_status(queue.queue_id, **given | {"item_id": "tr-x"})
    )
    t.see("bad status", lambda: queues.set_review_queue_item_status(queue.queue_id, **given | {"status": "x"}))
    t.see("items", lambda: _items(queues.list_review_queue_items(queue.queue_id)))
    t.see("pending items", lambda: len(queues.list_review_queue_items(queue.queue_id, status="pending")))
    t.see("remove", lambda: queues.remove_items_from_review_queue(queue.queue_id, item_ids=traces[:2]))
    t.see("remove again", lambda: queues.remove_items_from_review_queue(queue.queue_id, item_ids=traces[:2]))
    t.see("delete a trace in it", lambda: t.client.delete_traces(t.experiment, trace_ids=traces[2:]))
    t.see("items then", lambda: _items(queues.list_review_queue_items(queue.queue_id)))
    t.see("update", lambda: queues.update_review_queue(queue.queue_id, name="renamed", users=["cy"]))
    t.see("update unknown", lambda: queues.update_review_queue("rq-none", name="renamed"))
    t.see("queues", lambda: sorted(one.name for one in queues.list_review_queues()))
    t.see("queues of a user", lambda: [one.name for one in queues.list_review_queues(user="cy")])
    t.see("delete a schema of it", lambda: store.delete_label_schema(one.schema_id))
    t.see("delete it again", lambda: store.delete_label_schema(one.schema_id))
    t.see("delete", lambda: queues.delete_review_queue(queue.queue_id))
    t.see("delete again", lambda: queues.delete_review_queue(queue.queue_id))


def _items(items: Any) -> Any:
    return sorted(items, key=lambda one: one.item_id)


@script
def issues(t: Forwarded) -> None:
    store, run = t.store, t.run()
    for name, more in {
        "plain": {},
        "whole": {"severity": IssueSeverity.HIGH, "root_causes": ["a", "b"], "categories": ["c"], "created_by": "ann"},
        "of a run": {"source_run_id": run},
        "of an unknown run": {"source_run_id": "f" * 32},
        "resolved": {"status": IssueStatus.RESOLVED},
        "": {},
        "x" * 300: {},
        "unknown place": {"experiment_id": "99999"},
        "bad place": {"experiment_id": "abc"},
        "bad status": {"status": "none"},
    }.items():
        given = {"experiment_id": t.experiment, "name": name, "description": "d", **more}
        t.see(f"create {name[:15]!r}", lambda g=given: store.create_issue(**g))
    issue = store.create_issue(t.experiment, "one", "d").issue_id
    t.see("get", lambda: store.get_issue(issue))
    t.see("get unknown", lambda: store.get_issue("iss-none"))
    t.see(
        "update", lambda: store.update_issue(issue, status=IssueStatus.REJECTED, severity=IssueSeverity.LOW, name="two")
    )
    t.see("update unknown", lambda: store.update_issue("iss-none", name="two"))
    trace = store.start_trace(info(t, 0)).trace_id
    t.see("log", lambda: mlflow.tracing.assessment.log_issue(trace_id=trace, issue_id=issue, issue_name="two"))
    t.see(
        "log unknown", lambda: mlflow.tracing.assessment.log_issue(trace_id=trace, issue_id="iss-none", issue_name="n")
    )
    for text in (
        "status = 'pending'",
        "severity = 'high'",
        f"source_run_id = '{run}'",
        "name = 'plain'",
        "status >",
        "nonsense = '1'",
    ):
        t.see(f"find {text}", lambda x=text: sorted(one.name for one in store.search_issues(t.experiment, x)))
    t.see(
        "counts",
        lambda: sorted(store.search_issues(t.experiment, include_trace_count=True), key=lambda one: one.name)[:3],
    )
    t.see("page", lambda: len(store.search_issues(t.experiment, max_results=2)))
    t.see("find in unknown", lambda: list(store.search_issues("99999")))
    store.delete_run(run)
    t.see("purge its run", lambda: store._hard_delete_run(run))
    t.see(
        "issues of the run", lambda: sorted((one.name, one.source_run_id) for one in store.search_issues(t.experiment))
    )
