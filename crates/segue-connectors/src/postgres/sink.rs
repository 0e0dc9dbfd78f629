//! The sink: what [`Sink`] promises, with one transaction of the server as its decision.
//!
//! A commit opens a transaction, waits until nobody else commits for the asset, reads the asset's mark in `_segue_heads`, and only if that is
//! the predecessor changes the rows, moves the mark, keeps the record and removes what lay staged. The server makes all of it last, or none.

use super::change::{self, last_schema, prepare};
use super::errors::{failed, sqlstate};
use super::marks::{self, Marks};
use super::place::{Place, quoted};
use super::session::{Begin, Sessions};
use super::sift::sift;
use super::staging::{self, DELETES, Incoming};
use super::target::{Table, recast, run};
use super::view::View;
use super::wire;
use crate::plan::Plan;
use arrow_schema::{Schema, SchemaRef};
use async_trait::async_trait;
use futures::stream::BoxStream;
use segue_core::align::common;
use segue_core::commit::CommitRecord;
use segue_core::engine::Relation;
use segue_core::fault::{self, Boundary, Rule, reach};
use segue_core::sink::*;
use segue_core::wire::{Wire, WireRows};
use segue_core::{Ctx, Error, Kind, Result, Type};
use segue_diag as codes;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::Client;

/// Tables in one database.
#[derive(Clone)]
pub(super) struct Database {
    pub sessions: Sessions,
    /// The schema of tables that name none, and of the marks.
    pub schema: String,
    pub connection: String,
    /// Whether the tables of the marks were there when it was last looked.
    pub is_marked: Arc<AtomicBool>,
}

impl Database {
    fn place(&self, target: &Target) -> Result<Place> {
        Place::parse(&target.place, &self.schema).map_err(|e| e.with("connection", &self.connection))
    }

    fn marks<'a>(&'a self, client: &'a Client) -> Marks<'a> {
        Marks::new(client, &self.schema)
    }

    /// With the place in what is said, where it is not.
    fn about(&self, target: &Target, error: Error) -> Error {
        let error = match (error.error_code(), sqlstate(&error)) {
            // A view that uses a column, or a check that waits for the end, stands in the way of a change of columns.
            (None, Some("0A000" | "55006")) => error
                .code(codes::POSTGRES_OTHER_TABLE)
                .hint("something that needs the table's columns as they are stands in the way: take it away, run again, and make it anew"),
            (None, Some(state)) if state.starts_with("22") => error.code(codes::POSTGRES_VALUE).hint(
                "a value does not fit its column there: cast or cut it in the SQL, or give the column a wider type",
            ),
            _ => error,
        };
        match error
            .context()
            .iter()
            .any(|(name, _)| *name == "table" || *name == "database")
        {
            true => error,
            false => error
                .with("table", &target.place)
                .with("database", &self.sessions.door.place),
        }
    }

    /// Looks at one moment of the database; when that is given up, the server is told.
    async fn look<T>(&self, ctx: &Ctx, look: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
        let client = self.sessions.begin(Begin::ToLook, ctx).await?;
        match ctx.or_cancelled(look(&client)).await {
            Ok(found) => {
                self.sessions.roll_back(client).await;
                Ok(found)
            }
            Err(error) => {
                self.sessions.door.cancel(&client).await;
                Err(error)
            }
        }
    }

    /// Removes tables that nobody may need any more.
    async fn remove(&self, sql: String, ctx: &Ctx) -> Result<()> {
        if sql.is_empty() {
            return Ok(());
        }
        let client = self.sessions.begin(Begin::ToWrite, ctx).await?;
        run(&client, &sql, "remove staged rows").await?;
        self.sessions.commit(client).await
    }

    async fn head_of(&self, client: &Client, target: &Target) -> Result<Head> {
        let marks = self.marks(client);
        let place = self.place(target)?;
        let (own, of_place) = match marks.exist().await? {
            true => (
                marks.of_asset(target.asset).await?,
                marks.of_place(&place.quoted()).await?,
            ),
            false => (None, None),
        };
        let last = match &of_place {
            Some(mark) => last_schema(&marks, mark).await?,
            None => None,
        };
        let found = Table::find(client, &place).await?;
        let n = own.as_ref().map_or(0, |m| m.n);
        let is_made = |t: &Table| of_place.as_ref().is_some_and(|m| m.made(t.oid));
        Ok(Head {
            is_foreign: found.as_ref().is_some_and(|t| !is_made(t)),
            n,
            id: own.as_ref().map(|m| m.id),
            version: found.as_ref().map_or(0, |_| n),
            schema: found.map(|t| t.schema(last.as_deref())),
            table: own.or(of_place).map(|m| m.table),
        })
    }

    async fn commit_in(&self, client: &Client, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Decided> {
        let part = record
            .parts
            .get(part)
            .ok_or_else(|| Error::bug(format!("{record} has no part {part}")))?;
        let (target, place, marks) = (&part.target, self.place(&part.target)?, self.marks(client));
        let removal = staging::removal(&staging::pieces(&part.staged)?)?;
        marks.hold(record.asset, &place.quoted()).await?;
        if let Some(n) = marks.landed(record.asset, record.id).await? {
            run(client, &removal, "remove staged rows").await?;
            return Ok(Decided::Keep(Committed::AlreadyThere(n)));
        }
        let plan = Plan::read(&part.plan)?;
        let found = locked(client, &place, &plan.change).await?;
        // A table that is gone and built anew under another id begins again; the mark of the old one stands in nobody's way.
        let head = marks.of_asset(record.asset).await?;
        let head = head.filter(|m| found.is_some() || m.table == target.table);
        let follows = head.as_ref().map_or(0, |m| m.n) == part.predecessor || !fault::keeps(Rule::Predecessor);
        if !follows || head.as_ref().is_some_and(|m| m.table != target.table) {
            return Ok(Decided::Forget(Committed::ShutOut));
        }
        if found.as_ref().map(Table::fingerprint) != plan.on {
            return Ok(Decided::Forget(Committed::Moved));
        }
        let prepared = prepare(client, &marks, (&place, found), target, &plan, false).await?;
        prepared.apply().await?;
        marks
            .write(target, &place.quoted(), record, prepared.created, ctx.clock.now())
            .await?;
        run(client, &removal, "remove staged rows").await?;
        Ok(Decided::Keep(Committed::Written(record.n)))
    }
}

/// What becomes of a transaction.
enum Decided {
    Keep(Committed),
    Forget(Committed),
}

/// The table, locked for the change.
async fn locked(client: &Client, place: &Place, change: &Change) -> Result<Option<Table>> {
    let Some(table) = Table::find(client, place).await? else {
        return Ok(None);
    };
    let lock = table.lock_for(change);
    client.batch_execute(&lock).await.map_err(failed("lock the table"))?;
    Table::find(client, place).await
}

/// The columns of a table, as this sink would have made them.
fn own_columns(schema: &Schema, table: &Table) -> Result<String> {
    let each = schema.fields().iter().enumerate().map(|(at, f)| {
        let (value, of) = (format!("t.{}", quoted(f.name())), Type::of(f)?);
        let value = match table.column(f.name()) {
            Some(column) => column.give(&value, &of),
            None => format!("{value}::{}", of.postgres()),
        };
        Ok(format!("{value} as c{at}"))
    });
    Ok(each.collect::<Result<Vec<_>>>()?.join(", "))
}

#[async_trait]
impl Sink for Database {
    fn identity(&self) -> String {
        format!("{}?schema={}", self.sessions.door.identity, self.schema)
    }

    fn claims(&self) -> bool {
        false
    }

    async fn head(&self, target: &Target, ctx: &Ctx) -> Result<Head> {
        let head = self.look(ctx, async |client| self.head_of(client, target).await).await;
        head.map_err(|e| self.about(target, e))
    }

    async fn stage(
        &self,
        target: &Target,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<Rows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        let beside = self.place(target)?;
        let incoming = Incoming::Rows(schema, rows);
        let staged = staging::write(&self.sessions, &beside, target.asset, incoming, ctx).await;
        staged.map_err(|e| self.about(target, e))
    }

    fn wire_form(&self) -> Option<&'static str> {
        Some(wire::FORM)
    }

    async fn refuses(&self, target: &Target, wire: &Wire, anew: bool, ctx: &Ctx) -> Result<Option<String>> {
        let (place, columns) = (self.place(target)?, wire::columns_of(wire)?);
        let refusal = self.look(ctx, async |client| {
            let marks = self.marks(client);
            let found = Table::find(client, &place).await?;
            let mark = match marks.exist().await? {
                true => marks.of_place(&place.quoted()).await?,
                false => None,
            };
            let is_ours = found.as_ref().is_some_and(|t| mark.is_some_and(|m| m.made(t.oid)));
            // A table of ours that is made anew has the types of what comes; another one keeps its own.
            let stays = found.filter(|_| !(anew && is_ours));
            wire::refusal(client, &columns, stays.as_ref(), is_ours).await
        });
        refusal.await.map_err(|e| self.about(target, e))
    }

    async fn stage_wire(
        &self,
        target: &Target,
        wire: Wire,
        rows: BoxStream<'static, Result<WireRows>>,
        ctx: &Ctx,
    ) -> Result<Staged> {
        let beside = self.place(target)?;
        let incoming = Incoming::Wire(wire, rows);
        let staged = staging::write(&self.sessions, &beside, target.asset, incoming, ctx).await;
        staged.map_err(|e| self.about(target, e))
    }

    async fn sift(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        ctx: &Ctx,
    ) -> Result<Sifted> {
        let whole = || Sifted {
            staged: staged.to_vec(),
            ..Sifted::default()
        };
        // Without one of its rows a history would tell of a time that was not.
        if staged.is_empty() || matches!(change, Change::History { .. }) {
            return Ok(whole());
        }
        let place = self.place(target)?;
        let plan = Plan {
            on: None,
            schema,
            change: change.clone(),
            staged: staged.to_vec(),
        };
        let client = self.sessions.begin(Begin::ToWrite, ctx).await?;
        let sifted = async {
            let found = Table::find(&client, &place).await?;
            let marks = self.marks(&client);
            let prepared = prepare(&client, &marks, (&place, found), target, &plan, false).await?;
            sift(&prepared, target, staged).await
        };
        match ctx.or_cancelled(sifted).await {
            Ok(Some(sifted)) => {
                self.sessions.commit(client).await.map_err(|e| self.about(target, e))?;
                reach(Boundary::SqlStaged);
                Ok(sifted)
            }
            Ok(None) => {
                self.sessions.roll_back(client).await;
                Ok(whole())
            }
            Err(error) => {
                self.sessions.door.cancel(&client).await;
                Err(self.about(target, error))
            }
        }
    }

    async fn work_out(
        &self,
        target: &Target,
        schema: SchemaRef,
        change: &Change,
        staged: &[Staged],
        grains: &[Grain],
        ctx: &Ctx,
    ) -> Result<WorkedOut> {
        let place = self.place(target)?;
        let worked = self.look(ctx, async |client| {
            let found = Table::find(client, &place).await?;
            let plan = Plan {
                on: found.as_ref().map(Table::fingerprint),
                schema,
                change: change.clone(),
                staged: staged.to_vec(),
            };
            let marks = self.marks(client);
            let prepared = prepare(client, &marks, (&place, found), target, &plan, true).await?;
            prepared.difference(grains, &plan).await
        });
        worked.await.map_err(|e| self.about(target, e))
    }

    async fn view(&self, target: &Target, plan: &Value, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let (plan, place) = (Plan::read(plan)?, self.place(target)?);
        let query = self.look(ctx, async |client| {
            let found = Table::find(client, &place).await?;
            let prepared = prepare(client, &self.marks(client), (&place, found), target, &plan, false).await?;
            prepared.as_it_would_be()
        });
        Ok(Arc::new(View {
            query: query.await.map_err(|e| self.about(target, e))?,
            sessions: self.sessions.clone(),
            schema: plan.schema.clone(),
            doing: format!("read {} as it would be", place.quoted()),
            still: None,
            ctx: ctx.clone(),
        }))
    }

    async fn staged(&self, target: &Target, staged: &[Staged], ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let pieces = staging::pieces(staged)?;
        let mut schema: Option<SchemaRef> = None;
        for piece in &pieces {
            schema = Some(match schema {
                Some(schema) if schema == piece.columns => schema,
                Some(schema) => common(&schema, &piece.columns)?,
                None => piece.columns.clone(),
            });
        }
        let schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
        let mut selects = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            let each = schema.fields().iter().enumerate().map(|(at, field)| {
                let of = Type::of(field)?.postgres();
                Ok(match piece.columns.field_with_name(field.name()) {
                    Ok(there) => {
                        let value = recast(&quoted(field.name()), &piece.declared(there)?, &of, &Type::of(there)?);
                        format!("{value} as c{at}")
                    }
                    Err(_) => format!("null::{of} as c{at}"),
                })
            });
            let each = each.collect::<Result<Vec<_>>>()?.join(", ");
            let and = if piece.deletes {
                format!(" where not {DELETES}")
            } else {
                String::new()
            };
            selects.push(format!("select {each} from {}{and}", piece.place()?.quoted()));
        }
        if selects.is_empty() {
            selects.push("select where false".into());
        }
        let there = self.look(ctx, async |client| staging::are_there(client, &pieces).await);
        there.await.map_err(|e| self.about(target, e))?;
        Ok(Arc::new(View {
            query: selects.join(" union all "),
            sessions: self.sessions.clone(),
            schema,
            doing: "read staged rows".into(),
            still: None,
            ctx: ctx.clone(),
        }))
    }

    async fn at(&self, target: &Target, version: u64, ctx: &Ctx) -> Result<Arc<dyn Relation>> {
        let head = self.head(target, ctx).await?;
        let place = self.place(target)?;
        let (Some(schema), true) = (head.schema, head.version == version) else {
            return Err(Error::new(
                Kind::NotFound,
                format!("{} has no version {version} in PostgreSQL", target.name),
            )
            .hint("PostgreSQL keeps the newest version alone"));
        };
        let columns = self.look(ctx, async |client| match Table::find(client, &place).await? {
            Some(table) => own_columns(&schema, &table),
            None => Err(Error::new(
                Kind::NotFound,
                format!("there is no table {}", place.quoted()),
            )),
        });
        let columns = columns.await.map_err(|e| self.about(target, e))?;
        Ok(Arc::new(View {
            query: format!("select {columns} from {} t", place.quoted()),
            sessions: self.sessions.clone(),
            schema,
            doing: format!("read {}", place.quoted()),
            still: Some(format!(
                "select exists (select from {}._segue_heads where asset = '{}' and n = {}) or {} = 0",
                quoted(&self.schema),
                target.asset,
                head.n,
                head.n
            )),
            ctx: ctx.clone(),
        }))
    }

    async fn claim(&self, _record: &CommitRecord, _ctx: &Ctx) -> Result<Claim> {
        Ok(Claim::Ours)
    }

    async fn highest(&self, target: &Target, ctx: &Ctx) -> Result<u64> {
        Ok(self.head(target, ctx).await?.n)
    }

    async fn lies_ready(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<()> {
        let Some(part) = record.parts.get(part) else {
            return Err(Error::bug(format!("{record} has no part {part}")));
        };
        let pieces = staging::pieces(&part.staged)?;
        let there = self.look(ctx, async |client| staging::are_there(client, &pieces).await);
        there.await.map_err(|e| match e.kind() {
            Kind::NotFound => Error::new(Kind::BadData, "rows that were staged are gone").caused_by(e),
            _ => self.about(&part.target, e),
        })
    }

    async fn commit(&self, record: &CommitRecord, part: usize, ctx: &Ctx) -> Result<Committed> {
        let about = |e| match record.parts.get(part) {
            Some(part) => self.about(&part.target, e),
            None => e,
        };
        if !self.is_marked.load(Ordering::Relaxed) {
            marks::create(&self.sessions, &self.schema, ctx).await.map_err(about)?;
            self.is_marked.store(true, Ordering::Relaxed);
        }
        let client = self.sessions.begin(Begin::ToWrite, ctx).await?;
        // Not given up half-way: with the connection the transaction goes, and the next try finds what became of it.
        match self.commit_in(&client, record, part, ctx).await.map_err(|e| {
            self.is_marked.store(false, Ordering::Relaxed);
            about(e)
        })? {
            Decided::Keep(committed) => {
                self.sessions.commit(client).await.map_err(about)?;
                reach(Boundary::SqlCommitted);
                Ok(committed)
            }
            Decided::Forget(committed) => {
                self.sessions.roll_back(client).await;
                Ok(committed)
            }
        }
    }

    async fn discard(&self, target: &Target, staged: &[Staged], _plan: Option<&Value>, ctx: &Ctx) -> Result<()> {
        let removal = staging::removal(&staging::pieces(staged)?)?;
        self.remove(removal, ctx).await.map_err(|e| self.about(target, e))
    }

    async fn sweep(&self, target: &Target, named: &[Staged], ctx: &Ctx) -> Result<()> {
        let left = self.look(ctx, async |client| {
            staging::left_over(client, target.asset, named).await
        });
        let left = left.await.map_err(|e| self.about(target, e))?;
        self.remove(left, ctx).await.map_err(|e| self.about(target, e))
    }

    async fn records(&self, target: &Target, ctx: &Ctx) -> Result<Vec<CommitRecord>> {
        let records = self.look(ctx, async |client| {
            let marks = self.marks(client);
            if !marks.exist().await? {
                return Ok(Vec::new());
            }
            let head = marks.of_asset(target.asset).await?.map_or(0, |m| m.n);
            let mut along = Vec::new();
            marks.each(target.asset, (0, head), |record| along.push(record)).await?;
            // Those from which the head was come to.
            let mut next = head;
            along.reverse();
            along.retain(|record| {
                let is_next = record.n == next;
                next = if is_next { record.predecessor } else { next };
                is_next
            });
            along.reverse();
            Ok(along)
        });
        records.await.map_err(|e| self.about(target, e))
    }

    async fn tables(&self, ctx: &Ctx) -> Result<Vec<Result<Target>>> {
        self.look(ctx, async |client| {
            let marks = self.marks(client);
            if !marks.exist().await? {
                return Ok(Vec::new());
            }
            let mut found = Vec::new();
            for mark in marks.all().await? {
                let record = match marks.record(mark.asset, mark.n).await {
                    Ok(Some(record)) => Ok(record),
                    Ok(None) => Err(Error::new(
                        Kind::BadData,
                        format!("the record of commit {} of asset {} is gone", mark.n, mark.asset),
                    )
                    .hint("put the table _segue_commits back from a backup, or the whole database")),
                    Err(error) => Err(error),
                };
                // The connection may be called otherwise in this project than in the one that wrote it.
                found.push(record.map(|record| Target {
                    connection: Some(self.connection.clone()),
                    ..record.own().target.clone()
                }));
            }
            Ok(found)
        })
        .await
    }

    async fn changes(&self, target: &Target, since: u64, until: u64, ctx: &Ctx) -> Result<Vec<LoggedChange>> {
        let changes = self.look(ctx, async |client| {
            let (marks, mut changes) = (self.marks(client), Vec::new());
            if !marks.exist().await? {
                return Ok(changes);
            }
            let change = |record: CommitRecord| LoggedChange {
                version: record.n,
                n: Some(record.n),
                data_changed: !record.footprint.is_nothing(),
            };
            marks
                .each(target.asset, (since, until), |record| changes.push(change(record)))
                .await?;
            Ok(changes)
        });
        changes.await.map_err(|e| self.about(target, e))
    }

    async fn drop_table(&self, target: &Target, ctx: &Ctx) -> Result<()> {
        let dropped = async {
            let place = self.place(target)?;
            let client = self.sessions.begin(Begin::ToWrite, ctx).await?;
            let marks = self.marks(&client);
            if marks.exist().await? {
                // A commit that is under way comes first.
                marks.hold(target.asset, &place.quoted()).await?;
            }
            let mark = change::mark(&marks, &place, target).await?;
            match (mark, Table::find(&client, &place).await?) {
                (Some(mark), Some(table)) if mark.made(table.oid) => {
                    run(&client, &format!("drop table {}", place.quoted()), "drop the table").await?;
                }
                (None, Some(_)) => {
                    return Err(Error::new(
                        Kind::Conflict,
                        format!("the table {} has no mark of Segue", place.quoted()),
                    )
                    .code(codes::POSTGRES_OTHER_TABLE)
                    .hint("another program made it; drop it there"));
                }
                // A table that was there before stays, with its rows.
                _ => {}
            }
            if marks.exist().await? {
                marks.forget(target.asset).await?;
            }
            let staged = staging::left_over(&client, target.asset, &[]).await?;
            run(&client, &staged, "remove staged rows").await?;
            self.sessions.commit(client).await
        };
        dropped.await.map_err(|e| self.about(target, e))
    }
}
