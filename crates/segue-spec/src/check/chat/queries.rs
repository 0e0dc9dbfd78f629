//! What a chat looks up: queries over the lake, which take parameters and are never templates.

use super::{About, Looked, TAKEN};
use crate::check::columns::Tables;
use crate::check::query::{Parsed, Role, Site};
use crate::sql::{Columns, Wanted, resolve_query};
use crate::yaml::Node;
use segue_diag::{BAD_NAME, Diagnostic, SQL_NOT_A_QUERY, SQL_TEMPLATE, SQL_UNKNOWN_PARAMETER, closest};

/// Looks through the queries of every intent, and finds their columns.
pub(super) fn look(looked: &mut Looked<'_>, tables: &Tables) {
    for at in 0..looked.intents.len() {
        let (node, about) = (looked.intents[at].node, looked.intents[at].about);
        let mut taken = vec!["language".to_string()];
        if let About::Thing(thing) = about {
            taken.extend([format!("{thing}_id"), format!("{thing}_name")]);
        }
        for entry in node.get("queries").map_or(&[][..], Node::entries) {
            let name = entry.key.as_str();
            if TAKEN.contains(&name) || looked.things.contains(&name) {
                let message = format!("a query cannot be called `{name}`: templates have that word for something else");
                let place = looked.span(&entry.bytes);
                looked.report(BAD_NAME, place, message, Some("choose another word".into()));
            }
            let columns = match about {
                // What it takes cannot be told.
                About::Unknown => None,
                _ => one(looked, &entry.value, &taken, tables),
            };
            looked.intents[at].queries.push((name, columns));
        }
    }
}

/// Looks through a query that may take these parameters; its columns, unless it has mistakes.
pub(super) fn one(looked: &mut Looked<'_>, node: &Node, taken: &[String], tables: &Tables) -> Columns {
    let before = looked.found.len();
    let site = Site::scalar(looked.file, Role::Chat, node, &mut looked.found)?;
    for mistake in &mut looked.found[before..] {
        mistake.hint = match mistake.code {
            SQL_TEMPLATE => Some(format!("SQL takes parameters: `${}`", taken.join("`, `$"))),
            SQL_NOT_A_QUERY => Some("a chat only asks: write one `select`".into()),
            _ => mistake.hint.take(),
        };
    }
    for (name, bytes) in site.parameters() {
        if taken.iter().any(|known| known == name) {
            continue;
        }
        let hint = match closest(name, taken.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `${meant}`?"),
            None => format!("there are: `${}`", taken.join("`, `$")),
        };
        let place = site.place(looked.file, bytes.clone());
        let message = format!("there is no parameter `${name}`");
        looked.report(SQL_UNKNOWN_PARAMETER, place, message, Some(hint));
    }
    let Parsed::Query(statement) = &site.parsed else {
        return None;
    };
    let wanted = Wanted {
        table: true,
        bounded: None,
    };
    let answer = resolve_query(statement, tables, wanted);
    let mistakes = answer.mistakes.into_iter();
    let mistakes: Vec<Diagnostic> = mistakes.map(|m| site.diagnostic(looked.file, m)).collect();
    looked.found.extend(mistakes);
    answer.columns.filter(|_| looked.found.len() == before)
}
