"""The pages of MLflow's UI: their paths, and the texts from seeding.py that they must show."""

from __future__ import annotations

import re
from pathlib import Path

import mlflow

PAGES_OF_RUNS = {
    "home": ("", "digits", "sweep"),
    "experiments": ("experiments", "digits", "sweep", "Default"),
    "experiment": ("experiments/{experiment}", "cnn", "svm"),
    "experiment_search": ("experiments/{experiment}/s", "Page Not Found"),
    "experiment_overview": ("experiments/{experiment}/overview/usage", "Latency"),
    "experiment_quality": ("experiments/{experiment}/overview/quality", "Quality"),
    "experiment_tool_calls": ("experiments/{experiment}/overview/tool-calls", "Tool calls"),
    "runs": ("experiments/{experiment}/runs", "cnn", "svm", "six_numbers", "3 matching runs"),
    "runs_of_none": ("experiments/{empty}/runs", "No runs logged"),
    "runs_as_charts": ("experiments/{experiment}/runs?compareRunsMode=CHART", "Model metrics", "accuracy", "loss"),
    "runs_as_tables": ("experiments/{experiment}/runs?compareRunsMode=ARTIFACT", "one and one", "two", "three"),
    "traces": ("experiments/{experiment}/traces", "Traces"),
    "sessions": ("experiments/{experiment}/chat-sessions", "Sessions"),
    "logged_models": ("experiments/{experiment}/models", "Models"),
    "evaluation_runs": ("experiments/{experiment}/evaluation-runs", "Evaluation runs"),
    "datasets": ("experiments/{experiment}/datasets", "Datasets"),
    "judges": ("experiments/{experiment}/judges", "Judges"),
    "playground": ("experiments/{experiment}/playground", "Playground"),
    "experiment_prompts": ("experiments/{experiment}/prompts", "Prompts"),
    "run": ("experiments/{experiment}/runs/{run}", "cnn", "Finished", "learning_rate", "0.015625", "The first one."),
    "run_overview": ("experiments/{experiment}/runs/{run}/overview", "convolutional", "six_numbers", "accuracy"),
    "run_metrics": ("experiments/{experiment}/runs/{run}/model-metrics", "accuracy", "loss"),
    "run_system_metrics": ("experiments/{experiment}/runs/{run}/system-metrics", "cpu_utilization_percentage"),
    "run_traces": ("experiments/{experiment}/runs/{run}/traces", "Traces"),
    "run_issues": ("experiments/{experiment}/runs/{run}/issues", "Issues"),
    "run_evaluations": ("experiments/{experiment}/runs/{run}/evaluations", "Traces"),
    "run_artifact": ("experiments/{experiment}/runs/{run}/artifacts/notes/readme.txt", "written by a test"),
    "run_artifacts": ("experiments/{experiment}/runs/{run}/artifacts", "notes", "pictures", "tables"),
    "run_artifact_path": ("experiments/{experiment}/runs/{run}/artifactPath/notes/readme.txt", "cnn"),
    "run_of_children": ("runs/{run}", "cnn_child"),
    "run_that_failed": ("runs/{child}", "Failed", "Parent run"),
    "compared_runs": (
        'compare-runs?runs=["{run}","{other}"]&experiments=["{experiment}"]',
        "Comparing 2 Runs from 1 Experiment",
        "linear",
    ),
    "compared_experiments_of_none": ("compare-experiments", "Page Not Found"),
    "compared_experiments": ('compare-experiments/s?experiments=["{experiment}","{sweep}"]', "cnn", "try_3"),
    "metric": (
        'metric/loss?runs=["{run}"]&metric="loss"&experiments=["{experiment}"]&plot_metric_keys=["loss"]'
        "&plot_layout={{}}&x_axis=step&y_axis_scale=linear&line_smoothness=1&show_point=false&deselected_curves=[]"
        "&last_linear_y_axis_range=[]",
        "Completed Runs",
        "loss",
    ),
    "models": ("models", "Registered Models"),
    "prompts": ("prompts", "Prompts"),
    "gateway": ("gateway", "Endpoints"),
    "mcp_registry": ("mcp-registry", "MCP Registry"),
}
"""The pages that are visited while the store has only runs."""

PAGES = {
    "home_of_all": ("", "digits", "sums"),
    "runs_of_all": ("experiments/{experiment}/runs", "cnn", "classifier"),
    "traces_of_all": ("experiments/{experiment}/traces", "what is one", "it is 1", "what is broken"),
    "trace": ("experiments/{experiment}/traces/{trace}", "answer", "lookup", "what is one"),
    "trace_usage": ("experiments/{experiment}/overview/usage", "70.00ms"),
    "trace_quality": ("experiments/{experiment}/overview/quality", "helpful"),
    "sessions_of_all": ("experiments/{experiment}/chat-sessions", "chat"),
    "session": ("experiments/{experiment}/chat-sessions/chat", "what is one", "it is 1"),
    "logged_models_of_all": ("experiments/{experiment}/models", "classifier", "0.96875"),
    "logged_model": ("experiments/{experiment}/models/{model}", "classifier", "four_numbers", "0.96875", "cnn"),
    "logged_model_traces": ("experiments/{experiment}/models/{model}/traces", "Traces"),
    "logged_model_artifacts": ("experiments/{experiment}/models/{model}/artifacts", "MLmodel"),
    "evaluation_runs_of_all": ("experiments/{sums}/evaluation-runs", "evaluation", "sums_of_two"),
    "evaluation_run": ("experiments/{sums}/evaluation-runs/{evaluation}", "evaluation", "Finished"),
    "evaluation_run_issues": ("experiments/{sums}/evaluation-runs/{evaluation}/issues", "Issues"),
    "evaluated_traces": ("experiments/{sums}/runs/{evaluation}/traces", "one and one", "is_right"),
    "datasets_of_all": ("experiments/{sums}/datasets", "sums_of_two"),
    "dataset": ("experiments/{sums}/datasets/{dataset}", "sums_of_two", "one and one", "two"),
    "judges_of_all": ("experiments/{experiment}/judges", "brief"),
    "review_queue_of_none": ("experiments/{empty}/review-queue", "Review", "Default"),
    "review_queue_of_all": ("experiments/{experiment}/review-queue", "to_read"),
    "experiment_prompts_of_all": ("experiments/{experiment}/prompts", "greeting"),
    "experiment_prompt": ("experiments/{experiment}/prompts/greeting", "good morning {{{{name}}}}"),
    "run_with_model": ("experiments/{experiment}/runs/{run}", "classifier", "digit_reader"),
    "models_of_all": ("models", "digit_reader", "champion"),
    "registered_model": ("models/digit_reader", "Reads digits.", "Version 2", "champion"),
    "registered_model_page": ("models/digit_reader/model-serving", "digit_reader"),
    "model_version": ("models/digit_reader/versions/2", "Version 2", "checked", "svm"),
    "compared_versions": (
        'compare-model-versions?name="digit_reader"&runs={{"1":"{run}","2":"{other}"}}',
        "Comparing 2 Versions",
        "linear",
    ),
    "prompts_of_all": ("prompts", "greeting"),
    "prompt": ("prompts/greeting", "good morning {{{{name}}}}", "politer words"),
    "create_model": ("createModel", "Page Not Found"),
    "gateway_of_all": ("gateway", "chat_endpoint"),
    "gateway_keys": ("gateway/api-keys", "key_of_ada"),
    "gateway_usage": ("gateway/usage", "Usage"),
    "gateway_budgets": ("gateway/budgets", "Budget"),
    "gateway_creation": ("gateway/endpoints/create", "Create endpoint"),
    "gateway_endpoint": ("gateway/endpoints/{endpoint}", "chat_endpoint", "gpt-4"),
    "mcp_registry_of_all": ("mcp-registry", "io.example/tools"),
    "mcp_server": ("mcp-registry/io.example%2Ftools", "io.example/tools", "1.0.0"),
    "account": ("account", "Account"),
    "admin": ("admin", "Admin"),
    "admin_workspaces": ("admin/ws", "Workspace"),
    "admin_role": ("admin/roles/1", "not found"),
    "admin_user": ("admin/users/ada", "ada"),
    "settings": ("settings", "Settings"),
    "settings_general": ("settings/general", "Settings"),
    "settings_connections": ("settings/llm-connections", "key_of_ada"),
    "settings_webhooks": ("settings/webhooks", "told", "https://1.1.1.1/told"),
}
"""The pages that are visited when the store has everything."""

ROUTE = r'static get \w+\(\)\{return\(0,\w+\.\w+\)\("(/[^"]*)"\)\}'


def known_routes() -> set[str]:
    """Return the routes in the JavaScript of MLflow's UI, with `:name` for variable parts."""
    folder = Path(mlflow.__file__).parent / "server/js/build/static/js"
    scripts = [file.read_text(encoding="utf-8") for file in folder.glob("*.js")]
    return {route for script in scripts for route in re.findall(ROUTE, script)}


def is_visited(route: str) -> bool:
    """Return whether one of the pages has this route."""
    pattern = re.sub(r":\w+", "[^/?]+", route.strip("/")).replace("*", ".+")
    pages = [page[0].partition("?")[0] for page in (PAGES_OF_RUNS | PAGES).values()]
    return any(re.fullmatch(pattern, page) for page in pages)
