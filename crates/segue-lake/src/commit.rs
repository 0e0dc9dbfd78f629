//! Landing a commit: once, only after its predecessor, and looked at again after any error.

use crate::errors::delta;
use crate::guard::{Guard, Own, lies_there, refusal};
use crate::lake::Lake;
use crate::log::version_of;
use crate::plan::Plan;
use crate::read::location;
use crate::schema::to_delta;
use crate::staged::Place;
use crate::table::{TABLE_PROPERTY, Table, application};
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake_core::kernel::{
    Action, Add, Metadata, MetadataExt, Protocol, Remove, Transaction, contains_timestampntz, new_metadata,
};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use object_store::path::Path;
use segue_core::commit::{CommitRecord, Part};
use segue_core::fault::{self, Rule};
use segue_core::hash::sha256;
use segue_core::sink::{Change, Committed};
use segue_core::{Ctx, Error, Kind, Result};
use serde_json::json;
use std::collections::HashMap;

/// How often a commit that only adds rows is tried on a newer version before it says that the table moves too fast.
const MOST_TRIES: usize = 8;

/// Where a part of a record stands on its table.
enum Standing {
    /// It landed, at this version.
    There(u64),
    /// Another one landed after its predecessor: it never will.
    ShutOut,
    /// It is the next one.
    Next {
        /// The asset's last number there.
        last: u64,
    },
}

impl Lake {
    /// Carries one part of a record out.
    pub(crate) async fn commit_part(&self, record: &CommitRecord, at: usize, ctx: &Ctx) -> Result<Committed> {
        let part = record
            .parts
            .get(at)
            .ok_or_else(|| Error::bug(format!("{record} has no part {at}")))?;
        let plan = Plan::from_json(&part.plan)?;
        let mut failed: Option<Error> = None;
        for _ in 0..MOST_TRIES {
            let table = self.load_target(&part.target).await?;
            let last = match self.standing(record, part, table.as_deref()).await? {
                Standing::ShutOut => return Ok(Committed::ShutOut),
                Standing::There(version) => {
                    self.settle(
                        &part.target.place,
                        &Path::from(format!("_delta_log/{version:020}.json")),
                    )
                    .await?;
                    return Ok(match failed {
                        Some(_) => Committed::Written(version),
                        None => Committed::AlreadyThere(version),
                    });
                }
                Standing::Next { last } => last,
            };
            // Only one that lost a race is tried again; whatever else went wrong is the caller's to hear.
            if let Some(e) = failed.take().filter(|e| e.kind() != Kind::Conflict) {
                return Err(e);
            }
            // What replaces all of a table does so with the version that was looked at: rows that came since would stay.
            let is_same = plan.version == table.as_deref().map(Table::version);
            if !fits(&plan, table.as_deref()) || (part.change == Change::ReplaceTable && !is_same) {
                return Ok(Committed::Moved);
            }
            match self.land(record, part, &plan, table.as_deref(), last, ctx).await {
                Ok(version) => return Ok(Committed::Written(version)),
                Err(e) => failed = Some(e),
            }
        }
        Err(failed.unwrap_or_else(|| {
            Error::new(
                Kind::Conflict,
                format!("{} moves too fast for {record}", part.target.name),
            )
        }))
    }

    /// Whether what the part names lies there in full: its staged rows, and the files that its plan adds.
    pub(crate) async fn part_lies_ready(&self, record: &CommitRecord, at: usize) -> Result<()> {
        let part = record
            .parts
            .get(at)
            .ok_or_else(|| Error::bug(format!("{record} has no part {at}")))?;
        let mut files = Plan::from_json(&part.plan)?.adds;
        for staged in &part.staged {
            let place = Place::of(staged)?;
            files.extend(place.files.into_iter().chain(place.deletes));
        }
        let (store, name) = (self.store_of(&part.target.place), part.target.name.to_string());
        for file in files {
            lies_there(store.as_ref(), &location(&file.path), Some(file.size), &name).await?;
        }
        Ok(())
    }

    /// Where the part stands, by the numbers in the table's log and the claims that say which commit a number is.
    async fn standing(&self, record: &CommitRecord, part: &Part, table: Option<&Table>) -> Result<Standing> {
        let last = match table {
            Some(table) => table.last(record.asset).await?,
            None => 0,
        };
        if record.own().target.connection.is_some() {
            return after_a_database(record, part, table, last).await;
        }
        if last == part.predecessor {
            return self.next(record, last).await;
        }
        match self.landed_before(record, part, table, last).await? {
            Some(version) => Ok(Standing::There(version)),
            None if fault::keeps(Rule::Predecessor) => Ok(Standing::ShutOut),
            None => self.next(record, last).await,
        }
    }

    /// It is the next one, unless another attempt claimed its number: that is not ours to land, whoever calls.
    async fn next(&self, record: &CommitRecord, last: u64) -> Result<Standing> {
        match self.claim_of(&record.own().target.place, record.n).await? {
            Some(claimed) if claimed.id == record.id => Ok(Standing::Next { last }),
            Some(_) => Ok(Standing::ShutOut),
            None => Err(Error::bug(format!("{record} was not claimed before it was committed"))),
        }
    }

    /// The version at which the part landed, if the asset's last number on the table is its own, or one that followed it.
    async fn landed_before(
        &self,
        record: &CommitRecord,
        part: &Part,
        table: Option<&Table>,
        last: u64,
    ) -> Result<Option<u64>> {
        let own = record.own();
        let Some(table) = table.filter(|_| last >= record.n) else {
            return Ok(None);
        };
        // A later commit may have landed on top of it: the claims tell, along the predecessors.
        let landed = last == record.n || {
            let later = self.chain(&own.target.place, part.target.table, last, record.n).await?;
            later.last().is_some_and(|first| {
                let part = first.parts.iter().find(|p| p.target.table == part.target.table);
                part.is_some_and(|p| p.predecessor == record.n)
            })
        };
        let ours = landed
            && self
                .claim_of(&own.target.place, record.n)
                .await?
                .is_some_and(|claimed| claimed.id == record.id);
        if !ours {
            return Ok(None);
        }
        let version = version_of(table.log.as_ref(), record.asset, record.n, table.version()).await?;
        Ok(Some(version.unwrap_or(table.version())))
    }

    /// Writes the entry.
    async fn land(
        &self,
        record: &CommitRecord,
        part: &Part,
        plan: &Plan,
        table: Option<&Table>,
        last: u64,
        ctx: &Ctx,
    ) -> Result<u64> {
        let name = &part.target.name;
        let own = Own {
            asset: record.asset,
            n: record.n,
            predecessor: part.predecessor,
            last,
            is_whole: part.change == Change::ReplaceTable,
        };
        let log = match table {
            Some(table) => table.log.clone(),
            None => self.log_of(&part.target.place)?,
        };
        let location = log.config().location().clone();
        let guard = Guard::on(log, table.map(Table::version), Some(own), name);
        let mut actions = Vec::new();
        let mut created = None;
        match table {
            None => {
                let (protocol, metadata) = create(plan, part)?;
                actions.push(Action::Protocol(protocol.clone()));
                actions.push(Action::Metadata(metadata.clone()));
                created = Some((protocol, metadata));
            }
            Some(table) if plan.reshapes => actions.extend(reshape(plan, table)?),
            Some(_) => {}
        }
        let now = ctx.clock.now().as_millisecond();
        actions.extend(plan.removes.iter().map(|f| Action::Remove(f.remove(now, true))));
        actions.extend(plan.adds.iter().map(|f| Action::Add(f.add(true))));
        let operation = match (created, restored(part)?) {
            (Some((protocol, metadata)), _) => DeltaOperation::Create {
                mode: SaveMode::ErrorIfExists,
                location,
                protocol,
                metadata,
            },
            (None, version @ Some(_)) => DeltaOperation::Restore {
                version,
                datetime: None,
            },
            (None, None) => DeltaOperation::Write {
                mode: if matches!(part.change, Change::Append) {
                    SaveMode::Append
                } else {
                    SaveMode::Overwrite
                },
                partition_by: None,
                predicate: None,
            },
        };
        let number = i64::try_from(record.n).map_err(|e| Error::bug("a commit's number is too large").caused_by(e))?;
        let note = json!({"n": record.n, "id": record.id, "asset": record.asset, "run": record.run});
        let properties = properties()
            .with_metadata([("segue".to_string(), note)])
            .with_application_transaction(Transaction::new(application(record.asset), number));
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(table.map(|t| &t.state as _), guard, operation)
            .await;
        let committed = committed.map_err(|e| failed(e, format!("cannot commit {record}")))?;
        let version = committed.version();
        // It is there; what is only remembered must not make an error of it.
        let left = Table::new(self.log_of(&part.target.place)?, committed.snapshot).with_last(record.asset, record.n);
        if let Err(e) = self.committed(&part.target.place, left).await {
            tracing::debug!(error = %e, "a table is read again");
        }
        Ok(version)
    }
}

/// Where a companion stands whose own table is in a database. There are no claims to ask: the database has decided before, and takes a
/// number once, so that the number alone tells the attempt; and what follows it there was prepared when it was finished here.
async fn after_a_database(record: &CommitRecord, part: &Part, table: Option<&Table>, last: u64) -> Result<Standing> {
    match table {
        _ if last == part.predecessor => Ok(Standing::Next { last }),
        Some(table) if last >= record.n => {
            let version = version_of(table.log.as_ref(), record.asset, record.n, table.version()).await?;
            Ok(Standing::There(version.unwrap_or(table.version())))
        }
        _ => Ok(Standing::ShutOut),
    }
}

/// The version that the part brings back, if it does.
fn restored(part: &Part) -> Result<Option<u64>> {
    let places = part.staged.iter().map(Place::of).collect::<Result<Vec<_>>>()?;
    Ok(places.into_iter().find_map(|p| p.version))
}

/// How everything of ours is committed: no retry by the library, no checkpoint and no clean-up on the way.
pub(crate) fn properties() -> CommitProperties {
    CommitProperties::default()
        .with_max_retries(0)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false))
}

/// What a commit through the guard failed with. One that lost a race is a `Conflict`.
pub(crate) fn failed(e: deltalake_core::DeltaTableError, doing: String) -> Error {
    use deltalake_core::DeltaTableError;
    use deltalake_core::kernel::transaction::TransactionError;
    match refusal(e) {
        Ok(refused) => refused,
        Err(
            e @ DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_) | TransactionError::CommitConflict(_),
            },
        ) => Error::new(Kind::Conflict, doing).caused_by(e),
        Err(e) => delta(e, doing),
    }
}

/// Whether the plan still holds on this version of the table.
pub(crate) fn fits(plan: &Plan, table: Option<&Table>) -> bool {
    match table {
        None => plan.version.is_none(),
        Some(table) if plan.version == Some(table.version()) => true,
        Some(table) => plan.only_adds() && plan.schema == sha256(table.schema_text()),
    }
}

/// The first actions of a new table.
fn create(plan: &Plan, part: &Part) -> Result<(Protocol, Metadata)> {
    let schema = to_delta(&plan.schema())?;
    let needs_times = contains_timestampntz(schema.fields());
    let property = HashMap::from([(TABLE_PROPERTY, part.target.table.to_string())]);
    let metadata = new_metadata(&schema, Vec::<String>::new(), property)
        .map_err(|e| Error::bug("cannot describe a new table").caused_by(e))?;
    Ok((protocol(needs_times)?, metadata))
}

/// The actions that change a table's columns.
pub(crate) fn reshape(plan: &Plan, table: &Table) -> Result<Vec<Action>> {
    let schema = to_delta(&plan.schema())?;
    let metadata = table.state.metadata().clone().with_schema(&schema);
    let metadata = metadata.map_err(|e| Error::bug("cannot describe a table's new columns").caused_by(e))?;
    let mut actions = vec![Action::Metadata(metadata)];
    let has_times = contains_timestampntz(table.state.schema().fields());
    let plain = table.state.protocol().min_writer_version() < 7;
    if contains_timestampntz(schema.fields()) && !has_times && plain {
        actions.insert(0, Action::Protocol(protocol(true)?));
    }
    Ok(actions)
}

/// The lowest protocol that holds our types: times without a zone are a feature of their own.
fn protocol(needs_times: bool) -> Result<Protocol> {
    let value = if needs_times {
        json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["timestampNtz"],
               "writerFeatures": ["timestampNtz", "appendOnly", "invariants"]})
    } else {
        json!({"minReaderVersion": 1, "minWriterVersion": 2})
    };
    serde_json::from_value(value).map_err(|e| Error::bug("a protocol of Delta is not one").caused_by(e))
}

impl crate::file::DataFile {
    /// The action that adds it.
    pub fn add(&self, data_change: bool) -> Add {
        Add {
            path: self.path.clone(),
            partition_values: HashMap::new(),
            size: self.size as i64,
            modification_time: self.modified,
            data_change,
            stats: self.stats.clone(),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        }
    }

    /// The action that removes it, at this time in milliseconds.
    pub fn remove(&self, now: i64, data_change: bool) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change,
            deletion_timestamp: Some(now),
            extended_file_metadata: Some(true),
            partition_values: Some(HashMap::new()),
            size: Some(self.size as i64),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
        }
    }
}
