//! What the tests of this crate share: a clock that they own, a state in a folder of its own, and records.

use crate::store::Store;
use async_trait::async_trait;
use jiff::Timestamp;
use segue_core::commit::{Part, Role};
use segue_core::sink::{Change, Staged, Target};
use segue_core::{
    AssetId, Clock, CommitId, CommitRecord, Entry, Footprint, Labels, LedgerChange, Outcome, Span, TableId,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

/// A clock that stands still until a test moves it. The wall clock may be moved back; what sleeps goes by the time that passed.
#[derive(Debug)]
pub struct TestClock(watch::Sender<(i64, Duration)>);

impl TestClock {
    pub fn at(micros: i64) -> Arc<TestClock> {
        Arc::new(TestClock(watch::Sender::new((micros, Duration::ZERO))))
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        self.0.send_modify(|(now, elapsed)| {
            *now += time.as_micros() as i64;
            *elapsed += time;
        });
    }

    pub fn now_us(&self) -> i64 {
        self.0.borrow().0
    }

    /// Somebody sets the wall clock.
    pub fn set(&self, micros: i64) {
        self.0.send_modify(|(now, _)| *now = micros);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.borrow().0).unwrap()
    }

    fn elapsed(&self) -> Duration {
        self.0.borrow().1
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.elapsed() + duration;
        let _ = self.0.subscribe().wait_for(|(_, elapsed)| *elapsed >= until).await;
    }
}

/// 2026-11-22T06:00:00Z.
pub const MORNING: i64 = 1_795_327_200_000_000;

pub struct Fixture {
    pub folder: TempDir,
    pub clock: Arc<TestClock>,
    pub store: Store,
}

impl Fixture {
    pub async fn new() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::at(MORNING);
        let store = Store::open(folder.path().join("state.db").to_str().unwrap(), clock.clone())
            .await
            .unwrap();
        Fixture { folder, clock, store }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another handle on the same file, as another process has.
    pub async fn again(&self) -> Store {
        Store::open(self.path("state.db").to_str().unwrap(), self.clock.clone())
            .await
            .unwrap()
    }
}

pub fn asset(n: u128) -> AssetId {
    AssetId(Uuid::from_u128(n))
}

pub fn table(n: u128) -> TableId {
    TableId(Uuid::from_u128(0xa000 + n))
}

pub fn id(n: u128) -> CommitId {
    CommitId(Uuid::from_u128(0xc000 + n))
}

pub fn labels(value: &str) -> Labels {
    match value {
        "" => Labels::none(),
        value => Labels::from_iter([("id".to_string(), json!(value))]),
    }
}

pub fn entry(n: u64, label: &str, range: Option<(i64, i64)>) -> Entry {
    Entry {
        range: range.map(|(from, to)| Span::new(from, to)),
        labels: labels(label),
        outcome: Outcome::Done,
        n,
        data_hash: "d1".into(),
        values_hash: "v1".into(),
        inputs: BTreeMap::from([(TableId(Uuid::from_u128(90)), 7)]),
        source: Some("rest http://127.0.0.1:1".into()),
        read_at: Timestamp::from_microsecond(MORNING).unwrap(),
        kept: false,
    }
}

/// Commit `n` of asset 1, attempt `n`, following `predecessor`, which does this to the ledger.
pub fn record(n: u64, predecessor: u64, ledger: LedgerChange) -> CommitRecord {
    let target = Target {
        asset: asset(1),
        table: table(1),
        name: "raw.artists".parse().unwrap(),
        place: "raw/artists".into(),
        connection: None,
    };
    CommitRecord {
        format: CommitRecord::FORMAT,
        n,
        id: id(u128::from(n)),
        predecessor,
        asset: asset(1),
        name: target.name.clone(),
        table: target.table,
        read_at: Timestamp::from_microsecond(MORNING).unwrap(),
        run: None,
        position: Some(json!({"n": n})),
        inputs: vec![],
        ledger,
        footprint: Footprint::Parts {
            labels: [labels("a")].into(),
            columns: BTreeMap::new(),
            rows: 3,
        },
        whole_ledger: None,
        columns: None,
        handled: None,
        parts: vec![Part {
            role: Role::Table,
            target,
            predecessor,
            change: Change::Append,
            schema: Arc::new(arrow_schema()),
            staged: vec![Staged {
                rows: 3,
                bytes: 512,
                place: json!("f"),
            }],
            grains: vec![],
            plan: json!(null),
        }],
    }
}

/// The empty schema, read from its JSON so that this crate needs no Arrow of its own.
fn arrow_schema<T: serde::de::DeserializeOwned>() -> T {
    serde_json::from_value(json!({"fields": [], "metadata": {}})).unwrap()
}

/// The ledger, a line an entry.
pub fn shown(entries: &[Entry]) -> String {
    let line = |e: &Entry| {
        let range = e.range.map(|r| r.to_string()).unwrap_or_default();
        format!(
            "{}{range} n={} {:?} read +{}s",
            e.labels,
            e.n,
            e.outcome,
            (e.read_at.as_microsecond() - MORNING) / 1_000_000
        )
    };
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}
