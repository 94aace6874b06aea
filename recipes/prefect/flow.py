"""dbt build, then dinmo sync, as a flow. Prefect 3."""

from __future__ import annotations

import json
import os
import shlex
import subprocess

from prefect import flow, get_run_logger, task
from prefect.states import Completed, Failed

PROJECT = os.environ.get("DBT_PROJECT_DIR", "/srv/shop")
DBT = shlex.split(os.environ.get("DBT", f"{PROJECT}/.venv/bin/dbt"))
# The program itself and not npx: a signal then reaches it, and reaches it once.
DINMO = shlex.split(os.environ.get("DINMO", f"{PROJECT}/node_modules/.bin/dinmo"))
TARGET = os.environ.get("DBT_TARGET", "prod")
OPTIONS = shlex.split(os.environ.get("SYNC_OPTIONS", f"--target {TARGET}"))
# What exit code 1 (rejected or deferred rows, a gate, a guard) becomes: failed or completed. Its state is named Findings.
ON_FINDINGS = os.environ.get("ON_FINDINGS", "failed")
RETRY_SECONDS = float(os.environ.get("RETRY_SECONDS", "120"))


class TryAgain(Exception):
    """Exit code 4, or a signal: the warehouse or a destination failed. To run again is safe at any time."""


def may_be_retried(_task, _run, state) -> bool:
    try:
        state.result()
    except TryAgain:
        return True
    except Exception:
        return False
    return False


@task
def dbt_build() -> int:
    return subprocess.run([*DBT, "build", "--target", TARGET], cwd=PROJECT, check=False).returncode


@task(retries=3, retry_delay_seconds=RETRY_SECONDS, retry_condition_fn=may_be_retried)
def dinmo_sync() -> tuple[int, dict]:
    logger = get_run_logger()
    # 180: longer than the lease that a sync leaves behind whose machine died.
    command = [*DINMO, "sync", "--output", "json", "--lock-timeout", "180", *OPTIONS]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(done.stdout) if done.stdout.strip() else {"activations": [], "error": None}
    for one in result["activations"]:
        said = (one[key] for key in ("activation", "status", "accepted", "reason"))
        logger.info("%s: %s, accepted %s, reason: %s", *said)
    if done.returncode not in (0, 1, 2, 3):
        raise TryAgain(f"exit code {done.returncode}: {(result['error'] or {}).get('message') or 'see the log'}")
    return done.returncode, result


@flow(name="dbt and dinmo")
def dbt_and_dinmo():
    built = dbt_build()
    # Also after a build that failed: the gate stops what hangs on the failure, and nothing else.
    code, result = dinmo_sync()
    if code in (2, 3):
        return Failed(message=f"dinmo sync, exit code {code}: {result['error']['message']}")
    unsent = [
        f"{one['activation']}: {one['reason'] or one['status']}"
        for one in result["activations"]
        if one["status"] not in ("succeeded", "skipped")
    ]
    if built != 0:
        return Failed(message=f"dbt build ended with {built}. Not sent: {'; '.join(unsent) or 'nothing'}")
    if code == 1:
        finding = Completed if ON_FINDINGS == "completed" else Failed
        return finding(name="Findings", message="; ".join(unsent))
    return Completed(message="Everything was sent")


if __name__ == "__main__":
    # With `prefect server` or Prefect Cloud: dbt_and_dinmo.serve(name="hourly", cron="17 * * * *", limit=1)
    dbt_and_dinmo()
