//! Bringing a lake table back to what it was, as a commit of its own.

use super::lake::in_lake;
use crate::app::App;
use crate::tables::child_tables;
use arrow_schema::SchemaRef;
use jiff::Timestamp;
use segue_core::commit::{CommitRecord, Entry, InputVersion, LedgerChange, Role};
use segue_core::engine::Relation;
use segue_core::sink::{Change, Sink, Target, WorkedOut};
use segue_core::source::Column;
use segue_core::{AssetName, Ctx, Error, Footprint, Kind, Result};
use segue_diag::{LOG_GONE, RESTORE_DOUBLES, RESTORE_RECORD, VERSION_GONE};
use segue_lake::Lake;
use segue_spec::model::{Asset, WriteMode};
use segue_store::AssetRow;
use segue_work::commit::{Draft, DraftPart, Protocol, Recheck, Rules, Unchecked, carry_out, foresee, settle};
use segue_work::deps::Deps;
use segue_work::step::{Rejudge, grains, known, source_copy};
use segue_work::{column_changes, table_columns};
use serde::Serialize;
use serde_json::Value;

/// What is to be brought back.
#[derive(Clone, Debug)]
pub struct RestoreRequest {
    /// The asset.
    pub asset: String,
    /// Which version of its table.
    pub version: AsOf,
    /// What is done afterwards, where that is not to be what was done then.
    pub position: Option<Position>,
    /// Only says what would change.
    pub dry_run: bool,
}

/// A version of a table.
#[derive(Clone, Copy, Debug)]
pub enum AsOf {
    /// This one.
    Version(u64),
    /// The newest of this time.
    Time(Timestamp),
}

/// What the ledger and the position are after a table was brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// What they are now: nothing that was read since is read again.
    Keep,
    /// Empty: everything is read or computed anew.
    Reset,
}

/// A table that was brought back, or what would become of it.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    /// Whose table.
    pub asset: AssetName,
    /// The version that is brought back.
    pub version: u64,
    /// The newest commit that it holds; 0 for none.
    pub commit: u64,
    /// The newest version before.
    pub before: u64,
    /// The version that brought it back; `None` where nothing was done.
    pub made: Option<u64>,
    /// Whether nothing differs.
    pub unchanged: bool,
    /// Rows that come back.
    pub rows_added: u64,
    /// Rows that go.
    pub rows_removed: u64,
    /// Files that are named again.
    pub files_added: usize,
    /// Files that are named no longer.
    pub files_removed: usize,
    /// How the columns are otherwise afterwards.
    pub columns: Vec<String>,
    /// The project's assets that read it.
    pub readers: Vec<String>,
    /// What else is worth knowing, of its companions too.
    pub notes: Vec<String>,
    /// What the asset's next run does.
    pub next: String,
}

/// What was done as of a commit.
struct Done {
    ledger: Vec<Entry>,
    position: Option<Value>,
    inputs: Vec<InputVersion>,
    columns: Option<Vec<Column>>,
}

/// What was looked at, and what it would come to.
struct Found {
    told: Restored,
    parts: Vec<DraftPart>,
    footprint: Footprint,
    ledger: LedgerChange,
    position: Option<Value>,
    inputs: Vec<InputVersion>,
    columns: Option<Vec<Column>>,
}

/// Brings the table of an asset back to one of its versions, with what was done as of it. What came since stays readable as older versions.
///
/// # Errors
/// `NotFound` for a version that is gone, `Conflict` while a run holds the asset, or when what was done as of that version is not known any
/// more and nothing is said of it; `Unsupported` for an asset that is written elsewhere.
pub async fn lake_restore(app: &App, request: &RestoreRequest, ctx: &Ctx) -> Result<Restored> {
    let row = app.row(&request.asset).await?;
    let own = in_lake(&row)?;
    let deps = app.lake_deps();
    let asset = app
        .project
        .assets
        .values()
        .find(|a| a.name.as_str() == row.name.to_string());
    if asset.is_some_and(Asset::is_view) {
        let message = format!(
            "{} is a view: nothing of it is stored, so that nothing can be brought back",
            row.name
        );
        return Err(Error::new(Kind::Unsupported, message).hint("bring back a table that it reads"));
    }
    let bring = Bring {
        app,
        deps: &deps,
        asset,
        request,
        ctx,
    };
    if request.dry_run {
        foresee(&app.store, &deps.places, &own, ctx).await?;
        let head = app.lake.head(&own, ctx).await?;
        let found = bring.look(&row, &own, head.version, head.schema).await?;
        bring.forget(&found).await?;
        return Ok(found.told);
    }
    let guard = app.store.lease(row.id, &app.holder()).await?;
    // Another worker may have run it while we waited.
    let row = app.row(&request.asset).await?;
    let judged = asset.map(|asset| Rejudge { deps: &deps, asset });
    let recheck: &dyn Recheck = match &judged {
        Some(judged) => judged,
        None => &Unchecked,
    };
    let protocol = Protocol {
        state: &app.store,
        sinks: &deps.places,
        recheck,
        ctx,
        rules: Rules::default(),
    };
    let settled = settle(&protocol, &guard.lease, &own).await?;
    let mut found = bring.look(&row, &own, settled.version, settled.schema.clone()).await?;
    if found.told.unchanged {
        bring.forget(&found).await?;
        return Ok(found.told);
    }
    bring.forget_definition(&row, &found).await?;
    let draft = draft(&row, &mut found, ctx);
    let landed = carry_out(&protocol, &guard.lease, &settled, draft).await?;
    found.told.made = landed.versions.first().copied();
    Ok(found.told)
}

fn draft(row: &AssetRow, found: &mut Found, ctx: &Ctx) -> Draft {
    Draft {
        asset: row.id,
        name: row.name.clone(),
        table: row.table,
        read_at: ctx.clock.now(),
        run: ctx.trace.run,
        position: found.position.clone(),
        inputs: std::mem::take(&mut found.inputs),
        ledger: std::mem::take(&mut found.ledger),
        footprint: found.footprint.clone(),
        columns: found.columns.take(),
        handled: None,
        parts: std::mem::take(&mut found.parts),
    }
}

/// What bringing one table back works with.
struct Bring<'a> {
    app: &'a App,
    deps: &'a Deps,
    asset: Option<&'a Asset>,
    request: &'a RestoreRequest,
    ctx: &'a Ctx,
}

impl Bring<'_> {
    /// Works out what would change, on the newest version of the table.
    async fn look(&self, row: &AssetRow, own: &Target, newest: u64, now: Option<SchemaRef>) -> Result<Found> {
        let lake = &self.app.lake;
        let Some(now) = now else {
            return Err(Error::new(
                Kind::NotFound,
                format!("there is no table {} yet", own.name),
            ));
        };
        let version = match self.request.version {
            AsOf::Version(version) => version,
            AsOf::Time(time) => lake.version_at(own, time).await?,
        };
        let (part, worked) = self.back_to(own, Role::Table, version).await?;
        let (files_added, files_removed) = Lake::files_of(&worked.plan)?;
        let n = lake.number_at(own, version).await?;
        let done = self.done_as_of(row, own, n).await?;
        let is_kept = self.request.position == Some(Position::Keep);
        let mut notes = Vec::new();
        let companions = self.companions(row, n, &mut notes).await?;
        // What was set aside is no row of its.
        let unchanged = worked.unchanged && companions.iter().all(|c| c.role != Role::Child);
        if !unchanged && !is_kept {
            self.refuse(row, version, done.as_ref())?;
        }
        notes.extend(self.columns_later(&part.schema, &now));
        let parts: Vec<DraftPart> = std::iter::once(part).chain(companions).collect();
        let next = self.next(n, done.as_ref());
        let read = done.as_ref().and_then(|done| done.columns.clone());
        let (ledger, position, inputs) = match (self.request.position, done) {
            (Some(Position::Keep), _) => {
                let position = self.app.store.position(row.id).await?;
                (LedgerChange::default(), position, Vec::new())
            }
            (Some(Position::Reset), _) | (None, None) => (dropping(Vec::new()), None, Vec::new()),
            (None, Some(done)) => (dropping(done.ledger), done.position, done.inputs),
        };
        let then = lake.view_at(own, Some(version)).await?.schema();
        let columns = column_changes(&table_columns(&now)?, &table_columns(&then)?);
        Ok(Found {
            told: Restored {
                asset: row.name.clone(),
                version,
                commit: n,
                before: newest,
                made: None,
                unchanged,
                rows_added: worked.rows_written,
                rows_removed: worked.rows_removed,
                files_added,
                files_removed,
                columns,
                readers: self.readers(row),
                notes,
                next,
            },
            parts,
            footprint: worked.footprint,
            ledger,
            position,
            inputs,
            columns: read,
        })
    }

    /// The part that makes a table what it was at one of its versions.
    async fn back_to(&self, target: &Target, role: Role, version: u64) -> Result<(DraftPart, WorkedOut)> {
        let lake = &self.app.lake;
        let staged = vec![lake.lay_ready(target, version).await?];
        let schema = lake.view_at(target, Some(version)).await?.schema();
        let grains = match role {
            Role::Table => self.grains(&schema)?,
            _ => Vec::new(),
        };
        let change = Change::ReplaceTable;
        let worked = lake
            .work_out(target, schema.clone(), &change, &staged, &grains, self.ctx)
            .await?;
        let part = DraftPart {
            role,
            target: target.clone(),
            change,
            schema,
            staged,
            grains,
            plan: worked.plan.clone(),
        };
        Ok((part, worked))
    }

    /// In which grains the project's other assets read it.
    fn grains(&self, schema: &SchemaRef) -> Result<Vec<segue_core::sink::Grain>> {
        match self.asset {
            Some(asset) => grains(self.deps, asset, Some(schema), self.ctx),
            None => Ok(Vec::new()),
        }
    }

    /// The companions' parts. Child tables and what is set aside go with the rows that they stand beside: they are again what they were as of
    /// commit `n`. Kept pages stay: they say what the source answered, whatever was made of it.
    async fn companions(&self, row: &AssetRow, n: u64, notes: &mut Vec<String>) -> Result<Vec<DraftPart>> {
        let mut parts = Vec::new();
        for (key, target) in child_tables(row) {
            if let Some((part, worked)) = self.as_of(&target, Role::Child, n).await? {
                let (come, go) = (worked.rows_written, worked.rows_removed);
                notes.push(format!("{key} is what it was then: {come} rows come back, {go} go"));
                parts.push(part);
            }
        }
        let aside = known::companion(row, Role::Quarantine);
        match self.as_of(&aside, Role::Quarantine, n).await {
            Ok(None) => {}
            Ok(Some((part, worked))) => {
                let (come, go) = (worked.rows_written, worked.rows_removed);
                notes.push(format!(
                    "what is set aside is what it was then: {come} rows come back, {go} go"
                ));
                parts.push(part);
            }
            // Rows serve without it, and it is replaced as they are read again.
            Err(error) if [VERSION_GONE, LOG_GONE].map(Some).contains(&error.error_code()) => {
                notes.push(format!(
                    "what is set aside stays as it is: what was set aside as of commit {n} is not there any more"
                ));
            }
            Err(error) => return Err(error),
        }
        Ok(parts)
    }

    /// The part that makes a companion what it was as of commit `n`; `None` where that changes nothing.
    async fn as_of(&self, target: &Target, role: Role, n: u64) -> Result<Option<(DraftPart, WorkedOut)>> {
        let lake = &self.app.lake;
        let head = lake.head(target, self.ctx).await?;
        let Some(schema) = head.schema.filter(|_| head.n > n) else {
            return Ok(None);
        };
        let (part, worked) = match lake.version_as_of(target, n).await? {
            Some(version) => self.back_to(target, role, version).await?,
            // There was none yet.
            None => {
                let change = Change::ReplaceTable;
                let worked = lake
                    .work_out(target, schema.clone(), &change, &[], &[], self.ctx)
                    .await?;
                let part = DraftPart {
                    role,
                    target: target.clone(),
                    change,
                    schema,
                    staged: Vec::new(),
                    grains: Vec::new(),
                    plan: worked.plan.clone(),
                };
                (part, worked)
            }
        };
        match worked.unchanged {
            true => {
                lake.discard(target, &part.staged, Some(&part.plan), self.ctx).await?;
                Ok(None)
            }
            false => Ok(Some((part, worked))),
        }
    }

    /// What was done as of commit `n`: from its record back to the last one that holds the whole ledger. `None` where one of them is gone.
    async fn done_as_of(&self, row: &AssetRow, own: &Target, n: u64) -> Result<Option<Done>> {
        let mut records: Vec<CommitRecord> = Vec::new();
        let mut at = n;
        while at > 0 && records.last().is_none_or(|r| r.whole_ledger.is_none()) {
            let known = self
                .app
                .store
                .record(row.id, at)
                .await?
                .filter(|r| r.table == own.table);
            let record = match known {
                Some(record) => record,
                None => match self.app.lake.record_of(own, at).await? {
                    Some(record) => record,
                    None => return Ok(None),
                },
            };
            at = record.predecessor;
            records.push(record);
        }
        let Some(newest) = records.first() else { return Ok(None) };
        let (position, inputs, columns) = (newest.position.clone(), newest.inputs.clone(), newest.columns.clone());
        let mut ledger = Vec::new();
        for record in records.iter().rev() {
            ledger = match &record.whole_ledger {
                Some(whole) => whole.clone(),
                None => record.ledger.apply(ledger),
            };
        }
        Ok(Some(Done {
            ledger,
            position,
            inputs,
            columns,
        }))
    }

    /// Fails where nobody would know what is done afterwards, or rows would come twice.
    fn refuse(&self, row: &AssetRow, version: u64, done: Option<&Done>) -> Result<()> {
        if self.request.position.is_none() && done.is_none() {
            return Err(Error::new(
                Kind::Conflict,
                format!("what was done of {} as of version {version} is not known any more", row.name),
            )
            .code(RESTORE_RECORD)
            .hint("say what holds: --position reset reads or computes everything anew, --position keep goes on as if nothing was lost"));
        }
        let appends = self.asset.is_some_and(|a| a.write.mode == WriteMode::Append);
        if self.request.position == Some(Position::Reset) && appends {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "{} adds rows: read from the beginning, those of version {version} would be there twice",
                    row.name
                ),
            )
            .code(RESTORE_DOUBLES)
            .hint(format!(
                "leave --position out, or build the table anew: segue run {} --rebuild",
                row.name
            )));
        }
        Ok(())
    }

    /// Columns that the next run adds again.
    fn columns_later(&self, then: &SchemaRef, now: &SchemaRef) -> Option<String> {
        let gone = now.fields().iter().filter(|f| then.field_with_name(f.name()).is_err());
        let gone: Vec<&str> = gone.map(|f| f.name().as_str()).collect();
        (!gone.is_empty()).then(|| {
            format!(
                "where rows with {} come again, the table gets that back, empty in the rows of now",
                gone.join(", ")
            )
        })
    }

    /// What the asset's next run does.
    fn next(&self, n: u64, done: Option<&Done>) -> String {
        let Some(asset) = self.asset else {
            return "the project no longer has this asset: nothing runs".into();
        };
        let reads = source_copy(asset);
        match (self.request.position, done) {
            (Some(Position::Keep), _) => {
                "the next run goes on as if nothing had been brought back: what was read or computed since is not done again".into()
            }
            (None, Some(done)) => match reads {
                Some(copy) if copy.has_position() && done.position.is_some() => {
                    format!("the next run reads on from where commit {n} had read to")
                }
                Some(copy) if copy.has_position() => "the next run reads from the beginning".into(),
                Some(copy) if !copy.slice.is_empty() => format!(
                    "the next run reads the slices that commit {n} had not done, and those that are not fresh ({} were done)",
                    done.ledger.len()
                ),
                Some(_) => "the next run reads again, unless what was read then is fresh".into(),
                None => format!("the next run computes what was not done as of commit {n}, and what its inputs changed since"),
            },
            (Some(Position::Reset), _) | (None, None) => match reads {
                Some(_) => "the next run reads everything anew".into(),
                None => "the next run computes everything anew".into(),
            },
        }
    }

    fn readers(&self, row: &AssetRow) -> Vec<String> {
        let name = row.name.to_string();
        let assets = self.app.project.assets.values();
        let reads = |asset: &&Asset| asset.reads.iter().any(|read| read.as_str() == name);
        assets.filter(reads).map(|asset| asset.name.to_string()).collect()
    }

    /// Where the rows were made by another definition, the one that the state remembers is not theirs: the hashes in the ledger tell then what
    /// the next run may add to. A kill after this, and before the commit, changes nothing, for the entries of now have the hash of now.
    async fn forget_definition(&self, row: &AssetRow, found: &Found) -> Result<()> {
        let hash = row.data_hash.as_deref().unwrap_or_default();
        if found.ledger.add.iter().all(|entry| entry.data_hash == hash) {
            return Ok(());
        }
        let metadata = row.metadata_hash.as_deref().unwrap_or_default();
        let store = &self.app.store;
        store
            .set_definition(row.id, &Value::Null, hash, metadata, row.source.as_deref())
            .await
    }

    /// Removes what was written to find out.
    async fn forget(&self, found: &Found) -> Result<()> {
        for part in &found.parts {
            let lake = &self.app.lake;
            lake.discard(&part.target, &part.staged, Some(&part.plan), self.ctx)
                .await?;
        }
        Ok(())
    }
}

/// Nothing is done but this.
fn dropping(add: Vec<Entry>) -> LedgerChange {
    LedgerChange {
        drop_all: true,
        add,
        ..LedgerChange::default()
    }
}
