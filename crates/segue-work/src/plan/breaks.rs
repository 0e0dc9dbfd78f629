//! Who misses a column that an asset loses: those that read it, and those that are made from them.

use super::class::{Class, DefinitionChange};
use crate::names::asset_name;
use crate::step::{query, source_copy};
use segue_core::AssetName;
use segue_spec::graph::Graph;
use segue_spec::model::{Asset, Copy, ForEach, How};
use segue_spec::sql::parse_query;
use segue_spec::{AssetName as Name, Project};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// An asset that misses a column of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// Which.
    pub name: AssetName,
    /// The columns that it reads and that are lost; none where another one between them does.
    pub columns: Vec<String>,
    /// The asset between them.
    pub through: Option<AssetName>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.through {
            Some(through) => write!(f, "{} (through {through})", self.name),
            None => write!(f, "{} (reads {})", self.name, self.columns.join(", ")),
        }
    }
}

/// The assets that miss a column which this change takes away, by name. Who reads none of them is not broken, and runs again as after any
/// other change.
pub(super) fn breaks(project: &Project, asset: &Asset, change: &DefinitionChange) -> Vec<Broken> {
    if change.class != Some(Class::Breaking) || change.lost_columns.is_empty() {
        return Vec::new();
    }
    let graph = Graph::of(project);
    let mut found: Vec<Broken> = Vec::new();
    let mut seen: BTreeSet<Name> = BTreeSet::from([asset.name.clone()]);
    let mut behind: Vec<Name> = Vec::new();
    for name in graph.dependants(&asset.name) {
        let columns = project
            .assets
            .get(name)
            .map_or_else(Vec::new, |a| read_by(a, &change.lost_columns));
        if !columns.is_empty() && seen.insert(name.clone()) {
            behind.push(name.clone());
            found.push(Broken {
                name: asset_name(name),
                columns,
                through: None,
            });
        }
    }
    while let Some(through) = behind.pop() {
        for name in graph.dependants(&through) {
            if seen.insert(name.clone()) {
                behind.push(name.clone());
                found.push(Broken {
                    name: asset_name(name),
                    columns: Vec::new(),
                    through: Some(asset_name(&through)),
                });
            }
        }
    }
    found
}

/// Those of these columns that an asset reads: its SQL has the word, or takes every column. A column of another table that is called the
/// same counts too: better one that is not broken than one that nobody was told of.
fn read_by(asset: &Asset, lost: &[String]) -> Vec<String> {
    let texts = query::statement(asset).into_iter().chain(listed(asset));
    let words: Vec<String> = texts
        .flat_map(|sql| parse_query(&sql).map(|s| s.tokens).unwrap_or_default())
        .collect();
    // Neither a product nor `count(*)` reads every column.
    let takes_all = |pair: &[String]| pair[1] == "*" && ["select", "distinct", "all", ",", "."].contains(&&*pair[0]);
    if words.windows(2).any(takes_all) {
        return lost.to_vec();
    }
    let is_read = |c: &&String| words.iter().any(|w| w == *c || *w == format!("\"{c}\""));
    lost.iter().filter(is_read).cloned().collect()
}

fn listed(asset: &Asset) -> Option<String> {
    let list = |copy: &Copy| match &copy.for_each {
        Some(ForEach::Sql { sql, .. }) => Some(sql.clone()),
        _ => None,
    };
    match &asset.how {
        How::Copy(copy) if source_copy(asset).is_some() => list(copy),
        _ => None,
    }
}
