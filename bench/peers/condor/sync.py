"""One run of condor-retl 0.1.1 over the table `customers`: sync.py DATABASE COLUMN ..."""
import sys

import retl
import webhook
from retl.backends.duckdb import DuckDBSqlBackend
from retl.destinations.resolver import default_registry

database, *columns = sys.argv[1:]
backend = DuckDBSqlBackend(database=database, source_schema="main", runtime_schema="retl")
source = retl.source(name="customers", mode="snapshot", backend=backend.source_backend(), query="select * from customers")
state = retl.state(
    name="customers",
    source=source,
    key={"key": "key"},
    identifiers=[{"type": "email", "value": "email"}],
    payload={column: column for column in columns},
)
default_registry().register(webhook.connector)
destination = retl.destinations.load("local/webhook", binding_name="webhook")
sync = retl.sync(name="customers_webhook", declaration=state, destination=destination, surface="rows")
print(retl.runner(name="bench", runtime_store=backend.runtime_store()).run(sync, dry_run=False).to_text())
