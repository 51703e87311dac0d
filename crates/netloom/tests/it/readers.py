"""Reads exported files with another library and compares them with the rows as JSON.

Usage: readers.py pyarrow|duckdb|polars FOLDER

For each TABLE.jsonl of the folder, TABLE.parquet and TABLE.arrow are to have the same columns and cells.
Prints a line for each file; ends with an error where something differs.
"""

import json
import math
import pathlib
import sys


def time(nanos):
    """A time as netloom's text formats have it."""
    import datetime

    seconds, rest = divmod(nanos, 1_000_000_000)
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return text.strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09}Z"


def by_pyarrow(path):
    import pyarrow
    import pyarrow.ipc
    import pyarrow.parquet

    if path.suffix == ".arrow":
        table = pyarrow.ipc.open_file(path).read_all()
    else:
        file = pyarrow.parquet.ParquetFile(path)
        table = file.read()
        assert file.metadata.metadata[b"netloom.table"] == path.stem.encode()
        meanings = json.loads(file.metadata.metadata[b"netloom.columns"])
        assert [field.name for field in file.schema_arrow] == list(meanings), list(meanings)
        # Engines skip by these.
        for group in range(file.metadata.num_row_groups):
            for place in range(file.metadata.num_columns):
                column = file.metadata.row_group(group).column(place)
                statistics = column.statistics
                assert statistics is not None, column.path_in_schema
                known = statistics.has_min_max or statistics.null_count == column.num_values
                listed = ".list." in column.path_in_schema
                assert known or listed, column.path_in_schema
                assert column.compression == "ZSTD", column.compression
                assert column.has_column_index and column.has_offset_index
    cells = {}
    for name in table.column_names:
        column = table[name]
        if pyarrow.types.is_timestamp(column.type):
            assert (column.type.unit, column.type.tz) == ("ns", "UTC"), column.type
            column = column.cast(pyarrow.int64())
            cells[name] = [value and time(value) for value in column.to_pylist()]
        else:
            cells[name] = column.to_pylist()
    return cells


def by_polars(path):
    import polars

    table = polars.read_ipc(path) if path.suffix == ".arrow" else polars.read_parquet(path)
    cells = {}
    for column in table:
        if isinstance(column.dtype, polars.Datetime):
            assert (column.dtype.time_unit, column.dtype.time_zone) == ("ns", "UTC"), column.dtype
            column = column.to_physical()
            cells[column.name] = [value and time(value) for value in column.to_list()]
        else:
            cells[column.name] = column.to_list()
    return cells


def by_duckdb(path):
    import duckdb

    if path.suffix == ".arrow":
        return None
    table = duckdb.read_parquet(str(path))
    cells = {}
    for name, kind in zip(table.columns, table.types):
        quoted = '"' + name.replace('"', '""') + '"'
        if "TIMESTAMP" in str(kind):
            rows = table.project(f"epoch_ns({quoted})").fetchall()
            cells[name] = [row[0] and time(row[0]) for row in rows]
        else:
            cells[name] = [row[0] for row in table.project(quoted).fetchall()]
    return cells


def same(cell, wanted):
    if isinstance(cell, float) and not math.isfinite(cell):
        return wanted is None
    if isinstance(cell, list) and isinstance(wanted, list):
        return len(cell) == len(wanted) and all(map(same, cell, wanted))
    if sys.argv[1] == "duckdb" and isinstance(cell, str) and cell.endswith("000Z"):
        # Its times with a zone have microseconds.
        return cell == wanted or cell[:-4] == str(wanted)[:-4]
    return cell == wanted and isinstance(cell, bool) == isinstance(wanted, bool)


def main():
    library, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    read = {"pyarrow": by_pyarrow, "duckdb": by_duckdb, "polars": by_polars}[library]
    for rows in sorted(folder.glob("*.jsonl")):
        with open(rows, encoding="utf-8") as lines:
            wanted = [json.loads(line) for line in lines]
        for path in (rows.with_suffix(".parquet"), rows.with_suffix(".arrow")):
            cells = read(path)
            if cells is None:
                continue
            for name, column in cells.items():
                assert len(column) == len(wanted), (path, name, len(column), len(wanted))
                for place, cell in enumerate(column):
                    assert same(cell, wanted[place][name]), (path, name, place, cell, wanted[place][name])
            if wanted:
                assert list(cells) == list(wanted[0]), (path, list(cells), list(wanted[0]))
            print(f"{path.name}: {len(wanted)} rows, {len(cells)} columns")


main()
