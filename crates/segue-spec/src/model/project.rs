//! The project, its environments and its connections.

use super::{Asset, Family, How, Place};
use crate::name::AssetName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

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
}

impl Project {
    /// The asset whose child table a table of this name may be; none for an asset's own name.
    pub fn parent_of(&self, name: &AssetName) -> Option<&Asset> {
        let has_children = |asset: &&Asset| matches!(&asset.how, How::Copy(copy) if copy.has_children());
        let parents = self.assets.values().filter(has_children);
        let parents = parents.filter(|asset| name.may_be_child_of(&asset.name) && !self.assets.contains_key(name));
        parents.max_by_key(|asset| asset.name.as_str().len())
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
