//! The changes in which rows meet by a key, carried out on any sink and on a list of rows: both must come to the same.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Schema, SchemaRef};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use segue_core::commit::{CommitRecord, LedgerChange, Part, Role};
use segue_core::engine::Relation;
use segue_core::sink::*;
use segue_core::{AssetId, CommitId, Ctx, Span, TableId, Type};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a table's rows are changed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// [`Change::DeleteInsert`].
    DeleteInsert,
    /// [`Change::History`].
    History,
    /// [`Change::Merge`] that marks what is missing, or now and then does not know what is.
    Soft,
    /// [`Change::Merge`] that deletes what is missing, or now and then keeps it.
    Hard,
}

impl Mode {
    /// All of them.
    pub const ALL: [Mode; 4] = [Mode::DeleteInsert, Mode::History, Mode::Soft, Mode::Hard];
}

/// A row that comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The key.
    pub id: i64,
    /// What it is called.
    pub name: Option<&'static str>,
    /// What readers range over.
    pub day: i64,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kept {
    id: i64,
    name: Option<String>,
    day: i64,
    from: Option<i64>,
    to: Option<i64>,
    current: Option<bool>,
    deleted: Option<i64>,
}

impl Kept {
    fn of(row: &Row) -> Kept {
        Kept {
            id: row.id,
            name: row.name.map(str::to_string),
            day: row.day,
            from: None,
            to: None,
            current: None,
            deleted: None,
        }
    }

    fn is(&self, row: &Row) -> bool {
        (self.id, self.name.as_deref(), self.day) == (row.id, row.name, row.day)
    }
}

/// Numbers that look like chance, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Plays many changes of one mode on a table of the sink, and compares each with a list of rows: what was worked out, what is seen before
/// the commit and what is there after it, and that a record which was read back, and one that is committed again, change nothing of that.
///
/// # Panics
/// Where the sink comes to something else.
pub async fn play(sink: &Arc<dyn Sink>, mode: Mode, seed: u64, ctx: &Ctx) {
    let mut dice = Dice(seed);
    let name = format!("raw.{mode:?}_{seed}").to_lowercase();
    let mut bed = Bed {
        sink: sink.clone(),
        ctx: ctx.clone(),
        target: Target {
            asset: AssetId::random(),
            table: TableId::random(),
            name: name.parse().expect("a name"),
            place: name.replace('.', "_"),
            connection: Some("app".into()).filter(|_| !sink.claims()),
        },
        n: 0,
        table: Vec::new(),
    };
    let mut now = 1_704_067_200_000_000;
    for step in 0..10 {
        // Now and then the clock is set back.
        now = now + 1_000_000 - dice.below(2) as i64 * dice.below(3_000_000) as i64;
        let mut rows: Vec<(Row, bool)> = (0..dice.below(7)).map(|_| some_row(&mut dice)).collect();
        if mode != Mode::DeleteInsert {
            let mut seen = BTreeSet::new();
            rows.retain(|(row, _)| seen.insert(row.id));
        }
        let at = Timestamp::from_microsecond(now).expect("a time");
        let is_known = step == 0 || dice.below(4) > 0;
        let key = || vec!["id".to_string()];
        let change = match mode {
            Mode::DeleteInsert => Change::DeleteInsert { key: key() },
            Mode::History => Change::History { key: key(), at },
            Mode::Soft if is_known => Change::Merge {
                key: key(),
                missing: Missing::Mark { at },
            },
            Mode::Soft => Change::Merge {
                key: key(),
                missing: Missing::Unknown,
            },
            Mode::Hard if is_known => Change::Merge {
                key: key(),
                missing: Missing::Delete,
            },
            Mode::Hard => Change::merge(key()),
        };
        bed.step(
            &change,
            &rows,
            &format!("{mode:?} {seed} step {step}: {change:?} {rows:?}"),
        )
        .await;
    }
}

fn some_row(dice: &mut Dice) -> (Row, bool) {
    let row = Row {
        id: dice.below(5) as i64,
        name: [None, Some("a"), Some("A")][dice.below(3) as usize],
        day: dice.below(3) as i64,
    };
    (row, dice.below(6) == 0)
}

struct Bed {
    sink: Arc<dyn Sink>,
    ctx: Ctx,
    target: Target,
    n: u64,
    table: Vec<Kept>,
}

impl Bed {
    async fn step(&mut self, change: &Change, rows: &[(Row, bool)], what: &str) {
        let (sink, target, ctx) = (&self.sink, &self.target, &self.ctx);
        let (after, missing) = expected(&self.table, change, rows);
        let half = rows.len() / 2;
        let mut staged = Vec::new();
        for part in [&rows[..half], &rows[half..]] {
            let rows = stream::iter([Ok(batch(part))]).boxed();
            staged.push(sink.stage(target, data(), rows, ctx).await.expect(what));
        }
        let schema = with(&change.own_columns());
        let grains = [Grain {
            column: "day".into(),
            bounds: Vec::new(),
        }];
        let worked = sink
            .work_out(target, schema.clone(), change, &staged, &grains, ctx)
            .await
            .expect(what);
        let (came, went) = (less(&after, &self.table), less(&self.table, &after));
        assert_eq!(
            (worked.rows_written, worked.rows_removed),
            (came.len() as u64, went.len() as u64),
            "{what}"
        );
        assert_eq!(worked.missing, missing, "{what}");
        for day in 0..3 {
            let told = worked.footprint.meets("day", &Span::new(day, day + 1));
            let is = came.iter().chain(&went).any(|r| r.day == day);
            assert_eq!(told, is, "day {day} of {what}: {:?}", worked.footprint);
        }
        if came.is_empty() && went.is_empty() {
            assert!(worked.unchanged || self.n == 0, "{what}");
            assert!(worked.footprint.is_nothing(), "{what}: {:?}", worked.footprint);
        }
        let view = sink.view(target, &worked.plan, ctx).await.expect(what);
        assert_eq!(seen(&view).await, after, "as it would be after {what}");
        let record = self.record(change, schema, staged, grains.to_vec(), worked).await;
        // Another process has it from the state.
        let text = serde_json::to_string(&record).expect(what);
        let read: CommitRecord = serde_json::from_str(&text).expect(what);
        assert_eq!(read, record, "{what}");
        assert_eq!(sink.claim(&read, ctx).await.expect(what), Claim::Ours);
        let done = sink.commit(&read, 0, ctx).await.expect(what);
        assert!(matches!(done, Committed::Written(_)), "{done:?} of {what}");
        let again = sink.commit(&read, 0, ctx).await.expect(what);
        assert!(matches!(again, Committed::AlreadyThere(_)), "{again:?} of {what}");
        let head = sink.head(target, ctx).await.expect(what);
        let there = sink.at(target, head.version, ctx).await.expect(what);
        assert_eq!(seen(&there).await, after, "{what}");
        (self.n, self.table) = (record.n, after);
    }

    async fn record(
        &self,
        change: &Change,
        schema: SchemaRef,
        staged: Vec<Staged>,
        grains: Vec<Grain>,
        worked: WorkedOut,
    ) -> CommitRecord {
        let part = Part {
            role: Role::Table,
            target: self.target.clone(),
            predecessor: self.n,
            change: change.clone(),
            schema,
            staged,
            grains,
            plan: worked.plan,
        };
        CommitRecord {
            format: CommitRecord::FORMAT,
            n: self.n + 1,
            id: CommitId::random(),
            predecessor: self.n,
            asset: self.target.asset,
            name: self.target.name.clone(),
            table: self.target.table,
            read_at: Timestamp::UNIX_EPOCH,
            run: None,
            position: None,
            inputs: Vec::new(),
            ledger: LedgerChange::default(),
            footprint: worked.footprint,
            whole_ledger: None,
            columns: None,
            handled: None,
            parts: vec![part],
        }
    }
}

/// The table after the change, sorted, and what was missing.
fn expected(table: &[Kept], change: &Change, rows: &[(Row, bool)]) -> (Vec<Kept>, MissingRows) {
    let mut after = table.to_vec();
    let mut found = MissingRows::default();
    let comes = |id: i64| rows.iter().any(|(row, _)| row.id == id);
    match change {
        Change::DeleteInsert { .. } => {
            after.retain(|kept| !comes(kept.id));
            after.extend(
                rows.iter()
                    .filter(|(_, deletes)| !deletes)
                    .map(|(row, _)| Kept::of(row)),
            );
        }
        Change::History { at, .. } => {
            for (row, deletes) in rows {
                follow(&mut after, row, *deletes, at.as_microsecond());
            }
        }
        Change::Merge { missing, .. } => {
            let is_there = |kept: &&Kept| kept.deleted.is_none();
            if missing.is_told() {
                found.of = table.iter().filter(is_there).count() as u64;
                found.gone = table.iter().filter(is_there).filter(|kept| !comes(kept.id)).count() as u64;
            }
            match missing {
                Missing::Keep | Missing::Unknown => {}
                Missing::Delete => after.retain(|kept| comes(kept.id)),
                Missing::Mark { at } => {
                    let gone = after
                        .iter_mut()
                        .filter(|kept| !comes(kept.id) && kept.deleted.is_none());
                    gone.for_each(|kept| kept.deleted = Some(at.as_microsecond()));
                }
            }
            after.retain(|kept| !comes(kept.id));
            after.extend(
                rows.iter()
                    .filter(|(_, deletes)| !deletes)
                    .map(|(row, _)| Kept::of(row)),
            );
        }
        other => panic!("{other:?} is not played here"),
    }
    after.sort();
    (after, found)
}

fn follow(table: &mut Vec<Kept>, row: &Row, deletes: bool, at: i64) {
    let last = table
        .iter()
        .filter(|kept| kept.id == row.id)
        .filter_map(|kept| kept.to)
        .max();
    let mut begins = last.map_or(at, |last| at.max(last));
    if let Some(current) = table
        .iter_mut()
        .find(|kept| kept.id == row.id && kept.current == Some(true))
    {
        if !deletes && current.is(row) {
            return;
        }
        begins = begins.max(current.from.unwrap_or(i64::MIN).saturating_add(1));
        (current.to, current.current) = (Some(begins), Some(false));
    }
    if !deletes {
        table.push(Kept {
            from: Some(begins),
            current: Some(true),
            ..Kept::of(row)
        });
    }
}

/// The rows of one that the other has not, as often as it has not.
fn less(of: &[Kept], without: &[Kept]) -> Vec<Kept> {
    let mut counts: BTreeMap<Kept, usize> = BTreeMap::new();
    for kept in without {
        *counts.entry(kept.clone()).or_default() += 1;
    }
    let is_new = |kept: &&Kept| match counts.get_mut(*kept) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    of.iter().filter(is_new).cloned().collect()
}

fn data() -> SchemaRef {
    with(&[])
}

fn with(own: &[arrow_schema::Field]) -> SchemaRef {
    let data = [
        Type::Int64.field("id", true),
        Type::String.field("name", true),
        Type::Int64.field("day", true),
    ];
    Arc::new(Schema::new(
        data.into_iter().chain(own.iter().cloned()).collect::<Vec<_>>(),
    ))
}

fn batch(rows: &[(Row, bool)]) -> Rows {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|(r, _)| Some(r.id)).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|(r, _)| r.name).collect::<StringArray>()),
        Arc::new(rows.iter().map(|(r, _)| Some(r.day)).collect::<Int64Array>()),
    ];
    Rows {
        batch: RecordBatch::try_new(data(), columns).expect("rows of these columns"),
        deletes: Some(rows.iter().map(|(_, deletes)| Some(*deletes)).collect::<BooleanArray>()),
    }
}

/// The rows that a relation has, sorted.
async fn seen(relation: &Arc<dyn Relation>) -> Vec<Kept> {
    let batches = relation.scan(None).await.expect("its rows");
    let batches: Vec<RecordBatch> = batches.try_collect().await.expect("its rows");
    let mut kept: Vec<Kept> = batches
        .iter()
        .flat_map(|b| (0..b.num_rows()).map(|row| kept(b, row)))
        .collect();
    kept.sort();
    kept
}

fn kept(batch: &RecordBatch, row: usize) -> Kept {
    let column = |name: &str| batch.column_by_name(name).filter(|c| c.is_valid(row));
    let number = |name: &str| column(name).map(|c| c.as_primitive::<Int64Type>().value(row));
    let instant = |name: &str| column(name).map(|c| c.as_primitive::<TimestampMicrosecondType>().value(row));
    Kept {
        id: number("id").expect("a key"),
        name: column("name").map(|c| c.as_string::<i32>().value(row).to_string()),
        day: number("day").expect("a day"),
        from: instant(VALID_FROM),
        to: instant(VALID_TO),
        current: column(CURRENT).map(|c| c.as_boolean().value(row)),
        deleted: instant(DELETED_AT),
    }
}
