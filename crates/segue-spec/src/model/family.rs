//! A family: one file that stands for an asset a table of a source, however many there are.

use super::{Asset, How, OnSchemaChange};
use crate::name::{AssetName, folded, lower_identifier};
use crate::tables::TablePattern;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;

/// A copy of many tables. Which they are is known when the source has been asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Family {
    /// What its assets are called.
    pub name: FamilyName,
    /// The tables.
    pub tables: Vec<TablePattern>,
    /// Those among them that are left out.
    pub except: Vec<TablePattern>,
    /// What becomes of a table that was not there before.
    pub on_new_table: OnSchemaChange,
    /// What each of its assets is. Its name, its table and, where it is the table's own, its key are filled in by [`Family::member`].
    pub asset: Asset,
}

impl Family {
    /// Whether the table of this name, letter for letter, is one of its own.
    pub fn takes(&self, schema: &str, table: &str) -> bool {
        let is_of = |all: &[TablePattern]| all.iter().any(|p| p.matches(schema, table));
        is_of(&self.tables) && !is_of(&self.except)
    }

    /// The connection that it reads.
    pub fn connection(&self) -> Option<&str> {
        match &self.asset.how {
            How::Copy(copy) => match &copy.from {
                super::From::Connection(name) => Some(name),
                _ => None,
            },
            How::Sql(_) => None,
        }
    }

    /// The asset of a table: its name, the table as `table:` has it, and the key that the source tells of.
    pub fn member(&self, name: AssetName, table: &str, key: &[String]) -> Asset {
        let mut asset = self.asset.clone();
        if asset.write.key.is_empty() && asset.write.mode == super::WriteMode::Merge {
            asset.write.key = key.to_vec();
        }
        if let How::Copy(copy) = &mut asset.how
            && let Some(settings) = copy.settings.as_object_mut()
        {
            settings.insert("table".into(), Value::String(table.to_string()));
        }
        if let Some(into) = &mut asset.into {
            into.table = into.table.replacen('*', self.name.star_of(&name), 1);
        }
        asset.name = name;
        asset
    }
}

/// What the assets of a family are called: `raw.*`, `raw.shop_*`, or `*.*` where the schema is the table's too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FamilyName {
    /// `None`: the table's own.
    schema: Option<String>,
    before: String,
    after: String,
}

impl FamilyName {
    /// The name of the asset of a table, whose names are given letter for letter.
    ///
    /// # Errors
    /// Why it can have none.
    pub fn of(&self, schema: &str, table: &str) -> Result<AssetName, String> {
        let schema = self.schema.clone().unwrap_or_else(|| folded(schema));
        format!("{schema}.{}{}{}", self.before, folded(table), self.after).parse()
    }

    /// Whether one of its assets may have this name.
    pub fn may_be(&self, name: &AssetName) -> bool {
        let fits = |own: &str| own.len() > self.before.len() + self.after.len();
        self.schema.as_deref().is_none_or(|s| s == name.schema())
            && fits(name.table())
            && name.table().starts_with(&self.before)
            && name.table().ends_with(&self.after)
    }

    /// What stands for the table in a name that may be one of its own.
    fn star_of<'n>(&self, name: &'n AssetName) -> &'n str {
        let own = name.table();
        let own = own.strip_prefix(self.before.as_str()).unwrap_or(own);
        own.strip_suffix(self.after.as_str()).unwrap_or(own)
    }

    /// A name that one of its assets might have, for looking at what all of them are.
    pub(crate) fn example(&self) -> String {
        let schema = self.schema.as_deref().unwrap_or("x");
        format!("{schema}.{}x{}", self.before, self.after)
    }
}

impl std::fmt::Display for FamilyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let schema = self.schema.as_deref().unwrap_or("*");
        write!(f, "{schema}.{}*{}", self.before, self.after)
    }
}

impl FromStr for FamilyName {
    type Err = String;

    fn from_str(text: &str) -> Result<FamilyName, String> {
        let parts = text
            .split_once('.')
            .and_then(|(schema, table)| Some((schema, table.split_once('*')?)));
        let Some((schema, (before, after))) = parts.filter(|(_, (_, after))| !after.contains('*')) else {
            return Err(format!(
                "`{text}` is no name of many assets: it is `schema.*`, with one `*` for the table, and no other but for the schema"
            ));
        };
        let schema = (schema != "*").then(|| schema.to_string());
        let name = FamilyName {
            schema,
            before: before.to_string(),
            after: after.to_string(),
        };
        name.example().parse::<AssetName>()?;
        if !before.is_empty() {
            lower_identifier(before)?;
        }
        Ok(name)
    }
}

impl TryFrom<String> for FamilyName {
    type Error = String;

    fn try_from(text: String) -> Result<FamilyName, String> {
        text.parse()
    }
}

impl From<FamilyName> for String {
    fn from(name: FamilyName) -> String {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_familys_name_names_its_assets() {
        let name = |text: &str| text.parse::<FamilyName>();
        let of = |text: &str, schema: &str, table: &str| match name(text).and_then(|n| n.of(schema, table)) {
            Ok(asset) => asset.to_string(),
            Err(why) => why,
        };
        let told = [
            of("raw.*", "public", "orders"),
            of("raw.shop_*", "public", "Order Items"),
            of("*.*", "My Shop", "1st"),
            of("*.*", "system", "x"),
            of("raw.*_v*", "a", "b"),
            of("raw.orders", "a", "b"),
            of("*", "a", "b"),
            of("Raw.*", "a", "b"),
            of("raw.1*", "a", "b"),
        ];
        insta::assert_snapshot!(told.join("\n"), @r##"
        raw.orders
        raw.shop_order_items
        my_shop._1st
        the schema `system` is Segue's own
        `raw.*_v*` is no name of many assets: it is `schema.*`, with one `*` for the table, and no other but for the schema
        `raw.orders` is no name of many assets: it is `schema.*`, with one `*` for the table, and no other but for the schema
        `*` is no name of many assets: it is `schema.*`, with one `*` for the table, and no other but for the schema
        `Raw` is no name: lower-case letters, digits and `_`, not beginning with a digit
        `1x` is no name: lower-case letters, digits and `_`, not beginning with a digit
        "##);
        let shop = name("raw.shop_*").expect("it is one");
        let may = |text: &str| shop.may_be(&text.parse().expect("a name"));
        assert!(may("raw.shop_orders") && !may("raw.shop_") && !may("raw.orders") && !may("x.shop_orders"));
        assert_eq!(shop.to_string(), "raw.shop_*");
    }
}
