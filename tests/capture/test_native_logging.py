"""Diagnostic messages go to the logger `bridge`. By default only warnings are shown; DEBUG shows every step."""

from __future__ import annotations

from both_places import IN_A_FOLDER

WORK = """
Path('train.py').write_text('1')
with experiment.start_logging() as run:
    run.log('loss', 0.5)
    Path('outputs/x').write_text('1')
    Path('logs').mkdir()
    Path('logs/y').write_text('1')
run.get_metrics()
"""


def test_nothing_is_logged_by_default(script):
    ended = script(WORK)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@IN_A_FOLDER
def test_debug_shows_each_step_under_the_logger_bridge(script, only_run):
    ended = script("import logging\nlogging.basicConfig(level=logging.DEBUG)\n" + WORK)
    assert ended.returncode == 0, ended.stderr
    said = ended.stderr
    assert all(line.startswith("DEBUG:bridge:") for line in said.splitlines()), said
    run = only_run()
    for what in (
        f"Run {run.id} is Running",
        "Snapshot ",
        "Journal ",
        "Folded ",
        f"Run {run.id}: stored 1 files of ",
        f"Run {run.id} is Completed",
    ):
        assert what in said, (what, said)


def test_messages_that_a_user_must_see_are_shown_by_default(script):
    """Points of a purged run are dropped, with a message."""
    ended = script("run = experiment.start_logging()\nrun.log_list('nothing', [])\nrun.complete()\n")
    assert ended.stderr == "Nothing was logged under 'nothing': there was no value.\n"


@IN_A_FOLDER
def test_within_a_submitted_script_only_the_users_own_messages_are_shown(script, workspace):
    code = (
        "run = experiment.start_logging()\n"
        "import logging, subprocess\n"
        "code = '''import logging\n"
        "from bridge import Run\n"
        "logging.basicConfig(level=logging.DEBUG)\n"
        "run = Run.get_context()\n"
        "run.log('loss', 1)\n"
        "logging.info('the user says')\n"
        "run.get_metrics()'''\n"
        "variables = {**os.environ, 'BRIDGE_WORKSPACE': str(experiment.workspace.path), 'BRIDGE_RUN_ID': run.id}\n"
        "subprocess.run([sys.executable, '-c', code], env=variables, check=True)\n"
    )
    ended = script(code)
    assert (ended.returncode, ended.stderr) == (0, "INFO:root:the user says\n")
