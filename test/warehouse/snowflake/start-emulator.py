"""Serves fakesnow to the Node driver: rows as JSON, with the counts, codes and endpoints that a real account has.

The Python connector (dbt) is answered as before. `python start-emulator.py PORT`.
"""

import asyncio
import base64
import datetime
import decimal
import gzip
import json
import re
import sys
import traceback
import uuid

import fakesnow.info_schema as info_schema
import fakesnow.server as server
import pyarrow
import sqlglot
import uvicorn
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import exp
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

COMMENTS = r"(?is)^\s*(?:/\*.*?\*/\s*|--[^\n]*\n\s*)*"
DONE = "select 'Statement executed successfully.' as \"status\""
SETTINGS = COMMENTS + r"alter\s+session\s+(?:set|unset)\s+(?:query_tag|timezone|statement_timeout|autocommit\s*=\s*true)"
COLUMN_COMMENT = COMMENTS + r"alter\s+(?:table|view)\s+\S+\s+alter\s+(?:column\s+)?\S+\s+comment\s"


def qualified_merge(command):
    """Bare names among a MERGE's inserted values are the source's; fakesnow leaves them ambiguous."""
    merge = sqlglot.parse_one(command, read="snowflake")
    if not isinstance(merge, exp.Merge):
        return command
    source = merge.args["using"].alias_or_name
    for insert in merge.find_all(exp.Insert):
        for column in insert.expression.find_all(exp.Column) if insert.expression else ():
            if not column.table:
                column.set("table", exp.to_identifier(source))
    return merge.sql(dialect="snowflake")


def readable(command):
    """What this Snowflake does not take, in words that it takes."""
    if re.match(SETTINGS, command) or re.match(COLUMN_COMMENT, command):
        return DONE
    # DuckDB keeps temporary relations in a catalog of their own, so that one with a qualified name becomes a lasting one.
    command = re.sub(
        r"(?is)\b(create\s+(?:or\s+replace\s+)?)temp(?:orary)?\s+((?:view|table)\s+(?:if\s+not\s+exists\s+)?\S+\.\S+)",
        r"\1\2",
        command,
    )
    if re.search(r"(?is)\bcreate\b.*\b(?:table|view)\b", command):
        command = re.sub(r"(?is)(\"\w+\")\s+comment\s+\$\$.*?\$\$", r"\1", command)
    if re.match(COMMENTS + r"merge\b", command):
        command = qualified_merge(command)
    return command


def signed_hashes(tree):
    """Snowflake's HASH is signed and fits NUMBER(19,0); DuckDB's is not."""
    for node in list(tree.find_all(exp.Func)):
        if (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).upper() != "HASH":
            continue
        parent = node.parent
        if isinstance(parent, exp.BitwiseRightShift):
            continue
        node.replace(exp.cast(exp.BitwiseRightShift(this=node.copy(), expression=exp.Literal.number(1)), "bigint"))


def in_other_words(tree):
    """What DuckDB says otherwise: the collation by bytes is its own, digits to the base of sixteen, an array of variants is JSON."""
    for node in list(tree.find_all(exp.Collate)):
        if node.expression.name == "utf8":
            node.replace(node.this)
    for node in list(tree.find_all(exp.ToNumber)):
        form = node.args.get("format")
        if form is not None and set(form.name.upper()) == {"X"}:
            digits = exp.DPipe(this=exp.Literal.string("0x"), expression=node.this)
            node.replace(exp.cast(exp.paren(digits), "bigint"))
    for node in list(tree.find_all(exp.ArrayContains)):
        if isinstance(node.expression, exp.ToVariant):
            sides = [exp.func("to_json", side) for side in (node.this, node.expression.this)]
            node.replace(exp.func("json_contains", *sides))
    return tree


plain_transform = FakeSnowflakeCursor._transform
FakeSnowflakeCursor._transform = lambda self, tree, params: plain_transform(self, in_other_words(tree), params)
plain_execute = FakeSnowflakeCursor.execute
plain_inner = FakeSnowflakeCursor._execute


def execute(self, command, *args, **kwargs):
    return plain_execute(self, readable(command) if isinstance(command, str) else command, *args, **kwargs)


def execute_inner(self, transformed, *args, **kwargs):
    """Comments and lengths are kept in another attached database, which a transaction that has written may not write."""
    comment = transformed.args.pop("table_comment", None)
    lengths = transformed.args.pop("text_lengths", None)
    signed_hashes(transformed)
    result = plain_inner(self, transformed, *args, **kwargs)
    database, schema = self._conn.database, self._conn.schema
    aside = self._duck_conn.cursor()
    if comment and comment[1] is not None:
        table = comment[0]
        aside.execute(
            info_schema.insert_table_comment_sql(
                table.catalog or database, table.db or schema, table.name, comment[1]
            )
        )
    table = transformed.find(exp.Table)
    if lengths and table:
        aside.execute(
            info_schema.insert_text_lengths_sql(table.catalog or database, table.db or schema, table.name, lengths)
        )
    return result


FakeSnowflakeCursor.execute = execute
FakeSnowflakeCursor._execute = execute_inner

OUTPUT = {
    "TIMEZONE": "Etc/UTC",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS.FF9",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "BINARY_OUTPUT_FORMAT": "HEX",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "CLIENT_TELEMETRY_ENABLED": False,
    "CLIENT_PREFETCH_THREADS": 2,
}
EPOCH = datetime.date(1970, 1, 1)


def cell(value, column):
    """A value as Snowflake's JSON rows have it: all of them texts."""
    if value is None:
        return None
    kind = column["type"].lower()
    if kind == "boolean":
        return "1" if value else "0"
    if kind == "date":
        return str((value - EPOCH).days) if isinstance(value, datetime.date) else str(value)
    if kind.startswith("timestamp"):
        if value["epoch"] is None:
            return None
        text = f"{value['epoch']}.{value['fraction']:09d}"
        return f"{text} {value.get('timezone', 1440)}" if kind == "timestamp_tz" else text
    if kind == "time":
        seconds, nanos = divmod(int(value), 1_000_000_000)
        return f"{seconds}.{nanos:09d}"
    if kind == "binary":
        return value.hex().upper() if isinstance(value, (bytes, bytearray)) else str(value)
    if kind == "fixed":
        return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)
    if kind == "real":
        return repr(float(value))
    return json.dumps(value, default=str) if isinstance(value, (dict, list)) else str(value)


def rows_of(arrow, columns):
    if not arrow:
        return []
    table = pyarrow.ipc.open_stream(base64.b64decode(arrow)).read_all()
    values = [[cell(value, column) for value in table.column(at).to_pylist()] for at, column in enumerate(columns)]
    return [list(row) for row in zip(*values)]


answers = {}
session_parameters = {}
one_at_a_time = asyncio.Lock()


async def login(request):
    raw = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        raw = gzip.decompress(raw)
    response = await server.login_request(request)
    token = json.loads(response.body)["data"]["token"]
    session_parameters[token] = json.loads(raw)["data"].get("SESSION_PARAMETERS") or {}
    return response


def failure(body, status):
    # Anything but 200 the driver would ask again for minutes.
    message = re.sub(r"^\d{6} \(\w{5}\): ", "", body.get("message") or "")
    data = body.get("data") or {"errorCode": body.get("code"), "sqlState": "XX000"}
    data.setdefault("queryId", str(uuid.uuid4()))
    return JSONResponse({**body, "message": message, "data": data}, status_code=200 if status >= 500 else status)


async def query(request):
    try:
        return await answer(request)
    except Exception as fault:  # noqa: BLE001: whatever it is, the test must see it at once
        traceback.print_exc()
        return failure({"success": False, "code": "261000", "message": f"emulator: {fault!r}"}, 500)


async def answer(request):
    async with one_at_a_time:
        response = await server.query_request(request)
    if "javascript" not in request.headers.get("user-agent", "").lower():
        return response
    body = json.loads(response.body)
    data = body.get("data")
    if not body.get("success") or data is None:
        return failure(body, response.status_code)
    if "rowtype" not in data:
        return response
    if "rowset" not in data:
        data["rowset"] = rows_of(data.pop("rowsetBase64", ""), data["rowtype"])
        data["queryResultFormat"] = "json"
    parameters = {**OUTPUT, **session_parameters.get(server.to_token(request), {})}
    data["returned"] = len(data["rowset"])
    data["total"] = max(data.get("total") or 0, len(data["rowset"]))
    data["parameters"] = [{"name": name, "value": value} for name, value in parameters.items()]
    for name, value in {"version": 1, "chunks": [], "numberOfBinds": 0, "sqlState": "00000"}.items():
        data.setdefault(name, value)
    body = {"code": None, "message": None, **body}
    answers[data["queryId"]] = body
    if len(answers) > 50:
        answers.pop(next(iter(answers)))
    return JSONResponse(body)


async def result(request):
    missing = {"success": False, "code": "000709", "message": "Statement not found", "data": {"sqlState": "02000"}}
    return JSONResponse(answers.get(request.path_params["query"], missing))


async def abort(request):
    server.to_conn(server.to_token(request))._duck_conn.interrupt()
    return JSONResponse({"success": True, "code": None, "message": None, "data": None})


async def taken(request):
    return JSONResponse({"success": True, "code": None, "message": None, "data": "Log Received"})


OWN = {
    "/queries/v1/query-request": (query, "POST"),
    "/session/v1/login-request": (login, "POST"),
    "/queries/v1/abort-request": (abort, "POST"),
    "/queries/{query}/result": (result, "GET"),
    "/telemetry/send": (taken, "POST"),
    "/telemetry/send/sessionless": (taken, "POST"),
}
routes = [Route(path, handler, methods=[method]) for path, (handler, method) in OWN.items()]
routes += [route for route in server.routes if route.path not in OWN]
uvicorn.run(Starlette(routes=routes), host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
