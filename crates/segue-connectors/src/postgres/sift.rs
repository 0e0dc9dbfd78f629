//! Sifting: rows that the table's own rules do not let in are taken out of what lies staged, each with the rule that it breaks.
//!
//! What a query can ask about is asked of all rows at once ([`super::rules`]). Where the table has other rules (triggers, exclusion, indexes
//! over a part of it), the change is tried in a transaction that is taken back: whole, and where that fails in halves.

use super::allow::taken;
use super::change::Prepared;
use super::errors::{COLUMN, RULE, fact, refuses_a_row, sqlstate};
use super::place::{literal, quoted};
use super::rules::{Rules, says};
use super::staging::{self, Piece};
use super::target::{Table, read};
use crate::halves::{Halves, untold, within};
use arrow_schema::Schema;
use segue_core::sink::{REFUSED_AS, REFUSED_BY, REFUSED_FOR, Sifted, Staged, Target, refused_columns};
use segue_core::{Error, Result, Type};
use serde_json::json;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

/// How often all rules are asked about until no row is found any more: a row that is taken out may be what another one needs.
const MOST_ROUNDS: usize = 100;

/// How often parts of the rows are tried; each costs a few ways to the server and back.
const MOST_TRIES: u32 = 20_000;

/// Rows that are told of in one statement.
const TOLD: usize = 500;

/// Rows that are taken out of one piece.
struct TakenOut {
    of: usize,
    into: Piece,
    rows: u64,
}

struct Sieve<'a> {
    prepared: &'a Prepared<'a>,
    table: &'a Table,
    target: &'a Target,
    taken: Vec<TakenOut>,
}

/// Takes the rows out of the change's pieces that the table does not let in, in a transaction that has to be committed then. `None`: there are none,
/// and nothing was changed that counts.
///
/// # Errors
/// As working the change out. `BadData` where the table refuses rows, and which cannot be told.
pub(super) async fn sift(prepared: &Prepared<'_>, target: &Target, staged: &[Staged]) -> Result<Option<Sifted>> {
    let Some(table) = &prepared.found else { return Ok(None) };
    prepared.check_columns().await?;
    let mut rules = Rules::of(prepared, table).await?;
    if prepared.created && rules.are_none() {
        return Ok(None);
    }
    prepared
        .run("create temp table _segue_broken (piece oid, id tid, rule text, col text, reason text) on commit drop")
        .await?;
    let mut sieve = Sieve {
        prepared,
        table,
        target,
        taken: Vec::new(),
    };
    if !prepared.created {
        sieve.values().await?;
    }
    prepared.check_rows(target).await?;
    sieve.all(&mut rules).await?;
    if sieve.taken.is_empty() {
        return Ok(None);
    }
    sieve.sifted(staged).await.map(Some)
}

impl Sieve<'_> {
    /// Takes the rows out with a value that a column does not hold as it is.
    async fn values(&mut self) -> Result<()> {
        let Prepared { columns, pieces, .. } = self.prepared;
        for column in columns.iter().filter(|c| c.comes) {
            let Some(there) = self.table.column(&column.name) else {
                continue;
            };
            for piece in pieces {
                let Some(taken) = taken(self.table, column, piece)? else {
                    continue;
                };
                let from = piece.place()?.quoted();
                let broken = |reason: &str, which: &str| {
                    format!(
                        "select p.tableoid, p.ctid, null, {}, {reason} from {from} p{which}",
                        literal(&column.name)
                    )
                };
                let asked = self.attempt(self.prepared.count(&taken.asked(piece)?)).await?;
                if let Err(why) = &asked {
                    let field = piece
                        .columns
                        .field_with_name(&column.name)
                        .map_err(|e| Error::bug("a column that comes is in none of the pieces").caused_by(e))?;
                    let own = Type::of(field)?;
                    let takes = format!(
                        "create function pg_temp._segue_takes(v {}) returns text language plpgsql as $segue$ begin
                            perform {}; return null;
                         exception when data_exception or integrity_constraint_violation then return sqlstate; end $segue$",
                        own.postgres(),
                        there.take("v", &own, &self.table.place)
                    );
                    if self.attempt(self.prepared.run(&takes)).await?.is_err() {
                        return Err(why.again());
                    }
                    let reason = format!(
                        "{} || s.state || ')'",
                        literal(&format!(
                            "its value is none of the column `{}` of the table, {} (SQLSTATE ",
                            column.name, column.declared
                        ))
                    );
                    let state = format!(
                        "pg_temp._segue_takes({})",
                        read(&format!("p.{}", column.quoted), &piece.declared(field)?, &own)
                    );
                    let which = format!(", lateral (select {state} as state) s where s.state is not null");
                    self.take_out(&broken(&reason, &which)).await?;
                    self.prepared.run("drop function pg_temp._segue_takes").await?;
                }
                if let (Some(bent), false) = (&taken.bent, matches!(asked, Ok(0))) {
                    let reason = format!(
                        "its value would be changed by the column `{}` of the table, {}",
                        column.name, column.declared
                    );
                    self.take_out(&broken(&literal(&reason), &format!(" where {bent}")))
                        .await?;
                }
            }
        }
        Ok(())
    }

    /// Takes all rows out that break a rule.
    async fn all(&mut self, rules: &mut Rules) -> Result<()> {
        for _ in 0..MOST_ROUNDS {
            if self.asked(rules).await? > 0 {
                continue;
            }
            if !rules.others {
                return Ok(());
            }
            let Some(why) = self.tried().await? else { return Ok(()) };
            if self.halved(rules, &why).await? == 0 {
                return Err(untold(why));
            }
        }
        match self.tried().await? {
            Some(why) => Err(untold(why)),
            None => Ok(()),
        }
    }

    /// Takes the rows out that break a rule which can be asked about; how many. One whose question is refused is one of the others.
    async fn asked(&mut self, rules: &mut Rules) -> Result<u64> {
        let (incoming, mut found, mut at) = (self.prepared.incoming()?, 0, 0);
        while let Some(rule) = rules.asked.get(at) {
            let reason = reason(rule.name.as_deref(), rule.column.as_deref(), rule.state);
            let of = |text: &Option<String>| text.as_deref().map_or("null".into(), literal);
            let broken = format!(
                "select i.piece, i.id, {}, {}, {} from {incoming} i where not i.d and {}",
                of(&rule.name),
                of(&rule.column),
                literal(&reason),
                rule.broken
            );
            match self.attempt(self.noted(&broken)).await? {
                Ok(0) => at += 1,
                Ok(_) => {
                    found += self.take_noted().await?;
                    at += 1;
                }
                Err(_) => {
                    rules.asked.remove(at);
                    rules.others = true;
                }
            }
        }
        Ok(found)
    }

    /// Carries the change out and takes it back; why the table refuses it.
    async fn tried(&self) -> Result<Option<Error>> {
        let prepared = self.prepared;
        prepared
            .run(&format!(
                "{}; savepoint segue_tried",
                self.table.lock_for(prepared.change)
            ))
            .await?;
        let done = async {
            prepared.apply().await?;
            prepared.run("set constraints all immediate").await
        };
        let why = match done.await {
            Ok(_) => None,
            Err(error) if refuses_a_row(&error) => Some(error),
            Err(error) => return Err(error),
        };
        prepared
            .run("rollback to savepoint segue_tried; release savepoint segue_tried")
            .await?;
        Ok(why)
    }

    /// Carries the change out in parts, takes it back, and then takes the rows out that failed alone; how many.
    async fn halved(&mut self, rules: &Rules, why: &Error) -> Result<u64> {
        let prepared = self.prepared;
        prepared
            .run(&format!(
                "create temp table _segue_numbered on commit drop as
                     select pg_catalog.row_number() over (order by i.piece, i.id) as n, i.* from {} i where not i.d;
                 create unique index on pg_temp._segue_numbered (n); analyze pg_temp._segue_numbered; savepoint segue_halved",
                prepared.incoming()?
            ))
            .await?;
        let many = prepared.count("select count(*) from pg_temp._segue_numbered").await?;
        // What fails here is no row's fault that comes.
        let coming = prepared.take_away(self.table).await?;
        if !rules.waiting.is_empty() {
            prepared
                .run(&format!("set constraints {} immediate", rules.waiting.join(", ")))
                .await?;
        }
        let (mut halves, mut reasons) = (Halves::of(1..many + 1, MOST_TRIES), BTreeMap::new());
        while let Some(part) = halves.part() {
            if halves.is_enough() {
                return Err(untold(why.again()));
            }
            let rows = format!("(select * from pg_temp._segue_numbered where {})", within("n", &part));
            match self.attempt(prepared.bring(self.table, &coming, &rows)).await? {
                Ok(()) => {}
                Err(error) if !refuses_a_row(&error) => return Err(error),
                Err(error) => {
                    if let Some(row) = halves.failed(part) {
                        reasons.insert(row, error);
                    }
                }
            }
        }
        prepared
            .run("rollback to savepoint segue_halved; release savepoint segue_halved")
            .await?;
        let refused = halves.refused();
        // Who breaks these was asked of all rows at once: that one breaks it only on its way is no fault of the row's.
        let is_judged = |error: &Error| {
            rules
                .asked
                .iter()
                .any(|r| r.name.is_some() && r.name.as_deref() == fact(error, RULE))
        };
        let told: Vec<(u64, &Error)> = refused
            .iter()
            .filter_map(|row| Some((*row, reasons.get(row)?)))
            .collect();
        if told.iter().any(|(_, error)| is_judged(error)) {
            return Err(untold(why.again()));
        }
        let mut found = 0;
        for some in told.chunks(TOLD) {
            let rows: Vec<String> = some.iter().map(|(row, error)| noted_row(*row, error)).collect();
            let broken = format!(
                "select k.piece, k.id, f.rule, f.col, f.reason from pg_temp._segue_numbered k
                 join (values {}) f(n, rule, col, reason) on f.n = k.n",
                rows.join(", ")
            );
            found += self.take_out(&broken).await?;
        }
        prepared.run("drop table pg_temp._segue_numbered").await?;
        Ok(found)
    }

    async fn take_out(&mut self, broken: &str) -> Result<u64> {
        match self.noted(broken).await? {
            0 => Ok(0),
            _ => self.take_noted().await,
        }
    }

    /// Notes the rows that this query tells of: where they lie, the rule, the column, the reason.
    async fn noted(&self, broken: &str) -> Result<u64> {
        self.prepared
            .run(&format!("insert into pg_temp._segue_broken {broken}"))
            .await
    }

    /// Takes the rows out that are noted.
    async fn take_noted(&mut self) -> Result<u64> {
        let Prepared { client, pieces, .. } = self.prepared;
        let mut all = 0;
        for (of, piece) in pieces.iter().enumerate() {
            let from = piece.place()?.quoted();
            let noted = format!(
                "select count(*) from pg_temp._segue_broken where piece = {}::regclass",
                literal(&from)
            );
            if self.prepared.count(&noted).await? == 0 {
                continue;
            }
            let at = match self.taken.iter().position(|t| t.of == of) {
                Some(at) => at,
                None => {
                    let own = piece.columns.fields().iter().cloned();
                    let columns = own.chain(refused_columns().map(Arc::new)).collect::<Vec<_>>();
                    let (beside, asset) = (&self.prepared.place, self.target.asset);
                    let into = staging::make(
                        client,
                        beside,
                        asset,
                        &Arc::new(Schema::new(columns)),
                        piece.wire.clone(),
                        false,
                    )
                    .await?;
                    self.taken.push(TakenOut { of, into, rows: 0 });
                    self.taken.len() - 1
                }
            };
            let names: Vec<String> = piece.columns.fields().iter().map(|f| quoted(f.name())).collect();
            let own: Vec<String> = names.iter().map(|name| format!("p.{name}")).collect();
            let rows = self
                .prepared
                .run(&format!(
                    "with gone as (delete from {from} p using pg_temp._segue_broken b where b.piece = p.tableoid and b.id = p.ctid
                        returning {}, b.rule, b.col, b.reason)
                     insert into {} ({}, {REFUSED_BY}, {REFUSED_FOR}, {REFUSED_AS}) select * from gone",
                    own.join(", "),
                    self.taken[at].into.place()?.quoted(),
                    names.join(", "),
                ))
                .await?;
            self.taken[at].rows += rows;
            all += rows;
        }
        self.prepared.run("truncate pg_temp._segue_broken").await?;
        Ok(all)
    }

    /// Tries something. Where a row is to blame, or something is not allowed, it is as if it had not been, and why is told.
    async fn attempt<T>(&self, what: impl Future<Output = Result<T>>) -> Result<std::result::Result<T, Error>> {
        self.prepared.run("savepoint segue_attempt").await?;
        match what.await {
            Ok(done) => {
                self.prepared.run("release savepoint segue_attempt").await?;
                Ok(Ok(done))
            }
            Err(why) if refuses_a_row(&why) || sqlstate(&why).is_some_and(|s| s.starts_with("42")) => {
                self.prepared
                    .run("rollback to savepoint segue_attempt; release savepoint segue_attempt")
                    .await?;
                Ok(Err(why))
            }
            Err(error) => Err(error),
        }
    }

    /// What is left, and what was taken out.
    async fn sifted(&self, staged: &[Staged]) -> Result<Sifted> {
        let mut left = staged.to_vec();
        let mut first = 0;
        for one in &mut left {
            let many = staging::pieces(std::slice::from_ref(&*one))?.len();
            let taken = self.taken.iter().filter(|t| (first..first + many).contains(&t.of));
            one.rows = one.rows.saturating_sub(taken.map(|t| t.rows).sum());
            first += many;
        }
        let refused = self.taken.iter().map(|taken| Staged {
            rows: taken.rows,
            bytes: 0,
            place: json!({ "tables": [taken.into] }),
        });
        let there = format!("select count(*) from {}", self.table.place.quoted());
        Ok(Sifted {
            staged: left,
            refused: refused.collect(),
            there: self.prepared.count(&there).await?,
        })
    }
}

/// A row by its number, with the rule, the column and the reason that an error tells, for SQL.
fn noted_row(row: u64, error: &Error) -> String {
    let of = |text: Option<&str>| text.map_or("null::text".into(), literal);
    let (rule, column) = (fact(error, RULE), fact(error, COLUMN));
    let state = sqlstate(error).unwrap_or_default();
    let reason = match (rule, state) {
        (None, "23502") => reason(None, column, state),
        (None, _) => {
            let words = error.message();
            let words = words.split_once(": ").map_or(words, |(_, words)| words);
            format!("the table refuses it: {words} (SQLSTATE {state})")
        }
        (rule, _) => reason(rule, column, state),
    };
    format!("({row}, {}, {}, {})", of(rule), of(column), literal(&reason))
}

/// Why a row is refused that breaks a rule.
fn reason(rule: Option<&str>, column: Option<&str>, state: &str) -> String {
    let what = says(state);
    match (rule, column) {
        (Some(rule), _) => format!("it breaks `{rule}` of the table: {what} (SQLSTATE {state})"),
        (None, Some(column)) => format!("it breaks a rule of the table's column `{column}`: {what} (SQLSTATE {state})"),
        (None, None) => format!("it breaks a rule of the table: {what} (SQLSTATE {state})"),
    }
}
