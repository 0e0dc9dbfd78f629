"""PostgreSQL read by what people use today, for `cargo xtask bench move`: python move.py WHAT FOLDER SCHEMA TABLES

    adbc, connectorx, dlt   writes each table as Parquet below FOLDER
    there                   what the server says is in the tables, in one line
    parquet, delta          what lies below FOLDER, as somebody else reads it, in the same line

TABLES is a file with their names. The connection is that of the variables PGHOST, PGPORT, PGUSER and PGDATABASE. What is read is compared by
value: rows are counted, columns of numbers are summed, and a checksum is taken over the text of every row, in the same words by the server
and by DuckDB.
"""

import glob
import hashlib
import json
import os
import sys


def address(scheme="postgresql"):
    of = os.environ
    return f"{scheme}://{of['PGUSER']}@{of['PGHOST']}:{of['PGPORT']}/{of['PGDATABASE']}"


# Reading


def adbc(folder, schema, tables):
    """One connection; batches are written as they come."""
    import pyarrow.parquet as parquet
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(address()) as connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'select * from "{schema}"."{table}"')
            batches = cursor.fetch_record_batch()
            with parquet.ParquetWriter(f"{folder}/{table}.parquet", batches.schema) as out:
                for batch in batches:
                    out.write_batch(batch)


def connectorx(folder, schema, tables):
    """In two parts where a table has a whole number to part it by; the whole table is held in memory, as it is made to."""
    import connectorx
    import pyarrow.parquet as parquet

    for table in tables:
        parts = {"partition_on": "l_orderkey", "partition_num": 2} if table == "lineitem" else {}
        rows = connectorx.read_sql(address(), f'select * from "{schema}"."{table}"', return_type="arrow", **parts)
        parquet.write_table(rows, f"{folder}/{table}.parquet")


def dlt(folder, schema, tables):
    """Arrow batches, written as Parquet into a folder."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    import dlt
    from dlt.sources.sql_database import sql_database

    source = sql_database(address("postgresql+psycopg2"), schema=schema, table_names=tables, backend="pyarrow")
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        pipelines_dir=f"{folder}/_state",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/out"),
        dataset_name="raw",
    )
    pipeline.run(source, loader_file_format="parquet", write_disposition="replace")


# Comparing


def columns(schema, tables):
    """Each table's columns with their types, as the server knows them."""
    import psycopg2

    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        cursor.execute(
            """select table_name, column_name, data_type, numeric_precision, numeric_scale from information_schema.columns
               where table_schema = %s and table_name = any(%s) order by table_name, ordinal_position""",
            (schema, tables),
        )
        found = {table: [] for table in tables}
        for table, *column in cursor.fetchall():
            found[table].append(column)
        return found


def question(columns, relation, server):
    """One statement for both: rows, the sum of each number, and a checksum over all rows."""
    texts, sums = [], []
    for name, of, precision, scale in columns:
        quoted = f'"{name}"'
        if of == "numeric":
            value = f"cast({quoted} as decimal({precision},{scale}))"
        elif of == "double precision":
            value = f"cast({quoted} as decimal(18,4))"
        elif of.startswith("timestamp"):
            value = f"(extract(epoch from {quoted}) * 1000000)::bigint" if server else f"epoch_us({quoted})"
        elif of == "date":
            value = f"cast({quoted} as date)"
        elif of == "character" and server:
            # A cast takes the blanks away that are sent.
            value = f"concat({quoted})"
        else:
            value = quoted
        texts.append(f"coalesce(cast({value} as varchar), '~')")
        if of in ("smallint", "integer", "bigint", "numeric", "double precision"):
            sums.append(f"cast(sum({value}) as varchar)")
    row = " || '|' || ".join(texts)
    if server:
        number = f"('x' || substr(md5({row}), 1, 15))::bit(60)::bigint"
    else:
        number = f"cast('0x' || substr(md5({row}), 1, 15) as bigint)"
    wanted = ", ".join(["count(*)", f"cast(sum({number}) as varchar)", *sums])
    return f"select {wanted} from {relation}"


def said(answers):
    """Everything that was answered, in a line: all of it for one table, the sum of rows and a digest for many."""
    if len(answers) == 1:
        return " ".join(str(value) for value in answers[0])
    digest = hashlib.sha256(json.dumps(answers, default=str).encode()).hexdigest()
    return f"{sum(answer[0] for answer in answers)} {digest}"


def there(schema, tables):
    import psycopg2

    with psycopg2.connect("") as connection, connection.cursor() as cursor:
        answers = []
        for table, of in columns(schema, tables).items():
            cursor.execute(question(of, f'"{schema}"."{table}"', True))
            answers.append(cursor.fetchone())
        print(said(answers))


def here(files_of, schema, tables):
    import duckdb

    duck = duckdb.connect()
    answers = []
    for table, of in columns(schema, tables).items():
        answers.append(duck.execute(question(of, f"read_parquet({files_of(table)!r})", False)).fetchone())
    print(said(answers))


def parquet(folder, schema, tables):
    """Whatever a tool wrote for a table."""

    def files(table):
        found = [f"{folder}/{table}.parquet"] if os.path.exists(f"{folder}/{table}.parquet") else []
        return found or glob.glob(f"{folder}/**/{table}/**/*.parquet", recursive=True)

    here(files, schema, tables)


def delta(folder, schema, tables):
    """The files that the table's log names, by the `deltalake` package."""
    from deltalake import DeltaTable

    here(lambda table: DeltaTable(f"{folder}/raw/{table}").file_uris(), schema, tables)


if __name__ == "__main__":
    what, folder, schema, names = sys.argv[1:]
    tables = open(names).read().split()
    folder = os.path.abspath(folder)
    if what == "there":
        there(schema, tables)
    else:
        os.makedirs(folder, exist_ok=True)
        {"adbc": adbc, "connectorx": connectorx, "dlt": dlt, "parquet": parquet, "delta": delta}[what](folder, schema, tables)
