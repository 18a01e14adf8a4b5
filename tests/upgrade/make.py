"""Create the wheel of the earlier version, a workspace of that version, and the result of its reads.

    python tests/upgrade/make.py              # as root, in a clone that has the commit

`COMMIT` is the last commit with schema 3 and journals of format 1.
The wheel is built from it; `write.py` and `reading.py` then run with that wheel in front of everything else.
The workspace is read twice, each time from a new copy: by a user without write access, who folds nothing, and by a user
with write access.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
COMMIT = "d14cfa7"
WORKSPACE, READ = "workspace.tar.gz", "read.json"


def build_wheel(folder: Path) -> Path:
    source = folder / "source"
    subprocess.run(["git", "clone", "--quiet", HERE.parents[1], source], check=True)
    subprocess.run(["git", "-C", source, "checkout", "--quiet", COMMIT], check=True)
    command: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", HERE, source]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1740787200"}  # the same bytes each time
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return next(HERE.glob("*.whl"))


def python(unpacked: Path, *arguments: str | Path) -> str:
    """Return the output of the earlier version."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


def pack(folder: Path) -> bytes:
    """Return a folder as an archive with the file times of the workspace's clock."""
    data = io.BytesIO()
    with gzip.GzipFile(fileobj=data, mode="wb", mtime=0) as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(folder.rglob("*")):
                member = archive.gettarinfo(path, str(path.relative_to(folder)))
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                member.mtime = 1_740_787_260
                with path.open("rb") if path.is_file() else io.BytesIO() as file:
                    archive.addfile(member, file if path.is_file() else None)
    return data.getvalue()


def main() -> None:
    temporary = Path(tempfile.mkdtemp())
    temporary.chmod(0o755)
    unpacked = temporary / "unpacked"
    zipfile.ZipFile(build_wheel(temporary)).extractall(unpacked)
    folder = temporary / "workspace"
    python(unpacked, HERE / "write.py", folder)
    (HERE / WORKSPACE).write_bytes(pack(folder))
    copies = [temporary / "other", temporary / "read-only", temporary / "folded"]
    for copy in copies:
        shutil.copytree(folder, copy)
    reading = HERE / "reading.py"
    texts = {"unfolded": python(unpacked, reading, *copies[1::-1]), "folded": python(unpacked, reading, copies[2])}
    found = {}
    for (name, text), copy in zip(texts.items(), copies[1:], strict=True):
        found[name] = json.loads(text.replace(str(copy), "<workspace>"))
    (HERE / READ).write_text(json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    shutil.rmtree(temporary)


if __name__ == "__main__":
    main()
