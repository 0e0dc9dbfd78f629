//! What every sink promises, asked of the lake.

use super::bed::{Bed, options};
use crate::Lake;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_cast::cast;
use arrow_schema::DataType;
use async_trait::async_trait;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use segue_core::Result;
use segue_core::sink::{Sink, Target};
use segue_testkit::conformance::sink::{Ability, Harness, Place, check, twins};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

struct Folders;

struct Folder(TempDir);

impl Folder {
    fn lake(&self) -> Lake {
        Lake::open(self.0.path().join("lake").to_str().unwrap(), &options()).unwrap()
    }
}

#[async_trait]
impl Harness for Folders {
    async fn place(&self) -> Result<Box<dyn Place>> {
        Ok(Box::new(Folder(TempDir::with_prefix("segue lake ").unwrap())))
    }

    fn lacks(&self) -> &'static [Ability] {
        // Its places are assets' names; what nobody names goes with a vacuum; no other program puts rules on its tables.
        &[
            Ability::AnyTable,
            Ability::Sweeps,
            Ability::MergeLeavesOthers,
            Ability::Rules,
            Ability::Passes,
        ]
    }
}

#[async_trait]
impl Place for Folder {
    async fn open(&self) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(self.lake()))
    }

    fn connection(&self) -> Option<String> {
        None
    }

    fn named(&self, name: &str) -> String {
        match name {
            "aside" => "quarantine/aside".into(),
            name => format!("raw/{name}"),
        }
    }

    /// By the log's own words: the files that came and did not go.
    async fn ids(&self, target: &Target) -> Result<Option<Vec<i64>>> {
        let folder = self.0.path().join("lake").join(&target.place);
        let Ok(entries) = std::fs::read_dir(folder.join("_delta_log")) else {
            return Ok(None);
        };
        let mut entries: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
        entries.retain(|path| path.extension().is_some_and(|e| e == "json"));
        entries.sort();
        let mut files = BTreeSet::new();
        for entry in &entries {
            for line in std::fs::read_to_string(entry).unwrap().lines() {
                let action: serde_json::Value = serde_json::from_str(line).unwrap();
                let path = |of: &str| action[of]["path"].as_str().map(str::to_string);
                if let Some(gone) = path("remove") {
                    files.remove(&gone);
                }
                files.extend(path("add"));
            }
        }
        let ids = files.iter().flat_map(|file| ids_of(folder.join(file)));
        Ok((!entries.is_empty()).then(|| ids.collect()))
    }

    async fn write(&self, target: &Target, rows: &RecordBatch) -> Result<()> {
        let mut bed = Bed::on(self.lake(), None);
        bed.target = target.clone();
        super::guard::foreign_append(&bed, rows).await;
        Ok(())
    }
}

fn ids_of(path: PathBuf) -> Vec<i64> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let Ok(id) = reader.schema().index_of("id") else {
        return Vec::new();
    };
    let columns = ProjectionMask::roots(reader.parquet_schema(), [id]);
    let batches = reader.with_projection(columns).build().unwrap();
    let ids = batches.map(|batch| cast(batch.unwrap().column(0), &DataType::Int64).unwrap());
    ids.flat_map(|ids| ids.as_primitive::<Int64Type>().iter().flatten().collect::<Vec<_>>())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_sink_promises() {
    check(&Folders).await.expect_held();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_promise_is_caught() {
    twins::check(&Folders).await.expect_held();
}
