//! The columns of every asset, from what is read to what reads it; on the way every query is looked through.

use super::asset::Draft;
use super::query::{Parsed, Role};
use super::{All, in_parts};
use crate::model::FamilyName;
use crate::name::AssetName;
use crate::sql::{Answer, Catalog, Columns, Table, Wanted, resolve_condition, resolve_query};
use crate::yaml::Node;
use segue_diag::Diagnostic;
use std::collections::{HashMap, HashSet};

/// The tables of a project, with the columns that are known so far.
pub(crate) struct Tables {
    tables: HashMap<AssetName, Table>,
    /// Assets that may have child tables.
    parents: Vec<AssetName>,
    /// Assets that do not say how their rows are found by a name.
    without_find: HashSet<AssetName>,
    families: Vec<(FamilyName, Table)>,
    names: Vec<String>,
}

impl Tables {
    /// All tables, their columns unknown.
    pub fn of(all: &All<'_>) -> Tables {
        let unread = all
            .unread_assets
            .iter()
            .filter_map(|n| Some((n.parse().ok()?, Table::Lake(None))));
        let mut tables: HashMap<AssetName, Table> = unread.collect();
        for draft in &all.assets {
            if let Some(name) = &draft.name {
                let table = draft
                    .elsewhere()
                    .map_or(Table::Lake(None), |c| Table::Elsewhere(c.to_string()));
                tables.entry(name.clone()).or_insert(table);
            }
        }
        let mut names: Vec<String> = tables.keys().map(AssetName::to_string).collect();
        names.sort();
        let families = all.assets.iter().filter_map(|draft| {
            let table = draft
                .elsewhere()
                .map_or(Table::Lake(None), |c| Table::Elsewhere(c.to_string()));
            Some((draft.family.clone()?, table))
        });
        let without_find = all.assets.iter().filter(|draft| draft.root.get("find").is_none());
        Tables {
            families: families.collect(),
            without_find: without_find.filter_map(|draft| draft.name.clone()).collect(),
            parents: super::nested::parents(&all.assets).cloned().collect(),
            tables,
            names,
        }
    }

    /// All tables, with the columns that have been found.
    pub fn known(all: &All<'_>) -> Tables {
        let mut tables = Tables::of(all);
        for draft in all.assets.iter().filter(|d| !d.twice && d.elsewhere().is_none()) {
            if let Some(name) = &draft.name {
                tables.tables.insert(name.clone(), Table::Lake(draft.columns.clone()));
            }
        }
        tables
    }

    /// The asset whose child table this may be; none for an asset's own name.
    pub fn parent_of(&self, name: &AssetName) -> Option<&AssetName> {
        match self.tables.contains_key(name) {
            true => None,
            false => super::nested::parent_of(name, self.parents.iter()),
        }
    }

    fn columns(&self, name: &AssetName) -> Columns {
        match self.tables.get(name) {
            Some(Table::Lake(columns)) => columns.clone(),
            _ => None,
        }
    }
}

impl Catalog for Tables {
    fn table(&self, name: &AssetName) -> Table {
        let of_many = || self.families.iter().find(|(family, _)| family.may_be(name));
        let found = self.tables.get(name).or_else(|| of_many().map(|(_, table)| table));
        // Which child tables there are is known when rows have come.
        let missing = match self.parent_of(name) {
            Some(_) => Table::Lake(None),
            None => Table::Missing,
        };
        found.cloned().unwrap_or(missing)
    }

    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn is_found_by_name(&self, name: &AssetName) -> bool {
        !self.without_find.contains(name)
    }
}

/// Finds the columns of the assets in this order, in which each stands after what it reads.
pub(super) fn look_up(all: &mut All<'_>, order: &[usize]) {
    let mut tables = Tables::of(all);
    let mut found: Vec<Diagnostic> = Vec::new();
    for &i in order {
        let columns = columns_of(all, i, &tables, &mut found);
        let columns = super::write::with_own(&all.assets[i], columns, &mut found);
        let draft = &mut all.assets[i];
        draft.columns = columns.clone();
        if let (Some(name), None, false) = (draft.name.clone(), draft.elsewhere(), draft.twice) {
            tables.tables.insert(name, Table::Lake(columns));
        }
    }
    let parts = in_parts(&all.assets, |drafts| {
        let mut found = Vec::new();
        let each: Vec<Columns> = drafts.iter().map(|d| others(d, &tables, &mut found)).collect();
        (each, found)
    });
    let mut drafts = all.assets.iter_mut();
    for (each, mut more) in parts {
        found.append(&mut more);
        // The columns first: a zip takes one more of what it is called on than it pairs.
        each.into_iter()
            .zip(drafts.by_ref())
            .for_each(|(each, draft)| draft.each = each);
    }
    all.found.append(&mut found);
}

fn columns_of(all: &All<'_>, i: usize, tables: &Tables, found: &mut Vec<Diagnostic>) -> Columns {
    let draft = &all.assets[i];
    if let Some(site) = draft.site(Role::Statement) {
        return answer(all, i, tables, found, |s| std::ptr::eq(s, site));
    }
    let copy = draft.root.get("copy")?;
    if draft.kind.as_deref() == Some("lake") {
        if draft.site(Role::CopyFrom).is_some() {
            return answer(all, i, tables, found, |s| s.role == Role::CopyFrom);
        }
        let table: AssetName = copy.get("table")?.text()?.parse().ok()?;
        return tables.columns(&table);
    }
    if super::nested::has_children(copy) {
        // What is nested makes columns of its own.
        return None;
    }
    let columns = copy.get("columns")?.entries();
    (!columns.is_empty()).then(|| columns.iter().map(|e| e.key.clone()).collect())
}

/// Looks through the query that makes the asset; its columns, unless it has mistakes, which would only breed more.
fn answer(
    all: &All<'_>,
    i: usize,
    tables: &Tables,
    found: &mut Vec<Diagnostic>,
    which: impl Fn(&super::query::Site) -> bool,
) -> Columns {
    let draft = &all.assets[i];
    let site = draft.sites.iter().find(|s| which(s))?;
    let Parsed::Query(statement) = &site.parsed else {
        return None;
    };
    let range = draft.root.get("range").filter(|_| site.role == Role::Statement);
    let input = range.and_then(|r| r.get("input")?.text()?.parse::<crate::model::RangeInput>().ok());
    let bounded = input.as_ref().map(|input| (&input.table, input.column.as_str()));
    let answer = resolve_query(statement, tables, Wanted { table: true, bounded });
    // A range that is not bounded says nothing of the columns.
    let right = answer
        .mistakes
        .iter()
        .all(|m| m.code == segue_diag::SQL_UNBOUNDED_RANGE);
    found.extend(answer.mistakes.into_iter().map(|m| site.diagnostic(draft.file, m)));
    answer.columns.filter(|_| right)
}

/// Looks through the queries that make no columns; those of the list.
fn others(draft: &Draft<'_>, tables: &Tables, found: &mut Vec<Diagnostic>) -> Columns {
    let mut each = listed(draft.root.at(&["copy", "for_each", "list"]));
    for site in &draft.sites {
        let answer: Answer = match (&site.parsed, site.role) {
            (Parsed::Query(statement), Role::ForEach) => {
                let answer = resolve_query(
                    statement,
                    tables,
                    Wanted {
                        table: true,
                        bounded: None,
                    },
                );
                each = answer.columns.clone().filter(|_| answer.mistakes.is_empty());
                answer
            }
            (Parsed::Query(statement), Role::CheckSql) => {
                let own = draft.name.as_ref().map(|name| (name, draft.columns.clone()));
                resolve_query(statement, &WithOwn { tables, own }, Wanted::default())
            }
            (Parsed::Condition(condition), Role::CheckRow) => match &draft.name {
                Some(name) => resolve_condition(condition, name, draft.columns.clone(), tables),
                None => continue,
            },
            _ => continue,
        };
        found.extend(answer.mistakes.into_iter().map(|m| site.diagnostic(draft.file, m)));
    }
    each
}

/// The tables as a check of an asset sees them: one that is written elsewhere asks its rows under its own name.
struct WithOwn<'t> {
    tables: &'t Tables,
    own: Option<(&'t AssetName, Columns)>,
}

impl Catalog for WithOwn<'_> {
    fn table(&self, name: &AssetName) -> Table {
        match &self.own {
            Some((own, columns)) if *own == name => Table::Lake(columns.clone()),
            _ => self.tables.table(name),
        }
    }

    fn names(&self) -> Vec<&str> {
        self.tables.names()
    }

    fn is_found_by_name(&self, name: &AssetName) -> bool {
        self.tables.is_found_by_name(name)
    }
}

/// The keys of the elements that are written out; a plain value is `value`.
fn listed(list: Option<&Node>) -> Columns {
    let items = list?.items();
    let mut keys: Vec<String> = Vec::new();
    for item in items {
        let own: Vec<String> = match item.scalar() {
            Some(_) => vec!["value".into()],
            None => item.entries().iter().map(|e| e.key.clone()).collect(),
        };
        keys.extend(own.into_iter().filter(|k| !keys.contains(k)).collect::<Vec<_>>());
    }
    (!keys.is_empty()).then(|| keys.into())
}
