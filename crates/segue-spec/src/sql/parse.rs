//! From text to a syntax tree, with errors that have a place.

use segue_diag::{Code, SQL_EMPTY, SQL_NOT_A_QUERY, SQL_SYNTAX, SQL_TEMPLATE, closest};
use sqlparser::ast::{Expr, Query};
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};
use std::ops::Range;

/// Something that is wrong with SQL; its place is counted from the beginning of the text that was parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The page that explains it.
    pub code: Code,
    /// Where.
    pub bytes: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A query that could be parsed.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) query: Box<Query>,
    /// What the data hash covers: the words without comments and space, lower case where case means nothing.
    pub tokens: Vec<String>,
    /// The parameters that it takes, without `$`, with their places, in order.
    pub parameters: Vec<(String, Range<usize>)>,
    pub(super) lines: Lines,
}

/// A condition that could be parsed.
#[derive(Clone, Debug)]
pub struct Condition {
    pub(super) expr: Expr,
    /// The parameters that it takes, without `$`, with their places.
    pub parameters: Vec<(String, Range<usize>)>,
    pub(super) lines: Lines,
}

/// Parses one query.
pub fn parse_query(text: &str) -> Result<Statement, Mistake> {
    let lines = Lines::new(text);
    let tokens = tokenize(text, &lines)?;
    let Some(first) = words(&tokens).next() else {
        let at = text.trim_end().len();
        let hint = "write a `select` after the header";
        return Err(mistake(SQL_EMPTY, at..at, "there is no statement").hint(hint));
    };
    only_queries(first, &lines)?;
    let canonical = canonical(&tokens);
    let parameters = parameters(&tokens, &lines);
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens);
    let query = parser.parse_query().map_err(|e| syntax(e, &parser, &lines))?;
    let mut ended = false;
    while parser.consume_token(&Token::SemiColon) {
        ended = true;
    }
    let rest = parser.peek_token();
    match rest.token {
        Token::EOF => {}
        _ if ended => {
            let hint = "an asset is the answer of one query; put the other into an asset of its own";
            return Err(mistake(
                SQL_NOT_A_QUERY,
                lines.bytes(rest.span),
                "there is more than one statement",
            )
            .hint(hint));
        }
        found => {
            let message = format!("expected the end of the statement, found `{found}`");
            return Err(mistake(SQL_SYNTAX, lines.bytes(rest.span), message));
        }
    }
    Ok(Statement {
        query,
        tokens: canonical,
        parameters,
        lines,
    })
}

/// Parses one condition, as it stands after `where`.
pub fn parse_condition(text: &str) -> Result<Condition, Mistake> {
    let lines = Lines::new(text);
    let tokens = tokenize(text, &lines)?;
    if words(&tokens).next().is_none() {
        return Err(mistake(SQL_EMPTY, 0..text.len(), "there is no condition"));
    }
    let parameters = parameters(&tokens, &lines);
    let mut parser = Parser::new(&GenericDialect {}).with_tokens_with_locations(tokens);
    let expr = parser.parse_expr().map_err(|e| syntax(e, &parser, &lines))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let message = format!("expected the end of the condition, found `{}`", rest.token);
        return Err(mistake(SQL_SYNTAX, lines.bytes(rest.span), message));
    }
    Ok(Condition {
        expr,
        parameters,
        lines,
    })
}

pub(super) fn mistake(code: Code, bytes: Range<usize>, message: impl Into<String>) -> Mistake {
    Mistake {
        code,
        bytes,
        message: message.into(),
        hint: None,
    }
}

impl Mistake {
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Mistake {
        self.hint = Some(hint.into());
        self
    }
}

fn tokenize(text: &str, lines: &Lines) -> Result<Vec<TokenWithSpan>, Mistake> {
    let tokens = Tokenizer::new(&GenericDialect {}, text)
        .tokenize_with_location()
        .map_err(|e| {
            let at = lines.byte(e.location).min(text.len());
            let next = text[at..].chars().next().map_or(0, char::len_utf8);
            mistake(SQL_SYNTAX, at..at + next, first_lower(&e.message))
        })?;
    if let Some(word) = tokens
        .iter()
        .filter(|t| !matches!(t.token, Token::Whitespace(_)))
        .nth(MAX_WORDS)
    {
        let message = format!("this has more than {MAX_WORDS} words");
        let hint = "put the values into a table, and read them from there";
        return Err(mistake(SQL_SYNTAX, lines.bytes(word.span), message).hint(hint));
    }
    let doubled = |pair: &[TokenWithSpan]| pair[0].token == Token::LBrace && pair[1].token == Token::LBrace;
    match tokens.windows(2).find(|pair| doubled(pair)) {
        Some(pair) => {
            let bytes = lines.byte(pair[0].span.start)..lines.byte(pair[1].span.end);
            let hint = "SQL takes parameters: `$from`, `$to`, and those that `params:` declares";
            Err(mistake(SQL_TEMPLATE, bytes, "SQL is never a template").hint(hint))
        }
        None => Ok(tokens),
    }
}

/// How many words a statement may have. Chains of operators become trees as deep as the chain, which must fit the stack.
pub(super) const MAX_WORDS: usize = 10_000;

fn words(tokens: &[TokenWithSpan]) -> impl Iterator<Item = &TokenWithSpan> {
    let empty = |t: &Token| matches!(t, Token::Whitespace(_) | Token::SemiColon | Token::EOF);
    tokens.iter().filter(move |t| !empty(&t.token))
}

/// Statements that people may try, and that are not queries.
const STATEMENTS: [Keyword; 21] = [
    Keyword::INSERT,
    Keyword::UPDATE,
    Keyword::DELETE,
    Keyword::MERGE,
    Keyword::CREATE,
    Keyword::DROP,
    Keyword::ALTER,
    Keyword::TRUNCATE,
    Keyword::COPY,
    Keyword::SET,
    Keyword::EXPLAIN,
    Keyword::DESCRIBE,
    Keyword::SHOW,
    Keyword::USE,
    Keyword::GRANT,
    Keyword::REVOKE,
    Keyword::BEGIN,
    Keyword::COMMIT,
    Keyword::CALL,
    Keyword::EXECUTE,
    Keyword::VACUUM,
];

fn only_queries(first: &TokenWithSpan, lines: &Lines) -> Result<(), Mistake> {
    use Keyword::{FROM, NoKeyword, SELECT, VALUES, WITH};
    let Token::Word(word) = &first.token else { return Ok(()) };
    let bytes = lines.bytes(first.span);
    if STATEMENTS.contains(&word.keyword) {
        let message = format!("`{}` is no query", word.value);
        let hint = "an asset is the answer of one `select`; how its rows are written is said by `write:`";
        return Err(mistake(SQL_NOT_A_QUERY, bytes, message).hint(hint));
    }
    if word.keyword == NoKeyword || ![SELECT, WITH, FROM, VALUES].contains(&word.keyword) {
        let found = mistake(
            SQL_SYNTAX,
            bytes,
            format!("expected `select` or `with`, found `{}`", word.value),
        );
        return Err(match closest(&word.value, ["select", "with"]) {
            Some(meant) => found.hint(format!("did you mean `{meant}`?")),
            None => found,
        });
    }
    Ok(())
}

fn syntax(error: ParserError, parser: &Parser<'_>, lines: &Lines) -> Mistake {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => "this is nested too deep".to_string(),
    };
    let token = parser.peek_token();
    let (text, at) = match text.rsplit_once(" at Line: ") {
        Some((text, at)) => (text.to_string(), location(at)),
        None => (text, None),
    };
    let bytes = match at {
        Some(at) if at != token.span.start => {
            let start = lines.byte(at);
            start..lines.end_of_word(start)
        }
        _ => lines.bytes(token.span),
    };
    mistake(
        SQL_SYNTAX,
        bytes,
        first_lower(
            &text
                .replacen("Expected: ", "expected ", 1)
                .replacen(", found: ", ", found ", 1),
        ),
    )
}

/// `3, Column: 7`
fn location(text: &str) -> Option<Location> {
    let (line, column) = text.split_once(", Column: ")?;
    let column: String = column.chars().take_while(char::is_ascii_digit).collect();
    Some(Location {
        line: line.parse().ok()?,
        column: column.parse().ok()?,
    })
}

fn first_lower(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// The words that matter: no comments, no space, no closing semicolon; case kept only where it means something.
fn canonical(tokens: &[TokenWithSpan]) -> Vec<String> {
    let mut all: Vec<String> = words(tokens)
        .map(|t| match &t.token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_lowercase(),
            token => token.to_string(),
        })
        .collect();
    while all.last().is_some_and(|last| last == ";") {
        all.pop();
    }
    all
}

fn parameters(tokens: &[TokenWithSpan], lines: &Lines) -> Vec<(String, Range<usize>)> {
    let parameter = |t: &TokenWithSpan| match &t.token {
        Token::Placeholder(text) => {
            let name = text.strip_prefix('$').unwrap_or(text);
            Some((name.to_string(), lines.bytes(t.span)))
        }
        _ => None,
    };
    tokens.iter().filter_map(parameter).collect()
}

/// From the parser's lines and columns (counted in characters, from 1) to bytes.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    text: String,
    starts: Vec<usize>,
    /// Whether every character is one byte.
    ascii: bool,
}

impl Lines {
    fn new(text: &str) -> Lines {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Lines {
            text: text.to_string(),
            starts,
            ascii: text.is_ascii(),
        }
    }

    fn byte(&self, at: Location) -> usize {
        let Some(start) = (at.line as usize).checked_sub(1).and_then(|line| self.starts.get(line)) else {
            return self.text.len();
        };
        let line = &self.text[*start..];
        let column = (at.column as usize).saturating_sub(1);
        if self.ascii {
            return (start + column).min(self.text.len());
        }
        start + line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
    }

    /// The bytes of a span; for the end of the text, the last byte that is no space.
    pub(super) fn bytes(&self, span: Span) -> Range<usize> {
        if span.start.line == 0 {
            let end = self.text.trim_end().len();
            return end..end;
        }
        let start = self.byte(span.start);
        start..self.byte(span.end).max(start)
    }

    fn end_of_word(&self, start: usize) -> usize {
        let rest = &self.text[start..];
        let length = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        start + length.max(rest.chars().next().map_or(0, char::len_utf8))
    }
}
