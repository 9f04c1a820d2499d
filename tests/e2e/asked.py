"""Many requests of `robot-rl`, each in a process of its own that need not import everything anew.

Reads `{name: [arguments]}` as JSON from standard input; writes `{name: [exit code, output, error]}`.
"""

import json
import os
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

from robot_rl.cli import VERBS, main


def ask(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one request."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("output", "error")]
        child = os.fork()
        if not child:
            code = 1
            try:
                for number, path in enumerate(paths, 1):
                    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
                code = main(arguments)
            finally:
                if sys.exc_info()[1]:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        output, error = (path.read_text() for path in paths)
        return os.waitstatus_to_exitcode(status), output, error


if __name__ == "__main__":
    requests = json.load(sys.stdin)
    for jobs in {f"robot_rl.jobs.{job.partition('.')[0]}" for job in VERBS.values()}:
        import_module(jobs)
    json.dump({name: ask(arguments) for name, arguments in requests.items()}, sys.stdout)
