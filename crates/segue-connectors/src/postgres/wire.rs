//! Rows that pass from one server to another as they are: the rows of a binary COPY, whose columns are of the same types there and here.
//!
//! Which types these are is a list, and not "all that are built in": the bytes of some mean something only in their own database (the numbers
//! of tables and functions), or what they mean is up to a setting (amounts of money), or a server takes in less than it sends (XML, and `tsquery`, of
//! which it does not take the empty one).

use super::errors::failed;
use super::marks::asked;
use super::place::literal;
use super::rows::{SIGNATURE, Source, broken, cut};
use super::table::{Relation, Shape};
use super::target::{Table, TableColumn};
use arrow_schema::Field;
use bytes::Bytes;
use segue_core::wire::{Offer, Wire, WireRows};
use segue_core::{Error, Result, Type};
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;
use tokio_postgres::types::{Kind as PgKind, Type as PgType};

/// Its name, by which two ends know that they speak it.
pub(super) const FORM: &str = "rows of PostgreSQL's binary COPY";

/// The bytes that are handed on at once, about.
const PORTION: usize = 256 << 10;

/// A column whose values pass as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct WireColumn {
    /// Its name here.
    pub name: String,
    /// Its type, as SQL writes it.
    #[serde(rename = "type")]
    pub of: String,
    /// The setting that says what its values mean, for amounts of money.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
}

/// What a column is to the server.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub of: PgType,
    /// Precision and scale, or a length; -1 for none.
    pub modifier: i32,
    /// How many dimensions an array was declared with.
    pub dimensions: usize,
}

/// The columns in the form's words.
///
/// # Errors
/// `Bug` for words that are another form's.
pub(super) fn columns_of(wire: &Wire) -> Result<Vec<WireColumn>> {
    serde_json::from_value(wire.columns.clone())
        .map_err(|e| Error::bug("rows are to pass in a form that is not PostgreSQL's").caused_by(e))
}

/// What of this passes as it is; `shape` is what a read makes of it, `key` what no two rows may share.
pub(super) async fn offer(client: &Client, there: &Relation, shape: &Shape, key: &[String]) -> Result<Offer> {
    let mut asked = Vec::with_capacity(shape.columns.len());
    for column in &shape.columns {
        let all = there.columns.iter().zip(&there.declared);
        let found = all.into_iter().find(|(c, _)| c.place == column.place);
        asked.extend(found.map(|(found, declared)| (column, found, declared)));
    }
    for (column, _, declared) in &asked {
        if let Err(why) = passes(&declared.of) {
            return Ok(Offer::Not(format!("column `{}` {why}", column.place)));
        }
        if declared.dimensions > 1 {
            return Ok(Offer::Not(format!(
                "column `{}` is declared with several dimensions, which each value is held to",
                column.place
            )));
        }
    }
    // Each as it is found, and none besides.
    let fields = shape.schema.fields();
    let mut pairs = asked.iter().zip(fields);
    let are_found = asked.len() == fields.len()
        && pairs.all(|((column, found, _), field)| column.name == *field.name() && is_as_found(found, field));
    if !are_found {
        return Ok(Offer::Not(format!(
            "the columns of {} are others than before",
            there.name
        )));
    }
    if !key.is_empty() && !keeps(client, there, key).await? {
        return Ok(Offer::Not(format!(
            "{} does not keep two rows from having one key ({}), or none",
            there.name,
            key.join(", ")
        )));
    }
    let types: Vec<u32> = asked.iter().map(|(.., d)| d.of.oid()).collect();
    let modifiers: Vec<i32> = asked.iter().map(|(.., d)| d.modifier).collect();
    let told = client
        .query_one(
            "select array(select pg_catalog.format_type(t.of, t.modifier)
                 from rows from (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::int4[])) with ordinality t(of, modifier, at) order by t.at)",
            &[&types, &modifiers],
        )
        .await
        .map_err(failed("ask for the names of types"))?;
    let names: Vec<String> = told.get(0);
    let mut columns = Vec::with_capacity(names.len());
    for ((column, _, declared), of) in asked.iter().zip(names) {
        let is_money = matches!(declared.of, PgType::MONEY | PgType::MONEY_ARRAY);
        columns.push(WireColumn {
            name: column.name.clone(),
            of,
            locale: if is_money { Some(locale(client).await?) } else { None },
        });
    }
    Ok(Offer::Wire(Wire {
        schema: shape.schema.clone(),
        columns: serde_json::to_value(columns).map_err(|e| Error::bug("columns are no JSON").caused_by(e))?,
        key: key.to_vec(),
    }))
}

/// Whether a column is read in the type that it is found to have.
fn is_as_found(found: &Source, field: &Field) -> bool {
    Type::of(field).is_ok_and(|of| of == found.reading.of)
}

/// Whether no two rows of a read are equal in these columns, because the server keeps them from it, and none is empty there. `shape` is what the
/// read makes of the rows: each column of the key as it is found.
pub(super) async fn is_unique(client: &Client, there: &Relation, shape: &Shape, key: &[String]) -> Result<bool> {
    let as_found = |name: &String| {
        let read = shape.columns.iter().find(|c| c.name == *name);
        let field = shape.schema.field_with_name(name);
        let (Some(read), Ok(field)) = (read, field) else {
            return false;
        };
        let found = there.columns.iter().find(|c| c.place == read.place);
        found.is_some_and(|found| found.name == *name && is_as_found(found, field))
    };
    Ok(!key.is_empty() && key.iter().all(as_found) && keeps(client, there, key).await?)
}

/// Whether the server itself keeps the rows from sharing a key, and from having none. It does not speak for rows of tables that inherit.
async fn keeps(client: &Client, there: &Relation, key: &[String]) -> Result<bool> {
    let Some(oid) = there.oid else { return Ok(false) };
    let unique = client
        .query(
            "select array(select a.attname::text from pg_catalog.unnest(i.indkey::int2[]) with ordinality k(n, at)
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n where k.at <= i.indnkeyatts)
             from pg_index i join pg_class c on c.oid = i.indrelid
             where i.indrelid = $1 and (c.relkind = 'p' or not c.relhassubclass) and i.indisunique and i.indisvalid and i.indimmediate
                 and i.indpred is null and i.indexprs is null",
            &[&oid],
        )
        .await
        .map_err(failed("ask for unique columns"))?;
    let filled = |name: &String| there.columns.iter().find(|c| c.name == *name).filter(|c| c.required);
    let Some(places) = key
        .iter()
        .map(|name| filled(name).map(|c| &c.place))
        .collect::<Option<Vec<_>>>()
    else {
        return Ok(false);
    };
    let is_within = |unique: Vec<String>| !unique.is_empty() && unique.iter().all(|column| places.contains(&column));
    Ok(unique.iter().any(|row| is_within(row.get(0))))
}

/// Why a table does not take these columns as they are; `None`: it does, or is not there yet. One of ours gets columns that it has not.
pub(super) async fn refusal(
    client: &Client,
    columns: &[WireColumn],
    table: Option<&Table>,
    is_ours: bool,
) -> Result<Option<String>> {
    if let Some(why) = unknown(client, columns).await? {
        return Ok(Some(why));
    }
    for column in columns {
        if let Some(theirs) = &column.locale {
            let ours = locale(client).await?;
            if *theirs != ours {
                return Ok(Some(format!(
                    "amounts of money like those of `{}` mean something else in the other database: its `lc_monetary` is {theirs}, and {ours} here",
                    column.name
                )));
            }
        }
        let Some(table) = table else { continue };
        let place = table.place.quoted();
        match table.column(&column.name) {
            Some(TableColumn { generated: true, .. }) => {
                return Ok(Some(format!("column `{}` of {place} is generated", column.name)));
            }
            Some(there) if there.declared == column.of => {}
            Some(there) => {
                return Ok(Some(format!(
                    "column `{}` of {place} is {}, and {} where it comes from",
                    column.name, there.declared, column.of
                )));
            }
            None if is_ours => {}
            None => return Ok(Some(format!("{place} has no column `{}`", column.name))),
        }
    }
    Ok(None)
}

/// Why the server does not know all values of the columns' types: it may be older than the one that they come from.
async fn unknown(client: &Client, columns: &[WireColumn]) -> Result<Option<String>> {
    let Some(types) = columns
        .iter()
        .map(|c| format!("({})", literal(&c.of)))
        .reduce(|a, b| format!("{a}, {b}"))
    else {
        return Ok(None);
    };
    let sql = format!(
        "select t.of from (values {types}) t(of)
         where pg_catalog.to_regtype(t.of) is null
             or (pg_catalog.starts_with(t.of, 'numeric') and pg_catalog.current_setting('server_version_num')::int4 < {INFINITE_SINCE})"
    );
    let found = asked(client, &sql, &[], "ask for types").await?;
    Ok(found.first().map(|row| {
        let of: String = row.get(0);
        let name = columns.iter().find(|c| c.of == of).map_or("", |c| &c.name);
        match of.starts_with("numeric") {
            true => format!(
                "column `{name}` is {of}, and may be infinite where it comes from, which this server does not know"
            ),
            false => format!("column `{name}` is {of}, which this server does not have"),
        }
    }))
}

/// From this version on a `numeric` may be infinite.
const INFINITE_SINCE: i32 = 140_000;

/// What amounts of money mean where nobody says otherwise: a session of ours has said otherwise.
async fn locale(client: &Client) -> Result<String> {
    let sql = "select reset_val from pg_settings where name = 'lc_monetary'";
    let found = asked(client, sql, &[], "ask for `lc_monetary`").await?;
    Ok(found.first().map_or_else(String::new, |row| row.get(0)))
}

/// Whether the bytes of this type's values mean the same on every server, and are taken in as they are sent; else what it is.
fn passes(of: &PgType) -> Result<(), String> {
    if of.oid() >= FIRST_OF_OTHERS {
        return Err(format!("is {of}, a type of its own"));
    }
    if let PgKind::Array(element) | PgKind::Range(element) | PgKind::Multirange(element) = of.kind() {
        return passes(element);
    }
    match *of {
        PgType::BOOL
        | PgType::BYTEA
        | PgType::CHAR
        | PgType::NAME
        | PgType::INT8
        | PgType::INT2
        | PgType::INT4
        | PgType::TEXT
        | PgType::OID
        | PgType::TID
        | PgType::XID
        | PgType::CID
        | PgType::XID8
        | PgType::JSON
        | PgType::POINT
        | PgType::LSEG
        | PgType::PATH
        | PgType::BOX
        | PgType::POLYGON
        | PgType::LINE
        | PgType::CIDR
        | PgType::FLOAT4
        | PgType::FLOAT8
        | PgType::CIRCLE
        | PgType::MACADDR8
        | PgType::MONEY
        | PgType::MACADDR
        | PgType::INET
        | PgType::BPCHAR
        | PgType::VARCHAR
        | PgType::DATE
        | PgType::TIME
        | PgType::TIMESTAMP
        | PgType::TIMESTAMPTZ
        | PgType::INTERVAL
        | PgType::TIMETZ
        | PgType::BIT
        | PgType::VARBIT
        | PgType::NUMERIC
        | PgType::UUID
        | PgType::PG_LSN
        | PgType::TS_VECTOR
        | PgType::JSONB
        | PgType::JSONPATH => Ok(()),
        _ => Err(format!("is {of}, whose values are looked at one by one")),
    }
}

/// From this number on types are somebody's own (`FirstNormalObjectId`).
const FIRST_OF_OTHERS: u32 = 16_384;

/// The messages of one COPY, whose rows are gathered as they are. A server sends a row a message (PostgreSQL's documentation, "COPY
/// Operations"), the first of them behind the header, and says at the end that it is the end.
pub(super) struct Passing {
    /// What each row begins with: how many columns it has.
    begins: [u8; 2],
    rows: WireRows,
    has_begun: bool,
    has_ended: bool,
}

impl Passing {
    /// Of so many columns.
    pub fn of(columns: usize) -> Passing {
        Passing {
            begins: (columns as u16).to_be_bytes(),
            rows: WireRows::default(),
            has_begun: false,
            has_ended: false,
        }
    }

    /// Takes a message in.
    ///
    /// # Errors
    /// `BadData` for one that is not of a binary COPY, or of other columns.
    pub fn take(&mut self, message: &Bytes) -> Result<()> {
        let mut row = &message[..];
        if !self.has_begun {
            // No flags and no extension: what they say would be lost.
            row = row
                .strip_prefix(SIGNATURE)
                .and_then(|rest| rest.strip_prefix(&[0; 8]))
                .ok_or_else(broken)?;
            self.has_begun = true;
            if row.is_empty() {
                return Ok(());
            }
        }
        if self.has_ended {
            return Err(broken());
        }
        if row == END {
            self.has_ended = true;
            return Ok(());
        }
        if !row.starts_with(&self.begins) {
            return Err(broken());
        }
        self.rows.rows += 1;
        self.rows.bytes.extend_from_slice(row);
        Ok(())
    }

    /// Whether it is time to hand them on.
    pub fn is_full(&self) -> bool {
        self.rows.bytes.len() >= PORTION
    }

    /// Hands the rows on.
    pub fn hand_on(&mut self) -> WireRows {
        let next = WireRows {
            rows: 0,
            bytes: Vec::with_capacity(PORTION + PORTION / 8),
        };
        std::mem::replace(&mut self.rows, next)
    }

    /// Fails when the COPY stopped before its end.
    pub fn end(&self) -> Result<()> {
        match self.has_ended {
            true => Ok(()),
            false => Err(cut()),
        }
    }
}

/// What stands behind the last row.
const END: &[u8] = &[0xff, 0xff];
