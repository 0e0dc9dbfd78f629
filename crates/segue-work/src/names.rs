//! A project's words in the words that capabilities exchange.

use arrow_schema::{Field, Schema};
use segue_core::sink::{deleted_column, valid_columns};
use segue_core::source::{Column, Nested, Nesting, OnChange, ReadSchema};
use segue_core::{AssetName, Error, Result, Type};
use segue_spec::model::{self, Asset, DeleteMissing, OnSchemaChange, Write, WriteMode};
use std::sync::Arc;

/// An asset's name as it is exchanged.
pub fn asset_name(name: &segue_spec::AssetName) -> AssetName {
    name.as_str()
        .parse()
        .expect("a project's names keep stricter rules than the names that are exchanged")
}

/// A type as it is exchanged.
///
/// # Errors
/// `Bug` for a type that the project knows and the rest does not.
pub fn column_type(of: &segue_spec::types::Type) -> Result<segue_core::Type> {
    of.to_string()
        .parse()
        .map_err(|e| Error::bug(format!("the type {of} is known to the project alone")).caused_by(e))
}

/// A copy's declared columns, and which of them have no type yet: one that is not written is that of the columns that are frozen, if they
/// are there. `None` when no column is declared.
///
/// # Errors
/// As [`column_type`].
pub fn columns(declared: &model::Columns, frozen: Option<&[Column]>) -> Result<Option<(Vec<Column>, Vec<String>)>> {
    let mut untyped = Vec::new();
    let mut columns = Vec::with_capacity(declared.len());
    for (name, column) in declared.iter() {
        let known = frozen.and_then(|f| f.iter().find(|c| c.name == *name));
        let of = match (&column.ty, known) {
            (Some(of), _) => column_type(of)?,
            (None, Some(known)) => known.of.clone(),
            (None, None) if column.value.is_some() => segue_core::Type::String,
            (None, None) => {
                untyped.push(name.clone());
                segue_core::Type::Json
            }
        };
        columns.push(Column {
            name: name.clone(),
            of,
            required: column.required,
            path: column.path.clone(),
            value: column.value.as_ref().map(template),
        });
    }
    Ok((!columns.is_empty()).then_some((columns, untyped)))
}

/// What objects and lists of a copy's records become where their type is found out; a type that is declared says it itself.
pub fn nesting(copy: &model::Copy) -> Nesting {
    let of = |nested: model::Nested| match nested {
        model::Nested::Json => Nested::Json,
        // Child tables are made of them when they are here.
        model::Nested::Struct | model::Nested::ChildTables => Nested::Struct,
    };
    let column = |(name, column): &(String, model::Column)| {
        let nested = match column.ty {
            Some(_) => Nested::Json,
            None => of(copy.nested_of(name)),
        };
        (name.clone(), nested)
    };
    Nesting {
        others: of(copy.nested),
        columns: copy.columns.iter().map(column).collect(),
    }
}

/// Whether a copy has columns whose types are found out, and kept.
pub fn are_inferred(declared: &model::Columns) -> bool {
    declared.is_empty() || declared.iter().any(|(_, c)| c.ty.is_none() && c.value.is_none())
}

/// The columns of a table, as those of an asset that declares none are kept.
///
/// # Errors
/// `Unsupported` for a type that no asset has.
pub fn table_columns(schema: &Schema) -> Result<Vec<Column>> {
    let column = |f: &Arc<Field>| {
        Ok(Column {
            name: f.name().clone(),
            of: Type::of(f)?,
            required: !f.is_nullable(),
            path: None,
            value: None,
        })
    };
    schema.fields().iter().map(column).collect()
}

/// The columns of an asset's table that are read: those that its write mode keeps beside them are left out.
///
/// # Errors
/// As [`table_columns`].
pub fn read_columns(asset: &Asset, schema: &Schema) -> Result<Vec<Column>> {
    let own = asset.write.own_columns();
    let mut columns = table_columns(schema)?;
    columns.retain(|c| !own.contains(&c.name.as_str()));
    Ok(columns)
}

/// The columns that an asset's write mode keeps in its table beside those that are read.
pub fn own_columns(write: &Write) -> Vec<Field> {
    match (write.mode, write.delete_missing) {
        (WriteMode::History, _) => valid_columns().to_vec(),
        (WriteMode::Merge, DeleteMissing::Soft) => vec![deleted_column()],
        _ => Vec::new(),
    }
}

/// How columns are otherwise than before, a line each, for people.
pub fn changes(before: &[Column], after: &[Column]) -> Vec<String> {
    let of = |columns: &[Column], name: &str| columns.iter().find(|c| c.name == name).map(|c| c.of.clone());
    let new = after.iter().filter_map(|c| match of(before, &c.name) {
        None => Some(format!("column {} is new: {}", c.name, c.of)),
        Some(old) if old != c.of => Some(format!("column {}: {old} becomes {}", c.name, c.of)),
        Some(_) => None,
    });
    let gone = before.iter().filter(|c| of(after, &c.name).is_none());
    new.chain(gone.map(|c| format!("column {} is no longer there", c.name)))
        .collect()
}

/// A `value:` as a template's text.
pub fn template(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What to do with what the schema does not have.
pub fn on_change(word: OnSchemaChange) -> OnChange {
    match word {
        OnSchemaChange::Evolve => OnChange::Evolve,
        OnSchemaChange::Freeze => OnChange::Freeze,
        OnSchemaChange::Quarantine => OnChange::Quarantine,
        OnSchemaChange::DropValue => OnChange::DropValue,
    }
}

/// The columns that a copy is read into: those that it declares, or else those that are frozen.
///
/// # Errors
/// As [`column_type`].
pub fn read_schema(copy: &model::Copy, frozen: Option<&[Column]>) -> Result<ReadSchema> {
    let declared = columns(&copy.columns, frozen)?;
    let is_declared = declared.is_some();
    let (columns, untyped) = declared.unzip();
    Ok(ReadSchema {
        declared: is_declared,
        columns: columns.or_else(|| frozen.map(<[Column]>::to_vec)),
        untyped: untyped.unwrap_or_default(),
        on_new_column: on_change(copy.on_new_column),
        on_type_change: on_change(copy.on_type_change),
        nested: nesting(copy),
    })
}

/// The project's asset of this name, if it has one.
pub fn asset_of<'p>(project: &'p segue_spec::Project, name: &AssetName) -> Option<&'p Asset> {
    let name: segue_spec::AssetName = name.to_string().parse().ok()?;
    project.assets.get(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_in_columns_is_told() {
        let columns = |all: &[(&str, Type)]| -> Vec<Column> {
            let schema = Schema::new(all.iter().map(|(name, of)| of.field(name, true)).collect::<Vec<_>>());
            table_columns(&schema).expect("they are types of ours")
        };
        let before = columns(&[("id", Type::String), ("n", Type::Int64), ("old", Type::Bool)]);
        let after = columns(&[("id", Type::String), ("n", Type::Decimal(20, 1)), ("at", Type::Date)]);
        insta::assert_snapshot!(changes(&before, &after).join("\n"), @r"
        column n: int64 becomes decimal(20,1)
        column at is new: date
        column old is no longer there
        ");
    }

    /// What a project can write is kept, and written, in the same words.
    #[test]
    fn every_type_that_can_be_written_is_kept() {
        fn any(seed: &mut u64, depth: u32) -> Type {
            let mut random = |below: u64| {
                *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (*seed >> 33) % below
            };
            let examples = Type::examples();
            match random(5) {
                0 if depth < 4 => Type::List(Box::new(any(seed, depth + 1))),
                1 if depth < 4 => {
                    let names = ["a", "b_1", "_c"]
                        .into_iter()
                        .take(1 + random(3) as usize)
                        .collect::<Vec<_>>();
                    Type::Struct(names.iter().map(|n| (n.to_string(), any(seed, depth + 1))).collect())
                }
                2 => {
                    let precision = 1 + random(38) as u8;
                    Type::Decimal(precision, random(u64::from(precision) + 1) as u8)
                }
                3 => Type::Vector(1 + random(u64::from(Type::MOST_ELEMENTS)) as u32),
                _ => examples[random(17) as usize].clone(),
            }
        }
        let mut seed = 7;
        for _ in 0..2000 {
            let kept = any(&mut seed, 0);
            let written: segue_spec::types::Type = kept.to_string().parse().expect("a project can write it");
            assert_eq!(written.to_string(), kept.to_string());
            assert_eq!(column_type(&written).expect("it is known"), kept);
        }
        for refused in [
            "vector(0)",
            "vector(65537)",
            "decimal(39,0)",
            "decimal(0,0)",
            "decimal(3,4)",
            "struct<>",
            "list<>",
        ] {
            assert!(
                refused.parse::<Type>().is_err() && refused.parse::<segue_spec::types::Type>().is_err(),
                "{refused}"
            );
        }
    }

    #[test]
    fn every_type_is_written_as_it_is_kept() {
        for kept in Type::examples() {
            let written: segue_spec::types::Type = kept.to_string().parse().expect("a project can write it");
            assert_eq!(written.to_string(), kept.to_string());
            assert_eq!(column_type(&written).expect("it is known"), kept);
        }
    }
}
