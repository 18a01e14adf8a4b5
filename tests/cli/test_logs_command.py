"""`runbridge logs` prints the bytes of logs, also while they grow."""

from __future__ import annotations

import io
import os
import subprocess
import time
from pathlib import Path

import pytest
from command_workspace import LOG, run_named
from terminal import COMMAND, completions, in_pipe, in_terminal

from bridge import Workspace

pytestmark = pytest.mark.slow

PATH = "user_logs/std_log.txt"


def bytes_of(*arguments: str) -> bytes:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, check=True).stdout


def test_a_log_is_printed_byte_by_byte(workspace: Workspace) -> None:
    assert bytes_of("logs", "brave-fox") == LOG
    assert bytes_of("logs", "brave-fox", PATH) == LOG


def test_colours_reach_the_terminal_and_are_ended(workspace: Workspace) -> None:
    with in_terminal("logs", "brave-fox") as terminal:
        assert terminal.end() == 0
    assert b"\x1b[31mred\x1b[0m" in terminal.raw
    assert terminal.raw.endswith(b"no line end\x1b[0m")


@pytest.mark.parametrize("lines", [0, 1, 3, 4, 9])
def test_the_last_lines_are_printed(workspace: Workspace, lines: int) -> None:
    wanted = b"".join(LOG.splitlines(keepends=True)[-lines:]) if lines else b""
    assert bytes_of("logs", "brave-fox", "--tail", str(lines)) == wanted


def test_the_last_lines_of_a_large_log_are_exact(workspace: Workspace, tmp_path: Path) -> None:
    lines = [f"{number} {'x' * (number % 300)}\n".encode() for number in range(3_000)]
    file = tmp_path / "large.txt"
    file.write_bytes(b"".join(lines))
    run_named(workspace, "brave-fox").upload_file("logs/large.txt", file)
    assert bytes_of("logs", "brave-fox", "logs/large.txt", "--tail", "1500") == b"".join(lines[-1500:])


def test_an_unknown_log_is_one_sentence_with_the_known_ones(workspace: Workspace) -> None:
    done = in_pipe("logs", "brave-fox", "nope.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "'nope.txt'" in done.stderr and PATH in done.stderr
    done = in_pipe("logs", "quick-elk")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "has no logs" in done.stderr


@pytest.mark.parametrize(("name", "code"), [("brave-fox", 0), ("calm-owl", 3)])
def test_the_end_of_a_followed_run_is_the_exit_code(workspace: Workspace, name: str, code: int) -> None:
    done = in_pipe("logs", name, "--follow", "--tail", "1")
    assert (done.returncode, done.stdout, done.stderr) == (code, "no line end", "")


def test_a_log_is_followed_until_its_run_ends(workspace: Workspace, tmp_path: Path) -> None:
    run = run_named(workspace, "quick-elk")
    file = tmp_path / "log.txt"
    with in_terminal("logs", "quick-elk", "--follow") as terminal:
        for number in range(3):
            file.write_text("".join(f"line {each}\n" for each in range(number + 1)))
            run.upload_file(PATH, file)
            terminal.wait_for(f"line {number}\n")
        run.complete()
        assert terminal.end() == 0
    assert terminal.text.count("line 1\n") == 1
    assert f"==> {PATH} <==" in terminal.text


def test_ctrl_c_ends_following(workspace: Workspace) -> None:
    run_named(workspace, "quick-elk").upload_file(PATH, io.BytesIO(LOG))
    with in_terminal("logs", "@running", "--follow") as terminal:
        terminal.wait_for("third line")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Traceback" not in terminal.text


@pytest.mark.parametrize("lines", [1, 200_000])
@pytest.mark.parametrize("subcommand", ["logs", "show"])
def test_nothing_is_reported_if_the_reader_ends_early(
    workspace: Workspace, tmp_path: Path, subcommand: str, lines: int
) -> None:
    file = tmp_path / "large.txt"
    file.write_bytes(b"some line\n" * lines)
    run_named(workspace, "brave-fox").upload_file(PATH, file)
    command = [*COMMAND, subcommand, "brave-fox"]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=buffered) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_following_in_a_pipe_prints_each_line_when_it_is_logged(workspace: Workspace) -> None:
    run = run_named(workspace, "quick-elk")
    run.upload_file(PATH, __file__)
    with subprocess.Popen([*COMMAND, "logs", run.id, "-f"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(b'"""')
        time.sleep(0.3)
        assert process.poll() is None
        run.complete()
        process.stdout.read()
    assert process.returncode == 0


def test_a_log_is_completed_in_the_shell(workspace: Workspace) -> None:
    assert completions("logs", "brave-fox", "") == [PATH]
