//! Checks, judged: rows set aside before a commit is worked out, and the table as it would be after it.

use super::aside::{EVIDENCE, Room, SetAside, cut};
use super::gather::{Whose, room, row_aside};
use super::inputs::Inputs;
use super::query::line_and_column;
use crate::checks::{self, CHANGED, When};
use crate::deps::Deps;
use crate::names::asset_name;
use crate::rows::{first_number, first_rows};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::{StreamExt, TryStreamExt};
use segue_core::engine::{Query, Relation, TableKey};
use segue_core::sink::{Rows, Sink, Staged, Target};
use segue_core::{AssetName, Batches, Ctx, Error, Kind, Labels, Result, Span};
use segue_diag::CHECK_FAILED;
use segue_spec::model::{Asset, Check, CheckKind, OnFailure, Scope};
use segue_spec::sql::{Catalog, Table, Wanted, parse_query, resolve_query};
use segue_spec::{AssetName as Name, Project};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most offenders that are kept as evidence of one check.
pub(super) const MOST_EVIDENCE: usize = 1000;

/// The checks of one asset, and what they are asked with.
pub struct Judge<'a> {
    /// Where queries run.
    pub deps: &'a Deps,
    /// Whose checks.
    pub asset: &'a Asset,
    /// The step's context.
    pub ctx: &'a Ctx,
    /// The ranges that the rows belong to, each with the stretch that the output column holds for it; none for assets without ranges.
    pub ranges: Vec<(Span, Span)>,
}

/// What the checks of a table say.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Those that do not hold and only warn.
    pub warnings: Vec<String>,
    /// The first that does not hold and fails, with its offenders.
    pub failure: Option<Failure>,
}

/// A check that does not hold.
#[derive(Debug)]
pub struct Failure {
    /// Its name.
    pub check: String,
    /// What was found, for people.
    pub found: String,
    /// The offenders, or the first thousand of them.
    pub evidence: Vec<SetAside>,
}

impl Failure {
    /// The error that ends the step. `already` is how many commits of it have landed.
    pub fn error(&self, asset: &Asset, already: u64) -> Error {
        let before = committed_before(already);
        Error::new(
            Kind::BadData,
            format!("check `{}` of {} does not hold: {}", self.check, asset.name, self.found),
        )
        .code(CHECK_FAILED)
        .with("committed", before)
        .hint(format!("the offenders are kept: segue quarantine show {}", asset.name))
    }
}

/// The checks of an asset that do not hold for these rows alone, in words, whatever a run would do about them.
///
/// # Errors
/// Those of the engine, and of tables that a check names and that are not there.
pub(crate) async fn judge_alone(deps: &Deps, asset: &Asset, rows: Arc<dyn Relation>, ctx: &Ctx) -> Result<Vec<String>> {
    let judge = Judge {
        deps,
        asset,
        ctx,
        ranges: Vec::new(),
    };
    let judgement = judge.table_as_it_would_be(rows.clone(), Some(rows), |_| false).await?;
    let failure = judgement
        .failure
        .map(|f| format!("check `{}` does not hold: {}", f.check, f.found));
    Ok(failure.into_iter().chain(judgement.warnings).collect())
}

/// What a step that fails has committed before.
pub(super) fn committed_before(commits: u64) -> String {
    match commits {
        0 => "nothing was committed".to_string(),
        1 => "one commit of this step had landed before, and stays".to_string(),
        n => format!("{n} commits of this step had landed before, and stay"),
    }
}

type Tables = BTreeMap<TableKey, Arc<dyn Relation>>;

impl Judge<'_> {
    fn table(&self) -> TableKey {
        TableKey::from(&asset_name(&self.asset.name))
    }

    fn query(&self, sql: String, tables: Tables) -> Query {
        Query {
            sql,
            params: BTreeMap::new(),
            tables,
            timezone: self.deps.project.timezone.clone(),
        }
    }

    async fn ask(&self, sql: String, tables: Tables) -> Result<(SchemaRef, Batches)> {
        let answer = self.deps.engine.run(&self.query(sql, tables), self.ctx).await?;
        Ok((answer.schema, answer.rows))
    }

    /// Takes the rows out that offend a check whose offenders are set aside: gives the pieces without them, and the rows.
    ///
    /// # Errors
    /// Those of the engine and the sink.
    pub async fn set_aside(
        &self,
        sink: &Arc<dyn Sink>,
        target: &Target,
        staged: Vec<Staged>,
    ) -> Result<(Vec<Staged>, Vec<SetAside>)> {
        let checks: Vec<&Check> = self
            .asset
            .checks
            .iter()
            .filter(|c| checks::when(c) == When::OnRows)
            .collect();
        if checks.is_empty() {
            return Ok((staged, Vec::new()));
        }
        let (mut good_pieces, mut aside) = (Vec::new(), Vec::new());
        let mut room = room(self.ctx);
        for piece in staged {
            let rows = sink.staged(target, std::slice::from_ref(&piece), self.ctx).await?;
            let schema = rows.schema();
            let table = self.table();
            let tables = BTreeMap::from([(table.clone(), rows)]);
            let before = aside.len();
            let asked = self.ask(checks::bad_rows(&checks, &table), tables.clone()).await;
            let mut bad = match asked {
                Ok((_, bad)) => bad,
                Err(error) => return Err(self.of_one_of(&checks, tables, error).await),
            };
            loop {
                match bad.try_next().await {
                    Ok(Some(batch)) => self.push_bad(&checks, &batch, &mut room, &mut aside)?,
                    Ok(None) => break,
                    Err(error) => return Err(self.of_one_of(&checks, tables, error).await),
                }
            }
            if aside.len() == before {
                good_pieces.push(piece);
                continue;
            }
            let (_, good) = self.ask(checks::good_rows(&checks, &table), tables).await?;
            let to = schema.clone();
            let good = good.map(move |b| {
                Ok(Rows {
                    batch: segue_core::align::align(&b?, &to)?,
                    deletes: None,
                })
            });
            good_pieces.push(sink.stage(target, schema, good.boxed(), self.ctx).await?);
            sink.discard(target, &[piece], None, self.ctx).await?;
        }
        Ok((good_pieces, aside))
    }

    /// The error of a check, with its name and file. A place in SQL that nobody wrote is left out.
    fn of_check(&self, check: &Check, error: Error) -> Error {
        let before = checks::written_after(check, &self.table());
        let place = |at: &str| {
            let (line, column) = line_and_column(at)?;
            let column = if line == 1 {
                column.checked_sub(before?)?
            } else {
                column
            };
            (before.is_some() && column > 0).then(|| format!("line {line}, column {column} of the check's SQL"))
        };
        error
            .restated("at", place)
            .with("check", &check.name)
            .with("file", &self.asset.place.file)
    }

    /// The error of a question about several checks, as that of the one that cannot be asked alone; otherwise with all their names.
    async fn of_one_of(&self, checks: &[&Check], tables: Tables, error: Error) -> Error {
        for check in checks {
            let query = self.query(checks::offenders(check, &self.table()), tables.clone());
            if let Err(error) = self.deps.engine.describe(&query, self.ctx).await {
                return self.of_check(check, error);
            }
        }
        let names: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
        let error = error.restated("at", |_| None).with("checks", names.join(", "));
        error.with("file", &self.asset.place.file)
    }

    fn push_bad(
        &self,
        checks: &[&Check],
        batch: &RecordBatch,
        room: &mut Room,
        aside: &mut Vec<SetAside>,
    ) -> Result<()> {
        let at = batch
            .schema_ref()
            .index_of("_segue_check")
            .map_err(|e| Error::bug("no column says which check").caused_by(e))?;
        let rows = batch.project(&(0..batch.num_columns()).filter(|c| *c != at).collect::<Vec<_>>());
        let rows = rows.map_err(|e| Error::bug("rows cannot be projected").caused_by(e))?;
        let now = self.ctx.clock.now();
        for row in 0..batch.num_rows() {
            let which = crate::json::value(batch.column(at), row).as_u64().unwrap_or(0) as usize;
            let Some(check) = checks.get(which) else { continue };
            let whose = Whose {
                labels: self.labels_of(&rows, row),
                range: self.range_of(&rows, row),
            };
            let reason = format!("check `{}` does not hold", check.name);
            let row = SetAside {
                check: Some(check.name.clone()),
                ..row_aside(&whose, reason, &rows, row, now, self.ctx.trace.run)
            };
            room.take(&row)?;
            aside.push(row);
        }
        Ok(())
    }

    pub(super) fn labels_of(&self, rows: &RecordBatch, row: usize) -> Labels {
        let segue_spec::model::How::Copy(copy) = &self.asset.how else {
            return Labels::none();
        };
        let of = |c: &String| Some((c.clone(), crate::json::value(rows.column_by_name(c)?, row)));
        copy.slice.iter().filter_map(of).collect()
    }

    pub(super) fn range_of(&self, rows: &RecordBatch, row: usize) -> Option<Span> {
        let column = rows.column_by_name(&self.asset.range.as_ref()?.output)?;
        let at = crate::rows::instant(column, row)?;
        self.ranges
            .iter()
            .find(|(_, held)| held.from <= at && at < held.to)
            .map(|(range, _)| *range)
    }

    /// Judges the table as it would be: every check that is not answered by setting rows aside, nor holds by what is known of its rows
    /// (`is_clear`).
    ///
    /// # Errors
    /// Those of the engine, and of tables that a check names and that are not there.
    pub async fn table_as_it_would_be(
        &self,
        view: Arc<dyn Relation>,
        changed: Option<Arc<dyn Relation>>,
        is_clear: impl Fn(&Check) -> bool,
    ) -> Result<Judgement> {
        let mut judgement = Judgement::default();
        let asked = |c: &&Check| checks::when(c) != When::OnRows && !is_clear(c);
        for check in self.asset.checks.iter().filter(asked) {
            if check.scope == Scope::Changed && changed.is_none() && !matches!(check.kind, CheckKind::Sql(_)) {
                continue;
            }
            let found = self.offenders(check, &view, &changed).await;
            let Some((found, offenders)) = found.map_err(|error| self.of_check(check, error))? else {
                continue;
            };
            if check.on_failure == OnFailure::Warn {
                judgement
                    .warnings
                    .push(format!("check `{}` does not hold: {found}", check.name));
            } else if judgement.failure.is_none() {
                judgement.failure = Some(Failure {
                    evidence: self.evidence(check, &found, &offenders),
                    check: check.name.clone(),
                    found,
                });
            }
        }
        Ok(judgement)
    }

    /// What offends a check: in words, and the first rows; `None` when it holds.
    async fn offenders(
        &self,
        check: &Check,
        view: &Arc<dyn Relation>,
        changed: &Option<Arc<dyn Relation>>,
    ) -> Result<Option<(String, Vec<RecordBatch>)>> {
        let mut tables = self.others(check).await?;
        tables.insert(self.table(), view.clone());
        if let Some(changed) = changed {
            tables.insert(TableKey::new(CHANGED.0, CHANGED.1), changed.clone());
        }
        let (_, rows) = self.ask(checks::offenders(check, &self.table()), tables).await?;
        let offenders = first_rows(rows, MOST_EVIDENCE + 1).await?;
        let count: usize = offenders.iter().map(RecordBatch::num_rows).sum();
        if count == 0 {
            return Ok(None);
        }
        let many = if count > MOST_EVIDENCE {
            format!("more than {MOST_EVIDENCE}")
        } else {
            count.to_string()
        };
        let found = match &check.kind {
            CheckKind::RowCount { min, max } => {
                let rows = first_number(&offenders).unwrap_or(0);
                let bound = match (min, max) {
                    (Some(min), Some(max)) => format!("between {min} and {max}"),
                    (Some(min), None) => format!("at least {min}"),
                    (None, Some(max)) => format!("at most {max}"),
                    (None, None) => "any number".into(),
                };
                format!("there are {rows} rows where {bound} are wanted")
            }
            CheckKind::Unique(columns) => format!("{many} values of {} occur more than once", columns.join(", ")),
            _ => format!("{many} rows offend it"),
        };
        Ok(Some((found, offenders)))
    }

    /// The other tables that a check names, in their newest version.
    async fn others(&self, check: &Check) -> Result<Tables> {
        let named: Vec<AssetName> = match &check.kind {
            CheckKind::References { table, .. } => vec![asset_name(table)],
            CheckKind::Sql(sql) => self.read_by(sql),
            _ => Vec::new(),
        };
        Ok(Inputs::pin(self.deps, named, self.ctx).await?.tables())
    }

    /// The other assets of the project whose tables this statement reads.
    fn read_by(&self, sql: &str) -> Vec<AssetName> {
        let Ok(statement) = parse_query(sql) else {
            return Vec::new();
        };
        let reads = resolve_query(&statement, &LakeTables(&self.deps.project), Wanted::default()).reads;
        let names: BTreeSet<Name> = reads.into_iter().map(|read| read.table).collect();
        names
            .iter()
            .filter(|n| **n != self.asset.name)
            .map(asset_name)
            .collect()
    }

    fn evidence(&self, check: &Check, found: &str, offenders: &[RecordBatch]) -> Vec<SetAside> {
        let now = self.ctx.clock.now();
        let mut rows = Vec::new();
        for batch in offenders {
            for row in 0..batch.num_rows().min(MOST_EVIDENCE - rows.len()) {
                let values = crate::json::row(batch, row);
                rows.push(SetAside {
                    part: EVIDENCE.into(),
                    labels: self.labels_of(batch, row),
                    range: None,
                    reason: format!("check `{}` does not hold: {found}", check.name),
                    path: None,
                    check: Some(check.name.clone()),
                    row: cut(serde_json::Value::Object(values).to_string()),
                    at: now,
                    run: self.ctx.trace.run,
                    id: None,
                    form: None,
                    beside: None,
                    after: None,
                });
            }
        }
        rows
    }
}

/// Where a check's SQL finds the lake tables of a project.
struct LakeTables<'a>(&'a Project);

impl Catalog for LakeTables<'_> {
    fn table(&self, name: &Name) -> Table {
        match self.0.assets.get(name).map(|asset| &asset.into) {
            Some(None) => Table::Lake(None),
            Some(Some(into)) => Table::Elsewhere(into.connection.clone()),
            None if self.0.parent_of(name).is_some() => Table::Lake(None),
            None => Table::Missing,
        }
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }
}
