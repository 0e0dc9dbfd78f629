//! One Delta table as it is at one version.

use crate::errors::delta;
use crate::file::DataFile;
use arrow_schema::SchemaRef;
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::table::state::DeltaTableState;
use parking_lot::Mutex;
use segue_core::{AssetId, Error, Kind, Result, TableId, align};
use segue_diag::LAKE_FEATURE;
use std::collections::HashMap;

/// The property of a table that carries its id.
pub(crate) const TABLE_PROPERTY: &str = "segue.table";

/// A table, loaded.
pub(crate) struct Table {
    pub log: LogStoreRef,
    pub state: DeltaTableState,
    /// Numbers that were asked for already.
    last: Mutex<HashMap<AssetId, u64>>,
}

/// The application id under which an asset's numbers stand in a table's log.
pub(crate) fn application(asset: AssetId) -> String {
    format!("segue/{asset}")
}

impl Table {
    /// The same, knowing already which of the asset's commits is its last.
    pub fn with_last(self, asset: AssetId, n: u64) -> Table {
        self.last.lock().insert(asset, n);
        self
    }

    /// The newest version, or the one named; `None` where there is no table.
    pub async fn load(log: LogStoreRef, version: Option<u64>, name: &str) -> Result<Option<Table>> {
        let failed = |e| delta(e, format!("cannot read the log of {name}"));
        if !log.is_delta_table_location().await.map_err(failed)? {
            return Ok(None);
        }
        let state = DeltaTableState::try_new(&log, version).await.map_err(failed)?;
        Ok(Some(Table::new(log, state)))
    }

    /// A table in this state.
    pub fn new(log: LogStoreRef, state: DeltaTableState) -> Table {
        Table {
            log,
            state,
            last: Mutex::default(),
        }
    }

    pub fn version(&self) -> u64 {
        self.state.version()
    }

    /// The columns as Segue keeps them.
    pub fn schema(&self) -> Result<SchemaRef> {
        align::kept(&self.state.snapshot().arrow_schema())
    }

    /// The schema as it stands in the log: equal text, equal schema.
    pub fn schema_text(&self) -> String {
        serde_json::to_string(&*self.state.schema()).unwrap_or_default()
    }

    /// The id that the table carries.
    pub fn id(&self) -> Option<TableId> {
        self.state.metadata().configuration().get(TABLE_PROPERTY)?.parse().ok()
    }

    /// The last of the asset's commits on it; 0 for none.
    pub async fn last(&self, asset: AssetId) -> Result<u64> {
        if let Some(n) = self.last.lock().get(&asset) {
            return Ok(*n);
        }
        let failed = |e| delta(e, "cannot read the log's application transactions");
        let found = match self.state.transaction_version(&self.log, application(asset)).await {
            Ok(found) => found,
            // Entries that this state was read from may have been cleaned up since; a checkpoint stands for them now.
            Err(_) => {
                let again = DeltaTableState::try_new(&self.log, Some(self.version())).await;
                let again = again.map_err(failed)?;
                again
                    .transaction_version(&self.log, application(asset))
                    .await
                    .map_err(failed)?
            }
        };
        let n = found.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        self.last.lock().insert(asset, n);
        Ok(n)
    }

    /// Its data files.
    ///
    /// # Errors
    /// `Unsupported` for what would be read wrongly: deletion vectors, column mapping, partitions.
    pub fn files(&self, name: &str) -> Result<Vec<DataFile>> {
        let refused = |what: &str| {
            Err(Error::new(
                Kind::Unsupported,
                format!("{name} has {what}, which this version does not read"),
            )
            .code(LAKE_FEATURE)
            .hint("another program changed the table; let it write the table without that feature"))
        };
        let metadata = self.state.metadata();
        if !metadata.partition_columns().is_empty() {
            return refused("partitions");
        }
        let mapping = metadata.configuration().get("delta.columnMapping.mode");
        if mapping.is_some_and(|mode| mode != "none") {
            return refused("column mapping");
        }
        let mut files = Vec::new();
        for view in self.state.log_data().iter() {
            if view.deletion_vector_descriptor().is_some() {
                return refused("deletion vectors");
            }
            files.push(DataFile {
                path: view.path().to_string(),
                size: u64::try_from(view.size()).unwrap_or(0),
                rows: view.num_records().map(|n| n as u64),
                stats: view.stats(),
                modified: view.modification_time(),
            });
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}
