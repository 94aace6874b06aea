"""Starts the emulator without the extensions that it would download: GEOGRAPHY and Avro are missed."""

from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine

DuckDBEngine._load_spatial = lambda self: None
DuckDBEngine._load_format_extensions = lambda self: None
main()
