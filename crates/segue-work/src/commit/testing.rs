//! What the tests of the protocol share: a lake and a database in memory, and the tables of one asset in them.

use super::Sinks;
use crate::commit::carry_out::DraftPart;
use arrow_array::{Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::StreamExt;
use segue_core::commit::Role;
use segue_core::sink::{Change, Rows, Sink, Staged, Target};
use segue_core::{AssetId, AssetName, Ctx, Labels, Result, SystemClock, TableId};
use segue_testkit::sink::{MemSink, Pause, Promises};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// A lake, and a database that claims no numbers.
pub struct Places {
    pub lake: MemSink,
    pub database: MemSink,
}

impl Places {
    pub fn new(promises: Promises, pause: &Arc<dyn Pause>) -> Places {
        Places {
            lake: MemSink::new(true).with(promises, pause.clone()),
            database: MemSink::new(false).with(promises, pause.clone()),
        }
    }

    /// The same tables, and nothing that stops anybody.
    pub fn calm(&self, promises: Promises) -> Places {
        Places {
            lake: self.lake.with(promises, Arc::new(Calm)),
            database: self.database.with(promises, Arc::new(Calm)),
        }
    }

    pub fn sink(&self, target: &Target) -> &MemSink {
        match target.connection {
            None => &self.lake,
            Some(_) => &self.database,
        }
    }
}

impl Sinks for Places {
    fn of(&self, target: &Target) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(self.sink(target).clone()))
    }
}

/// Stops nobody.
pub struct Calm;

#[async_trait]
impl Pause for Calm {
    async fn at(&self, _what: &'static str) -> Result<()> {
        Ok(())
    }
}

pub fn asset() -> AssetId {
    AssetId(Uuid::nil())
}

fn target(place: &str, connection: Option<&str>) -> Target {
    let name: AssetName = format!("raw.{place}").parse().unwrap();
    Target {
        asset: asset(),
        table: TableId(Uuid::nil()),
        name,
        place: place.into(),
        connection: connection.map(str::to_string),
    }
}

/// The own table, in the lake or in the database.
pub fn own(in_lake: bool) -> Target {
    target("own", (!in_lake).then_some("shop"))
}

/// The companion, which is always in the lake.
pub fn companion() -> Target {
    target("companion", None)
}

pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("row", DataType::Int64, true)]))
}

pub fn batch(rows: &[i64]) -> RecordBatch {
    RecordBatch::try_new(schema(), vec![Arc::new(Int64Array::from(rows.to_vec()))]).unwrap()
}

/// The rows of a table, sorted; none where it is not there.
pub fn rows(sink: &MemSink, place: &str) -> Vec<i64> {
    let Some(batch) = sink.rows(place) else {
        return Vec::new();
    };
    let column = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
    let mut rows: Vec<i64> = column.iter().flatten().collect();
    assert_eq!(rows.len(), column.len(), "no row is null");
    rows.sort_unstable();
    rows
}

pub fn merge() -> Change {
    Change::merge(["row"])
}

/// The slices that these rows are, one each.
pub fn slices(rows: &[i64]) -> Change {
    let slice = |row: &i64| Labels::from_iter([("row".to_string(), json!(row))]);
    Change::ReplaceSlices {
        columns: vec!["row".into()],
        slices: rows.iter().map(slice).collect::<BTreeSet<_>>(),
    }
}

/// Stages these rows and works out what the change would do; nothing is staged for no rows.
pub async fn part(
    places: &Places,
    role: Role,
    target: Target,
    change: Change,
    rows: &[i64],
    ctx: &Ctx,
) -> Result<DraftPart> {
    let sink = places.sink(&target);
    let mut staged: Vec<Staged> = Vec::new();
    if !rows.is_empty() {
        let rows = Rows {
            batch: batch(rows),
            deletes: None,
        };
        let rows = futures::stream::iter([Ok(rows)]).boxed();
        staged.push(sink.stage(&target, schema(), rows, ctx).await?);
    }
    let worked_out = sink.work_out(&target, schema(), &change, &staged, &[], ctx).await?;
    Ok(DraftPart {
        role,
        target,
        change,
        schema: schema(),
        staged,
        grains: vec![],
        plan: worked_out.plan,
    })
}

pub fn context() -> Ctx {
    Ctx::new("test", Arc::new(SystemClock::default()))
}
