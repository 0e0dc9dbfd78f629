//! Rows that were set aside.

use crate::app::App;
use crate::use_cases::sql::{Question, sql};
use segue_core::commit::Role;
use segue_core::engine::{Answer, Engine, Query, TableKey};
use segue_core::{Ctx, Error, Kind, Result};
use segue_work::step::known;
use std::collections::BTreeMap;

/// How many rows of which asset are set aside, and for which reasons, as an answer with the columns `asset`, `reason` and `rows`.
///
/// # Errors
/// Those of the lake.
pub async fn quarantine_list(app: &App, ctx: &Ctx) -> Result<Option<Answer>> {
    let mut tables = BTreeMap::new();
    for row in app.store.assets().await?.into_iter().filter(|r| !r.dropped) {
        if let Some(rows) = app.newest(&row, &known::companion(&row, Role::Quarantine)).await? {
            tables.insert(TableKey::new("quarantine", row.name.to_string()), rows);
        }
    }
    if tables.is_empty() {
        return Ok(None);
    }
    let parts: Vec<String> = tables
        .keys()
        .map(|key| format!("select '{}' as asset, reason from {key}", key.table))
        .collect();
    let sql = format!(
        "select asset, reason, count(*) as rows from ({}) group by 1, 2 order by 1, 3 desc, 2",
        parts.join(" union all ")
    );
    let query = Query {
        sql,
        params: BTreeMap::new(),
        tables,
        timezone: app.project.timezone.clone(),
    };
    app.engine.run(&query, ctx).await.map(Some)
}

/// The rows of one asset that are set aside.
///
/// # Errors
/// `NotFound` for an asset that never ran, or has nothing set aside.
pub async fn quarantine_show(app: &App, asset: &str, limit: u64, ctx: &Ctx) -> Result<Answer> {
    let row = app.row(asset).await?;
    let table = TableKey::new("quarantine", row.name.to_string());
    if app
        .newest(&row, &known::companion(&row, Role::Quarantine))
        .await?
        .is_none()
    {
        return Err(Error::new(
            Kind::NotFound,
            format!("nothing of {asset} was ever set aside"),
        ));
    }
    let question = Question {
        sql: format!("select * from {table} limit {limit}"),
        ..Question::default()
    };
    sql(app, &question, ctx).await
}
