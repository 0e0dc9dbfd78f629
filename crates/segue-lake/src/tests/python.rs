//! Other readers agree: the `deltalake` package reads every table with equal values, at every version.
//!
//! `SEGUE_TEST_PYTHON` names a Python that has it. Without one this fails, unless `SEGUE_WITHOUT` says `python`.

use super::bed::{Bed, deleting, merge, ranges, sales, slices, target};
use super::types::of_every_type;
use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use segue_core::commit::{Part, Role};
use segue_core::engine::Relation;
use segue_core::sink::{Change, Committed, Sink, Target};
use std::process::Command;
use std::time::Duration;

/// Prints a table's rows as sorted lines, each value in one form that both sides use.
const READ: &str = r#"
import os, sys, struct, json
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
# Without an interpreter's end: threads of the libraries that are still at work then abort the whole process now and again.
sys.stdout.flush()
os._exit(0)
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
    agree_since(bed, &bed.target, 0).await;
}

/// Every version from this one on of a table of the lake, read by both.
async fn agree_since(bed: &Bed, target: &Target, since: u64) {
    let Some(python) = python() else { return };
    let newest = bed.lake.head(target, &bed.ctx).await.unwrap().version;
    assert!(since <= newest, "there is something to read");
    for version in since..=newest {
        let view = bed.lake.view_at(target, Some(version)).await.unwrap();
        let batches: Vec<RecordBatch> = view.scan(None).await.unwrap().try_collect().await.unwrap();
        let said = Command::new(&python)
            .args(["-c", READ])
            .arg(bed.folder_of(target))
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

#[tokio::test(flavor = "multi_thread")]
async fn after_ranges_were_replaced_and_a_table_was_swapped_for_one_with_other_columns() {
    let bed = Bed::disk();
    bed.run(
        Change::Append,
        &sales(&[(1, "a", 0, None), (2, "b", 1, Some(2.0)), (3, "c", 2, None)]),
    )
    .await;
    bed.run(ranges(&[(1, 2)]), &sales(&[(20, "in the range", 1, Some(-1.0))]))
        .await;
    // A range in which nothing is any more.
    bed.run(ranges(&[(2, 3)]), &sales(&[])).await;
    let narrow = sales(&[(9, "rebuilt", 5, None)]).project(&[0, 2]).unwrap();
    bed.run(Change::ReplaceTable, &narrow).await;
    bed.run(Change::ReplaceTable, &of_every_type()).await;
    bed.run(Change::ReplaceTable, &sales(&[(10, "back", 0, None)])).await;
    assert_eq!(bed.lake.head(&bed.target, &bed.ctx).await.unwrap().version, 5);
    agree(&bed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_companions_and_after_they_were_amended() {
    let bed = Bed::disk();
    let mut companion = target("quarantine.sales");
    companion.asset = bed.target.asset;
    let beside = Bed {
        target: companion.clone(),
        ..Bed::on(bed.lake.clone(), None)
    };
    for id in 1..=3 {
        let mut record = bed.prepare(Change::Append, &sales(&[(id, "good", 0, None)])).await;
        let set_aside = sales(&[(id, "set aside", id, None)]);
        let staged = vec![beside.stage(&set_aside).await];
        let done = beside
            .work_out(&Change::Append, &staged, set_aside.schema())
            .await
            .unwrap();
        record.parts.push(Part {
            role: Role::Quarantine,
            target: companion.clone(),
            predecessor: record.predecessor,
            change: Change::Append,
            schema: set_aside.schema(),
            staged,
            grains: Vec::new(),
            plan: done.plan,
        });
        bed.land(&record).await.unwrap();
        let landed = bed.lake.commit(&record, 1, &bed.ctx).await.unwrap();
        assert!(matches!(landed, Committed::Written(_)), "{landed:?}");
    }
    // As kept pages that are too old go: without a number.
    let change = slices(&["set aside"]);
    let kept = sales(&[(3, "set aside", 3, None)]);
    let staged = vec![beside.stage(&kept).await];
    let done = beside.work_out(&change, &staged, kept.schema()).await.unwrap();
    let version = bed.lake.amend(&companion, &done.plan, &bed.ctx).await.unwrap();
    assert_eq!(version, 3);
    agree(&bed).await;
    agree_since(&bed, &companion, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_another_program_wrote_and_ours_was_worked_out_anew() {
    let bed = Bed::disk();
    bed.run(Change::Append, &sales(&[(1, "a", 0, None), (2, "b", 0, Some(0.5))]))
        .await;
    let mut record = bed
        .prepare(merge(), &sales(&[(2, "ours", 0, None), (3, "new", 0, None)]))
        .await;
    super::guard::foreign_append(&bed, &sales(&[(3, "theirs", 0, None)])).await;
    assert_eq!(bed.land(&record).await.unwrap(), Committed::Moved);
    let part = &record.parts[0];
    let again = bed
        .lake
        .work_out(
            &part.target,
            part.schema.clone(),
            &part.change,
            &part.staged,
            &[],
            &bed.ctx,
        )
        .await
        .unwrap();
    record.parts[0].plan = again.plan;
    assert_eq!(bed.land(&record).await.unwrap(), Committed::Written(2));
    super::guard::foreign_append(&bed, &sales(&[(4, "theirs again", 0, None)])).await;
    agree(&bed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_log_was_cleaned_up_and_old_files_were_removed() {
    let bed = Bed::disk();
    for id in 1..=4 {
        bed.run(Change::Append, &sales(&[(id, "a", 0, None)])).await;
    }
    bed.run(merge(), &sales(&[(2, "b", 0, None)])).await;
    bed.lake.compact(&bed.target, 2, &bed.ctx).await.unwrap();
    let checkpoint = bed.lake.checkpoint(&bed.target).await.unwrap();
    bed.clock.forward(Duration::from_secs(60));
    assert!(bed.lake.clean_log(&bed.target, Duration::ZERO, &bed.ctx).await.unwrap() > 0);
    let old = crate::Vacuum {
        keep: Duration::ZERO,
        ..crate::Vacuum::default()
    };
    let vacuumed = bed.lake.vacuum(&bed.target, &old, &bed.ctx).await.unwrap();
    assert!(!vacuumed.files.is_empty());
    bed.run(slices(&["a"]), &sales(&[(9, "a", 1, Some(9.0))])).await;
    agree_since(&bed, &bed.target, checkpoint).await;
}
