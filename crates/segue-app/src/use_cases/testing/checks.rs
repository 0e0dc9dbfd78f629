//! An asset's checks, judged on what its SQL gave in a test.

use super::bench::{Bench, Given, Moment, key};
use super::compare::objects;
use arrow_array::RecordBatch;
use segue_core::engine::{InMemory, Query, Relation, TableKey};
use segue_core::{Error, Kind, Result};
use segue_diag::CHECK_FAILED;
use segue_spec::AssetName;
use segue_spec::model::{Asset, Check, CheckKind, OnFailure};
use segue_work::checks::{self, CHANGED, When};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most offenders that are told.
const MOST_TOLD: usize = 3;

/// What the checks say.
pub struct Judged {
    /// The rows that a run would commit: without those that it sets aside.
    pub rows: RecordBatch,
    /// What is worth saying.
    pub notes: Vec<String>,
    /// The first check that does not hold and fails a run.
    pub failure: Option<Error>,
}

/// Judges all checks of an asset. Those that name tables of which no rows are given are left out, and that is said.
///
/// # Errors
/// Those of the checks' SQL.
pub async fn judge(bench: &Bench, asset: &Asset, rows: RecordBatch, given: &Given, moment: &Moment) -> Result<Judged> {
    let table = key(&asset.name);
    let mut judged = Judged {
        rows,
        notes: Vec::new(),
        failure: None,
    };
    let asked = |sql: String, tables: BTreeMap<TableKey, Arc<dyn Relation>>| Query {
        sql,
        params: BTreeMap::new(),
        tables,
        timezone: moment.timezone.clone(),
    };
    let aside: Vec<&Check> = asset
        .checks
        .iter()
        .filter(|c| checks::when(c) == When::OnRows)
        .collect();
    if !aside.is_empty() {
        let before = judged.rows.num_rows();
        let question = asked(checks::good_rows(&aside, &table), own(&table, &judged.rows));
        judged.rows = bench.rows(&question, &moment.ctx).await?;
        if let count @ 1.. = before - judged.rows.num_rows() {
            let rows = if count == 1 {
                "1 row".to_string()
            } else {
                format!("{count} rows")
            };
            judged.notes.push(format!("{rows} would be set aside by checks"));
        }
    }
    for check in asset.checks.iter().filter(|c| checks::when(c) != When::OnRows) {
        let mut tables = own(&table, &judged.rows);
        match others(check, asset, bench, given, moment).await? {
            Ok(more) => tables.extend(more),
            Err(missing) => {
                judged.notes.push(format!(
                    "check `{}` is not judged: no rows of {missing} are given",
                    check.name
                ));
                continue;
            }
        }
        let question = asked(checks::offenders(check, &table), tables);
        let offenders = bench
            .rows(&question, &moment.ctx)
            .await
            .map_err(|e| e.with("check", &check.name))?;
        if offenders.num_rows() == 0 {
            continue;
        }
        let told = objects(&offenders.slice(0, offenders.num_rows().min(MOST_TOLD))).await?;
        let told: Vec<String> = told
            .into_iter()
            .map(|row| serde_json::Value::Object(row).to_string())
            .collect();
        let message = format!(
            "check `{}` of {} does not hold: {}",
            check.name,
            asset.name,
            told.join(", ")
        );
        if check.on_failure == OnFailure::Warn {
            judged.notes.push(message);
        } else if judged.failure.is_none() {
            judged.failure = Some(Error::new(Kind::BadData, message).code(CHECK_FAILED));
        }
    }
    Ok(judged)
}

/// What came, under the asset's name, and as what a commit would change.
fn own(table: &TableKey, rows: &RecordBatch) -> BTreeMap<TableKey, Arc<dyn Relation>> {
    let rows: Arc<dyn Relation> = Arc::new(InMemory::new(rows.clone()));
    BTreeMap::from([
        (table.clone(), rows.clone()),
        (TableKey::new(CHANGED.0, CHANGED.1), rows),
    ])
}

/// The tables that a check names beside the asset's own; or the first of which no rows are given.
async fn others(
    check: &Check,
    asset: &Asset,
    bench: &Bench,
    given: &Given,
    moment: &Moment,
) -> Result<std::result::Result<BTreeMap<TableKey, Arc<dyn Relation>>, AssetName>> {
    let named: Vec<&AssetName> = match &check.kind {
        CheckKind::References { table, .. } => vec![table],
        // Which of these the query reads the engine knows; those that are given are there for it.
        CheckKind::Sql(sql) => {
            let lower = sql.to_lowercase();
            let is_named = |name: &&AssetName| **name != asset.name && lower.contains(name.as_str());
            bench.project.assets.keys().filter(is_named).collect()
        }
        _ => Vec::new(),
    };
    let mut tables = BTreeMap::new();
    for name in named.into_iter().filter(|name| **name != asset.name) {
        match bench.table(name, given, moment).await {
            Ok(rows) => drop(tables.insert(key(name), rows)),
            Err(error) if error.error_code() == Some(segue_diag::TEST_INPUT) => return Ok(Err(name.clone())),
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(tables))
}
