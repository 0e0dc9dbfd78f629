//! A table's log, entry by entry: who committed what, and whether rows changed.

use crate::errors::delta;
use crate::table::application;
use deltalake_core::logstore::LogStore;
use segue_core::sink::LoggedChange;
use segue_core::{AssetId, Error, Kind, Result};
use segue_diag::LOG_GONE;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What one entry of a log says, as far as we ask.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub adds: Vec<String>,
    pub removes: Vec<String>,
    /// Whether any file came or went with rows that changed.
    pub data_changed: bool,
    /// Whether metadata or protocol changed.
    pub reshapes: bool,
    /// Application transactions: id and number.
    pub numbers: Vec<(String, u64)>,
    pub info: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    add: Option<File>,
    remove: Option<File>,
    txn: Option<Number>,
    meta_data: Option<serde::de::IgnoredAny>,
    protocol: Option<serde::de::IgnoredAny>,
    commit_info: Option<Map<String, Value>>,
    domain_metadata: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    path: String,
    #[serde(default = "changed")]
    data_change: bool,
    size: Option<u64>,
}

fn changed() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Number {
    app_id: String,
    version: u64,
}

impl Entry {
    /// Reads an entry.
    ///
    /// # Errors
    /// `BadData` when it is none.
    pub fn parse(bytes: &[u8]) -> Result<Entry> {
        Entry::with_sizes(bytes).map(|(entry, _)| entry)
    }

    /// An entry, and the size of each file that it adds.
    pub fn with_sizes(bytes: &[u8]) -> Result<(Entry, Vec<Option<u64>>)> {
        let (mut entry, mut sizes) = (Entry::default(), Vec::new());
        for line in serde_json::Deserializer::from_slice(bytes).into_iter::<Line>() {
            let line =
                line.map_err(|e| Error::new(Kind::BadData, "cannot read an entry of a table's log").caused_by(e))?;
            if let Some(file) = line.add {
                entry.data_changed |= file.data_change;
                entry.adds.push(file.path);
                sizes.push(file.size);
            }
            if let Some(file) = line.remove {
                entry.data_changed |= file.data_change;
                entry.removes.push(file.path);
            }
            if let Some(number) = line.txn {
                entry.numbers.push((number.app_id, number.version));
            }
            entry.reshapes |= line.meta_data.is_some() || line.protocol.is_some() || line.domain_metadata.is_some();
            entry.info.extend(line.commit_info.into_iter().flatten());
        }
        Ok((entry, sizes))
    }

    /// The asset's number in it.
    pub fn number(&self, asset: AssetId) -> Option<u64> {
        let id = application(asset);
        self.numbers.iter().filter(|(app, _)| *app == id).map(|(_, n)| *n).max()
    }

    /// Whether it adds rows and does nothing else that a stale writer could spoil.
    pub fn only_adds(&self) -> bool {
        self.removes.is_empty() && !self.reshapes
    }
}

/// The entry of a version; `None` where the log has none, or no longer.
pub(crate) async fn entry(log: &dyn LogStore, version: u64) -> Result<Option<Entry>> {
    let bytes = log.read_commit_entry(version).await;
    let bytes = bytes.map_err(|e| delta(e, format!("cannot read entry {version} of the log")))?;
    bytes.map(|bytes| Entry::parse(&bytes)).transpose()
}

/// What happened after `since` and up to `until`, oldest first.
///
/// # Errors
/// `NotFound` where the log no longer reaches back.
pub(crate) async fn changes(
    log: &dyn LogStore,
    asset: AssetId,
    since: u64,
    until: u64,
    name: &str,
) -> Result<Vec<LoggedChange>> {
    let mut changes = Vec::new();
    for version in since.saturating_add(1)..=until {
        let Some(entry) = entry(log, version).await? else {
            return Err(Error::new(
                Kind::NotFound,
                format!("version {version} of {name} is no longer in its log"),
            )
            .code(LOG_GONE));
        };
        changes.push(LoggedChange {
            version,
            n: entry.number(asset),
            data_changed: entry.data_changed,
        });
    }
    Ok(changes)
}

/// The version at which the asset's number landed, searched from `newest` down; `None` where the log no longer tells.
pub(crate) async fn version_of(log: &dyn LogStore, asset: AssetId, n: u64, newest: u64) -> Result<Option<u64>> {
    for version in (0..=newest).rev() {
        match entry(log, version).await? {
            Some(entry) => match entry.number(asset) {
                Some(found) if found == n => return Ok(Some(version)),
                Some(found) if found < n => return Ok(None),
                _ => {}
            },
            None => return Ok(None),
        }
    }
    Ok(None)
}
