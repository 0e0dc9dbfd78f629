//! The page of settings: every key of a project's files, from the JSON Schemas that `segue schema` prints.

use super::{sentence, table};
use serde_json::{Map, Value as Json};

/// Words of the column "Type", and how such a value is written.
const WORDS: &[(&str, &str)] = &[
    (
        "duration",
        "`500ms`, `30s`, `5m`, `12h`, `7d`, `2w`; also joined: `1h30m`",
    ),
    ("rate", "`10/s`, `600/m`, `5000/h`, `100000/d`"),
    ("size", "`64MiB`, `1GB`"),
    ("percent", "`20%`"),
    ("name", "small letters, digits and `_`"),
    ("asset-name", "`schema.table`, both names"),
    (
        "asset-or-family",
        "`schema.table`, both names; for many, `schema.*`, with more around the `*` or `*` for the schema too",
    ),
    (
        "tables",
        "`public.*`, `public.orders`, or `orders` for whichever schema; what is in double quotes stands for itself",
    ),
    ("column-name", "the name of a column"),
    ("type", "one of the [types](types.md)"),
    ("jsonpath", "`$.items[*]`: where something stands in an answer"),
    (
        "template",
        "text with `{{ each.id }}`, `{{ batch.id }}` or `{{ params.day }}` in it",
    ),
    ("expression", "a condition: `record.name == each.name`"),
    ("language", "its code in small letters: `ko`, `en`, `pt-br`"),
    (
        "wording",
        "text, the same in every language, or one for each: `{ ko: 안녕하세요, en: Hello }`; with `{{ row.name }}` in it where something is known",
    ),
    (
        "match",
        "`\"{artist}\"`, a list of such phrases, or lists by language: `{ ko: \"{artist}[의] 장르\", en: [\"genres of {artist}\"] }`",
    ),
    (
        "secret",
        "`${secret:NAME}`, alone or inside more text; never the value itself",
    ),
];

/// The whole page.
pub fn page() -> String {
    let all: Map<String, Json> = segue_app::schemas().into_iter().collect();
    let file = |name: &str| File {
        root: all.get(name).unwrap_or(&Json::Null),
    };
    let words: Vec<_> = WORDS
        .iter()
        .map(|(word, how)| [(*word).to_string(), (*how).to_string()])
        .collect();
    let (project, connection, asset) = (file("project"), file("connection"), file("asset"));
    let mut text = format!(
        "# Settings\n\n\
         Every key of a project's files. `segue schema --into DIR` writes the same as JSON Schema, for editors. A key that does not stand here \
         is an error, with a suggestion.\n\n\
         Nested keys are written with dots: `limits.rate` is `rate` below `limits`. `NAME` stands for a name of your own, and `[]` for each \
         element of a list. **required** counts where the key above it is written.\n\n\
         In every value `${{env:NAME}}` and `${{env:NAME:-default}}` stand for a variable of the environment or of `.env`, and `${{secret:NAME}}` \
         for a secret: from there too, or from the file `secrets/NAME`.\n\n{}\n\
         ## `segue.yaml`\n\n{}",
        table(["Type", "How it is written"], &words),
        project.table(project.root, "", &|_| true),
    );
    text.push_str(&refused(project.root));
    text.push_str("\n## A connection: a file in `connections/`\n");
    for kind in alternatives(connection.root) {
        text.push_str(&format!(
            "\n### `kind: {}`\n\n{}",
            title(kind),
            connection.table(kind, "", &|_| true)
        ));
    }
    text.push_str(&assets(&asset));
    text.push_str(&tests(&file("test")));
    let chat = file("chat");
    text.push_str(&format!(
        "\n## A chat: a file in `chats/`\n\n{}",
        chat.table(chat.root, "", &|_| true)
    ));
    text
}

/// The keys of a test.
fn tests(test: &File) -> String {
    let one = &test.root["$defs"]["test"];
    format!(
        "\n## A test: a file in `tests/` that ends in `.yaml`\n\n{}\n\n{}",
        meaning(one),
        test.table(one, "", &|_| true)
    )
}

/// Sections of the asset's keys that have keys below them.
fn assets(asset: &File) -> String {
    let mut text = String::from(
        "\n## An asset: a file in `assets/`\n\n\
         A YAML file, or an SQL file that begins with these keys in a comment. An asset has either a `copy:` or SQL.\n\n",
    );
    let nested =
        |name: &str| asset.below(asset.property(asset.root, name)).is_some() || ["copy", "into"].contains(&name);
    text.push_str(&asset.table(asset.root, "", &|key| !nested(key)));
    text.push_str(&refused(asset.root));
    let names: Vec<&String> = properties(asset.root).map(|(name, _)| name).collect();
    for name in names.into_iter().filter(|name| nested(name)) {
        let property = asset.property(asset.root, name);
        let about = meaning(property);
        text.push_str(&format!("\n### `{name}:`\n\n{about}"));
        match name.as_str() {
            "copy" => text.push_str(&copies(asset, property)),
            "into" => {
                for into in alternatives(property) {
                    text.push_str(&format!("\n\n{}", asset.table(into, "into.", &|_| true)));
                }
            }
            _ => {
                let (mark, below) = asset.below(property).unwrap_or(("", property));
                text.push_str(&format!(
                    "{}\n\n{}",
                    exactly_one(below, &about),
                    asset.table(below, &format!("{name}{mark}."), &|_| true)
                ));
                text.push_str(&refused(below));
            }
        }
    }
    text
}

/// The keys that copies from every connector have, and then those of each.
fn copies(asset: &File, copy: &Json) -> String {
    let (lake, read): (Vec<&Json>, Vec<&Json>) = alternatives(copy).partition(|a| title(a) == "lake");
    let common = |key: &str| read.iter().all(|a| properties(a).any(|(name, _)| name == key));
    let Some(first) = read.last() else {
        return String::new();
    };
    let mut text = format!("\n\n{}", asset.table(first, "copy.", &common));
    text.push_str(&refused(first));
    for kind in &read {
        text.push_str(&format!(
            "\n#### {}\n\n{}",
            match title(kind) {
                "files" => "`from: files`".to_string(),
                kind => format!("from a connection of `kind: {kind}`"),
            },
            asset.table(kind, "copy.", &|key| !common(key))
        ));
    }
    for kind in lake {
        text.push_str(&format!(
            "\n#### `from: lake`\n\n{}\n\n{}",
            exactly_one(kind, "").trim_start(),
            asset.table(kind, "copy.", &|key| key != "from")
        ));
    }
    text
}

/// One schema, and what its references lead to.
struct File<'a> {
    root: &'a Json,
}

impl<'a> File<'a> {
    /// The keys of an object schema, with those below them, each with `above` before it.
    fn table(&self, object: &'a Json, above: &str, wanted: &dyn Fn(&str) -> bool) -> String {
        let mut rows = Vec::new();
        self.rows(object, above, wanted, &mut rows);
        table(["Key", "Type", "Default", "Meaning"], &rows)
    }

    fn rows(&self, object: &'a Json, above: &str, wanted: &dyn Fn(&str) -> bool, rows: &mut Vec<[String; 4]>) {
        let required: Vec<&str> = object["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        for (name, written) in properties(object).filter(|(name, _)| wanted(name)) {
            let property = self.resolved(written);
            let default = match (required.contains(&name.as_str()), &written["default"]) {
                (true, _) => "**required**".to_string(),
                (false, Json::Null) => String::new(),
                (false, Json::Object(_)) => String::new(),
                (false, Json::Array(items)) if items.is_empty() => String::new(),
                (false, Json::String(text)) => format!("`{text}`"),
                (false, other) => format!("`{other}`"),
            };
            let mut said = meaning(if written["description"].is_string() {
                written
            } else {
                property
            });
            said.push_str(&words(property));
            if let Some((_, below)) = self.below(written) {
                said.push_str(&exactly_one(below, &said));
            }
            rows.push([format!("`{above}{name}`"), self.type_of(property), default, said]);
            if let Some((mark, below)) = self.below(written) {
                let above = format!("{above}{name}{mark}.");
                self.rows(below, &above, &|_| true, rows);
                for one in alternatives(below) {
                    let from = rows.len();
                    self.rows(one, &above, &|_| true, rows);
                    if below["oneOf"].is_array() && from < rows.len() {
                        // One of several: none of them is required by itself.
                        rows[from][2].clear();
                    }
                }
            }
        }
    }

    /// The schema that has keys of its own below this one, and how one comes there: as it is, by any name, or in a list.
    fn below(&self, schema: &'a Json) -> Option<(&'static str, &'a Json)> {
        let schema = self.resolved(schema);
        let has_keys = |s: &'a Json| {
            let s = self.resolved(s);
            let has = properties(s).next().is_some() || alternatives(s).any(|one| properties(one).next().is_some());
            has.then_some(s)
        };
        let object = has_keys(schema).map(|s| ("", s));
        let by_name = || has_keys(&schema["additionalProperties"]).map(|s| (".NAME", s));
        object
            .or_else(by_name)
            .or_else(|| has_keys(&schema["items"]).map(|s| ("[]", s)))
    }

    fn property(&self, object: &'a Json, name: &str) -> &'a Json {
        &object["properties"][name]
    }

    /// Behind `$ref`, and without the `null` that stands for "not written".
    fn resolved(&self, schema: &'a Json) -> &'a Json {
        if let Some(target) = schema["$ref"].as_str() {
            let found = self.root.pointer(target.trim_start_matches('#'));
            return found.map_or(schema, |found| self.resolved(found));
        }
        let mut real = alternatives(schema).filter(|one| one["type"] != "null");
        match (real.next(), real.next()) {
            (Some(only), None) if only["const"].is_null() => self.resolved(only),
            _ => schema,
        }
    }

    /// What a value of it is, in the words of [`WORDS`].
    fn type_of(&self, schema: &'a Json) -> String {
        let schema = self.resolved(schema);
        if schema["x-secret"] == true {
            return "secret".into();
        }
        let word = schema["x-format"]
            .as_str()
            .or_else(|| schema["format"].as_str())
            .unwrap_or("");
        if WORDS.iter().any(|(known, _)| *known == word) {
            return word.into();
        }
        let consts: Vec<String> = alternatives(schema)
            .filter_map(|one| Some(format!("`{}`", one["const"].as_str()?)))
            .collect();
        if !consts.is_empty() {
            return consts.join(", ");
        }
        if let Some(only) = schema["const"].as_str() {
            return format!("`{only}`");
        }
        let names: Vec<&str> = match &schema["type"] {
            Json::Array(types) => types.iter().filter_map(Json::as_str).filter(|t| *t != "null").collect(),
            Json::String(one) => vec![one],
            _ => {
                let each: Vec<String> = alternatives(schema).map(|one| self.type_of(one)).collect();
                return match each.as_slice() {
                    [] => "any value".into(),
                    [one, more] if more.starts_with("list of ") => format!("{one}, or a list of them"),
                    each if each.iter().all(|e| e == "mapping") => "mapping".into(),
                    each => each.join(", or "),
                };
            }
        };
        let each: Vec<String> = names
            .into_iter()
            .map(|name| match name {
                "string" => "text".to_string(),
                "integer" => bounds(schema),
                "boolean" => "`true` or `false`".to_string(),
                "array" => match self.type_of(&schema["items"]).as_str() {
                    "any value" | "mapping" => "list".to_string(),
                    of => format!("list of {of}"),
                },
                "object" => "mapping".to_string(),
                other => other.to_string(),
            })
            .collect();
        each.join(", ")
    }
}

fn properties(schema: &Json) -> impl Iterator<Item = (&String, &Json)> {
    schema["properties"].as_object().into_iter().flatten()
}

/// The schemas of which one must fit.
fn alternatives(schema: &Json) -> impl Iterator<Item = &Json> {
    let of = |key: &str| schema[key].as_array().map(Vec::as_slice).unwrap_or_default();
    of("oneOf").iter().chain(of("anyOf"))
}

/// The connector's kind.
fn title(schema: &Json) -> &str {
    schema["title"].as_str().unwrap_or_default()
}

fn meaning(schema: &Json) -> String {
    sentence(schema["description"].as_str().unwrap_or_default())
}

/// What each word of an enum means.
fn words(schema: &Json) -> String {
    let small = |text: &str| {
        let mut letters = text.trim_end_matches('.').chars();
        let first: String = letters.next().into_iter().flat_map(char::to_lowercase).collect();
        first + letters.as_str()
    };
    let said: Vec<String> = alternatives(schema)
        .filter_map(|one| Some((one["const"].as_str()?, one["description"].as_str()?)))
        .map(|(word, what)| format!("`{word}`: {}", small(what)))
        .collect();
    match said.len() {
        0 | 1 => String::new(),
        _ => format!(" {}.", said.join("; ")),
    }
}

/// Keys of which exactly one is written, unless that was `said` already.
fn exactly_one(schema: &Json, said: &str) -> String {
    let one_key = |one: &Json| Some(format!("`{}`", one["required"][0].as_str()?));
    let keys: Vec<String> = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(one_key)
        .collect();
    match keys.len() {
        0 | 1 => String::new(),
        _ if said.to_lowercase().contains("exactly one") => String::new(),
        _ => format!(" Exactly one of {}.", keys.join(", ")),
    }
}

/// Keys that are known and not acted on.
fn refused(schema: &Json) -> String {
    let keys = schema["x-not-in-this-version"].as_array().into_iter().flatten();
    let keys: Vec<String> = keys.filter_map(|k| Some(format!("`{}`", k.as_str()?))).collect();
    match keys.is_empty() {
        true => String::new(),
        false => format!("\nKnown, and not in this version: {}.\n", keys.join(", ")),
    }
}

/// `1 to 256`, `at least 1`, or a whole number. Bounds that only say how many bits it has are no bounds.
fn bounds(schema: &Json) -> String {
    let number = |key: &str| {
        schema[key]
            .as_u64()
            .filter(|n| *n != u64::from(u16::MAX) && *n != u64::from(u32::MAX))
    };
    match (number("minimum"), number("maximum")) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(0) | None, None) => "a whole number".into(),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
    }
}
