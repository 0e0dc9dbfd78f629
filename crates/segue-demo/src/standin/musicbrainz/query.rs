//! The part of Lucene's language that clients use: words, phrases, fields, `AND`, `OR`, `NOT`, brackets, a star at a word's end.
//!
//! Without an operator words are alternatives. Case, the marks of Latin letters and punctuation make no difference.
//! A fuzzy word (`aespa~`) is looked for as it stands, and a boost (`^2`) is passed over.

use crate::catalogue::Artist;

/// A longer query is none: brackets within brackets take a stack.
const MOST_TOKENS: usize = 200;

/// A query.
#[derive(Debug, PartialEq)]
pub(super) enum Query {
    /// Some of them.
    Any(Vec<Query>),
    /// All of them.
    All(Vec<Query>),
    Not(Box<Query>),
    Leaf(Leaf),
}

/// One text in one field, or in the usual ones.
#[derive(Debug, PartialEq)]
pub(super) struct Leaf {
    field: Option<String>,
    /// Folded words.
    words: Vec<String>,
    /// As it was written, for codes.
    text: String,
    /// Whether the last word goes on.
    is_prefix: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Field(String),
    Text(String),
}

impl Query {
    /// The query that this text is; `None`: it is none.
    pub(super) fn parse(text: &str) -> Option<Query> {
        let tokens = tokens(text).filter(|tokens| tokens.len() <= MOST_TOKENS)?;
        let mut rest = tokens.as_slice();
        let query = any(&mut rest, None)?;
        rest.is_empty().then_some(query)
    }

    /// How well it fits an artist; 0: not at all.
    pub(super) fn weight(&self, artist: &Artist) -> f64 {
        match self {
            Query::Any(all) => all.iter().map(|q| q.weight(artist)).sum(),
            Query::All(all) => {
                let weights: Vec<f64> = all.iter().map(|q| q.weight(artist)).collect();
                match weights.iter().all(|w| *w > 0.0) {
                    true => weights.iter().sum(),
                    false => 0.0,
                }
            }
            // It adds nothing where it holds, and the rest of an `AND` cannot do without it.
            Query::Not(query) => f64::from(u8::from(query.weight(artist) <= 0.0)) * 1e-6,
            Query::Leaf(leaf) => leaf.weight(artist),
        }
    }
}

/// Alternatives, until a bracket closes.
fn any(rest: &mut &[Token], field: Option<&str>) -> Option<Query> {
    let mut list = vec![all(rest, field)?];
    while !matches!(rest.first(), None | Some(Token::Close)) {
        if rest.first() == Some(&Token::Or) {
            *rest = &rest[1..];
        }
        list.push(all(rest, field)?);
    }
    Some(match list.len() {
        1 => list.remove(0),
        _ => Query::Any(list),
    })
}

fn all(rest: &mut &[Token], field: Option<&str>) -> Option<Query> {
    let mut list = vec![one(rest, field)?];
    while rest.first() == Some(&Token::And) {
        *rest = &rest[1..];
        list.push(one(rest, field)?);
    }
    Some(match list.len() {
        1 => list.remove(0),
        _ => Query::All(list),
    })
}

fn one(rest: &mut &[Token], field: Option<&str>) -> Option<Query> {
    let all: &[Token] = rest;
    let (first, after) = all.split_first()?;
    *rest = after;
    match first {
        Token::Not => Some(Query::Not(Box::new(one(rest, field)?))),
        Token::Field(name) => one(rest, Some(name)),
        Token::Open => {
            let inner = any(rest, field)?;
            let all: &[Token] = rest;
            let (close, after) = all.split_first()?;
            *rest = after;
            (*close == Token::Close).then_some(inner)
        }
        Token::Text(text) => Some(Query::Leaf(Leaf {
            field: field.map(str::to_lowercase),
            words: words(text),
            is_prefix: text.ends_with('*'),
            text: text.clone(),
        })),
        Token::Close | Token::And | Token::Or => None,
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&next) = chars.peek() {
        match next {
            c if c.is_whitespace() => {
                chars.next();
            }
            '(' | ')' => {
                chars.next();
                tokens.push(if next == '(' { Token::Open } else { Token::Close });
            }
            '"' => {
                chars.next();
                let mut phrase = String::new();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => phrase.push(chars.next()?),
                        c => phrase.push(c),
                    }
                }
                // Of a slop or a boost nothing is made.
                while chars.peek().is_some_and(|c| "~^.0123456789".contains(*c)) {
                    chars.next();
                }
                tokens.push(Token::Text(phrase));
            }
            '-' | '!' | '+' if !matches!(tokens.last(), Some(Token::Field(_))) => {
                chars.next();
                if next != '+' && chars.peek().is_some_and(|c| !c.is_whitespace()) {
                    tokens.push(Token::Not);
                }
            }
            _ => tokens.push(word(&mut chars)?),
        }
    }
    Some(tokens)
}

/// A word, an operator, or a field's name with its colon.
fn word(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let mut word = String::new();
    while let Some(&next) = chars.peek() {
        match next {
            c if c.is_whitespace() || "()\"".contains(c) => break,
            '\\' => {
                chars.next();
                word.push(chars.next()?);
            }
            ':' => {
                chars.next();
                return (!word.is_empty()).then_some(Token::Field(word));
            }
            '~' | '^' => {
                while chars.peek().is_some_and(|c| "~^.0123456789".contains(*c)) {
                    chars.next();
                }
            }
            c => {
                chars.next();
                word.push(c);
            }
        }
    }
    Some(match word.as_str() {
        "AND" | "&&" => Token::And,
        "OR" | "||" => Token::Or,
        "NOT" => Token::Not,
        _ => Token::Text(word),
    })
}

impl Leaf {
    fn weight(&self, artist: &Artist) -> f64 {
        let known = &artist.known;
        let name = known.native.as_deref().unwrap_or(&artist.name);
        let aliases = known.aliases.iter().map(|alias| alias.name.as_str());
        // Where the name is in its own script, the usual one is an alias.
        let mut aliases = aliases.chain(known.native.is_some().then_some(artist.name.as_str()));
        let best = |names: &mut dyn Iterator<Item = &str>| names.map(|n| self.likeness(n)).fold(0.0, f64::max);
        let code = |code: Option<&str>| f64::from(u8::from(code.is_some_and(|c| c.eq_ignore_ascii_case(&self.text))));
        match self.field.as_deref() {
            None => best(&mut aliases.chain([name])),
            Some("artist" | "artistaccent" | "name") => self.likeness(name),
            Some("alias" | "aliasaccent") => best(&mut aliases),
            Some("sortname") => self.likeness(&super::shapes::sort_name(artist)),
            Some("comment") => self.likeness(&known.note),
            Some("country") => code(known.country.as_deref()),
            Some("type") => code(known.kind.map(super::shapes::kind_name)),
            Some("tag") => best(&mut artist.genres.iter().map(String::as_str)),
            Some("arid") => code(Some(&crate::catalogue::mbid_of("artist", &artist.id))),
            // As in the index: a field that is not there has nothing in it.
            Some(_) => 0.0,
        }
    }

    /// 1 for the same words; less the more others are around them; 0 if they are not there in a row.
    fn likeness(&self, text: &str) -> f64 {
        let has = words(text);
        let wanted = self.words.len();
        if wanted == 0 || wanted > has.len() {
            return 0.0;
        }
        let same = |place: usize, word: &String| match self.is_prefix && place == wanted - 1 {
            true => word.starts_with(&self.words[place]),
            false => *word == self.words[place],
        };
        let there = has
            .windows(wanted)
            .any(|part| part.iter().enumerate().all(|(place, word)| same(place, word)));
        match there {
            false => 0.0,
            true => 0.4 + 0.6 * wanted as f64 / has.len() as f64,
        }
    }
}

/// The words of a text: lower case, without the marks of Latin letters, whatever is no letter or digit between them. A text of
/// signs alone is one word.
fn words(text: &str) -> Vec<String> {
    let plain = crate::catalogue::plain_letters(&text.replace(['\'', '’'], ""));
    let words: Vec<String> = plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_string)
        .collect();
    match words.is_empty() && !plain.trim().is_empty() {
        true => vec![plain.trim().to_string()],
        false => words,
    }
}

#[cfg(test)]
mod tests;
