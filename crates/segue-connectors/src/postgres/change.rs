//! A change of a table, as SQL: the staged rows as the table takes them, what they replace, and what is refused. Working out, looking at and
//! committing use the same words; only the last one writes.

use super::marks::{Mark, Marks};
use super::place::{Place, literal, quoted};
use super::staging::{self, DELETES, Piece};
use super::target::{self, Made, Table, TableColumn, comparable, read, recast};
use crate::columns::Builder;
use crate::columns::written::{MICROS_A_DAY, date_text, instant_text};
use crate::plan::Plan;
use arrow_schema::{Field, Schema, SchemaRef};
use segue_core::sink::{CURRENT, Change, DELETED_AT, Missing, Target, VALID_FROM, VALID_TO};
use segue_core::{Error, Kind, Labels, Result, Type};
use segue_diag as codes;
use serde_json::Value;
use tokio_postgres::Client;

/// A change beside the table that it is of.
pub(super) struct Prepared<'a> {
    pub client: &'a Client,
    pub place: Place,
    pub change: &'a Change,
    pub schema: SchemaRef,
    pub columns: Vec<Column>,
    pub pieces: Vec<Piece>,
    pub found: Option<Table>,
    /// What the table had when it was last written, as far as it has it still.
    pub before: SchemaRef,
    /// Whether the table is ours to alter and to drop.
    pub created: bool,
    /// What of it we made, and may take back.
    pub made: Made,
    /// Whether the table may hold rows that share a key of the merge.
    pub doubles: bool,
}

/// A column as it is written to.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    /// Its name, for SQL.
    pub quoted: String,
    pub of: Type,
    /// Its type in the table, as it will be.
    pub declared: String,
    /// The table's, as it is.
    pub found: Option<TableColumn>,
    /// Whether it is in any of the staged pieces. One that is in none is not touched, and not set.
    pub comes: bool,
}

/// Puts the change beside the table, as it was found at its place, and refuses rows that it does not allow. `check` is false where that was
/// done before.
pub(super) async fn prepare<'a>(
    client: &'a Client,
    marks: &Marks<'_>,
    (place, found): (&Place, Option<Table>),
    target: &Target,
    plan: &'a Plan,
    check: bool,
) -> Result<Prepared<'a>> {
    let pieces = staging::pieces(&plan.staged)?;
    staging::are_there(client, &pieces).await?;
    let mark = mark(marks, place, target).await?;
    let created = found
        .as_ref()
        .is_none_or(|t| mark.as_ref().is_some_and(|m| m.made(t.oid)));
    let last = match &mark {
        Some(mark) => marks.record(mark.asset, mark.n).await?,
        None => None,
    };
    let before = found
        .as_ref()
        .map(|t| t.schema(last.as_ref().map(|record| record.own().schema.as_ref())));
    let columns = columns(&plan.schema, found.as_ref(), created, &pieces)?;
    let doubles = match (&plan.change, &found) {
        (Change::Merge { key, .. }, Some(table)) => !table.keeps_apart(key),
        _ => false,
    };
    let prepared = Prepared {
        client,
        place: place.clone(),
        change: &plan.change,
        schema: plan.schema.clone(),
        columns,
        pieces,
        found,
        before: before.unwrap_or_else(|| Schema::empty().into()),
        created,
        made: last.as_ref().map(Made::by).unwrap_or_default(),
        doubles,
    };
    if check {
        prepared.check_types().await?;
        prepared.check_rows(target).await?;
    }
    Ok(prepared)
}

/// The asset's mark.
///
/// # Errors
/// `Conflict` when the table is another asset's.
pub(super) async fn mark(marks: &Marks<'_>, place: &Place, target: &Target) -> Result<Option<Mark>> {
    if !marks.exist().await? {
        return Ok(None);
    }
    match marks.of_place(&place.quoted()).await? {
        Some(other) if other.asset != target.asset => Err(Error::new(
            Kind::Conflict,
            format!("the table {} belongs to another asset", place.quoted()),
        )
        .code(codes::POSTGRES_OTHER_TABLE)
        .with("asset", other.asset)
        .hint("give this asset another `table:` in `into:`, or drop the other one with `segue asset drop`")),
        found => Ok(found),
    }
}

/// The schema that the table had when it was last written.
pub(super) async fn last_schema(marks: &Marks<'_>, mark: &Mark) -> Result<Option<SchemaRef>> {
    let record = marks.record(mark.asset, mark.n).await?;
    Ok(record.map(|record| record.own().schema.clone()))
}

fn columns(schema: &Schema, found: Option<&Table>, created: bool, pieces: &[Piece]) -> Result<Vec<Column>> {
    let each = schema.fields().iter().map(|field| {
        let of = Type::of(field)?;
        let column = found.and_then(|t| t.column(field.name()));
        Ok(Column {
            name: field.name().clone(),
            quoted: quoted(field.name()),
            declared: match column {
                Some(column) if !created => column.declared.clone(),
                // What passes as it is stays what it is; where nothing comes, the column does.
                _ => match (staging::declared(pieces, field)?, column) {
                    (Some(by_rows), _) => by_rows,
                    (None, Some(column)) if column.is_read_as(&of) => column.declared.clone(),
                    (None, _) => of.postgres(),
                },
            },
            found: column.cloned(),
            comes: pieces.iter().any(|p| p.columns.field_with_name(field.name()).is_ok()),
            of,
        })
    });
    each.collect()
}

impl Prepared<'_> {
    pub fn at(&self, name: &str) -> Result<usize> {
        self.columns
            .iter()
            .position(|c| c.name == name)
            .ok_or_else(|| Error::new(Kind::BadData, format!("the rows have no column `{name}`")))
    }

    /// The types of the columns, as they will be.
    pub fn declared(&self) -> Vec<String> {
        self.columns.iter().map(|c| c.declared.clone()).collect()
    }

    /// The SQL that brings a table of ours to the schema; `drops`: also without columns that the schema lacks.
    pub fn fit(&self, table: &Table, drops: bool) -> Result<Vec<String>> {
        target::fit(table, &self.schema, &self.declared(), (&self.before, &self.made), drops)
    }

    /// The staged rows as a query: `c0`, `c1` … as the table takes them, `d`, true where the row deletes, and where the row lies: `piece`, `id`.
    pub fn incoming(&self) -> Result<String> {
        let mut selects = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let each =
                self.columns
                    .iter()
                    .enumerate()
                    .map(|(at, column)| match piece.columns.field_with_name(&column.name) {
                        Ok(field) => Ok(format!("{} as c{at}", self.taken(column, piece, field)?)),
                        Err(_) => Ok(format!("null::{} as c{at}", column.declared)),
                    });
            let each = each.collect::<Result<Vec<_>>>()?;
            let deletes = if piece.deletes { DELETES } else { "false" };
            selects.push(format!(
                "select {}, {deletes} as d, tableoid as piece, ctid as id from {}",
                each.join(", "),
                piece.place()?.quoted()
            ));
        }
        if selects.is_empty() {
            let nothing = self
                .columns
                .iter()
                .enumerate()
                .map(|(at, c)| format!("null::{} as c{at}", c.declared));
            selects.push(format!(
                "select {}, false as d, null::oid as piece, null::tid as id where false",
                nothing.collect::<Vec<_>>().join(", ")
            ));
        }
        Ok(format!("({})", selects.join(" union all ")))
    }

    /// A staged value, as the column takes it.
    fn taken(&self, column: &Column, piece: &Piece, field: &Field) -> Result<String> {
        let (lies, of) = (piece.declared(field)?, Type::of(field)?);
        Ok(match &column.found {
            Some(found) if !self.created && lies != found.declared => {
                found.take(&read(&column.quoted, &lies, &of), &of, &self.place)
            }
            _ => recast(&column.quoted, &lies, &column.declared, &of),
        })
    }

    /// A column of the table's row `t`, in the type that it will have.
    pub fn there(&self, at: usize) -> String {
        self.in_row("t", at)
    }

    /// A column of a row of the table, in the type that it will have.
    pub fn in_row(&self, row: &str, at: usize) -> String {
        let column = &self.columns[at];
        match &column.found {
            Some(found) => recast(
                &format!("{row}.{}", column.quoted),
                &found.declared,
                &column.declared,
                &column.of,
            ),
            None => format!("null::{}", column.declared),
        }
    }

    /// The condition under which row `i` of the incoming ones has the key of row `t`.
    pub fn same_key(&self, key: &[String]) -> Result<String> {
        self.same_key_as(key, "i", "t")
    }

    /// The condition under which an incoming row and one of the table have one key.
    pub fn same_key_as(&self, key: &[String], coming: &str, there: &str) -> Result<String> {
        let each = key.iter().map(|k| {
            self.at(k)
                .map(|at| format!("{coming}.c{at} = {}", self.in_row(there, at)))
        });
        Ok(each.collect::<Result<Vec<_>>>()?.join(" and "))
    }

    /// The slices or ranges of the change as a query `p`, numbered as they are given.
    pub fn parts(&self) -> Result<Option<String>> {
        let (rows, names) = match self.change {
            Change::ReplaceSlices { columns, slices } => {
                let at: Vec<usize> = columns.iter().map(|c| self.at(c)).collect::<Result<_>>()?;
                let mut rows = Vec::with_capacity(slices.len());
                for (id, slice) in slices.iter().enumerate() {
                    let mut values = vec![id.to_string()];
                    for at in &at {
                        values.push(label(&self.columns[*at], slice)?);
                    }
                    rows.push(format!("({})", values.join(", ")));
                }
                (rows, at.iter().map(|at| (format!("l{at}"), *at)).collect::<Vec<_>>())
            }
            Change::ReplaceRanges { column, ranges } => {
                let at = self.at(column)?;
                let column = &self.columns[at];
                let rows = ranges.as_slice().iter().enumerate().map(|(id, range)| {
                    let bound = |at| {
                        bound(column, at).ok_or_else(|| {
                            Error::new(
                                Kind::Unsupported,
                                format!(
                                    "ranges of column `{}` cannot be replaced in PostgreSQL: it is {}",
                                    column.name, column.of
                                ),
                            )
                            .hint("use a date, a timestamp or a whole number as the output column")
                        })
                    };
                    Ok(format!("({id}, {}, {})", bound(range.from)?, bound(range.to)?))
                });
                (
                    rows.collect::<Result<Vec<_>>>()?,
                    vec![("lo".into(), at), ("hi".into(), at)],
                )
            }
            _ => return Ok(None),
        };
        if rows.is_empty() {
            let none = names.iter().map(|(name, at)| format!("{} as {name}", self.null(*at)));
            let none: Vec<String> = none.collect();
            return Ok(Some(format!("(select 0 as id, {} where false) p", none.join(", "))));
        }
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        Ok(Some(format!(
            "(values {}) p(id, {})",
            rows.join(", "),
            names.join(", ")
        )))
    }

    /// The condition under which a row belongs to part `p`; `column` gives the row's column by its index.
    pub fn in_part(&self, column: &dyn Fn(usize) -> String) -> Result<String> {
        Ok(match self.change {
            Change::ReplaceSlices { columns, slices } => {
                let each = columns.iter().map(|c| {
                    let at = self.at(c)?;
                    let has_null = slices.iter().any(|s| s.get(c).is_none_or(Value::is_null));
                    // Equality is what the server can look up: where there are nulls, of texts that tell them apart.
                    let known = |value: String| match has_null {
                        true => format!("case when {value} is null then '' else 'v' || ({value})::text end"),
                        false => value,
                    };
                    Ok(format!("{} = {}", known(column(at)), known(format!("p.l{at}"))))
                });
                each.collect::<Result<Vec<_>>>()?.join(" and ")
            }
            Change::ReplaceRanges { column: name, .. } => {
                let of_row = column(self.at(name)?);
                format!("{of_row} >= p.lo and {of_row} < p.hi")
            }
            _ => "false".into(),
        })
    }

    /// The conditions under which row `t` of the table goes, or is no longer so; of a row one holds at most. Each by itself is something that the
    /// server can look up; joined by OR they would be asked row by row.
    pub fn gone(&self) -> Result<Vec<String>> {
        Ok(match self.change {
            Change::Append => Vec::new(),
            Change::ReplaceTable => vec!["true".into()],
            Change::DeleteInsert { .. } => vec![self.meets("")?],
            Change::History { .. } => vec![format!(
                "{} and {}",
                self.is_current()?,
                self.meets(&self.and_changes())?
            )],
            Change::Merge { missing, .. } => {
                let mut gone = vec![self.meets(&self.and_changes())?];
                gone.extend(missing.is_told().then(|| self.is_missing()).transpose()?);
                gone
            }
            Change::ReplaceSlices { .. } | Change::ReplaceRanges { .. } => vec![self.is_replaced()?],
        })
    }

    /// The conditions under which it stays as it is.
    fn stays(&self) -> Result<Vec<String>> {
        Ok(match self.change {
            Change::Append => vec!["true".into()],
            Change::ReplaceTable => Vec::new(),
            Change::DeleteInsert { .. } => vec![format!("not {}", self.meets("")?)],
            Change::History { .. } => {
                let current = self.is_current()?;
                let changes = self.meets(&self.and_changes())?;
                vec![format!("not {current}"), format!("{current} and not {changes}")]
            }
            Change::Merge { missing, .. } => {
                if !missing.is_told() {
                    return Ok(vec![format!("not {}", self.meets(&self.and_changes())?)]);
                }
                let mut stays = Vec::new();
                if !self.doubles {
                    stays.push(self.meets(&format!(" and not (i.d or {})", self.differs()))?);
                }
                if let Missing::Mark { .. } = missing {
                    let marked = self.there(self.at(DELETED_AT)?);
                    stays.push(format!("{marked} is not null and not {}", self.meets("")?));
                }
                stays
            }
            Change::ReplaceSlices { .. } | Change::ReplaceRanges { .. } => vec![format!("not {}", self.is_replaced()?)],
        })
    }

    /// The condition under which row `t` of the table stays beside those that come, whatever these are.
    pub fn beside(&self) -> Result<String> {
        Ok(match self.change {
            Change::Append | Change::History { .. } => "true".into(),
            Change::ReplaceTable
            | Change::Merge {
                missing: Missing::Delete,
                ..
            } => "false".into(),
            Change::Merge { .. } | Change::DeleteInsert { .. } => format!("not {}", self.meets("")?),
            Change::ReplaceSlices { .. } | Change::ReplaceRanges { .. } => format!("not {}", self.is_replaced()?),
        })
    }

    /// The condition under which an incoming row `i` has the key of row `t`, and fits what else is said.
    fn meets(&self, and: &str) -> Result<String> {
        let same = self.same_key(self.change.key())?;
        Ok(format!("exists (select from {} i where {same}{and})", self.incoming()?))
    }

    /// That row `i` makes row `t` another one, or takes it away. Rows that share a key are one afterwards, whatever they are.
    fn and_changes(&self) -> String {
        match self.doubles {
            true => String::new(),
            false => format!(" and (i.d or {})", self.differs()),
        }
    }

    fn is_current(&self) -> Result<String> {
        Ok(format!("coalesce({}, false)", self.there(self.at(CURRENT)?)))
    }

    fn is_replaced(&self) -> Result<String> {
        Ok(match self.parts()? {
            Some(parts) => format!(
                "exists (select from {parts} where {})",
                self.in_part(&|at| self.there(at))?
            ),
            None => "false".into(),
        })
    }

    /// The condition under which row `t` is missing among the incoming ones, and was not before.
    pub fn is_missing(&self) -> Result<String> {
        let Change::Merge { missing, .. } = self.change else {
            return Ok("false".into());
        };
        let absent = format!("not {}", self.meets("")?);
        Ok(match missing {
            Missing::Keep | Missing::Unknown => "false".into(),
            Missing::Delete => absent,
            Missing::Mark { .. } => format!("({} is null and {absent})", self.there(self.at(DELETED_AT)?)),
        })
    }

    /// The rows that the table has afterwards and had not, or not so: `c0`, `c1` …. Where [`Prepared::may_repeat`], also rows that it had.
    pub fn new_rows(&self) -> Result<String> {
        let incoming = self.incoming()?;
        let come = |at: usize| format!("i.c{at}");
        let Some(table) = self.found.as_ref().map(|t| t.place.quoted()) else {
            let filled = self.filled(|name| match name {
                VALID_FROM => self.at_time(),
                CURRENT => "true".into(),
                _ => "null".into(),
            });
            return Ok(format!(
                "select {} from {incoming} i where not i.d",
                self.listed(&|at| filled(at).unwrap_or_else(|| come(at)))
            ));
        };
        let same = || self.same_key(self.change.key());
        match self.change {
            Change::Merge { key, missing } => {
                let first = self.there(self.at(&key[0])?);
                // A merge leaves what a row has in columns that do not come.
                let kept = |at: usize| match (self.columns[at].comes, missing) {
                    (true, _) => come(at),
                    (false, Missing::Mark { .. } | Missing::Unknown) if self.columns[at].name == DELETED_AT => {
                        self.null(at)
                    }
                    (false, _) => self.there(at),
                };
                let (from, and) = match self.doubles {
                    true => {
                        let keys = key.iter().map(|k| self.at(k).map(|at| self.there(at)));
                        let keys = keys.collect::<Result<Vec<_>>>()?.join(", ");
                        let one = format!("(select distinct on ({keys}) * from {table} t order by {keys})");
                        (format!("{one} t on {}", same()?), String::new())
                    }
                    false => (
                        format!("{table} t on {}", same()?),
                        format!(" and ({first} is null or {})", self.differs()),
                    ),
                };
                let mut rows = format!(
                    "select {} from {incoming} i left join {from} where not i.d{and}",
                    self.listed(&kept)
                );
                if let Missing::Mark { .. } = missing {
                    let marked = |at: usize| match self.columns[at].name == DELETED_AT {
                        true => self.at_time(),
                        false => self.there(at),
                    };
                    rows.push_str(&format!(
                        " union all select {} from {table} t where {}",
                        self.listed(&marked),
                        self.is_missing()?
                    ));
                }
                Ok(rows)
            }
            Change::History { key, .. } => {
                let (current, from) = (self.is_current()?, self.there(self.at(VALID_FROM)?));
                let first = self.there(self.at(&key[0])?);
                // When the last row of each key ended.
                let keys: Vec<usize> = key.iter().map(|k| self.at(k)).collect::<Result<_>>()?;
                let each = |value: &dyn Fn(usize) -> String| keys.iter().map(|at| value(*at)).collect::<Vec<_>>();
                let ended_at = format!(
                    "(select {}, max({}) as ended from {table} t group by {})",
                    each(&|at| format!("{} as k{at}", self.there(at))).join(", "),
                    self.there(self.at(VALID_TO)?),
                    each(&|at| self.there(at)).join(", ")
                );
                let of_key = each(&|at| format!("h.k{at} = i.c{at}")).join(" and ");
                let begins = self.filled(|name| match name {
                    VALID_FROM => format!(
                        "case when {first} is null then greatest({}, h.ended) else {} end",
                        self.at_time(),
                        self.closes_at(&from)
                    ),
                    CURRENT => "true".into(),
                    _ => "null".into(),
                });
                let ended = self.filled(|name| match name {
                    VALID_TO => self.closes_at(&from),
                    CURRENT => "false".into(),
                    _ => from.clone(),
                });
                Ok(format!(
                    "select {} from {incoming} i left join {table} t on {} and {current} left join {ended_at} h on {of_key}
                     where not i.d and ({first} is null or {})
                     union all select {} from {table} t where {}",
                    self.listed(&|at| begins(at).unwrap_or_else(|| come(at))),
                    same()?,
                    self.differs(),
                    self.listed(&|at| ended(at).unwrap_or_else(|| self.there(at))),
                    self.gone()?.join(" or ")
                ))
            }
            _ => Ok(format!(
                "select {} from {incoming} i where not i.d {}",
                self.listed(&come),
                self.that_count()?
            )),
        }
    }

    /// The condition, after others, under which an incoming row `i` is of a part that is replaced: those whose rows are equal are left out.
    pub fn that_count(&self) -> Result<String> {
        Ok(match self.parts()? {
            Some(parts) => format!(
                "and exists (select from {parts} where {})",
                self.in_part(&|at| format!("i.c{at}"))?
            ),
            None => String::new(),
        })
    }

    /// Whether rows that are the same before and after may be told as gone and as new.
    pub fn may_repeat(&self) -> bool {
        match self.change {
            Change::Append | Change::History { .. } => false,
            Change::Merge { .. } => self.doubles,
            _ => true,
        }
    }

    /// Values for all columns, as `c0`, `c1` ….
    pub fn listed(&self, value: &dyn Fn(usize) -> String) -> String {
        let each: Vec<String> = (0..self.columns.len())
            .map(|at| format!("{} as c{at}", value(at)))
            .collect();
        each.join(", ")
    }

    /// What a history's own columns are, in their types.
    fn filled<'f>(&'f self, value: impl Fn(&str) -> String + 'f) -> impl Fn(usize) -> Option<String> + 'f {
        let own: Vec<String> = self.change.own_columns().iter().map(|f| f.name().clone()).collect();
        move |at| {
            let column = &self.columns[at];
            let is_own = own.contains(&column.name);
            is_own.then(|| format!("({})::{}", value(&column.name), column.declared))
        }
    }

    pub fn null(&self, at: usize) -> String {
        format!("null::{}", self.columns[at].declared)
    }

    /// The time that the change carries.
    pub fn at_time(&self) -> String {
        match self.change {
            Change::History { at, .. }
            | Change::Merge {
                missing: Missing::Mark { at },
                ..
            } => {
                format!("'{at}'::timestamp with time zone")
            }
            _ => "null::timestamp with time zone".into(),
        }
    }

    /// When a row of a history that began then is closed: no stretch is empty or runs backwards.
    pub fn closes_at(&self, began: &str) -> String {
        format!("greatest({}, {began} + interval '1 microsecond')", self.at_time())
    }

    /// Whether a row of the table, `t`, differs from an incoming one, `i`, in a column that comes; or is marked as gone.
    pub fn differs(&self) -> String {
        self.differ("i", "t")
    }

    /// The same of other rows.
    pub fn differ(&self, row: &str, there: &str) -> String {
        let coming: Vec<usize> = (0..self.columns.len()).filter(|at| self.columns[*at].comes).collect();
        let of = |value: &dyn Fn(usize) -> String| {
            let each: Vec<String> = coming
                .iter()
                .map(|at| comparable(&value(*at), &self.columns[*at].declared))
                .collect();
            each.join(", ")
        };
        let differs = format!(
            "row({}) is distinct from row({})",
            of(&|at| self.in_row(there, at)),
            of(&|at| format!("{row}.c{at}"))
        );
        match (self.change, self.at(DELETED_AT)) {
            (
                Change::Merge {
                    missing: Missing::Mark { .. } | Missing::Unknown,
                    ..
                },
                Ok(at),
            ) => format!("({differs} or {} is not null)", self.in_row(there, at)),
            _ => differs,
        }
    }

    /// The rows of the table as it would be, each column as this sink would have made it.
    pub fn as_it_would_be(&self) -> Result<String> {
        let new = self.columns.iter().enumerate();
        let new = new.map(|(at, c)| {
            let value = format!("n.c{at}");
            match &c.found {
                Some(found) if !self.created => format!("{} as c{at}", found.give(&value, &c.of)),
                _ => format!("{value} as c{at}"),
            }
        });
        let new = new.collect::<Vec<_>>().join(", ");
        let mut rows = vec![self.new_rows()?];
        if let Some(table) = &self.found {
            let (there, name) = (self.listed(&|at| self.there(at)), table.place.quoted());
            let stays = self.stays()?.into_iter();
            rows.extend(stays.map(|stays| format!("select {there} from {name} t where {stays}")));
        }
        Ok(format!("select {new} from ({}) n", rows.join(" union all ")))
    }

    pub async fn count(&self, sql: &str) -> Result<u64> {
        let found = super::marks::asked(self.client, sql, &[], "fit the rows to the table").await?;
        Ok(found.first().map_or(0, |row| row.get::<_, i64>(0)) as u64)
    }
}

/// A slice's label as its column has it.
fn label(column: &Column, slice: &Labels) -> Result<String> {
    let value = slice.get(&column.name).unwrap_or(&Value::Null);
    let text = match value {
        Value::Null => return Ok(format!("null::{}", column.declared)),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Builder::new(&column.of).push_text(&text).map_err(|misfit| {
        Error::new(
            Kind::BadData,
            format!("slice `{slice}`: column `{}`: {}", column.name, misfit.reason),
        )
    })?;
    if column.of == Type::Binary {
        return Ok(format!(
            "pg_catalog.decode({}, 'base64')::{}",
            literal(&text),
            column.declared
        ));
    }
    Ok(format!(
        "{}::{}::{}",
        literal(&text),
        column.of.postgres(),
        column.declared
    ))
}

/// The bound of a stretch as its column has it; `None` for a type that nobody ranges over.
fn bound(column: &Column, at: i64) -> Option<String> {
    let own = column.of.postgres();
    // A year that has no four digits is before or after everything that has.
    let text = |made: Result<String>| match made {
        Ok(text) if !text.starts_with("0000") => literal(&text),
        _ if at < 0 => "'-infinity'".to_string(),
        _ => "'infinity'".to_string(),
    };
    let value = match column.of {
        // The first day that does not begin before it.
        Type::Date => text(date_text(
            at.div_euclid(MICROS_A_DAY) + i64::from(at.rem_euclid(MICROS_A_DAY) > 0),
        )),
        Type::Timestamp => text(instant_text(at).map(|t| t + "Z")),
        Type::LocalTimestamp => text(instant_text(at)),
        // The smallest and the largest bound need not be numbers of the column's own size.
        Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 => return Some(format!("'{at}'::bigint")),
        _ => return None,
    };
    Some(format!("{value}::{own}"))
}
