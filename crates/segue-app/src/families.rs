//! Families of assets: which assets a file with `tables:` stands for.
//!
//! What was copied before is known from the state, and that is what a project is for everybody who only looks. Before a run and before its
//! plan the source is asked, once for all families of a connection: what is new there joins, or not, as `on_new_table` says; what is there
//! no longer is told, and keeps its table.

use crate::app::App;
use crate::choice::Choice;
use crate::use_cases::run::RunRequest;
use segue_core::source::Offered;
use segue_core::{AssetName, Ctx, Error, Kind, Result};
use segue_diag::{COPY_NAMES, SCHEMA_FROZEN};
use segue_spec::Project;
use segue_spec::model::{Asset, Family, From, How, OnSchemaChange, WriteMode};
use segue_store::Store;
use segue_work::asset_name;
use segue_work::definition::Definition;
use segue_work::report::{Ended, FamilyReport};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was found of a project's families.
pub(crate) struct Looked {
    /// The system whose project has them.
    pub app: App,
    /// What came of each family.
    pub families: Vec<FamilyReport>,
    /// Assets whose tables the source no longer has: they are run when they are named.
    pub gone: BTreeSet<AssetName>,
}

/// The project with the assets of its families that this state knows: those that ran.
///
/// # Errors
/// Those of the state.
pub(crate) async fn known(project: Arc<Project>, store: &Store) -> Result<Arc<Project>> {
    if project.families.is_empty() {
        return Ok(project);
    }
    let mut project = Arc::unwrap_or_clone(project);
    for row in store.assets().await?.into_iter().filter(|row| !row.dropped) {
        let definition = row.definition.as_ref().and_then(Definition::from_json);
        let Some(asset) = definition.map(|d| d.asset).filter(|a| asset_name(&a.name) == row.name) else {
            continue;
        };
        let Some(table) = table_of(&asset) else { continue };
        let family = project.families.iter().find(|f| is_of(f, &asset, table));
        if let Some(family) = family
            && !project.assets.contains_key(&asset.name)
        {
            let member = family.member(asset.name.clone(), table, &asset.write.key);
            project.assets.insert(member.name.clone(), member);
        }
    }
    Ok(Arc::new(project))
}

/// The table that a copy from a connection reads, as it is written.
fn table_of(asset: &Asset) -> Option<&str> {
    match &asset.how {
        How::Copy(copy) if matches!(copy.from, From::Connection(_)) => copy.settings.get("table")?.as_str(),
        _ => None,
    }
}

/// Whether the family would have made this asset of this table.
fn is_of(family: &Family, asset: &Asset, table: &str) -> bool {
    let connection = match &asset.how {
        How::Copy(copy) => match &copy.from {
            From::Connection(name) => Some(name.as_str()),
            _ => None,
        },
        How::Sql(_) => None,
    };
    let (schema, own) = letters(table);
    family.connection() == connection
        && family.takes(&schema, &own)
        && family.name.of(&schema, &own).is_ok_and(|name| name == asset.name)
}

/// Schema and name, letter for letter, of a table as SQL names it.
fn letters(table: &str) -> (String, String) {
    let (mut parts, mut is_quoted) = (vec![String::new()], false);
    let mut all = table.chars().peekable();
    while let Some(letter) = all.next() {
        match letter {
            '"' if is_quoted && all.next_if_eq(&'"').is_some() => {
                parts.last_mut().into_iter().for_each(|p| p.push('"'))
            }
            '"' => is_quoted = !is_quoted,
            '.' if !is_quoted => parts.push(String::new()),
            letter => parts.last_mut().into_iter().for_each(|p| p.push(letter)),
        }
    }
    let own = parts.pop().unwrap_or_default();
    (parts.pop().unwrap_or_default(), own)
}

impl App {
    /// Asks the sources of the families which tables they have, where the request may mean any of them.
    ///
    /// # Errors
    /// `Cancelled`. A source that does not answer is its families' failure: what was known of them is used.
    pub(crate) async fn looked(&self, selector: &[String], ctx: &Ctx) -> Result<Looked> {
        let mut looked = Looked {
            app: self.clone(),
            families: Vec::new(),
            gone: BTreeSet::new(),
        };
        if !self.may_mean_many(selector) {
            return Ok(looked);
        }
        let mut project = (*self.project).clone();
        let sources = self.sources();
        let mut offers: BTreeMap<&str, Result<Vec<Offered>>> = BTreeMap::new();
        for family in &self.project.families {
            let Some(connection) = family.connection() else {
                continue;
            };
            if !offers.contains_key(connection) {
                let asked = match sources.source(connection) {
                    Ok(source) => source.tables(ctx).await,
                    Err(error) => Err(error),
                };
                ctx.go_on()?;
                offers.insert(connection, asked);
            }
            let found = match &offers[connection] {
                Ok(offered) => self.grown(family, connection, offered, &mut project, &mut looked.gone),
                Err(error) => FamilyReport {
                    name: family.name.to_string(),
                    ended: Ended::Failed(self.without_secrets(error.again())),
                    new: Vec::new(),
                    notes: vec![format!(
                        "what {connection} has was not told: what was known of it is taken"
                    )],
                },
            };
            looked.families.push(found);
        }
        looked.app.project = Arc::new(project);
        Ok(looked)
    }

    /// Whether words that choose assets may choose some that only a source knows.
    fn may_mean_many(&self, selector: &[String]) -> bool {
        let families = &self.project.families;
        let words = selector
            .iter()
            .flat_map(|w| w.split([',', ' ']))
            .filter(|w| !w.is_empty());
        let mut words = words.peekable();
        let is_plain = |word: &str| {
            let name: std::result::Result<segue_spec::AssetName, String> = word.parse();
            name.is_ok_and(|name| !families.iter().any(|f| f.name.may_be(&name)) || self.is_written(&name))
        };
        !families.is_empty() && (words.peek().is_none() || !words.all(is_plain))
    }

    /// Whether an asset has a file of its own.
    fn is_written(&self, name: &segue_spec::AssetName) -> bool {
        let of_family = |asset: &Asset| self.project.families.iter().any(|f| f.asset.place == asset.place);
        self.project.assets.get(name).is_some_and(|asset| !of_family(asset))
    }

    /// The family's tables by the names of their assets, but for those that have a file of their own.
    fn named<'o>(
        &self,
        family: &Family,
        offered: &'o [Offered],
        wrong: &mut Option<Error>,
    ) -> BTreeMap<segue_spec::AssetName, Vec<&'o Offered>> {
        let mut all: BTreeMap<segue_spec::AssetName, Vec<&Offered>> = BTreeMap::new();
        for table in offered.iter().filter(|t| family.takes(&t.schema, &t.table)) {
            match family.name.of(&table.schema, &table.table) {
                Ok(name) if self.is_written(&name) => {}
                Ok(name) => all.entry(name).or_default().push(table),
                Err(why) => drop(wrong.get_or_insert_with(|| unnamed(family, &table.name, &why))),
            }
        }
        all
    }

    /// Adds to the project what the family is made of now.
    fn grown(
        &self,
        family: &Family,
        connection: &str,
        offered: &[Offered],
        project: &mut Project,
        gone: &mut BTreeSet<AssetName>,
    ) -> FamilyReport {
        let mut report = FamilyReport {
            name: family.name.to_string(),
            ended: Ended::Done,
            new: Vec::new(),
            notes: Vec::new(),
        };
        let before: BTreeSet<segue_spec::AssetName> = self
            .project
            .assets
            .values()
            .filter(|asset| asset.place == family.asset.place)
            .map(|asset| asset.name.clone())
            .collect();
        let (mut waiting, mut wrong) = (Vec::new(), None);
        let mut there: BTreeSet<segue_spec::AssetName> = BTreeSet::new();
        for (name, tables) in self.named(family, offered, &mut wrong) {
            let read = self.project.assets.get(&name).and_then(table_of);
            let table = match tables[..] {
                [one] => one,
                // One that was here first stays what it is; of two new ones nobody knows which is meant.
                _ => {
                    wrong.get_or_insert_with(|| twice(&tables[0].name, &tables[1].name, &name));
                    match tables.iter().find(|t| Some(t.name.as_str()) == read) {
                        Some(first) => first,
                        None => continue,
                    }
                }
            };
            there.insert(name.clone());
            if family.asset.write.mode == WriteMode::Merge && family.asset.write.key.is_empty() && table.key.is_empty()
            {
                wrong.get_or_insert_with(|| no_key(&table.name));
                continue;
            }
            let is_new = !before.contains(&name);
            if is_new && !before.is_empty() && family.on_new_table != OnSchemaChange::Evolve {
                waiting.push(table.name.clone());
                continue;
            }
            if is_new {
                report.new.push(asset_name(&name));
            }
            project
                .assets
                .insert(name.clone(), family.member(name, &table.name, &table.key));
        }
        for name in before.iter().filter(|name| !there.contains(*name)) {
            let table = self.project.assets.get(name).and_then(table_of).unwrap_or_default();
            report.notes.push(format!(
                "{table} is no longer in {connection}: {name} stays as it is, and `segue asset drop {name} --table-only` removes it"
            ));
            gone.insert(asset_name(name));
        }
        if there.is_empty() && before.is_empty() && wrong.is_none() {
            let choice = Choice {
                wanted: family.tables.clone(),
                except: family.except.clone(),
            };
            wrong = choice.means_something(offered, connection).err();
        }
        if !waiting.is_empty() {
            decide(family, connection, &waiting, &mut report);
        }
        if let Some(error) = wrong {
            report.ended = Ended::Failed(error);
        }
        report
    }
}

/// What becomes of tables that are new and do not join by themselves.
fn decide(family: &Family, connection: &str, waiting: &[String], report: &mut FamilyReport) {
    let tables = waiting.join(", ");
    let what = match waiting.len() {
        1 => format!("{connection} has a table that is new: {tables}"),
        n => format!("{connection} has {n} tables that are new: {tables}"),
    };
    match family.on_new_table {
        OnSchemaChange::Evolve => {}
        OnSchemaChange::DropValue => report
            .notes
            .push(format!("{what}; left out, as `on_new_table: drop_value` says")),
        OnSchemaChange::Quarantine => {
            report.notes.push(format!(
                "{what}; not copied until somebody decides: `on_new_table: evolve` takes it in, `except` leaves it out"
            ));
            report.ended = Ended::Partial;
        }
        OnSchemaChange::Freeze => {
            let error = Error::new(Kind::BadData, what).code(SCHEMA_FROZEN);
            report.ended = Ended::Failed(
                error.hint("say `on_new_table: evolve` to take it in, or name it in `except` to leave it out"),
            );
        }
    }
}

fn unnamed(family: &Family, table: &str, why: &str) -> Error {
    Error::new(
        Kind::Conflict,
        format!("{table} can be no asset of {}: {why}", family.name),
    )
    .code(COPY_NAMES)
    .hint("name it in `except`, and give it a file of its own")
}

fn twice(one: &str, other: &str, name: &segue_spec::AssetName) -> Error {
    Error::new(Kind::Conflict, format!("{one} and {other} would both be called {name}"))
        .code(COPY_NAMES)
        .hint("name one of them in `except`, and give it a file of its own; or write `asset: \"*.*\"`, with the schema of the table in the name")
}

fn no_key(table: &str) -> Error {
    Error::new(
        Kind::Invalid,
        format!("{table} has no primary key, so that nothing says which rows are the same"),
    )
    .code(segue_diag::WRITE_MODE)
    .hint("name it in `except`, and give it a file of its own with a `key:`")
}

/// Leaves out what is gone, unless it is meant by its name.
pub(crate) fn without_gone(names: &mut Vec<AssetName>, gone: &BTreeSet<AssetName>, request: &RunRequest) {
    let named = |name: &AssetName| {
        let words = request.selector.iter().flat_map(|w| w.split([',', ' ']));
        words.map(|w| w.trim_matches('+')).any(|w| w == name.to_string())
    };
    names.retain(|name| !gone.contains(name) || named(name));
}
