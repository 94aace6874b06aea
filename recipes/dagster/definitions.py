"""dbt's models as assets, and dinmo sync as the asset after them. Dagster 1.11 or newer with dagster-dbt."""

import json
import os
import shlex
import subprocess
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, DbtProject, dbt_assets

PROJECT = Path(os.environ.get("DBT_PROJECT_DIR", "/srv/shop"))
TARGET = os.environ.get("DBT_TARGET", "prod")
# The program itself and not npx: a signal then reaches it, and reaches it once.
DINMO = shlex.split(os.environ.get("DINMO", f"{PROJECT}/node_modules/.bin/dinmo"))
OPTIONS = shlex.split(os.environ.get("SYNC_OPTIONS", f"--target {TARGET}"))
RETRIES = int(os.environ.get("RETRIES", "3"))
RETRY_SECONDS = float(os.environ.get("RETRY_SECONDS", "120"))

project = DbtProject(project_dir=PROJECT, profiles_dir=os.environ.get("DBT_PROFILES_DIR", PROJECT), target=TARGET)
project.prepare_if_dev()


@dbt_assets(manifest=project.manifest_path)
def dbt_models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
    # dagster-dbt would give each run a target folder of its own; the gate of dinmo looks for the results in target/.
    yield from dbt.cli(["build"], context=context, target_path=PROJECT / "target").stream()


@dg.asset(
    deps=[dbt_models],
    check_specs=[dg.AssetCheckSpec("delivered", asset="dinmo_sync", description="Every activation was sent, whole.")],
)
def dinmo_sync(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """What changed in the segments, sent to their destinations."""
    # 180: longer than the lease that a sync leaves behind whose machine died.
    command = [*DINMO, "sync", "--output", "json", "--lock-timeout", "180", *OPTIONS]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(done.stdout) if done.stdout.strip() else {"activations": [], "error": None}
    activations = result["activations"]
    error = (result["error"] or {}).get("message")
    if done.returncode in (2, 3):
        # Configuration, or an artifact of dbt: the same would come of it again.
        raise dg.Failure(description=error or f"exit code {done.returncode}", allow_retries=False)
    if done.returncode not in (0, 1):
        # The warehouse or a destination failed, or a signal ended it. To run again is safe at any time.
        context.log.error("exit code %s: %s", done.returncode, error or activations)
        raise dg.RetryRequested(max_retries=RETRIES, seconds_to_wait=RETRY_SECONDS)
    accepted = {
        operation: sum(one["accepted"][operation] for one in activations if one["accepted"])
        for operation in ("insert", "update", "delete")
    }
    metadata = {
        **{f"accepted_{operation}": count for operation, count in accepted.items()},
        "rejected": sum(one["rejected"] or 0 for one in activations),
        "deferred": sum(one["deferred"] or 0 for one in activations),
        "activations": dg.MetadataValue.json(activations),
    }
    # 1: rejected or deferred rows, a gate, a guard. What could be sent was sent, so the asset is there and its check fails.
    open_points = {
        one["activation"]: f"{one['status']}: {one['reason'] or 'see rejected, deferred and unknown'}"
        for one in activations
        if one["status"] not in ("succeeded", "skipped")
    }
    if error:
        open_points["command"] = error
    check = dg.AssetCheckResult(
        passed=done.returncode == 0, severity=dg.AssetCheckSeverity.ERROR, metadata=open_points, check_name="delivered"
    )
    return dg.MaterializeResult(metadata=metadata, check_results=[check])


everything = dg.define_asset_job(
    "dbt_and_dinmo",
    selection=dg.AssetSelection.all(),
    # One process on one machine: the sync finds what the build left in target/.
    executor_def=dg.in_process_executor,
)

defs = dg.Definitions(
    assets=[dbt_models, dinmo_sync],
    jobs=[everything],
    schedules=[dg.ScheduleDefinition(job=everything, cron_schedule="17 * * * *", execution_timezone="UTC")],
    resources={"dbt": DbtCliResource(project_dir=project, dbt_executable=os.environ.get("DBT", "dbt"))},
)
