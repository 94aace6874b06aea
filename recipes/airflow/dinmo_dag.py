"""dbt build, then dinmo sync. Airflow 3.1 or newer; copy it into the folder of your DAGs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from datetime import datetime, timedelta

from airflow.sdk import DAG, BaseOperator, TriggerRule, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

PROJECT = os.environ.get("DBT_PROJECT_DIR", "/opt/airflow/dbt/shop")
DBT = shlex.split(os.environ.get("DBT", f"{PROJECT}/.venv/bin/dbt"))
# The program itself and not npx: a signal then reaches it, and reaches it once.
DINMO = shlex.split(os.environ.get("DINMO", f"{PROJECT}/node_modules/.bin/dinmo"))
TARGET = os.environ.get("DBT_TARGET", "prod")
OPTIONS = shlex.split(os.environ.get("SYNC_OPTIONS", f"--target {TARGET}"))
# What exit code 1 (rejected or deferred rows, a gate, a guard) becomes: failed, skipped or success.
ON_FINDINGS = os.environ.get("ON_FINDINGS", "failed")
RETRY_DELAY = timedelta(seconds=float(os.environ.get("RETRY_SECONDS", "120")))


class Command(BaseOperator):
    """A program whose exit code becomes the state of the task, and which is asked to end when the task is."""

    def __init__(self, *, command: list[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.process: subprocess.Popen | None = None

    def execute(self, context) -> object:
        # What it says on stderr goes to the log of the task.
        self.process = subprocess.Popen(self.command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        printed, _ = self.process.communicate()
        return self.finish(self.process.returncode, printed)

    def finish(self, code: int, printed: str) -> object:
        self.log.info("%s", printed)
        if code != 0:
            raise AirflowException(f"{self.command[0]} ended with {code}")
        return None

    def on_kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=150)


class DinmoSync(Command):
    """dinmo sync; what became of each activation is the task's XCom (counts and reasons, no personal data)."""

    def finish(self, code: int, printed: str) -> object:
        result = json.loads(printed) if printed.strip() else {"activations": [], "error": None}
        for one in result["activations"]:
            said = (one[key] for key in ("activation", "status", "accepted", "reason"))
            self.log.info("%s: %s, accepted %s, reason: %s", *said)
        what = (result["error"] or {}).get("message") or ", ".join(
            f"{one['activation']} {one['status']}"
            for one in result["activations"]
            if one["status"] not in ("succeeded", "skipped")
        )
        if code == 0 or (code == 1 and ON_FINDINGS == "success"):
            return result["activations"]
        if code == 1 and ON_FINDINGS == "skipped":
            raise AirflowSkipException(what)
        if code in (1, 2, 3):
            # The same would come of it again: no retry. The next run judges anew.
            raise AirflowFailException(f"exit code {code}: {what}")
        # 4: the warehouse or a destination failed; or a signal ended it. To run again is safe at any time.
        raise AirflowException(f"exit code {code}: {what}")


with DAG(
    dag_id="dbt_and_dinmo",
    schedule="@hourly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["dbt", "dinmo"],
) as dag:
    dbt_build = Command(task_id="dbt_build", command=[*DBT, "build", "--target", TARGET])
    dinmo_sync = DinmoSync(
        task_id="dinmo_sync",
        # 180: longer than the lease that a sync leaves behind whose worker died.
        command=[*DINMO, "sync", "--output", "json", "--log-format", "json", "--lock-timeout", "180", *OPTIONS],
        # Also after a build that failed: the gate stops what hangs on the failure, and nothing else.
        trigger_rule=TriggerRule.ALL_DONE,
        retries=3,
        retry_delay=RETRY_DELAY,
        retry_exponential_backoff=True,
        execution_timeout=timedelta(hours=2),
    )

    @task(trigger_rule=TriggerRule.ONE_FAILED, retries=0)
    def something_failed() -> None:
        """Airflow takes the state of a run from its last tasks: without this one a failed build would not show."""
        raise AirflowFailException("dbt build or dinmo sync failed")

    dbt_build >> dinmo_sync
    [dbt_build, dinmo_sync] >> something_failed()
