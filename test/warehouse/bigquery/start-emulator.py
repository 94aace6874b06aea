"""Starts the emulator without the extensions that it would download: GEOGRAPHY and Avro are missed."""

import bqemulator.sql.rewriter.create_table_schema_ctas as schema_of_select
from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine
from sqlglot import exp

DuckDBEngine._load_spatial = lambda self: None
DuckDBEngine._load_format_extensions = lambda self: None

# dbt puts the query of a model with a contract in parentheses.
plain_select = schema_of_select._first_select
schema_of_select._first_select = lambda body: plain_select(body.this if isinstance(body, exp.Subquery) else body)
main()
