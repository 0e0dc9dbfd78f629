//! Which tables of a source are meant: `public.*`, `orders`, `"My Shop".*`, and what an asset of one is called.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A pattern of tables: `schema.table`, or `table` for whichever schema it stands in; `*`, `?` and `[…]` stand for what they do in the
/// names of files. What is in double quotes stands for itself. Capitals count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TablePattern {
    text: String,
    schema: Option<glob::Pattern>,
    table: glob::Pattern,
}

impl TablePattern {
    /// Whether the table of this name, letter for letter, is meant.
    pub fn matches(&self, schema: &str, table: &str) -> bool {
        self.schema.as_ref().is_none_or(|s| s.matches(schema)) && self.table.matches(table)
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TablePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<TablePattern, String> {
        let mut parts = parts(text)?;
        let table = parts.pop().filter(|_| parts.len() < 2);
        let Some(table) = table else {
            return Err(format!(
                "`{text}` is no pattern of tables: it has more parts than `schema.table`"
            ));
        };
        Ok(TablePattern {
            text: text.to_string(),
            schema: parts.pop(),
            table,
        })
    }
}

/// The parts between dots; in quotes a dot is a letter.
fn parts(text: &str) -> Result<Vec<glob::Pattern>, String> {
    let bad = |why: &str| format!("`{text}` is no pattern of tables: {why}");
    let (mut all, mut part, mut is_empty) = (Vec::new(), String::new(), true);
    let mut letters = text.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                is_empty = false;
                loop {
                    match letters.next() {
                        Some('"') if letters.next_if_eq(&'"').is_some() => part.push('"'),
                        Some('"') => break,
                        Some(letter) => part.push_str(&glob::Pattern::escape(&letter.to_string())),
                        None => return Err(bad("a quote is not closed")),
                    }
                }
            }
            '.' => {
                all.push(std::mem::take(&mut part));
                if std::mem::replace(&mut is_empty, true) {
                    return Err(bad("a part of it is empty"));
                }
            }
            letter => {
                is_empty = false;
                part.push(letter);
            }
        }
    }
    if is_empty {
        return Err(bad("a part of it is empty"));
    }
    all.push(part);
    all.iter()
        .map(|part| glob::Pattern::new(part).map_err(|e| bad(e.msg)))
        .collect()
}

impl fmt::Display for TablePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for TablePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for TablePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TablePattern, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for TablePattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TablePattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "tables" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(pattern: &str) -> String {
        let tables = [
            ("public", "orders"),
            ("public", "Orders"),
            ("sales", "orders"),
            ("sales", "order.items"),
            ("My Shop", "a*b"),
        ];
        match pattern.parse::<TablePattern>() {
            Ok(pattern) => {
                let meant = tables.iter().filter(|(s, t)| pattern.matches(s, t));
                meant.map(|(s, t)| format!("{s}/{t}")).collect::<Vec<_>>().join(" ")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn patterns_mean_what_they_look_like() {
        let told: Vec<String> = [
            "public.*",
            "*.orders",
            "orders",
            "[Oo]rders",
            "*",
            "sales.order?items",
            r#"sales."order.items""#,
            r#""My Shop"."a*b""#,
            "My Shop.*",
            "a.b.c",
            ".orders",
            "public.",
            "",
            r#""open"#,
            "[",
        ]
        .iter()
        .map(|p| format!("{p:<20} {}", meant(p)).trim_end().to_string())
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r##"
        public.*             public/orders public/Orders
        *.orders             public/orders sales/orders
        orders               public/orders sales/orders
        [Oo]rders            public/orders public/Orders sales/orders
        *                    public/orders public/Orders sales/orders sales/order.items My Shop/a*b
        sales.order?items    sales/order.items
        sales."order.items"  sales/order.items
        "My Shop"."a*b"      My Shop/a*b
        My Shop.*            My Shop/a*b
        a.b.c                `a.b.c` is no pattern of tables: it has more parts than `schema.table`
        .orders              `.orders` is no pattern of tables: a part of it is empty
        public.              `public.` is no pattern of tables: a part of it is empty
                             `` is no pattern of tables: a part of it is empty
        "open                `"open` is no pattern of tables: a quote is not closed
        [                    `[` is no pattern of tables: invalid range pattern
        "##);
    }
}
