//! From drafts to the model.

use super::asset::Draft;
use super::query::{Parsed, Role};
use super::{All, in_parts};
use crate::config::{AssetFile, CheckFile, CopyFile, FindFile, ForEachFile, IntoFile, LakeCopyFile, OneOrMore};
use crate::model::{
    Asset, Check, CheckKind, Copy, Family, Find, ForEach, From, How, IntoTarget, LakeSource, Nested, OnSchemaChange,
    Place, SqlBody,
};
use crate::name::AssetName;
use crate::tables::TablePattern;
use crate::yaml::Node;
use segue_diag::WRONG_TYPE;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// The assets that could be read.
pub(super) fn assets(all: &mut All<'_>) -> (BTreeMap<AssetName, Asset>, Vec<Family>) {
    let parts = in_parts(&all.assets, |drafts| {
        let right = drafts.iter().filter(|d| d.shaped && !d.twice);
        let read = right.map(|draft| {
            let read = asset(draft).and_then(|asset| asset.map(|a| family(draft, a)).transpose());
            read.map_err(|why| (draft.span(&draft.place), why))
        });
        read.collect::<Vec<_>>()
    });
    let (mut assets, mut families) = (BTreeMap::new(), Vec::new());
    for read in parts.into_iter().flatten() {
        match read {
            Ok(Some(Read::One(asset))) => drop(assets.insert(asset.name.clone(), *asset)),
            Ok(Some(Read::Many(family))) => families.push(*family),
            Ok(None) => {}
            // The schema has let something through that the types do not take.
            Err((place, why)) => drop(all.report(WRONG_TYPE, place, format!("the asset cannot be read: {why}"))),
        }
    }
    (assets, families)
}

/// What a file stands for.
enum Read {
    One(Box<Asset>),
    Many(Box<Family>),
}

fn family(draft: &Draft<'_>, asset: Asset) -> Result<Read, String> {
    let Some(name) = &draft.family else {
        return Ok(Read::One(Box::new(asset)));
    };
    let file: CopyFile = typed(draft.root.get("copy").map(Node::to_json).unwrap_or_default())?;
    let patterns = |words: Option<OneOrMore>| -> Result<Vec<TablePattern>, String> {
        let words = words.map(OneOrMore::into_vec).unwrap_or_default();
        words.iter().map(|word| word.parse()).collect()
    };
    Ok(Read::Many(Box::new(Family {
        name: name.clone(),
        tables: patterns(file.tables)?,
        except: patterns(file.except)?,
        on_new_table: file.on_new_table.unwrap_or(OnSchemaChange::Evolve),
        asset,
    })))
}

fn asset(draft: &Draft<'_>) -> Result<Option<Asset>, String> {
    let mut root = draft.root.to_json();
    if let (Some(family), Some(root)) = (&draft.family, root.as_object_mut()) {
        // Each has its own; here something has to stand.
        root.insert("asset".into(), family.example().into());
    }
    let file: AssetFile = typed(root)?;
    let how = match (&file.copy, draft.site(Role::Statement)) {
        (Some(settings), _) => match &draft.kind {
            Some(kind) => How::Copy(copy(draft, kind, settings.clone())?),
            None => return Ok(None),
        },
        (None, Some(site)) => match &site.parsed {
            Parsed::Query(statement) => {
                let uses: BTreeSet<String> = statement.parameters.iter().map(|(name, _)| name.clone()).collect();
                How::Sql(SqlBody {
                    statement: site.text.clone(),
                    offset: draft.statement.unwrap_or(0),
                    begins: draft.begins,
                    uses: uses.into_iter().collect(),
                    inputs: file.inputs,
                })
            }
            _ => return Ok(None),
        },
        (None, None) => return Ok(None),
    };
    let into = match (file.into, &draft.into_kind) {
        (Some(settings), Some(kind)) => Some(into(kind, settings)?),
        (Some(_), None) => return Ok(None),
        (None, _) => None,
    };
    Ok(Some(Asset {
        name: file.asset,
        place: Place {
            file: draft.file.into(),
            start: draft.place.start,
            end: draft.place.end,
        },
        description: file.description,
        owner: file.owner,
        tags: file.tags,
        fresh: file.fresh,
        optional: file.optional,
        renamed_from: file.renamed_from,
        on_change: file.on_change,
        on_partial: file.on_partial,
        max_parked: file.max_parked,
        how,
        range: file.range,
        params: file.params,
        into,
        write: file.write,
        checks: checks(file.checks),
        find: file.find.map(find),
        reads: draft.reads.keys().cloned().collect(),
    }))
}

fn typed<T: DeserializeOwned>(json: Json) -> Result<T, String> {
    serde_json::from_value(json).map_err(|e| e.to_string())
}

/// The keys that are not in this list: the connector's own.
fn own_keys(settings: &Json, common: &[&str]) -> Json {
    let entries = settings.as_object().into_iter().flatten();
    let own = entries.filter(|(key, _)| !common.contains(&key.as_str()));
    Json::Object(own.map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>())
}

const COPY_KEYS: [&str; 12] = [
    "from",
    "for_each",
    "slice",
    "columns",
    "keep_raw",
    "position",
    "on_new_column",
    "on_type_change",
    "nested",
    "tables",
    "except",
    "on_new_table",
];

fn copy(draft: &Draft<'_>, kind: &str, settings: Json) -> Result<Copy, String> {
    if kind == "lake" {
        return lake_copy(settings);
    }
    let name = settings
        .get("from")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_string();
    let own = own_keys(&settings, &COPY_KEYS);
    let file: CopyFile = typed(settings)?;
    let from = if kind == "files" {
        From::Files
    } else {
        From::Connection(name)
    };
    Ok(Copy {
        from,
        kind: kind.to_string(),
        for_each: file.for_each.map(|list| for_each(draft, list)),
        slice: file.slice,
        columns: file.columns,
        keep_raw: file.keep_raw,
        position: file.position,
        on_new_column: file.on_new_column,
        on_type_change: file.on_type_change,
        nested: file.nested,
        settings: own,
    })
}

fn lake_copy(settings: Json) -> Result<Copy, String> {
    let on = |key: &str| {
        settings
            .get(key)
            .cloned()
            .map(typed)
            .transpose()
            .map(Option::unwrap_or_default)
    };
    let (on_new_column, on_type_change) = (on("on_new_column")?, on("on_type_change")?);
    let file: LakeCopyFile = typed(settings)?;
    let source = match (file.table, file.sql) {
        (Some(table), _) => LakeSource::Table(table),
        (None, Some(sql)) => LakeSource::Sql(sql),
        (None, None) => return Err("it reads neither a table nor a query".into()),
    };
    Ok(Copy {
        from: From::Lake(source),
        kind: "lake".into(),
        for_each: None,
        slice: Vec::new(),
        columns: Default::default(),
        keep_raw: None,
        position: None,
        on_new_column,
        on_type_change,
        nested: Nested::Json,
        settings: Json::Object(Map::new()),
    })
}

fn for_each(draft: &Draft<'_>, file: ForEachFile) -> ForEach {
    match (file.sql, file.list) {
        (Some(sql), _) => ForEach::Sql {
            sql,
            reads: draft.listed.clone(),
            batch: file.batch,
        },
        (None, list) => {
            let element = |value: Json| match value {
                Json::Object(_) => value,
                plain => Json::Object(Map::from_iter([("value".to_string(), plain)])),
            };
            ForEach::List {
                list: list.unwrap_or_default().into_iter().map(element).collect(),
                batch: file.batch,
            }
        }
    }
}

fn into(kind: &str, mut settings: Json) -> Result<IntoTarget, String> {
    // What a table is among tables, a path is among files.
    if let Some(object) = settings.as_object_mut()
        && let Some(path) = object.shift_remove("path")
    {
        object.insert("table".into(), path);
    }
    let own = own_keys(&settings, &["connection", "table", "adopt"]);
    let file: IntoFile = typed(settings)?;
    Ok(IntoTarget {
        connection: file.connection,
        kind: kind.to_string(),
        table: file.table,
        adopt: file.adopt,
        settings: own,
    })
}

fn find(file: FindFile) -> Find {
    Find {
        id: file.id,
        name: file.name,
        aliases: file.aliases.map(OneOrMore::into_vec).unwrap_or_default(),
        popularity: file.popularity,
    }
}

/// The checks, each with a name that no other has.
fn checks(files: Vec<CheckFile>) -> Vec<Check> {
    let mut all: Vec<Check> = Vec::new();
    for file in files {
        let (on_failure, scope, written) = (file.on_failure, file.scope, file.name.clone());
        let Some(kind) = kind(file) else { continue };
        let base = written.unwrap_or_else(|| crate::yaml::short(&kind.to_string()));
        let taken = |name: &str| all.iter().any(|c| c.name == name);
        let mut name = base.clone();
        let mut n = 2;
        while taken(&name) {
            name = format!("{base} ({n})");
            n += 1;
        }
        all.push(Check {
            name,
            kind,
            on_failure,
            scope,
        });
    }
    all
}

fn kind(file: CheckFile) -> Option<CheckKind> {
    let not_null = file.not_null.map(|c| CheckKind::NotNull(c.into_vec()));
    let unique = || file.unique.map(|c| CheckKind::Unique(c.into_vec()));
    let between = || {
        file.between.map(|b| CheckKind::Between {
            column: b.column,
            min: b.min,
            max: b.max,
        })
    };
    let accepted = || {
        file.accepted.map(|a| CheckKind::Accepted {
            column: a.column,
            values: a.values,
        })
    };
    let matches = || {
        file.matches.map(|m| CheckKind::Matches {
            column: m.column,
            pattern: m.pattern,
        })
    };
    let references = || {
        file.references.map(|r| CheckKind::References {
            column: r.column,
            table: r.table,
            to: r.to,
        })
    };
    let row_count = || file.row_count.map(|r| CheckKind::RowCount { min: r.min, max: r.max });
    not_null
        .or_else(unique)
        .or_else(between)
        .or_else(accepted)
        .or_else(matches)
        .or_else(references)
        .or_else(|| file.row.map(CheckKind::Row))
        .or_else(|| file.sql.map(CheckKind::Sql))
        .or_else(row_count)
}
