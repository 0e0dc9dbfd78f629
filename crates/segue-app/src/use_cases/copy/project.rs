//! The project that is made up for a copy: its files are never written, and are checked like any others.

use super::{CopyMode, CopyRequest, SOURCE, TARGET};
use crate::ends::End;
use segue_core::source::Offered;
use segue_core::{AssetName, Error, Kind, Result};
use segue_diag::{COPY_NAMES, Severity, WRITE_MODE};
use segue_spec::Files;
use segue_spec::model::{Apply, Environment, Project};
use segue_spec::name::{folded, lower_identifier};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is copied between, and where lake and state are.
pub(super) struct Ends {
    pub from: End,
    pub to: End,
    pub lake: PathBuf,
    pub state: PathBuf,
}

impl Ends {
    /// The ends that are connections, by the names that these have.
    fn connections(&self) -> impl Iterator<Item = (&'static str, &segue_connectors::Address)> {
        let both = [(SOURCE, &self.from), (TARGET, &self.to)];
        both.into_iter().filter_map(|(name, end)| match end {
            End::System(address) => Some((name, address)),
            End::Lake(..) => None,
        })
    }

    /// The passwords, by the names under which the made-up files refer to them.
    pub fn secrets(&self) -> BTreeMap<String, String> {
        let with = self
            .connections()
            .filter_map(|(name, a)| Some((name, a.password.as_ref()?)));
        with.map(|(name, password)| (secret(name), password.reveal().to_string()))
            .collect()
    }
}

fn secret(connection: &str) -> String {
    format!("{}_PASSWORD", connection.to_uppercase())
}

/// A table that is to be copied.
pub(super) struct Wish {
    /// The asset that is its copy.
    pub asset: AssetName,
    /// The table of the lake that it is read from, if it is.
    pub reads: Option<AssetName>,
    /// The asset's file.
    file: Value,
}

/// What the copies of these tables are.
///
/// # Errors
/// `Conflict` where two of them would have one name, `Invalid` for a name that is none, and for a merge without a key.
pub(super) fn wishes(request: &CopyRequest, ends: &Ends, tables: &[&Offered]) -> Result<Vec<Wish>> {
    if let Some(schema) = &request.into_schema {
        lower_identifier(schema)
            .map_err(|why| Error::new(Kind::Invalid, why).hint("give `--into-schema` another name"))?;
    }
    let mut taken: BTreeMap<String, &Offered> = BTreeMap::new();
    let mut all = Vec::with_capacity(tables.len());
    for table in tables {
        let schema = request.into_schema.clone().unwrap_or_else(|| folded(&table.schema));
        let own = folded(&table.table);
        let place = match &ends.to {
            End::System(address) if address.kind == "sqlite" => own.clone(),
            _ => format!("{schema}.{own}"),
        };
        if let Some(before) = taken.insert(place.clone(), table) {
            let message = format!("{} and {} would both be called {place}", before.name, table.name);
            return Err(Error::new(Kind::Conflict, message)
                .code(COPY_NAMES)
                .hint("leave one of them out with `--except`, and copy it into another schema with `--into-schema`"));
        }
        all.push(wish(request, ends, table, &schema, &own, place)?);
    }
    Ok(all)
}

fn wish(request: &CopyRequest, ends: &Ends, table: &Offered, schema: &str, own: &str, place: String) -> Result<Wish> {
    let name = |text: String| -> Result<AssetName> {
        let read: std::result::Result<segue_spec::AssetName, String> = text.parse();
        let why = match read {
            Ok(_) => return text.parse(),
            Err(why) => why,
        };
        Err(
            Error::new(Kind::Conflict, format!("{} cannot be called {text}: {why}", table.name))
                .code(COPY_NAMES)
                .hint("give the copies another schema with `--into-schema`"),
        )
    };
    // The table of the lake is an asset of its own name.
    let (asset, reads) = match &ends.from {
        End::System(_) => (name(format!("{schema}.{own}"))?, None),
        End::Lake(..) => (name(format!("to_{schema}.{own}"))?, Some(name(table.name.clone())?)),
    };
    let copy = match &reads {
        Some(table) => json!({ "from": "lake", "table": table }),
        None => json!({ "from": SOURCE, "table": table.name, "on_new_column": "evolve", "on_type_change": "evolve" }),
    };
    let write = match request.mode {
        CopyMode::Replace if request.allow_empty => json!({ "mode": "replace", "allow_empty": true }),
        CopyMode::Replace => json!({ "mode": "replace" }),
        CopyMode::Merge => {
            let key = if request.key.is_empty() {
                &table.key
            } else {
                &request.key
            };
            if key.is_empty() {
                let message = format!(
                    "{} has no primary key, so that nothing says which rows are the same",
                    table.name
                );
                return Err(Error::new(Kind::Invalid, message).code(WRITE_MODE).hint(
                    "name its columns with `--key`; or leave it out with `--except`; or copy with `--mode replace`",
                ));
            }
            json!({ "mode": "merge", "key": key })
        }
    };
    let mut file = json!({ "asset": asset, "copy": copy, "write": write });
    if let (End::System(_), Some(file)) = (&ends.to, file.as_object_mut()) {
        file.insert("into".into(), json!({ "connection": TARGET, "table": place }));
    }
    Ok(Wish { asset, reads, file })
}

/// The project of these copies.
///
/// # Errors
/// `Unsupported` for a table that a project could not copy either.
pub(super) fn project(ends: &Ends, wishes: &[Wish]) -> Result<Project> {
    let mut files = Files::new();
    files.insert("segue.yaml", "format: 1\nproject: copy\n");
    for (name, address) in ends.connections() {
        let mut settings = address.settings.clone();
        if let Some(settings) = settings.as_object_mut() {
            settings.insert("connection".into(), json!(name));
            settings.insert("kind".into(), json!(address.kind));
            if address.password.is_some() {
                settings.insert("password".into(), json!(format!("${{secret:{}}}", secret(name))));
            }
        }
        files.insert(format!("connections/{name}.yaml"), settings.to_string());
    }
    for wish in wishes {
        files.insert(format!("assets/{}.yaml", wish.asset), wish.file.to_string());
        if let Some(table) = &wish.reads {
            // It is there, and how it came to be is not this project's business: it is never run.
            let stub = json!({ "asset": table, "copy": { "from": "files", "path": "nothing.csv" } });
            files.insert(format!("assets/{table}.yaml"), stub.to_string());
        }
    }
    let (project, found) = segue_spec::check(&files, &segue_connectors::schemas());
    if let Some(wrong) = found.iter().find(|d| d.severity == Severity::Error) {
        let place = wrong.span.as_ref().map_or("", |s| s.file.as_str());
        let what = place.trim_start_matches("assets/").trim_end_matches(".yaml");
        return Err(
            Error::new(Kind::Unsupported, format!("{what} cannot be copied: {}", wrong.message)).code(wrong.code),
        );
    }
    let project = project.ok_or_else(|| Error::bug("a copy's project cannot be read"))?;
    let environment = Environment {
        name: "copy".into(),
        lake: ends.lake.to_string_lossy().into_owned(),
        state: ends.state.to_string_lossy().into_owned(),
        engine: "local".into(),
        apply: Apply::Auto,
        reads_from: None,
        place: None,
    };
    Ok(Project {
        default_environment: environment.name.clone(),
        environments: BTreeMap::from([(environment.name.clone(), environment)]),
        ..project
    })
}
