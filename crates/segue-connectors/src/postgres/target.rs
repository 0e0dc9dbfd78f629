//! A table as the server has it, to be written into: finding it, what it takes, making it, and bringing one of ours to a schema. A table of
//! somebody else's is never altered.

use super::errors::failed;
use super::marks::asked;
use super::place::{Place, checked, literal, quoted};
use super::types::{Cast, Listed, Reading, reading_by};
use arrow_schema::{Field, Schema, SchemaRef};
use segue_core::hash::sha256;
use segue_core::sink::Change;
use segue_core::{CommitRecord, Error, Kind, Result, Type};
use segue_diag as codes;
use std::sync::Arc;
use tokio_postgres::{Client, Row};

const DOING: &str = "look at the table";

/// A table that is there.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub place: Place,
    pub oid: u32,
    pub columns: Vec<TableColumn>,
    /// The primary key's columns.
    pub key: Vec<String>,
    /// The columns of every other set in which no two rows are equal.
    pub unique: Vec<Vec<String>>,
    /// The triggers and rules that somebody put on it, or on a part of it.
    pub triggers: Vec<String>,
    /// Whether a row that goes takes rows of other tables with it, or what they refer to.
    pub cascades: bool,
    /// Whether what refers to it sees a row that goes and comes again in one statement: it forbids that at once, or follows its values.
    pub watched: bool,
}

#[derive(Clone, Debug)]
pub(super) struct TableColumn {
    pub name: String,
    /// Its type, as the server writes it.
    pub declared: String,
    /// The type that it is of, whatever domain it is called by, and however long or exact a value may be.
    plain: String,
    /// What kind of type it is, by the server's own letters (`pg_type.typcategory`).
    pub category: char,
    pub not_null: bool,
    pub has_default: bool,
    pub always_identity: bool,
    pub generated: bool,
    reading: Reading,
}

/// What the last commit made of the table: what else there is of it somebody put on it, and it stays.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    /// The columns that must have a value.
    required: Vec<String>,
    /// The key.
    key: Vec<String>,
}

impl Made {
    /// By this record, the table's last one.
    pub fn by(record: &CommitRecord) -> Made {
        let own = record.own();
        let required = own.schema.fields().iter().filter(|f| !f.is_nullable());
        Made {
            required: required.map(|f| f.name().clone()).collect(),
            key: own.change.key().to_vec(),
        }
    }

    /// Whether we said that this column must have a value.
    pub fn requires(&self, column: &str) -> bool {
        self.required.iter().chain(&self.key).any(|c| c == column)
    }

    /// Whether this primary key is ours.
    pub fn is_key(&self, key: &[String]) -> bool {
        self.key.len() == key.len() && key.iter().all(|c| self.key.contains(c))
    }
}

impl TableColumn {
    /// Whether its values are of this type when they are read.
    pub fn is_read_as(&self, of: &Type) -> bool {
        self.reading.of == *of
    }
}

impl Table {
    /// The table of this name.
    ///
    /// # Errors
    /// `Invalid` when it is a view, or what else takes no rows of ours.
    pub async fn find(client: &Client, place: &Place) -> Result<Option<Table>> {
        let found = asked(
            client,
            "select c.oid, c.relkind::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = $1 and c.relname = $2 and c.relkind not in ('i', 'I', 't')",
            &[&place.schema, &place.name],
            DOING,
        )
        .await?;
        let Some(row) = found.first() else { return Ok(None) };
        let (oid, kind): (u32, String) = (row.get(0), row.get(1));
        if !matches!(kind.as_str(), "r" | "p") {
            return Err(Error::new(
                Kind::Invalid,
                format!("{} is no table, and rows go into tables", place.quoted()),
            )
            .code(codes::POSTGRES_OTHER_TABLE));
        }
        let number = oid.to_string();
        Ok(Some(Table {
            place: place.clone(),
            oid,
            columns: columns(client, &number).await?,
            key: keys(client, &number, true).await?.pop().unwrap_or_default(),
            unique: keys(client, &number, false).await?,
            triggers: triggers(client, &number).await?,
            cascades: is_referred_to(client, &number, "confdeltype in ('c', 'n', 'd')").await?,
            watched: is_referred_to(client, &number, "(confdeltype = 'r' or confupdtype in ('c', 'n', 'd'))").await?,
        }))
    }

    pub fn column(&self, name: &str) -> Option<&TableColumn> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The statement after which nobody else writes to the table until the transaction ends. Where rows are only added, others may add some too.
    pub fn lock_for(&self, change: &Change) -> String {
        let mode = match change {
            Change::Append if self.triggers.is_empty() => "row exclusive",
            _ => "share row exclusive",
        };
        format!("lock table {} in {mode} mode", self.place.quoted())
    }

    /// What a change of the table by somebody else would change.
    pub fn fingerprint(&self) -> String {
        let columns = self.columns.iter().map(|c| {
            let flags = [c.not_null, c.has_default, c.always_identity, c.generated];
            format!("{:?} {} {flags:?}", c.name, c.declared)
        });
        let all: Vec<String> = columns.chain([format!("{:?} {:?}", self.key, self.triggers)]).collect();
        sha256(all.join("\n"))
    }

    /// The table's schema: as it was last written where it still is so, else what its declarations mean. A table that was never written by
    /// us has all of its columns, one that was has those.
    pub fn schema(&self, last: Option<&Schema>) -> SchemaRef {
        let found = |c: &TableColumn| c.reading.of.field(&c.name, !c.not_null);
        let fields: Vec<Field> = match last {
            None => self.columns.iter().map(found).collect(),
            Some(last) => {
                let kept = last.fields().iter().filter_map(|f| Some((f, self.column(f.name())?)));
                kept.map(|(field, column)| match Type::of(field) {
                    Ok(of) if of.postgres() == column.declared => of.field(&column.name, !column.not_null),
                    _ => found(column),
                })
                .collect()
            }
        };
        Arc::new(Schema::new(fields))
    }

    /// Whether no two rows can be equal in these columns.
    pub fn keeps_apart(&self, key: &[String]) -> bool {
        let within = |unique: &Vec<String>| !unique.is_empty() && unique.iter().all(|c| key.contains(c));
        within(&self.key) || self.unique.iter().any(within)
    }

    /// Whether something would be lost, or break, if another table took this one's place: views, references, rights, indexes, comments, columns
    /// that somebody added.
    /// `by` is the table that would take its place, whose rights are what somebody gets by default.
    pub async fn has_followers(&self, client: &Client, ours: &Schema, made: &Made, by: &Place) -> Result<bool> {
        let is_anothers = |c: &TableColumn| {
            let is_required = c.not_null && !made.requires(&c.name) && !self.key.contains(&c.name);
            ours.field_with_name(&c.name).is_err() || c.has_default || c.generated || is_required
        };
        if self.columns.iter().any(is_anothers) {
            return Ok(true);
        }
        let found = asked(
            client,
            "select exists (
                select from pg_depend d, pg_class c where c.oid = $1::text::oid and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
                    and not (d.classid = 'pg_type'::regclass and d.deptype = 'i')
                    and not (d.classid = 'pg_class'::regclass and d.deptype = 'i' and d.objid = c.reltoastrelid)
                    and not (d.classid = 'pg_constraint'::regclass
                        and exists (select from pg_constraint k where k.oid = d.objid and k.contype in ('p', 'n')))
                union all
                select from pg_depend d, pg_class c join pg_type t on t.oid = c.reltype where c.oid = $1::text::oid
                    and d.refclassid = 'pg_type'::regclass and d.refobjid in (t.oid, t.typarray) and d.deptype = 'n'
                union all
                select from pg_inherits where inhrelid = $1::text::oid
                union all
                select from pg_attribute where attrelid = $1::text::oid and attnum > 0 and not attisdropped
                    and (attacl is not null or attoptions is not null or coalesce(attstattarget, -1) <> -1)
                union all
                select from pg_index where indrelid = $1::text::oid and (not indimmediate or indnkeyatts <> indnatts)
                union all
                select from pg_description where classoid = 'pg_class'::regclass and objoid = $1::text::oid
                union all
                select from pg_description d, pg_constraint k where d.classoid = 'pg_constraint'::regclass and d.objoid = k.oid
                    and k.conrelid = $1::text::oid
                union all
                select from pg_seclabel where classoid = 'pg_class'::regclass and objoid = $1::text::oid
                union all
                select from pg_attribute a, pg_type t where a.attrelid = $1::text::oid and a.attnum > 0 and not a.attisdropped and t.oid = a.atttypid
                    and (a.attstorage <> t.typstorage or coalesce(nullif(pg_catalog.to_jsonb(a) ->> 'attcompression', ''), '') <> '')
                union all
                select from pg_constraint k, pg_class c where k.conrelid = $1::text::oid and c.oid = k.conrelid and k.contype = 'p'
                    and k.conname <> pg_catalog.left(c.relname, 58) || '_pkey'
                union all
                select from pg_class c join pg_class o on o.oid = c.reltoastrelid where c.oid = $1::text::oid and o.reloptions is not null
                union all
                select from pg_publication_tables p join pg_class c on c.relname = p.tablename
                    join pg_namespace n on n.oid = c.relnamespace and n.nspname = p.schemaname where c.oid = $1::text::oid
                    and exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)
                union all
                select from pg_class c where c.oid = $1::text::oid
                    and (c.relkind <> 'r' or c.reloptions is not null or c.relrowsecurity or c.reltablespace <> 0
                        or c.relreplident <> 'd' or c.relpersistence <> 'p' or c.relispartition
                        or c.relowner <> (select oid from pg_roles where rolname = current_user)
                        or c.relacl is distinct from (select relacl from pg_class where oid = pg_catalog.to_regclass($2))))",
            &[&self.oid.to_string(), &by.quoted()],
            DOING,
        )
        .await?;
        Ok(found.first().is_none_or(|row| row.get(0)))
    }
}

async fn columns(client: &Client, oid: &str) -> Result<Vec<TableColumn>> {
    // Of a domain its innermost type is what its values are.
    let found = asked(
        client,
        "with recursive based(attnum, of, modifier) as (
             select attnum, atttypid, atttypmod from pg_attribute where attrelid = $1::text::oid and attnum > 0 and not attisdropped
             union all
             select b.attnum, t.typbasetype, t.typtypmod from based b join pg_type t on t.oid = b.of where t.typtype = 'd')
         select a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), t.typcategory::text, a.attnotnull or t.typnotnull,
             a.atthasdef or a.attidentity <> '', a.attidentity = 'a', a.attgenerated <> '', b.of, b.modifier, i.typname::text, i.typtype::text,
             a.attndims::int4, pg_catalog.format_type(b.of, -1), e.oid, e.typname::text, e.typtype::text
         from pg_attribute a join pg_type t on t.oid = a.atttypid
             join based b on b.attnum = a.attnum join pg_type i on i.oid = b.of and i.typtype <> 'd'
             left join pg_type e on e.oid = i.typelem and i.typcategory = 'A'
         where a.attrelid = $1::text::oid and a.attnum > 0 and not a.attisdropped order by a.attnum",
        &[oid],
        DOING,
    )
    .await?;
    let column = |row: &Row| {
        let listed = |oid: u32, at: usize| Listed {
            oid,
            name: row.get(at),
            kind: row.get(at + 1),
        };
        let elements: Option<u32> = row.get(13);
        let elements = elements.map(|oid| listed(oid, 14));
        let dimensions = usize::try_from(row.get::<_, i32>(11)).unwrap_or(0);
        TableColumn {
            name: row.get(0),
            declared: row.get(1),
            plain: row.get(12),
            category: row.get::<_, String>(2).chars().next().unwrap_or('X'),
            not_null: row.get(3),
            has_default: row.get(4),
            always_identity: row.get(5),
            generated: row.get(6),
            reading: reading_by(listed(row.get(7), 9), elements, row.get(8), dimensions),
        }
    };
    Ok(found.iter().map(column).collect())
}

async fn keys(client: &Client, oid: &str, primary: bool) -> Result<Vec<Vec<String>>> {
    let sql = format!(
        "select array(select a.attname::text from pg_catalog.unnest(i.indkey) with ordinality k(n, at)
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n where k.at <= i.indnkeyatts order by k.at)
         from pg_index i where i.indrelid = $1::text::oid and i.indisunique and i.indisvalid and i.indimmediate
             and i.indpred is null and i.indexprs is null and i.indisprimary = {primary}"
    );
    let found = asked(client, &sql, &[oid], DOING).await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

async fn triggers(client: &Client, oid: &str) -> Result<Vec<String>> {
    let found = asked(
        client,
        "with parts as (select $1::text::oid as part union select relid from pg_catalog.pg_partition_tree($1::text::oid))
         select tgname::text from pg_trigger join parts on tgrelid = part where not tgisinternal and tgenabled <> 'D'
         union select rulename::text from pg_rewrite join parts on ev_class = part where ev_enabled <> 'D' order by 1",
        &[oid],
        DOING,
    )
    .await?;
    Ok(found.iter().map(|row| row.get(0)).collect())
}

/// Whether a reference to the table is so.
async fn is_referred_to(client: &Client, oid: &str, how: &str) -> Result<bool> {
    let sql = format!(
        "select exists (select from pg_constraint where contype = 'f' and confrelid = $1::text::oid and {how})"
    );
    let found = asked(client, &sql, &[oid], DOING).await?;
    Ok(found.first().is_none_or(|row| row.get(0)))
}

/// The columns of a new table, for SQL; `declared` are their types.
///
/// # Errors
/// `Invalid` for names that the server would cut, `BadData` without any column.
pub(super) fn declarations(schema: &Schema, declared: &[String], key: &[String]) -> Result<String> {
    let mut parts = Vec::with_capacity(schema.fields().len());
    for (field, of) in schema.fields().iter().zip(declared) {
        let is_required = !field.is_nullable() || key.contains(field.name());
        let required = if is_required { " not null" } else { "" };
        parts.push(format!("{} {of}{required}", quoted(checked(field.name())?)));
    }
    match parts.is_empty() {
        true => Err(Error::new(
            Kind::BadData,
            "a table that is published has at least one column",
        )),
        false => Ok(parts.join(", ")),
    }
}

/// The SQL that brings a table of ours to the schema, with these types: new columns, other types, columns that may be empty now, where we said that they
/// may not; `drops`: and without those that the schema lacks. Empty where it fits already.
pub(super) fn fit(
    table: &Table,
    schema: &Schema,
    declared: &[String],
    (ours, made): (&Schema, &Made),
    drops: bool,
) -> Result<Vec<String>> {
    let mut changes = Vec::new();
    for (field, of) in schema.fields().iter().zip(declared) {
        let name = quoted(checked(field.name())?);
        match table.column(field.name()) {
            None => {
                let required = if field.is_nullable() { "" } else { " not null" };
                changes.push(format!("add column {name} {of}{required}"));
            }
            Some(column) => {
                if column.declared != *of {
                    let value = recast(&name, &column.declared, of, &Type::of(field)?);
                    changes.push(format!("alter column {name} type {of} using {value}"));
                }
                let is_ours = made.requires(field.name()) && !table.key.contains(field.name());
                if column.not_null && field.is_nullable() && is_ours {
                    changes.push(format!("alter column {name} drop not null"));
                }
            }
        }
    }
    if drops {
        let gone = ours
            .fields()
            .iter()
            .filter(|f| schema.field_with_name(f.name()).is_err());
        let gone = gone.filter(|f| table.column(f.name()).is_some());
        changes.extend(gone.map(|f| format!("drop column {}", quoted(f.name()))));
    }
    Ok(changes)
}

/// How values of a type come into a column that somebody else declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    /// Each as it is, or the server says that it is none of the column's.
    Whole,
    /// Some may not come back as they went: each is looked at.
    Looked,
}

/// Whether the table, which somebody else made, takes rows of this schema: `comes` says which columns come.
///
/// # Errors
/// `BadData` saying which column does not.
pub(super) fn check_foreign(table: &Table, schema: &Schema, comes: impl Fn(&str) -> bool) -> Result<()> {
    let refuse = |why: String| {
        Err(Error::new(
            Kind::BadData,
            format!(
                "the table {} was made by somebody else and does not take these rows: {why}",
                table.place.quoted()
            ),
        )
        .code(codes::POSTGRES_OTHER_TABLE)
        .hint("alter that table, or write into another one; a table that is not Segue's is never altered or dropped"))
    };
    let coming = schema.fields().iter().filter(|f| comes(f.name()));
    for field in coming.clone() {
        let of = Type::of(field)?;
        let Some(column) = table.column(field.name()) else {
            return refuse(format!("it has no column `{}`", field.name()));
        };
        if column.generated {
            return refuse(format!("column `{}` is generated", column.name)).map_err(|e| {
                e.hint("leave it out, since the table works it out itself: name the other columns under `columns:`, or in the SQL")
            });
        }
        if column.taking(&of).is_none() {
            return refuse(format!(
                "column `{}` is {}, and the rows have {of}",
                column.name, column.declared
            ));
        }
    }
    // Where no row comes, none lacks a value.
    if coming.clone().next().is_none() {
        return Ok(());
    }
    let is_filled = |c: &&TableColumn| coming.clone().any(|f| *f.name() == c.name);
    match table
        .columns
        .iter()
        .find(|c| c.not_null && !c.has_default && !c.generated && !is_filled(c))
    {
        Some(column) => refuse(format!("column `{}` must have a value", column.name)),
        None => Ok(()),
    }
}

impl TableColumn {
    /// How values of this type come into the column, if they do.
    fn taking(&self, of: &Type) -> Option<Taking> {
        if of.postgres() == self.declared {
            return Some(Taking::Whole);
        }
        let is = &self.reading.of;
        match (of, self.category) {
            (Type::String | Type::Uuid | Type::Json, 'S') => Some(Taking::Looked),
            // Texts that the server reads by its own rules: enums, addresses, intervals, ranges, bits, types of extensions.
            (Type::String, 'E' | 'I' | 'T' | 'R' | 'V' | 'G' | 'U') if *is != Type::Binary => Some(Taking::Whole),
            (_, 'U') if self.is_json() => matches!(of.postgres().as_str(), "json" | "jsonb").then_some(Taking::Whole),
            // pgvector's own conversion; it keeps four bytes of a number.
            (Type::Vector(_) | Type::List(_), 'U') if self.is_vector() => Some(Taking::Looked),
            (Type::Vector(_) | Type::List(_), 'A') if *is != Type::String => Some(Taking::Looked),
            (Type::Struct(_), 'C') => Some(Taking::Looked),
            (Type::Int8 | Type::Int16 | Type::Int32 | Type::Int64 | Type::UInt64 | Type::Decimal(..), 'N')
                if *is != Type::String || matches!(self.plain.as_str(), "numeric" | "money") =>
            {
                Some(Taking::Looked)
            }
            (Type::Float32 | Type::Float64, 'N') if *is != Type::String || self.plain == "numeric" => {
                Some(Taking::Looked)
            }
            (Type::Date | Type::Timestamp | Type::LocalTimestamp, 'D') if !self.declared.starts_with("time ") => {
                Some(Taking::Looked)
            }
            (Type::Time, 'D') if self.declared.starts_with("time ") || self.declared.starts_with("time(") => {
                Some(Taking::Looked)
            }
            // What is read from such a column as this type: a domain over it, another width, numbers of any precision, money, composites.
            _ => (is == of).then_some(Taking::Looked),
        }
    }

    /// A value that came as this type, as the column takes it.
    pub fn take(&self, value: &str, of: &Type, table: &Place) -> String {
        let (own, declared) = (of.postgres(), &self.declared);
        match (&self.reading.cast, self.category) {
            _ if own == *declared => value.to_string(),
            (Cast::Numeric, _) => format!("({value})::numeric::{declared}"),
            (Cast::Numerics, _) if *of == self.reading.of => format!("({value})::numeric[]::{declared}"),
            // An hstore, as it is written: there is no cast of JSON to it.
            (Cast::Json(_), 'U') if *of == Type::Json => {
                let escaped =
                    |text: &str| format!(r#"'"' || pg_catalog.regexp_replace({text}, '(["\\])', '\\\1', 'g') || '"'"#);
                format!(
                    "(case when {value} is not null then (select coalesce(pg_catalog.string_agg({} || '=>' || coalesce({}, 'NULL'), ','), '')
                        from json_each_text({value})) end)::{declared}",
                    escaped("key"),
                    escaped("value")
                )
            }
            // The server's own reading of JSON, for a row of the table that has nothing but this.
            (_, 'A' | 'C') if matches!(own.as_str(), "json" | "jsonb") => format!(
                "(json_populate_record(null::{}, json_build_object({}, {value}))).{}",
                table.quoted(),
                literal(&self.name),
                quoted(&self.name)
            ),
            _ => format!("({value})::{declared}"),
        }
    }

    /// A value of the column, as this sink would have made it of this type: as it is read, where it is read as that.
    pub fn give(&self, value: &str, of: &Type) -> String {
        let own = of.postgres();
        match self.category {
            _ if own == self.declared => value.to_string(),
            _ if self.is_vector() => format!("({value})::real[]::{own}"),
            // As what is nested is written down: numbers with digits after a point are words.
            'A' if own == "jsonb" && is_of_words(of) => {
                format!("pg_catalog.to_jsonb(({})::text[])", self.reading.cast.of(value))
            }
            'A' | 'C' if own == "jsonb" => format!("pg_catalog.to_jsonb({value})"),
            _ => format!("({})::{own}", self.reading.cast.of(&format!("({value})"))),
        }
    }

    /// The values of the query's column `value`, as they came and as the column keeps them: what is compared to find those that are bent.
    /// `None` where the server refuses any that it would bend.
    pub fn both(&self, value: &str, of: &Type, table: &Place) -> Option<(String, String)> {
        let (own, taken) = (of.postgres(), self.take(value, of, table));
        match self.taking(of) {
            Some(Taking::Whole) if self.plain == self.declared => None,
            // It is read as it is, and then cut to what the column is declared with.
            Some(Taking::Whole) => Some((format!("({value})::{}::text", self.plain), format!("({taken})::text"))),
            // Blanks at the end mean nothing there.
            _ if matches!(self.plain.as_str(), "bpchar" | "bpchar[]") && own != "jsonb" => Some((
                format!("({value})::{}", self.plain),
                format!("({taken})::{}", self.plain),
            )),
            _ => Some((comparable(value, &own), comparable(&self.give(&taken, of), &own))),
        }
    }

    fn is_json(&self) -> bool {
        matches!(self.plain.as_str(), "json" | "jsonb")
    }

    fn is_vector(&self) -> bool {
        self.category == 'U' && (self.plain == "vector" || self.plain.ends_with(".vector"))
    }
}

/// Whether lists hold what is written down as text.
fn is_of_words(of: &Type) -> bool {
    match of {
        Type::List(inner) => is_of_words(inner),
        of => matches!(of, Type::String | Type::Uuid | Type::Decimal(..)),
    }
}

/// What a value of this type is compared by: itself, where equal values are the same ones to the last byte, else its text. To the server `Bob` and
/// `bob` may be equal, or 1.0 and 1.00, a month and thirty days, a zero and a negative one.
pub(super) fn comparable(expression: &str, declared: &str) -> String {
    const EXACT: [&str; 9] = [
        "boolean",
        "smallint",
        "integer",
        "bigint",
        "date",
        "bytea",
        "uuid",
        "timestamp with time zone",
        "timestamp without time zone",
    ];
    let is_exact = EXACT.contains(&declared) || declared.starts_with("numeric(");
    match declared {
        _ if is_exact => expression.to_string(),
        "text" => format!("({expression}) collate \"C\""),
        _ => format!("({expression})::text collate \"C\""),
    }
}

/// A value that lies in a column of this SQL type, as a read of it gives it, in the type that this sink makes of that.
pub(super) fn read(value: &str, lies: &str, of: &Type) -> String {
    let own = of.postgres();
    match lies {
        _ if lies == own => value.to_string(),
        // The server's own way to text would leave blanks out.
        _ if lies.starts_with("character(") || lies == "bpchar" => {
            cast(&format!("textin(bpcharout({value}))"), "text", &own)
        }
        "money" => format!("({value})::numeric::{own}"),
        _ => format!("({value})::{own}"),
    }
}

/// A value of a column of ours in another type: first as a read of it gives it, of this type, then that as the other has it.
pub(super) fn recast(value: &str, from: &str, to: &str, of: &Type) -> String {
    match from == to {
        true => value.to_string(),
        false => cast(&read(value, from, of), &of.postgres(), to),
    }
}

/// A value of one type in another.
fn cast(value: &str, from: &str, to: &str) -> String {
    match from == to {
        true => value.to_string(),
        false => format!("({value})::{to}"),
    }
}

/// Carries one statement out; how many rows it touched.
pub(super) async fn run(client: &Client, sql: &str, doing: &str) -> Result<u64> {
    let done = client.simple_query(sql).await.map_err(failed(doing))?;
    let rows = done.iter().rev().find_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
        _ => None,
    });
    Ok(rows.unwrap_or(0))
}
