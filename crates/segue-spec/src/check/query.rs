//! The places of an asset where SQL stands.

use super::span;
use crate::sql::{Condition, Mistake, Statement, parse_condition, parse_query};
use crate::yaml::Node;
use segue_diag::{Diagnostic, Span};
use std::ops::Range;

/// What a piece of SQL is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The asset itself.
    Statement,
    /// The list of a copy.
    ForEach,
    /// What a copy reads from the lake.
    CopyFrom,
    /// A check's query.
    CheckSql,
    /// A check's condition.
    CheckRow,
    /// What a chat looks up.
    Chat,
}

/// A piece of SQL in a file.
pub(crate) struct Site {
    pub role: Role,
    pub text: String,
    pub parsed: Parsed,
    at: At,
}

pub(crate) enum Parsed {
    Query(Statement),
    Condition(Box<Condition>),
    /// It cannot be parsed, which has been reported.
    Broken,
}

enum At {
    /// Letter for letter from this byte on.
    Offset(usize),
    /// Somewhere in a YAML text.
    Text(Node),
}

impl Site {
    /// The statement of an SQL file, which begins at this byte.
    pub fn statement(file: &str, text: &str, offset: usize, found: &mut Vec<Diagnostic>) -> Site {
        Site::new(file, Role::Statement, text.to_string(), At::Offset(offset), found)
    }

    /// SQL in a YAML text; `None` when it is no text.
    pub fn scalar(file: &str, role: Role, node: &Node, found: &mut Vec<Diagnostic>) -> Option<Site> {
        let text = node.text()?.to_string();
        Some(Site::new(file, role, text, At::Text(node.clone()), found))
    }

    fn new(file: &str, role: Role, text: String, at: At, found: &mut Vec<Diagnostic>) -> Site {
        let parsed = match role {
            Role::CheckRow => parse_condition(&text).map(|c| Parsed::Condition(Box::new(c))),
            _ => parse_query(&text).map(Parsed::Query),
        };
        let mut site = Site {
            role,
            text,
            parsed: Parsed::Broken,
            at,
        };
        match parsed {
            Ok(parsed) => site.parsed = parsed,
            Err(mistake) => found.push(site.diagnostic(file, mistake)),
        }
        site
    }

    /// The parameters that it takes, with their places.
    pub fn parameters(&self) -> &[(String, Range<usize>)] {
        match &self.parsed {
            Parsed::Query(statement) => &statement.parameters,
            Parsed::Condition(condition) => &condition.parameters,
            Parsed::Broken => &[],
        }
    }

    /// The place of a part of it in the file.
    pub fn place(&self, file: &str, bytes: Range<usize>) -> Span {
        match &self.at {
            At::Offset(offset) => span(file, offset + bytes.start..offset + bytes.end),
            At::Text(node) => node.part(file, bytes),
        }
    }

    pub fn diagnostic(&self, file: &str, mistake: Mistake) -> Diagnostic {
        let found = Diagnostic::error(mistake.code, Some(self.place(file, mistake.bytes)), mistake.message);
        Diagnostic {
            hint: mistake.hint,
            ..found
        }
    }
}
