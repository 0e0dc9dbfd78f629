//! The texts of a chat: in every language, no longer than channels take, and naming what is there.

use super::{Looked, there_are};
use crate::model::chat::limits;
use crate::sql::Columns;
use crate::template::{is_template, template};
use crate::wording::environment;
use crate::yaml::{Node, Value};
use minijinja::value::{Object, Value as Filled};
use minijinja::{ErrorKind, context};
use segue_diag::{CHAT_LANGUAGE, CHAT_TOO_LONG, TEMPLATE_SYNTAX, TEMPLATE_VARIABLE};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What a text may name.
#[derive(Clone, Default)]
pub(super) struct Scope<'s> {
    /// What the intent is about.
    pub thing: Option<&'s str>,
    /// Its queries, with their columns where they are known.
    pub lists: &'s [(&'s str, Columns)],
    /// The row that the text is said for: of which query, and its columns.
    pub row: Option<(&'s str, Columns)>,
    /// Names of plain values.
    pub plain: &'s [&'s str],
}

/// The longest that a text may be, and what it is.
#[derive(Clone, Copy)]
pub(super) struct Most {
    characters: usize,
    what: &'static str,
}

impl Most {
    pub fn text() -> Most {
        Most::of(limits::TEXT, "a text")
    }

    pub fn title() -> Most {
        Most::of(limits::TITLE, "the title or subtitle of a card")
    }

    pub fn label() -> Most {
        Most::of(limits::LABEL, "the title of a button or quick reply")
    }

    pub fn payload() -> Most {
        Most::of(limits::PAYLOAD, "what is sent back or opened")
    }

    fn of(characters: usize, what: &'static str) -> Most {
        Most { characters, what }
    }
}

/// Names that a text may use and that are nobody's: the template language's own.
const FUNCTIONS: [&str; 6] = ["dict", "namespace", "loop", "range", "true", "false"];

/// What a thing has in a text.
const OF_A_THING: [&str; 2] = ["id", "name"];

/// Looks at a text: one for all languages, or one for each.
pub(super) fn wording(looked: &mut Looked<'_>, node: &Node, scope: &Scope<'_>, most: Most) {
    let Value::Mapping(entries) = &node.value else {
        return one(looked, node, scope, most);
    };
    for entry in entries {
        let place = looked.span(&entry.bytes);
        looked.speaks(&entry.key, place);
        one(looked, &entry.value, scope, most);
    }
    let is_there = |language: &str| entries.iter().any(|entry| entry.key == language);
    if looked.fallback.is_some_and(is_there) {
        return;
    }
    let missing: Vec<&str> = looked.languages.iter().copied().filter(|l| !is_there(l)).collect();
    if let Some(first) = missing.first() {
        let place = entries.first().map_or(node.bytes.clone(), |entry| entry.bytes.clone());
        let hint = match looked.fallback {
            Some(fallback) => format!("write `{first}:`, or `{fallback}:`, which stands in for it"),
            None => format!(
                "write `{first}:`; or say at the top which language stands in: `fallback: {}`",
                looked.languages[0]
            ),
        };
        let message = format!("this text says nothing in `{}`", missing.join("`, `"));
        let place = looked.span(&place);
        looked.report(CHAT_LANGUAGE, place, message, Some(hint));
    }
}

fn one(looked: &mut Looked<'_>, node: &Node, scope: &Scope<'_>, most: Most) {
    let Some(text) = node.text() else { return };
    if !is_template(text) {
        let length = text.chars().count();
        if length > most.characters {
            let message = format!(
                "this has {length} characters, and {} has {} at most",
                most.what, most.characters
            );
            let hint = "say it shorter: channels take no more, and the rest would be cut off";
            let place = node.span(looked.file);
            looked.report(CHAT_TOO_LONG, place, message, Some(hint.into()));
        }
        return;
    }
    match template(text) {
        Err(why) => {
            let place = node.span(looked.file);
            let hint = "a template looks like `{{ row.name }}`";
            looked.report(TEMPLATE_SYNTAX, place, why, Some(hint.into()));
        }
        Ok(names) => {
            let mut wrong: Vec<Wrong> = names.iter().filter_map(|name| scope.mistake(name)).collect();
            for asked in scope.asked(text) {
                // What stands outside of loops was found by its name already.
                if wrong.iter().all(|known| known.message != asked.message) {
                    wrong.push(asked);
                }
            }
            for Wrong { word, message, hint } in wrong {
                let place = match text.find(&word).filter(|_| !word.is_empty()) {
                    Some(at) => node.part(looked.file, at..at + word.len()),
                    None => node.span(looked.file),
                };
                let code = match word.is_empty() {
                    true => TEMPLATE_SYNTAX,
                    false => TEMPLATE_VARIABLE,
                };
                looked.report(code, place, message, hint);
            }
        }
    }
}

/// Something that a text names and that is not there.
struct Wrong {
    /// As the text has it; empty where it is about all of it.
    word: String,
    message: String,
    hint: Option<String>,
}

impl Scope<'_> {
    /// What is wrong with a dotted name.
    fn mistake(&self, name: &str) -> Option<Wrong> {
        let (root, rest) = name.split_once('.').unwrap_or((name, ""));
        let field = rest.split('.').next().unwrap_or("");
        let wrong = |word: &str, message: String, hint: Option<String>| Wrong {
            word: word.to_string(),
            message,
            hint,
        };
        if self.thing == Some(root) {
            let known = field.is_empty() || OF_A_THING.contains(&field);
            let hint = there_are("field", field, &OF_A_THING);
            return (!known).then(|| wrong(name, format!("`{root}` has no `{field}`"), Some(hint)));
        }
        if root == "row"
            && let Some((query, columns)) = &self.row
        {
            return column_mistake(query, columns, field).map(|(message, hint)| wrong(name, message, Some(hint)));
        }
        if self.lists.iter().any(|(query, _)| *query == root) {
            let is_one = field.is_empty() || field.bytes().all(|b| b.is_ascii_digit());
            let hint = format!("write `{{{{ {root} | join(\", \", attribute=\"{field}\") }}}}`, or a `for`");
            let message = format!("`{root}` is a list of rows, and has no `{field}`");
            return (!is_one).then(|| wrong(name, message, Some(hint)));
        }
        if self.plain.contains(&root) || FUNCTIONS.contains(&root) {
            return None;
        }
        let message = match root {
            "row" => "there is no `row` here: it is there where `each:` names a query".to_string(),
            _ => format!("a text here knows no `{root}`"),
        };
        Some(wrong(name, message, Some(there_are("name", root, &self.names()))))
    }

    fn names(&self) -> Vec<&str> {
        let lists = self.lists.iter().map(|(query, _)| *query);
        let row = self.row.iter().map(|_| "row");
        let plain = self.plain.iter().copied();
        self.thing.into_iter().chain(lists).chain(row).chain(plain).collect()
    }

    /// Fills the text in with rows that note which columns are asked for: those inside of loops and of `join`, too.
    fn asked(&self, text: &str) -> Vec<Wrong> {
        let noted = Arc::new(Mutex::new(BTreeSet::new()));
        let row = |query: &str| {
            Filled::from_object(Row {
                query: query.to_string(),
                noted: noted.clone(),
            })
        };
        let mut words: BTreeMap<&str, Filled> = BTreeMap::new();
        words.extend(self.plain.iter().map(|name| (*name, Filled::from("x"))));
        words.extend(self.thing.map(|thing| (thing, context! { id => "x", name => "x" })));
        words.extend(
            self.lists
                .iter()
                .map(|(query, _)| (*query, Filled::from(vec![row(query)]))),
        );
        words.extend(self.row.as_ref().map(|(query, _)| ("row", row(query))));
        let filled = environment().render_str(text, Filled::from_pairs(words));
        let mut wrong = Vec::new();
        if let Err(error) = filled
            && matches!(
                error.kind(),
                ErrorKind::UnknownFilter
                    | ErrorKind::UnknownTest
                    | ErrorKind::UnknownFunction
                    | ErrorKind::UnknownMethod
            )
        {
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
            wrong.push(Wrong {
                word: String::new(),
                message: format!("the template cannot be filled in: {why}"),
                hint: Some("the filters are those of Jinja".into()),
            });
        }
        let noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        for (query, column) in noted.iter() {
            let lists = self.lists.iter().map(|(name, columns)| (*name, columns));
            let mut all = lists.chain(self.row.iter().map(|(name, columns)| (*name, columns)));
            let columns = all.find(|(name, _)| name == query);
            let mistake = columns.and_then(|(_, columns)| column_mistake(query, columns, column));
            wrong.extend(mistake.map(|(message, hint)| Wrong {
                word: column.clone(),
                message,
                hint: Some(hint),
            }));
        }
        wrong
    }
}

fn column_mistake(query: &str, columns: &Columns, column: &str) -> Option<(String, String)> {
    let columns = columns.as_ref()?;
    if column.is_empty() || columns.iter().any(|known| known == column) {
        return None;
    }
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    let message = format!("the query `{query}` has no column `{column}`");
    Some((message, there_are("column", column, &names)))
}

/// A row that notes what it is asked for.
#[derive(Debug)]
struct Row {
    query: String,
    noted: Arc<Mutex<BTreeSet<(String, String)>>>,
}

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &Filled) -> Option<Filled> {
        let column = key.as_str()?.to_string();
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert((self.query.clone(), column));
        Some(Filled::from("x"))
    }
}
