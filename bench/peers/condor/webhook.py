"""A connector of condor-retl 0.1.1, which has no generic HTTP destination: posts batches of work to a webhook.

429, 5xx and lost connections are retryable, every other refusal is final. The sweep at the start of a run hands over all
unfinished batches in one call, so that several are taken.
"""
import os
from collections.abc import Mapping

import requests
from retl.auth import none
from retl.destinations.acknowledgements import DestinationReceipt, DestinationSubmissionEvidence, RemoteHandle
from retl.destinations.registry import declarative_connector
from retl.destinations.request_batch import DryRunSubmissionPlan, RequestBatchingPolicy, plan_request_batches
from retl.destinations.surfaces import DestinationSurface

ROWS_PER_REQUEST = int(os.environ.get("BENCH_ROWS", "1000"))
BASE = os.environ["BENCH_URL"]
RETRYABLE = {429, 500, 502, 503}

session = requests.Session()
session.trust_env = False


def body(context):
    records = []
    for record in context.records:
        key = record.key.get("key") if isinstance(record.key, Mapping) else record.key
        payload = dict(record.payload) if isinstance(record.payload, Mapping) else {}
        records.append({"op": record.operation, "key": key, **payload})
    return {"operation": context.operation, "records": tuple(records)}


def plain(value):
    if isinstance(value, Mapping):
        return {str(name): plain(member) for name, member in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(member) for member in value]
    return value


def plan(*, binding, surface, reconciled):
    work = getattr(reconciled, "operation_pages", None) or getattr(reconciled, "import_pages", None)
    if work is None:
        return DryRunSubmissionPlan(dry_run=True, plans=(), record_count=0, request_count=0, notes=("deferred",))
    return plan_request_batches(
        sync_name=reconciled.sync_name,
        surface_name=surface.name,
        work=work,
        request_template={"method": "POST", "path": "/batch"},
        batching_policy=RequestBatchingPolicy(max_rows=ROWS_PER_REQUEST),
        dry_run=True,
        body_hook=body,
        family="state_operations",
        partition_key=lambda record: (record.operation,),
    )


def submit(*, binding, surface, delivery_outcome, attempted_count, dry_run, resolved_auth, reconciled, selected_request_plans=None):
    plans = selected_request_plans if selected_request_plans is not None else plan(binding=binding, surface=surface, reconciled=reconciled).plans
    if dry_run or not plans:
        return DestinationSubmissionEvidence.planned(attempted_count=attempted_count, dry_run=dry_run, request_batch_count=len(plans))
    taken = again = final = 0
    status = wait = None
    for request in plans:
        try:
            answer = session.post(BASE + request.request.path, json=plain(request.request.json_body), timeout=30)
        except requests.RequestException:
            again += request.row_count
            continue
        status = answer.status_code
        if status == 200:
            taken += request.row_count
        elif status in RETRYABLE:
            again += request.row_count
            wait = int(answer.headers.get("retry-after", 0)) or wait
        else:
            final += request.row_count
    outcome = "retryable_failure" if again else ("confirmed" if taken else "terminal_record_failure")
    receipt = DestinationReceipt(status="confirmed", count=taken, remote_handle=RemoteHandle(kind="webhook", value="ok"))
    return DestinationSubmissionEvidence(
        status=outcome,
        attempted_count=attempted_count,
        confirmed_count=taken,
        retryable_failure_count=again,
        terminal_record_failure_count=final,
        request_batch_count=len(plans),
        http_status=status,
        retry_after_seconds=wait,
        receipts=(receipt,) if taken else (),
        summary=outcome,
    )


surface = DestinationSurface(
    name="rows",
    declaration_family="state",
    supported_operations=("upsert", "remove"),
    target_mode="unsupported",
    accepted_identifier_types=("email", "external_id"),
    delivery_outcome="succeeded",
    request_template={"method": "POST", "path": "/batch"},
)
connector = declarative_connector(
    ref="local/webhook", display_name="Webhook", surfaces=(surface,), auth_modes=(none(),), batch_planning_hook=plan, submission_hook=submit
)
