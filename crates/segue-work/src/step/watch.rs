//! Checks of rows, one by one, asked of rows as they come: where none of them offends, nobody has to read what lies staged once more.
//!
//! What is found here says nothing but that: an offender may still be set aside for another reason, so where there is one, or where this could not
//! be asked, the checks are judged on the table as it would be, as all others are.

use crate::checks;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use segue_core::engine::{Engine, Query, Relation, TableKey};
use segue_core::{Batches, Ctx, Error, Result};
use segue_spec::model::Check;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Batches that wait to be looked at.
const WAITING: usize = 2;

/// What is asked of rows as they come.
#[derive(Clone)]
pub struct Watching {
    /// Where it is asked.
    pub engine: Arc<dyn Engine>,
    /// The query for one offender.
    sql: String,
    table: TableKey,
    timezone: String,
}

impl Watching {
    /// The checks that judge the rows of a commit one by one, without setting them aside; `None` where there are none.
    pub fn of(engine: &Arc<dyn Engine>, checks: &[Check], table: TableKey, timezone: &str) -> Option<Watching> {
        let all: Vec<&Check> = checks.iter().filter(|c| is_watched(c)).collect();
        (!all.is_empty()).then(|| Watching {
            engine: engine.clone(),
            sql: checks::any_bad_row(&all, &table),
            table,
            timezone: timezone.to_string(),
        })
    }
}

/// Whether this check is one that [`Watching`] asks.
pub fn is_watched(check: &Check) -> bool {
    checks::when(check) != checks::When::OnRows && checks::offends(&check.kind).is_some()
}

/// A look at rows under way.
pub struct Watch {
    schema: SchemaRef,
    rows: mpsc::Sender<RecordBatch>,
    asked: JoinHandle<Result<bool>>,
}

impl Watch {
    /// Begins to look at rows of this schema.
    pub fn begin(watching: &Watching, schema: SchemaRef, ctx: &Ctx) -> Watch {
        let (rows, coming) = mpsc::channel(WAITING);
        let passing = Passing {
            schema: schema.clone(),
            rows: Mutex::new(Some(coming)),
        };
        let query = Query {
            sql: watching.sql.clone(),
            params: BTreeMap::new(),
            tables: BTreeMap::from([(watching.table.clone(), Arc::new(passing) as Arc<dyn Relation>)]),
            timezone: watching.timezone.clone(),
        };
        let (engine, own) = (watching.engine.clone(), ctx.clone());
        let asked = async move {
            let mut offenders = engine.run(&query, &own).await?.rows;
            while let Some(some) = offenders.try_next().await? {
                if some.num_rows() > 0 {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        Watch {
            schema,
            rows,
            asked: tokio::spawn(ctx.meter.measure(asked)),
        }
    }

    /// Whether it looks at rows of this schema.
    pub fn is_of(&self, schema: &SchemaRef) -> bool {
        self.schema == *schema
    }

    /// Looks at these rows too. `false`: it looks no more, because it has found an offender, or could not be asked.
    pub async fn look(&self, rows: &RecordBatch) -> bool {
        self.rows.send(rows.clone()).await.is_ok()
    }

    /// Whether none of the rows offends.
    pub async fn end(self) -> bool {
        drop(self.rows);
        match self.asked.await {
            Ok(Ok(is_clear)) => is_clear,
            Ok(Err(error)) => {
                tracing::debug!(%error, "checks are judged once the rows are staged");
                false
            }
            Err(_) => false,
        }
    }
}

/// Rows that pass once.
struct Passing {
    schema: SchemaRef,
    rows: Mutex<Option<mpsc::Receiver<RecordBatch>>>,
}

#[async_trait]
impl Relation for Passing {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let Some(rows) = self.rows.lock().take() else {
            return Err(Error::bug("rows that pass once are asked for twice"));
        };
        let columns = columns.map(<[usize]>::to_vec);
        let each = futures::stream::unfold(rows, |mut rows| async move {
            let batch = rows.recv().await?;
            Some((batch, rows))
        });
        let picked = each.map(move |batch| match &columns {
            Some(columns) => batch
                .project(columns)
                .map_err(|e| Error::bug("columns cannot be picked").caused_by(e)),
            None => Ok(batch),
        });
        Ok(picked.boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
