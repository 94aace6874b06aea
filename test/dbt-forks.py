"""Runs dbt commands, each in a fork of a process that has read dbt's modules already: what a shell would start, less the reading.

DuckDB is no part of that, since it has threads, which a fork would not have.

A line of standard input is one command as JSON (args, cwd, env, stdout, stderr: files to write), its answer a line with the exit code.
"""

import json
import os
import sys

import agate  # noqa: F401
import dbt.task.build  # noqa: F401
import dbt_common.invocation
from dbt.cli.main import cli


def run(ask):
    os.chdir(ask["cwd"])
    os.environ.clear()
    os.environ.update(ask["env"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(ask[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["dbt", *ask["args"]]
    dbt_common.invocation.reset_invocation_id()
    cli()


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        run(json.loads(line))
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
