# What `cargo xtask bench merge` asks delta-rs to do: make its own copy of a table, merge changes into it, and say which files it has.
#
#   make OURS THEIRS LAYOUT     merge FOLDER LAYOUT     files TABLE LIST
import os
import sys
import urllib.parse

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake


def make(ours, theirs, layout):
    dataset = DeltaTable(ours).to_pyarrow_dataset()
    rows = pa.RecordBatchReader.from_batches(dataset.schema, dataset.to_batches())
    write_deltalake(theirs, rows, partition_by=["part"] if layout == "parted" else None)


def merge(folder, layout):
    changes = pq.read_table(folder + "/changes.parquet")
    same = "t.id = s.id"
    if layout == "parted":
        same += " and t.part = s.part"
    columns = {name: "s." + name for name in changes.schema.names if name != "deleted"}
    merging = DeltaTable(folder + "/theirs").merge(changes, same, source_alias="s", target_alias="t")
    merging = merging.when_matched_delete(predicate="s.deleted")
    merging = merging.when_matched_update(columns, predicate="not s.deleted")
    print(merging.when_not_matched_insert(columns, predicate="not s.deleted").execute())


def files(table, into):
    with open(into, "w") as out:
        for uri in DeltaTable(table).file_uris():
            path = urllib.parse.unquote(urllib.parse.urlparse(uri).path) if uri.startswith("file:") else uri
            part = [folder[5:] for folder in path.split("/") if folder.startswith("part=")]
            out.write(path + ("\t" + part[0] if part else "") + "\n")


{"make": make, "merge": merge, "files": files}[sys.argv[1]](*sys.argv[2:])
# Without an interpreter's end: threads of the libraries that are still at work then abort the whole process now and again.
sys.stdout.flush()
os._exit(0)
