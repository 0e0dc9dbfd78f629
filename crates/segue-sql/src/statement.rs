//! What may be asked: one statement that only reads, of a size and a depth that planning survives.

use crate::failure::{at, parser_failure};
use crate::place::Place;
use datafusion::sql::sqlparser::ast::{self, SetExpr, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use segue_diag::{Error, Kind, Result};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The longest statement, in bytes.
const MAX_BYTES: usize = 4 << 20;
/// How deep brackets, subqueries and calls may nest.
const MAX_NESTING: usize = 64;
/// How many operators may hang on each other in one expression (`a or b or …`), brackets around it included. Plans are trees that are
/// walked by recursion, on the stacks of the threads that run them.
const MAX_CHAIN: usize = 500;
/// How many tables, subqueries and calls a statement may have in its FROM clauses together.
const MAX_RELATIONS: usize = 250;

/// A statement that was read and may be planned.
#[derive(Debug)]
pub struct Statement {
    /// What it asks.
    pub query: Box<ast::Query>,
    /// Whether the plan is asked for and not the rows.
    pub explain: Option<Explain>,
    /// The parameters that it takes, without `$`, each with the place where it stands first.
    pub params: BTreeMap<String, Place>,
    /// Where functions are called, by their names in lower case: for errors that know no place.
    pub words: BTreeMap<String, Place>,
}

/// How a plan is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explain {
    /// Run it, and say what each operator took.
    pub analyze: bool,
    /// Say everything.
    pub verbose: bool,
}

impl Statement {
    /// Reads a statement.
    ///
    /// # Errors
    /// `Invalid`, with the place, for what is no SQL, is more than one statement, does anything but read, or is too long or too deep.
    pub fn read(sql: &str) -> Result<Statement> {
        if sql.len() > MAX_BYTES {
            return Err(Error::new(
                Kind::Invalid,
                format!(
                    "the statement is {} bytes long, and {MAX_BYTES} are the most",
                    sql.len()
                ),
            )
            .code(segue_diag::SQL_TOO_DEEP)
            .hint("put long lists of values into a table and join it"));
        }
        let dialect = GenericDialect {};
        let tokens = Tokenizer::new(&dialect, sql)
            .tokenize_with_location()
            .map_err(|e| at(syntax(e.message), place(e.location)))?;
        only_reads(&tokens)?;
        not_too_deep(&tokens)?;
        let params = params(&tokens)?;
        let words = calls(&tokens);
        let end = Place::of(sql, sql.trim_end().len());
        let mut statements = Parser::new(&dialect)
            .with_recursion_limit(MAX_NESTING)
            .with_tokens_with_locations(tokens)
            .parse_statements()
            .map_err(|e| match e {
                ParserError::RecursionLimitExceeded => too_deep(),
                // Where the statement ends too early the parser names no place.
                other => at(parser_failure(&other), end),
            })?;
        if statements.len() > 1 {
            return Err(Error::new(
                Kind::Invalid,
                format!("there are {} statements, and one is asked at a time", statements.len()),
            )
            .code(segue_diag::SQL_NOT_A_QUERY));
        }
        let (query, explain) = match statements.pop() {
            None => {
                return Err(Error::new(Kind::Invalid, "there is no statement").code(segue_diag::SQL_EMPTY));
            }
            Some(ast::Statement::Query(query)) => (query, None),
            Some(ast::Statement::Explain {
                analyze,
                verbose,
                statement,
                ..
            }) => match *statement {
                ast::Statement::Query(query) => (query, Some(Explain { analyze, verbose })),
                other => return Err(not_a_query(&first_word(&other.to_string()), None)),
            },
            Some(other) => return Err(not_a_query(&first_word(&other.to_string()), None)),
        };
        inspect(&query)?;
        Ok(Statement {
            query,
            explain,
            params,
            words,
        })
    }
}

/// Whether what was typed so far is a whole statement: its last word is a `;` that stands in no string, quoted name or comment.
pub fn is_complete(text: &str) -> bool {
    match Tokenizer::new(&GenericDialect {}, text).tokenize() {
        Ok(tokens) => {
            let last = tokens.iter().rev().find(|t| !matches!(t, Token::Whitespace(_)));
            matches!(last, Some(Token::SemiColon))
        }
        // What is open may go on in the next line; what is wrong in another way is said once it is asked.
        Err(error) => {
            !error.message.starts_with("Unterminated")
                && !error.message.contains("EOF")
                && text.trim_end().ends_with(';')
        }
    }
}

/// The place of a location of the parser.
pub fn place(location: Location) -> Place {
    Place {
        line: location.line.max(1),
        column: location.column.max(1),
    }
}

fn too_deep() -> Error {
    Error::new(
        Kind::Invalid,
        format!("brackets, subqueries, calls or cases nest more than {MAX_NESTING} deep"),
    )
    .code(segue_diag::SQL_TOO_DEEP)
    .hint("give parts of it names: `with part as (select …) select … from part`")
}

fn syntax(message: String) -> Error {
    let mut message = message;
    if let Some(first) = message.get_mut(0..1) {
        first.make_ascii_lowercase();
    }
    Error::new(Kind::Invalid, message).code(segue_diag::SQL_SYNTAX)
}

fn not_a_query(word: &str, place: Option<Place>) -> Error {
    let hint = match word {
        "show" | "describe" | "desc" => {
            "write `show tables` or `describe schema.table`; both are in information_schema.tables and information_schema.columns"
        }
        _ => "write one SELECT statement; tables are changed by assets and `segue run`",
    };
    let error = Error::new(Kind::Invalid, format!("`{word}` is not a query: SQL only reads here"))
        .code(segue_diag::SQL_NOT_A_QUERY)
        .hint(hint);
    match place {
        Some(place) => at(error, place),
        None => error,
    }
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_lowercase()
}

/// Refuses a statement by its first word, so that the message does not depend on how much of its syntax the parser knows.
fn only_reads(tokens: &[TokenWithSpan]) -> Result<()> {
    const OTHERS: &[&str] = &[
        "alter",
        "analyze",
        "attach",
        "begin",
        "call",
        "close",
        "comment",
        "commit",
        "copy",
        "create",
        "deallocate",
        "declare",
        "delete",
        "desc",
        "describe",
        "detach",
        "discard",
        "do",
        "drop",
        "execute",
        "export",
        "fetch",
        "grant",
        "import",
        "insert",
        "install",
        "kill",
        "load",
        "lock",
        "merge",
        "msck",
        "optimize",
        "pragma",
        "prepare",
        "refresh",
        "rename",
        "replace",
        "reset",
        "revoke",
        "rollback",
        "savepoint",
        "set",
        "show",
        "start",
        "truncate",
        "unload",
        "unlock",
        "update",
        "use",
        "vacuum",
    ];
    let (mut is_first, mut is_explained) = (true, false);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => (is_first, is_explained) = (true, false),
            Token::Word(word) if is_first && word.quote_style.is_none() => {
                let lower = word.value.to_lowercase();
                let explains = is_explained && matches!(lower.as_str(), "analyze" | "verbose");
                if OTHERS.contains(&lower.as_str()) && !explains {
                    return Err(not_a_query(&lower, Some(place(token.span.start))));
                }
                is_explained |= lower == "explain";
                is_first = explains || lower == "explain";
            }
            _ => is_first = false,
        }
    }
    Ok(())
}

/// Refuses a statement whose syntax tree could be deeper than a thread's stack. This looks at tokens alone, because a tree that deep
/// can not even be dropped. What it counts is an upper bound: operators since the last comma, in every bracket that is open.
fn not_too_deep(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut open: Vec<usize> = vec![0];
    let mut last = Keyword::NoKeyword;
    let mut total = 0usize;
    for token in tokens {
        let close = |open: &mut Vec<usize>, total: &mut usize| {
            if open.len() > 1 {
                *total -= open.pop().unwrap_or_default();
            }
        };
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => open.push(0),
            Token::RParen | Token::RBracket | Token::RBrace => close(&mut open, &mut total),
            Token::Comma | Token::SemiColon => reset(&mut open, &mut total),
            // `is not` is one operator.
            Token::Word(word) if word.keyword == Keyword::NOT && last == Keyword::IS => {}
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::CASE => open.push(0),
                Keyword::END => close(&mut open, &mut total),
                Keyword::WHEN | Keyword::THEN | Keyword::ELSE => reset(&mut open, &mut total),
                Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::SIMILAR
                | Keyword::RLIKE
                | Keyword::REGEXP
                | Keyword::BETWEEN
                | Keyword::AT
                | Keyword::COLLATE
                | Keyword::DIV
                | Keyword::OVERLAPS
                | Keyword::UNION
                | Keyword::EXCEPT
                | Keyword::INTERSECT
                | Keyword::MINUS
                | Keyword::JOIN
                | Keyword::INTERVAL
                | Keyword::PRIOR
                | Keyword::PIVOT
                | Keyword::UNPIVOT => add(&mut open, &mut total),
                _ => {}
            },
            Token::Whitespace(_)
            | Token::Word(_)
            | Token::Number(..)
            | Token::Char(_)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::EOF => {}
            _ => add(&mut open, &mut total),
        }
        if let Token::Word(word) = &token.token {
            last = word.keyword;
        }
        // A word after `[`, `.` or a bracket adds nothing; a bracket after a value (`a[1][1]`, `f(1)(1)`) does.
        if matches!(token.token, Token::LBracket) {
            add_below(&mut open, &mut total);
        }
        if open.len() > MAX_NESTING {
            return Err(at(too_deep(), place(token.span.start)));
        }
        if total > MAX_CHAIN {
            return Err(at(
                Error::new(
                    Kind::Invalid,
                    format!("more than {MAX_CHAIN} operators hang on each other here"),
                )
                .code(segue_diag::SQL_TOO_DEEP)
                .hint("write `x in (…)` for a long chain of `or`, and join a table for a long list of cases"),
                place(token.span.start),
            ));
        }
    }
    Ok(())
}

fn add(open: &mut [usize], total: &mut usize) {
    if let Some(last) = open.last_mut() {
        *last += 1;
        *total += 1;
    }
}

/// Counts for the bracket around the one that was just opened.
fn add_below(open: &mut [usize], total: &mut usize) {
    let len = open.len();
    if len > 1 {
        open[len - 2] += 1;
        *total += 1;
    }
}

fn reset(open: &mut [usize], total: &mut usize) {
    if let Some(last) = open.last_mut() {
        *total -= *last;
        *last = 0;
    }
}

/// The parameters that the statement takes.
fn params(tokens: &[TokenWithSpan]) -> Result<BTreeMap<String, Place>> {
    let mut found = BTreeMap::new();
    for token in tokens {
        let Token::Placeholder(text) = &token.token else {
            continue;
        };
        let place = place(token.span.start);
        let name = text.strip_prefix('$').unwrap_or_default();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(at(
                Error::new(
                    Kind::Invalid,
                    format!("`{text}` is not a parameter: parameters have names"),
                )
                .code(segue_diag::SQL_SYNTAX)
                .hint("write $from, $to or $name, and give the value with --param name=value"),
                place,
            ));
        }
        found.entry(name.to_string()).or_insert(place);
    }
    Ok(found)
}

/// Where each word before an opening bracket stands first.
fn calls(tokens: &[TokenWithSpan]) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    let mut last: Option<(&str, Place)> = None;
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::Word(word) => last = Some((&word.value, place(token.span.start))),
            Token::LParen => {
                if let Some((name, place)) = last.take() {
                    found.entry(name.to_lowercase()).or_insert(place);
                }
            }
            _ => last = None,
        }
    }
    found
}

/// Refuses what a query can do beside reading, at any depth, and more tables than a plan should have.
fn inspect(query: &ast::Query) -> Result<()> {
    let mut inspector = Inspector::default();
    match query.visit(&mut inspector) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

#[derive(Default)]
struct Inspector {
    relations: usize,
}

impl Visitor for Inspector {
    type Break = Box<Error>;

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<Self::Break> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(Box::new(not_a_query("for update", None)));
        }
        let unknown = if query.settings.is_some() {
            "settings"
        } else if query.format_clause.is_some() {
            "format"
        } else if query.for_clause.is_some() {
            "for"
        } else {
            return self.body(&query.body);
        };
        ControlFlow::Break(Box::new(syntax(format!("there is no `{unknown}` clause here"))))
    }

    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<Self::Break> {
        match select.into {
            Some(_) => ControlFlow::Break(Box::new(not_a_query("select into", None))),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, _: &ast::TableFactor) -> ControlFlow<Self::Break> {
        self.relations += 1;
        if self.relations > MAX_RELATIONS {
            return ControlFlow::Break(Box::new(
                Error::new(
                    Kind::Invalid,
                    format!("the statement reads more than {MAX_RELATIONS} tables and subqueries"),
                )
                .code(segue_diag::SQL_TOO_DEEP)
                .hint("make assets of its parts"),
            ));
        }
        ControlFlow::Continue(())
    }
}

impl Inspector {
    fn body(&self, body: &SetExpr) -> ControlFlow<Box<Error>> {
        let word = match body {
            SetExpr::Insert(_) => "insert",
            SetExpr::Update(_) => "update",
            SetExpr::Delete(_) => "delete",
            SetExpr::Merge(_) => "merge",
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left)?;
                return self.body(right);
            }
            SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => {
                return ControlFlow::Continue(());
            }
        };
        ControlFlow::Break(Box::new(not_a_query(word, None)))
    }
}

#[cfg(test)]
mod tests;
