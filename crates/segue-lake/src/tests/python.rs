//! Other readers agree: the `deltalake` package reads every table with equal values, at every version.
//!
//! `SEGUE_TEST_PYTHON` names a Python that has it. Without one this fails, unless `SEGUE_WITHOUT` says `python`.

use super::bed::{Bed, deleting, merge, sales, slices};
use super::types::of_every_type;
use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use segue_core::engine::Relation;
use segue_core::sink::{Change, Sink};
use std::process::Command;

/// Prints a table's rows as sorted lines, each value in one form that both sides use.
const READ: &str = r#"
import sys, struct, json
from deltalake import DeltaTable
import pyarrow as pa
path, version = sys.argv[1], int(sys.argv[2])
table = DeltaTable(path, version=version)
def show(value, of):
    if value is None:
        return "null"
    if pa.types.is_floating(of):
        return struct.pack(">d", float(value)).hex()
    if pa.types.is_timestamp(of):
        return str(value.value if hasattr(value, "value") else value)
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        return "[" + ",".join(show(v, of.value_type) for v in value) + "]"
    if pa.types.is_struct(of):
        return "{" + ",".join(show(value[f.name], f.type) for f in of) + "}"
    if isinstance(value, bytes):
        return value.hex()
    return str(value)
def plain(of):
    return pa.int64() if pa.types.is_timestamp(of) else pa.int32() if pa.types.is_date32(of) else of
rows = pa.table(table.to_pyarrow_table())
columns = []
for name in rows.schema.names:
    column, of = rows.column(name), rows.schema.field(name).type
    column = column.cast(plain(of)) if plain(of) != of else column
    columns.append([show(v, plain(of)) for v in column.to_pylist()])
for line in sorted("|".join(values) for values in zip(*columns)):
    print(line)
"#;

/// The Python to ask; `None` where it was left out on purpose.
fn python() -> Option<String> {
    let left_out = std::env::var("SEGUE_WITHOUT").is_ok_and(|w| w.split(',').any(|w| w.trim() == "python"));
    match std::env::var("SEGUE_TEST_PYTHON") {
        Ok(python) => Some(python),
        Err(_) if left_out => {
            println!("left out: that the deltalake package reads every table with equal values");
            None
        }
        Err(_) => panic!(
            "SEGUE_TEST_PYTHON names no Python with the packages of xtask/python.txt; `cargo xtask test` makes one"
        ),
    }
}

/// Our rows in the form that the other side prints.
fn printed(batches: &[RecordBatch]) -> Vec<String> {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_schema::DataType;
    fn show(column: &dyn Array, row: usize) -> String {
        if column.is_null(row) {
            return "null".to_string();
        }
        match column.data_type() {
            DataType::Float32 => {
                let v = column.as_primitive::<arrow_array::types::Float32Type>().value(row);
                format!("{:016x}", f64::from(v).to_bits())
            }
            DataType::Float64 => {
                let v = column.as_primitive::<arrow_array::types::Float64Type>().value(row);
                format!("{:016x}", v.to_bits())
            }
            DataType::Timestamp(..) => column
                .as_primitive::<arrow_array::types::TimestampMicrosecondType>()
                .value(row)
                .to_string(),
            DataType::Date32 => column
                .as_primitive::<arrow_array::types::Date32Type>()
                .value(row)
                .to_string(),
            DataType::Boolean => if column.as_boolean().value(row) {
                "True"
            } else {
                "False"
            }
            .to_string(),
            DataType::Binary => segue_core::hash::hex(column.as_binary::<i32>().value(row)),
            DataType::List(_) => {
                let inner = column.as_list::<i32>().value(row);
                let values: Vec<String> = (0..inner.len()).map(|i| show(inner.as_ref(), i)).collect();
                format!("[{}]", values.join(","))
            }
            DataType::Struct(_) => {
                let values: Vec<String> = column
                    .as_struct()
                    .columns()
                    .iter()
                    .map(|c| show(c.as_ref(), row))
                    .collect();
                format!("{{{}}}", values.join(","))
            }
            _ => ArrayFormatter::try_new(column, &FormatOptions::default())
                .unwrap()
                .value(row)
                .to_string(),
        }
    }
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            lines.push(
                batch
                    .columns()
                    .iter()
                    .map(|c| show(c.as_ref(), row))
                    .collect::<Vec<_>>()
                    .join("|"),
            );
        }
    }
    lines.sort();
    lines
}

/// Every version of the table, read by both.
async fn agree(bed: &Bed) {
    let Some(python) = python() else { return };
    let newest = bed.lake.head(&bed.target, &bed.ctx).await.unwrap().version;
    for version in 0..=newest {
        let view = bed.lake.view_at(&bed.target, Some(version)).await.unwrap();
        let batches: Vec<RecordBatch> = view.scan(None).await.unwrap().try_collect().await.unwrap();
        let said = Command::new(&python)
            .args(["-c", READ])
            .arg(bed.table_folder())
            .arg(version.to_string())
            .output()
            .unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let theirs = String::from_utf8(said.stdout).unwrap();
        let theirs: Vec<String> = theirs.lines().map(str::to_string).collect();
        assert_eq!(theirs, printed(&batches), "version {version}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_append_replace_merge_and_compaction_and_at_old_versions() {
    let bed = Bed::disk();
    bed.run(
        Change::Append,
        &sales(&[(1, "seoul", 0, Some(0.1)), (2, "lima", 1, None)]),
    )
    .await;
    bed.run(
        Change::Append,
        &sales(&[(3, "oslo", 2, Some(f64::NAN)), (4, "seoul", 3, Some(-0.0))]),
    )
    .await;
    bed.run(slices(&["seoul"]), &sales(&[(5, "seoul", 9, Some(1e300))]))
        .await;
    let rows = deleting(&[
        ((2, "", 0, None), true),
        ((3, "oslo 🐢", 2, Some(7.0)), false),
        ((9, "new", 1, None), false),
    ]);
    bed.run_all(merge(), rows.batch.schema(), vec![rows]).await;
    bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    bed.run(Change::ReplaceTable, &sales(&[(100, "only", 0, None)])).await;
    bed.lake.checkpoint(&bed.target).await.unwrap();
    bed.run(Change::Append, &sales(&[(101, "after the checkpoint", 0, None)]))
        .await;
    agree(&bed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_type() {
    let bed = Bed::disk();
    bed.run(Change::Append, &of_every_type()).await;
    bed.run(Change::Append, &of_every_type()).await;
    bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    bed.lake.checkpoint(&bed.target).await.unwrap();
    agree(&bed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_columns_that_came_later() {
    let bed = Bed::disk();
    let narrow = sales(&[(1, "a", 0, None)]).project(&[0, 1]).unwrap();
    bed.run(Change::Append, &narrow).await;
    bed.run(Change::Append, &sales(&[(2, "b", 0, Some(1.0))])).await;
    agree(&bed).await;
}
