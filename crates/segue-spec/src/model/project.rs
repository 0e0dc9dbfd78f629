//! The project, its environments and its connections.

use super::{Asset, Chat, Family, How, Place};
use crate::name::AssetName;
use crate::sql::handed_on;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that the files of one project say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The version of the files' format; always 1.
    pub format: u32,
    /// The project's name.
    pub name: String,
    /// The zone in which SQL sessions, `date_trunc` and ranges count, an IANA name.
    pub timezone: String,
    /// The sets of places that this project can run in, by name; at least one.
    pub environments: BTreeMap<String, Environment>,
    /// The environment that is meant when none is named; a key of `environments`.
    pub default_environment: String,
    /// The outside systems, by name.
    pub connections: BTreeMap<String, Connection>,
    /// The outputs, by name.
    pub assets: BTreeMap<AssetName, Asset>,
    /// Outputs of which there are as many as a source has tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub families: Vec<Family>,
    /// The conversations, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chats: BTreeMap<String, Chat>,
}

impl Project {
    /// The asset whose child table a table of this name may be; none for an asset's own name.
    pub fn parent_of(&self, name: &AssetName) -> Option<&Asset> {
        let has_children = |asset: &&Asset| matches!(&asset.how, How::Copy(copy) if copy.has_children());
        let parents = self.assets.values().filter(has_children);
        let parents = parents.filter(|asset| name.may_be_child_of(&asset.name) && !self.assets.contains_key(name));
        parents.max_by_key(|asset| asset.name.as_str().len())
    }

    /// The table and its column that stand behind a column, where it is handed on as it is through views; `None` where that is not certain.
    pub fn column_behind(&self, table: &AssetName, column: &str) -> Option<(AssetName, String)> {
        let (mut table, mut column) = (table.clone(), column.to_string());
        // As many as there are assets at most: checked projects have no ring.
        for _ in 0..=self.assets.len() {
            let Some(view) = self.assets.get(&table).filter(|a| a.is_view()) else {
                return Some((table, column));
            };
            let How::Sql(sql) = &view.how else { return None };
            (table, column) = handed_on(&sql.statement, &column)?;
        }
        None
    }

    /// What an asset reads, and what the views among that read in turn.
    pub fn reads_behind<'a>(&'a self, asset: &'a Asset) -> BTreeSet<&'a AssetName> {
        let mut found = BTreeSet::new();
        let mut left: Vec<&AssetName> = asset.reads.iter().collect();
        while let Some(name) = left.pop() {
            if found.insert(name)
                && let Some(view) = self.assets.get(name).filter(|a| a.is_view())
            {
                left.extend(&view.reads);
            }
        }
        found
    }
}

/// A named set of places for one project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name: `dev`, `prod`.
    pub name: String,
    /// Where the lake is: a folder (relative to the project's); no other environment's.
    pub lake: String,
    /// Where the state is: a SQLite file (relative to the project's folder); no other environment's.
    pub state: String,
    /// What answers SQL; this version knows `local` only.
    pub engine: String,
    /// Which changes need `segue apply`.
    pub apply: Apply,
    /// The environment from whose lake inputs are read that are not built in this one.
    #[serde(default)]
    pub reads_from: Option<String>,
    /// Where it stands in `segue.yaml`; `None` for the one that is there when none is written.
    pub place: Option<Place>,
}

/// Which changes `segue run` makes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// All of them: nothing needs `segue apply`.
    Auto,
    /// Those that break nothing: breaking ones need `segue apply`.
    Breaking,
    /// None: every change needs `segue apply`.
    All,
}

/// A named outside system and how to reach it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Its name, as `copy.from` and `into.connection` write it.
    pub name: String,
    /// The connector that speaks to it: `rest`, `sqlite`.
    pub kind: String,
    /// The connector's own settings, an object; `${env:…}` and `${secret:…}` in it are unresolved.
    pub settings: Value,
    /// Where its name stands.
    pub place: Place,
}
