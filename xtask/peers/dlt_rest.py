"""The `rest` bench's small kind read by dlt into a Delta table: python dlt_rest.py URL RECORDS

URL is what `segue demo-server` prints; needs `pip install "dlt[deltalake,filesystem]"`. Pages of 100 records, as the bench asks them.
Prints how many rows the table holds; time it from outside, as `cargo xtask bench rest` times ours.
"""

import os
import sys
import tempfile

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt
from deltalake import DeltaTable
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator

url, records = sys.argv[1], int(sys.argv[2])
folder = tempfile.mkdtemp()


@dlt.resource(name="records", table_format="delta", write_disposition="replace")
def small():
    pages = OffsetPaginator(limit=100, total_path="total", maximum_offset=records)
    yield from RESTClient(base_url=url, paginator=pages, data_selector="items").paginate("/bench/pages/small")


pipeline = dlt.pipeline(
    pipeline_name="bench",
    pipelines_dir=f"{folder}/state",
    destination=dlt.destinations.filesystem(bucket_url=f"file://{folder}/lake"),
    dataset_name="raw",
)
pipeline.run(small())
print(DeltaTable(f"{folder}/lake/raw/records").to_pyarrow_dataset().count_rows(), "rows in", folder)
