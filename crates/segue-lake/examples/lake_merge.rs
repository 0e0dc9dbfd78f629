//! What `cargo xtask bench merge` drives: a table of many rows, changes to it, and the merge of them alone.
//!
//! * `lake_merge make FOLDER ROWS CHANGES` makes the table below `FOLDER/lake` and the changes in `FOLDER/changes.parquet`.
//! * `lake_merge merge FOLDER parted|whole` merges them, as a step does: staged, worked out, claimed, committed.
//! * `lake_merge digest FILES` reads the Parquet files that the file `FILES` lists, one a line, and prints how many rows they hold and
//!   a sum over their digests: the same for tables that hold the same rows, in whatever order and layout.

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow_row::{RowConverter, SortField};
use arrow_schema::SchemaRef;
use futures::{StreamExt, stream};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use segue_core::commit::{CommitRecord, LedgerChange, Part, Role};
use segue_core::sink::{Change, Committed, Rows, Sink, Target};
use segue_core::{Clock, CommitId, Ctx, Error, Kind, Result, SystemClock, Type};
use segue_lake::{Lake, LakeOptions};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BATCH: u64 = 8192;
/// So many values has the column by which the table may be parted; it follows from the key, so that the table lies parted by it.
const PARTS: u64 = 12;
const WORDS: [&str; 16] = [
    "furiously",
    "quick",
    "deposits",
    "sleep",
    "above",
    "the",
    "ironic",
    "packages",
    "carefully",
    "final",
    "requests",
    "haggle",
    "slyly",
    "regular",
    "accounts",
    "bold",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime
        .map_err(|e| failed("there is no runtime", e))
        .and_then(|runtime| {
            runtime.block_on(async {
                match arguments.as_slice() {
                    ["make", folder, rows, changes] => make(Path::new(folder), number(rows)?, number(changes)?).await,
                    ["merge", folder, layout] => merge(Path::new(folder), key(layout)).await,
                    ["digest", files] => digest(Path::new(files)),
                    _ => Err(Error::new(Kind::Invalid, "make, merge or digest, with what they need")),
                }
            })
        });
    if let Err(e) = done {
        eprintln!("{}", e.to_text());
        std::process::exit(1);
    }
}

fn failed(what: &str, e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Invalid, what.to_string()).caused_by(e)
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|e| failed("not a number", e))
}

fn key(layout: &str) -> Vec<String> {
    match layout {
        "parted" => vec!["part".to_string(), "id".to_string()],
        _ => vec!["id".to_string()],
    }
}

/// Numbers that look drawn, and are the same each time.
fn drawn(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn schema() -> SchemaRef {
    let price = Type::Decimal(15, 2);
    Arc::new(arrow_schema::Schema::new(segue_core::types::fields([
        ("id".to_string(), Type::Int64, false),
        ("quantity".to_string(), Type::Float64, true),
        ("price".to_string(), price, true),
        ("shipped".to_string(), Type::Date, true),
        ("part".to_string(), Type::String, false),
        ("comment".to_string(), Type::String, true),
    ])))
}

/// The rows of these ids, of which `most` is above the greatest; `round` tells old from new ones.
fn rows(ids: &[u64], most: u64, round: u64) -> Result<RecordBatch> {
    let of = |id: u64, what: u64| drawn(id * 8 + what + round * 0x1000_0000_0000);
    let price = Decimal128Array::from_iter_values(ids.iter().map(|id| (of(*id, 1) % 10_000_000) as i128));
    let price = price
        .with_precision_and_scale(15, 2)
        .map_err(|e| failed("no decimal", e))?;
    let comment = |id: u64| {
        let (count, mut words) = (2 + of(id, 4) % 5, of(id, 5));
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(WORDS[(words % 16) as usize]);
            text.push(' ');
            words /= 16;
        }
        // Text of people does not compress to nothing, as words from a short list would.
        text + &format!("{:05x}", of(id, 6) % 0x10_0000)
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids.iter().map(|id| *id as i64))),
        Arc::new(Float64Array::from_iter_values(
            ids.iter().map(|id| (1 + of(*id, 2) % 50) as f64),
        )),
        Arc::new(price),
        Arc::new(Date32Array::from_iter_values(
            ids.iter().map(|id| 8000 + (of(*id, 3) % 2500) as i32),
        )),
        Arc::new(StringArray::from_iter_values(
            ids.iter().map(|id| format!("part{:02}", id * PARTS / most)),
        )),
        Arc::new(StringArray::from_iter_values(ids.iter().map(|id| comment(*id)))),
    ];
    RecordBatch::try_new(schema(), columns).map_err(|e| failed("no rows", e))
}

/// The ids of the table are even; those that come to it are odd.
async fn make(folder: &Path, rows_wanted: u64, changes: u64) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| failed("cannot make the folder", e))?;
    let most = rows_wanted * 2;
    let batches = (0..rows_wanted).step_by(BATCH as usize).map(move |from| {
        let ids: Vec<u64> = (from..rows_wanted.min(from + BATCH)).map(|at| at * 2).collect();
        Ok(Rows {
            batch: rows(&ids, most, 0)?,
            deletes: None,
        })
    });
    change(folder, Change::Append, stream::iter(batches).boxed()).await?;
    write_changes(&folder.join("changes.parquet"), rows_wanted, changes)
}

/// 45 of a hundred change a row, 45 are new, 10 delete a row; keys are drawn, each once.
fn write_changes(path: &Path, rows_there: u64, changes: u64) -> Result<()> {
    let mut known = HashSet::new();
    let mut fresh = |seed: u64, odd: u64| {
        (0..)
            .map(|again| drawn(seed + again * 0x77_7777_7777) % rows_there * 2 + odd)
            .find(|id| known.insert(*id))
            .unwrap_or(0)
    };
    let mut writer = None;
    for from in (0..changes).step_by(BATCH as usize) {
        let numbers = from..changes.min(from + BATCH);
        let kinds: Vec<u64> = numbers.clone().map(|n| n % 20).collect();
        let ids: Vec<u64> = numbers
            .map(|n| fresh(n + 1, u64::from((9..18).contains(&(n % 20)))))
            .collect();
        let batch = rows(&ids, rows_there * 2, 1)?;
        let deleted: ArrayRef = Arc::new(BooleanArray::from_iter(kinds.iter().map(|kind| Some(*kind >= 18))));
        let mut fields = batch.schema().fields().to_vec();
        fields.push(Arc::new(arrow_schema::Field::new(
            "deleted",
            arrow_schema::DataType::Boolean,
            false,
        )));
        let columns = batch.columns().iter().cloned().chain([deleted]).collect();
        let batch = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns);
        let batch = batch.map_err(|e| failed("no rows", e))?;
        if writer.is_none() {
            let file = File::create(path).map_err(|e| failed("cannot write the changes", e))?;
            writer = Some(ArrowWriter::try_new(file, batch.schema(), None).map_err(|e| failed("cannot begin", e))?);
        }
        if let Some(writer) = &mut writer {
            writer
                .write(&batch)
                .map_err(|e| failed("cannot write the changes", e))?;
        }
    }
    writer.map_or(Ok(()), |writer| {
        writer
            .close()
            .map(drop)
            .map_err(|e| failed("cannot write the changes", e))
    })
}

/// Merges the changes.
async fn merge(folder: &Path, key: Vec<String>) -> Result<()> {
    let reader = batches(&folder.join("changes.parquet"))?.map(|batch| {
        let batch = batch.map_err(|e| failed("cannot read the changes", e))?;
        let last = batch.num_columns() - 1;
        let deletes = batch.column(last).as_any().downcast_ref::<BooleanArray>().cloned();
        let columns = batch.columns()[..last].to_vec();
        let batch = RecordBatch::try_new(schema(), columns).map_err(|e| failed("no rows", e))?;
        Ok(Rows { batch, deletes })
    });
    change(folder, Change::merge(key), stream::iter(reader).boxed()).await
}

fn batches(path: &Path) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader> {
    let file = File::open(path).map_err(|e| failed("cannot open a file", e))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(BATCH as usize).build())
        .map_err(|e| failed("cannot read a file", e))
}

/// The whole way of a change.
async fn change(folder: &Path, change: Change, rows: stream::BoxStream<'static, Result<Rows>>) -> Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ctx = Ctx::new("bench", clock.clone());
    let location: PathBuf = folder.join("lake");
    let lake = Lake::open(&location.to_string_lossy(), &LakeOptions::default())?;
    let target = Target {
        asset: "0192f0c1-2f6b-7cc0-8000-000000000001".parse()?,
        table: "0192f0c1-2f6b-7cc0-8000-000000000002".parse()?,
        name: "bench.rows".parse()?,
        place: "bench/rows".to_string(),
        connection: None,
    };
    let begun = std::time::Instant::now();
    let staged = vec![lake.stage(&target, schema(), rows, &ctx).await?];
    println!("staged after {:.2} s", begun.elapsed().as_secs_f64());
    let done = lake.work_out(&target, schema(), &change, &staged, &[], &ctx).await?;
    println!(
        "worked out after {:.2} s: +{} -{}",
        begun.elapsed().as_secs_f64(),
        done.rows_written,
        done.rows_removed
    );
    let predecessor = lake.head(&target, &ctx).await?.n;
    let record = CommitRecord {
        format: CommitRecord::FORMAT,
        n: predecessor + 1,
        id: CommitId::random(),
        predecessor,
        asset: target.asset,
        name: target.name.clone(),
        table: target.table,
        read_at: clock.now(),
        run: None,
        position: None,
        inputs: Vec::new(),
        ledger: LedgerChange::default(),
        footprint: done.footprint,
        whole_ledger: None,
        columns: None,
        handled: None,
        parts: vec![Part {
            role: Role::Table,
            target: target.clone(),
            predecessor,
            change,
            schema: schema(),
            staged,
            grains: Vec::new(),
            plan: done.plan,
        }],
    };
    lake.claim(&record, &ctx).await?;
    match lake.commit(&record, 0, &ctx).await? {
        Committed::Written(_) => {
            println!("committed after {:.2} s", begun.elapsed().as_secs_f64());
            Ok(())
        }
        other => Err(Error::new(Kind::Conflict, format!("the commit ended {other:?}"))),
    }
}

/// Equal rows have equal sums, whoever wrote the files.
fn digest(list: &Path) -> Result<()> {
    let schema = schema();
    let fields = schema.fields().iter().map(|f| SortField::new(f.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(|e| failed("no rows", e))?;
    let list = std::fs::read_to_string(list).map_err(|e| failed("cannot read the list", e))?;
    let (mut count, mut sum) = (0_u64, 0_u128);
    for file in list.lines() {
        let (path, part) = file.split_once('\t').unwrap_or((file, ""));
        for batch in batches(Path::new(path))? {
            let batch = batch.map_err(|e| failed("cannot read a file", e))?;
            count += batch.num_rows() as u64;
            let columns: Vec<ArrayRef> = schema
                .fields()
                .iter()
                .map(|f| match batch.column_by_name(f.name()) {
                    Some(column) => arrow_cast::cast(column, f.data_type()).map_err(|e| failed("another type", e)),
                    // A partition's value stands in the log alone.
                    None => Ok(Arc::new(StringArray::from(vec![part; batch.num_rows()])) as ArrayRef),
                })
                .collect::<Result<_>>()?;
            let rows = converter.convert_columns(&columns).map_err(|e| failed("no rows", e))?;
            for row in rows.iter() {
                let full: [u8; 32] = Sha256::digest(row.as_ref()).into();
                let mut half = [0; 16];
                half.copy_from_slice(&full[..16]);
                sum = sum.wrapping_add(u128::from_be_bytes(half));
            }
        }
    }
    println!("{count} {sum:032x}");
    Ok(())
}
