//! What is read: a table or a query, its columns, and how the server is asked for them.

use super::errors::failed;
use super::place::quoted;
use super::rows::Source;
use super::session::ROWS_OF_QUERY;
use super::types::{Cast, Form, Reading, reading};
use super::wire::Declared;
use crate::columns::{self, named};
use arrow_schema::SchemaRef;
use schemars::JsonSchema;
use segue_core::source::{Column, Discovered, Offered, OnChange, ReadSchema};
use segue_core::{Error, Kind, Result, Type};
use segue_diag as codes;
use serde::Deserialize;
use std::collections::HashMap;
use tokio_postgres::Client;
use tokio_postgres::types::Type as PgType;

/// What is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-not-in-this-version" = ["nested"]))]
pub(super) struct Copy {
    /// A table or a view, as SQL names it: `public.orders`, `"Sales"."Order"`.
    #[serde(default)]
    pub table: Option<String>,
    /// A SELECT instead of a table.
    #[serde(default)]
    pub query: Option<String>,
    /// How many connections read a large table at once, each a part of it, all as it was at one moment.
    #[serde(default = "streams")]
    #[schemars(range(min = 1, max = 16))]
    pub streams: usize,
}

fn streams() -> usize {
    2
}

/// What is there to be read.
pub(super) struct Relation {
    /// What the server knows a table or a view by.
    pub oid: Option<u32>,
    /// What stands behind FROM.
    pub from: String,
    /// What it is called in messages.
    pub name: String,
    /// The columns, as they come.
    pub columns: Vec<Source>,
    /// What each of them is to the server.
    pub declared: Vec<Declared>,
    /// How many blocks a plain table has, which can be read in parts.
    pub blocks: Option<u64>,
    /// Whether it is a table, also one of several or of an answer that is kept: reading it does nothing but that.
    pub is_table: bool,
}

impl Relation {
    /// Looks at it.
    ///
    /// # Errors
    /// `NotFound` for a table that is not there, `Denied` for one that this user may not read, `Invalid` for a statement that is none.
    pub async fn of(client: &Client, copy: &Copy) -> Result<Relation> {
        match (&copy.table, &copy.query) {
            (Some(table), None) => table_of(client, table).await,
            (None, Some(query)) => query_of(client, query).await,
            _ => Err(Error::new(
                Kind::Invalid,
                "a copy from PostgreSQL names a `table:` or a `query:`, one of the two",
            )),
        }
    }

    /// The statement that sends these columns of it.
    pub fn copy(&self, columns: &[Source], condition: Option<&str>, limit: Option<u64>) -> String {
        let mut sql = format!("copy (select {} from {}", asked(columns), self.from);
        if let Some(condition) = condition {
            sql.push_str(&format!(" where {condition}"));
        }
        if let Some(limit) = limit {
            sql.push_str(&format!(" limit {limit}"));
        }
        sql.push_str(") to stdout (format binary)");
        sql
    }
}

fn asked(columns: &[Source]) -> String {
    let all: Vec<String> = columns.iter().map(|c| c.reading.cast.of(&quoted(&c.place))).collect();
    all.join(", ")
}

async fn table_of(client: &Client, table: &str) -> Result<Relation> {
    let doing = format!("look at the table {table}");
    // All of it by one question: of a small table it costs more than its rows.
    let found = client
        .query_typed(
            "select c.oid, n.nspname::text, c.relname::text, c.relkind::text,
                case when c.relkind in ('r', 'm') then pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8 end,
                a.numbers, a.required, a.dimensions
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             cross join lateral (
                 select coalesce(pg_catalog.array_agg(attnum), '{}') as numbers, coalesce(pg_catalog.array_agg(attnotnull), '{}') as required,
                     coalesce(pg_catalog.array_agg(attndims::int4), '{}') as dimensions
                 from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped) a
             where c.oid = pg_catalog.to_regclass($1)",
            &[(&table, PgType::TEXT)],
        )
        .await
        .map_err(failed(&doing))?;
    let Some(found) = found.first() else {
        return Err(Error::new(Kind::NotFound, format!("there is no table {table}"))
            .code(codes::POSTGRES_NOT_THERE)
            .hint("name its schema (`public.orders`), and put quotes around names with capitals"));
    };
    let (oid, schema, name, kind): (u32, String, String, String) =
        (found.get(0), found.get(1), found.get(2), found.get(3));
    if !matches!(kind.as_str(), "r" | "p" | "v" | "m" | "f") {
        return Err(Error::new(
            Kind::Unsupported,
            format!("{table} is no table and no view"),
        ));
    }
    let is_table = matches!(kind.as_str(), "r" | "p" | "m");
    if !is_table {
        as_its_author(client).await?;
    }
    let blocks: Option<i64> = found.get(4);
    let from = format!("{}.{}", quoted(&schema), quoted(&name));
    let (numbers, required, dimensions): (Vec<i16>, Vec<bool>, Vec<i32>) = (found.get(5), found.get(6), found.get(7));
    let each = numbers.into_iter().zip(required.into_iter().zip(dimensions));
    let attributes: HashMap<i16, (bool, i32)> = each.collect();
    let (columns, declared) = columns_of(client, &format!("select * from {from}"), &doing, &attributes).await?;
    Ok(Relation {
        oid: Some(oid),
        from,
        name: format!("{schema}.{name}"),
        columns,
        declared,
        blocks: blocks.and_then(|blocks| u64::try_from(blocks).ok()),
        is_table,
    })
}

/// From here on a query gives the rows that this user sees, as [`ROWS_OF_QUERY`] says.
async fn as_its_author(client: &Client) -> Result<()> {
    let set = client.batch_execute(ROWS_OF_QUERY).await;
    set.map_err(failed("begin to read"))
}

async fn query_of(client: &Client, query: &str) -> Result<Relation> {
    let query = query.trim().trim_end_matches(';');
    let from = format!("(\n{query}\n) as q");
    as_its_author(client).await?;
    // By itself, so that what is wrong with it is told where it stands.
    let (columns, declared) = columns_of(client, query, "prepare the query", &HashMap::new()).await?;
    Ok(Relation {
        oid: None,
        from,
        name: "the query".into(),
        columns,
        declared,
        blocks: None,
        is_table: false,
    })
}

async fn columns_of(
    client: &Client,
    sql: &str,
    doing: &str,
    attributes: &HashMap<i16, (bool, i32)>,
) -> Result<(Vec<Source>, Vec<Declared>)> {
    let statement = client.prepare(sql).await.map_err(failed(doing))?;
    let mut columns = Vec::with_capacity(statement.columns().len());
    for column in statement.columns() {
        let attribute = column.column_id().and_then(|id| attributes.get(&id));
        let (required, dimensions) = attribute.copied().unwrap_or((false, 0));
        let declared = Declared {
            of: column.type_().clone(),
            modifier: column.type_modifier(),
            dimensions: usize::try_from(dimensions).unwrap_or(0),
        };
        let source = Source {
            place: column.name().to_string(),
            name: named(column.name()),
            reading: reading(&declared.of, declared.modifier, declared.dimensions),
            required,
        };
        columns.push((source, declared));
    }
    match columns.is_empty() {
        true => Err(Error::new(Kind::Unsupported, "there is no column to read")),
        false => Ok(columns.into_iter().unzip()),
    }
}

/// The tables and views that this user may read, in order of their names. Partitions are read through their table; what Segue keeps there for itself, as
/// where it writes into the same database, is no table of anybody's.
/// The key's columns stand beside each, letter for letter.
pub(super) async fn offered(client: &Client) -> Result<Vec<(Offered, Vec<String>)>> {
    let rows = client
        .query(
            "select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname), n.nspname::text, c.relname::text, array(
                select a.attname::text from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey)
                where i.indrelid = c.oid and i.indisprimary order by pg_catalog.array_position(i.indkey::int2[], a.attnum))
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
               and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and c.relname !~ '^_segue_(heads|commits|[0-9a-f]{32}_[0-9a-f]{16})$'
               and pg_catalog.has_table_privilege(c.oid, 'select') and pg_catalog.has_schema_privilege(n.oid, 'usage')
             order by n.nspname, c.relname",
            &[],
        )
        .await
        .map_err(failed("list the tables"))?;
    let tables = rows.iter().map(|row| {
        let key: Vec<String> = row.get(3);
        let table = Offered {
            name: row.get(0),
            schema: row.get(1),
            table: row.get(2),
            key: key.iter().map(|column| named(column)).collect(),
        };
        (table, key)
    });
    Ok(tables.collect())
}

/// What its columns are; `None` where somebody dropped it just now. Columns that would come to one name are given two, and say by
/// their `path` which they are.
pub(super) async fn described(client: &Client, (table, key): (Offered, Vec<String>)) -> Result<Option<Discovered>> {
    let copy = Copy {
        table: Some(table.name.clone()),
        query: None,
        streams: 1,
    };
    match Relation::of(client, &copy).await {
        Ok(there) => {
            let columns = apart(&there.columns);
            let of_key = |place: &String| columns.iter().find(|c| c.path.as_ref().unwrap_or(&c.name) == place);
            let key = key.iter().filter_map(of_key).map(|c| c.name.clone()).collect();
            Ok(Some(Discovered {
                table: Offered { key, ..table },
                columns,
                unreadable: None,
            }))
        }
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) if matches!(error.kind(), Kind::Unsupported | Kind::Invalid | Kind::Denied) => {
            Ok(Some(Discovered {
                columns: Vec::new(),
                unreadable: Some(error.to_string()),
                table,
            }))
        }
        Err(error) => Err(error),
    }
}

/// The columns, each under a name that no other has.
fn apart(columns: &[Source]) -> Vec<Column> {
    let mut all: Vec<Column> = Vec::with_capacity(columns.len());
    for source in columns {
        let taken = |name: &str| all.iter().any(|c| c.name == name) || columns.iter().any(|c| c.place == name);
        let name = match all.iter().any(|c| c.name == source.name) {
            false => source.name.clone(),
            true => (2..)
                .map(|n| format!("{}_{n}", source.name))
                .find(|name| !taken(name))
                .unwrap_or_default(),
        };
        let path = (name != source.place).then(|| source.place.clone());
        all.push(Column {
            name,
            path,
            ..source.column()
        });
    }
    all
}

/// What is asked for, and what comes out of it.
pub(super) struct Shape {
    /// The columns that are asked for, as they come.
    pub columns: Vec<Source>,
    /// The columns that the rows have in the end.
    pub schema: SchemaRef,
    /// What is worth saying of it.
    pub notes: Vec<String>,
}

/// How what is there becomes what is wanted.
///
/// # Errors
/// `BadData` with [`codes::SCHEMA_FROZEN`] for a change that the asset does not take in; `NotFound` for a column that is not there;
/// `Invalid` for a type that does not take every value.
pub(super) fn shape(there: &Relation, wanted: &ReadSchema) -> Result<Shape> {
    if !wanted.declared {
        distinct(&there.columns)?;
    }
    let Some(columns) = &wanted.columns else {
        let all: Vec<Column> = there.columns.iter().map(Source::column).collect();
        return Ok(Shape {
            columns: there.columns.clone(),
            schema: columns::schema(&all),
            notes: Vec::new(),
        });
    };
    match wanted.declared {
        true => declared(there, columns, &wanted.untyped),
        false => frozen(there, columns, wanted),
    }
}

/// Where nobody has named the columns, no two may come to one name.
fn distinct(columns: &[Source]) -> Result<()> {
    for (at, column) in columns.iter().enumerate() {
        if let Some(before) = columns[..at].iter().find(|c| c.name == column.name) {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "the columns `{}` and `{}` would both be called `{}`",
                    before.place, column.place, column.name
                ),
            )
            .hint("give one of them another name with `columns:`, or with `as` in a query"));
        }
    }
    Ok(())
}

fn declared(there: &Relation, wanted: &[Column], untyped: &[String]) -> Result<Shape> {
    let (mut columns, mut kept) = (Vec::new(), Vec::new());
    for column in wanted {
        if column.value.is_some() {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "column `{}` has a `value:`, which a copy from PostgreSQL does not make",
                    column.name
                ),
            )
            .hint("write a `query:` that selects it"));
        }
        let place = column.path.as_deref().unwrap_or(&column.name);
        // Its own name first: it may be what another one would come to.
        let own = there.columns.iter().find(|c| c.place == place);
        let Some(source) = own.or_else(|| there.columns.iter().find(|c| c.name == place)) else {
            return Err(lacks(there, place));
        };
        let (of, reading) = match untyped.contains(&column.name) {
            true => (source.reading.of.clone(), source.reading.clone()),
            false => (
                column.of.clone(),
                read_as(&source.reading, &column.of).ok_or_else(|| {
                    Error::new(
                        Kind::Invalid,
                        format!(
                            "column `{place}` of {} is {}, of which not every value is {}",
                            there.name, source.reading.of, column.of
                        ),
                    )
                    .code(codes::POSTGRES_TYPE)
                    .hint("declare the type that it has, or `string`; or cast it in a `query:`")
                })?,
            ),
        };
        kept.push(Column { of, ..column.clone() });
        columns.push(Source {
            place: source.place.clone(),
            name: column.name.clone(),
            reading,
            required: column.required,
        });
    }
    Ok(Shape {
        columns,
        schema: columns::schema(&kept),
        notes: Vec::new(),
    })
}

/// How a column is read so that its values are of this type, unless some are not.
fn read_as(found: &Reading, wanted: &Type) -> Option<Reading> {
    match (&found.form, wanted) {
        _ if found.of.widens_to(wanted) => Some(found.clone()),
        // Whether a number fits is seen by each.
        (Form::Numeric, Type::Decimal(..) | Type::String) => Some(Reading {
            of: wanted.clone(),
            ..found.clone()
        }),
        // As is an array's shape, which the server does not keep one column to.
        (Form::Array(element, dimensions), Type::List(_)) => {
            let (is, _) = innermost(&found.of, *dimensions);
            let (wanted_is, wanted_dimensions) = innermost(wanted, usize::MAX);
            (is == wanted_is).then(|| Reading {
                of: wanted.clone(),
                form: Form::Array(element.clone(), wanted_dimensions),
                cast: found.cast.clone(),
            })
        }
        (_, Type::String) => Some(Reading {
            of: Type::String,
            form: Form::Text,
            cast: Cast::Text,
        }),
        _ => None,
    }
}

/// What stands in the lists of a type, at most so many deep, and how deep.
fn innermost(of: &Type, most: usize) -> (&Type, usize) {
    let (mut of, mut depth) = (of, 0);
    while let (Type::List(inner), true) = (of, depth < most) {
        (of, depth) = (inner, depth + 1);
    }
    (of, depth)
}

fn frozen(there: &Relation, before: &[Column], wanted: &ReadSchema) -> Result<Shape> {
    let changed = |what: String, key: &str| {
        Error::new(Kind::BadData, what).code(codes::SCHEMA_FROZEN).hint(format!(
            "say `{key}: evolve` to take it in, or `{key}: drop_value` to leave it out"
        ))
    };
    let (mut columns, mut kept, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for column in before {
        let Some(source) = there.columns.iter().find(|c| c.name == column.name) else {
            if column.required || wanted.on_new_column == OnChange::Freeze {
                return Err(lacks(there, &column.name));
            }
            notes.push(format!(
                "{} no longer has the column `{}`, which is empty from now on",
                there.name, column.name
            ));
            kept.push(column.clone());
            continue;
        };
        let both = source.reading.of.common(&column.of);
        let is_kept = source.reading.of.widens_to(&column.of) || column.of == Type::String;
        // The server does not keep an array's column to one shape; and where no type takes both, each value is looked at.
        let by_value = matches!(source.reading.form, Form::Array(..))
            || (both.is_none() && wanted.on_type_change == OnChange::Evolve);
        let of = match read_as(&source.reading, &column.of).filter(|_| is_kept || by_value) {
            Some(reading) => {
                columns.push(Source {
                    reading,
                    ..source.clone()
                });
                column.of.clone()
            }
            None => match (wanted.on_type_change, both) {
                (OnChange::Evolve, Some(both)) => {
                    columns.push(source.clone());
                    both
                }
                (OnChange::DropValue, _) => {
                    let (name, of) = (&column.name, &source.reading.of);
                    notes.push(format!("the values of `{name}` were left out: it is {of} now"));
                    column.of.clone()
                }
                _ => {
                    let what = format!(
                        "column `{}` of {} is {} now, and was {}",
                        column.name, there.name, source.reading.of, column.of
                    );
                    return Err(changed(what, "on_type_change"));
                }
            },
        };
        let required = column.required && source.required;
        kept.push(Column {
            of,
            required,
            ..column.clone()
        });
    }
    for source in there.columns.iter().filter(|c| before.iter().all(|b| b.name != c.name)) {
        match wanted.on_new_column {
            OnChange::Evolve => {
                columns.push(source.clone());
                kept.push(Column {
                    required: false,
                    ..source.column()
                });
            }
            OnChange::DropValue => notes.push(format!("the column `{}` is new, and was left out", source.place)),
            OnChange::Freeze | OnChange::Quarantine => {
                return Err(changed(
                    format!(
                        "{} has a column that the table does not: `{}`",
                        there.name, source.place
                    ),
                    "on_new_column",
                ));
            }
        }
    }
    if columns.is_empty() {
        let what = format!("no column of {} is left to read", there.name);
        return Err(changed(what, "on_new_column"));
    }
    Ok(Shape {
        columns,
        schema: columns::schema(&kept),
        notes,
    })
}

fn lacks(there: &Relation, column: &str) -> Error {
    let near = segue_diag::closest(column, there.columns.iter().map(|c| c.place.as_str()));
    let error =
        Error::new(Kind::NotFound, format!("{} has no column `{column}`", there.name)).code(codes::POSTGRES_NOT_THERE);
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error,
    }
}
