//! SPDX licence expressions: `(MIT OR Apache-2.0) AND Unicode-3.0`, and the older `MIT/Apache-2.0`.

/// A licence expression, read.
#[derive(Debug, PartialEq)]
pub enum Licence {
    /// One licence, with its exception: `Apache-2.0 WITH LLVM-exception`.
    One(String),
    Either(Box<Licence>, Box<Licence>),
    Both(Box<Licence>, Box<Licence>),
}

impl Licence {
    /// `None` when the text is not an expression.
    pub fn parse(text: &str) -> Option<Licence> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        let licence = either(&mut rest)?;
        rest.is_empty().then_some(licence)
    }

    /// Whether somebody who accepts these licences may use what stands under this one.
    pub fn is_met_by(&self, allowed: &[&str]) -> bool {
        match self {
            Licence::One(name) => allowed.contains(&name.as_str()),
            Licence::Either(a, b) => a.is_met_by(allowed) || b.is_met_by(allowed),
            Licence::Both(a, b) => a.is_met_by(allowed) && b.is_met_by(allowed),
        }
    }
}

fn either(words: &mut &[&str]) -> Option<Licence> {
    let mut licence = both(words)?;
    while take(words, "OR") {
        licence = Licence::Either(Box::new(licence), Box::new(both(words)?));
    }
    Some(licence)
}

fn both(words: &mut &[&str]) -> Option<Licence> {
    let mut licence = one(words)?;
    while take(words, "AND") {
        licence = Licence::Both(Box::new(licence), Box::new(one(words)?));
    }
    Some(licence)
}

fn one(words: &mut &[&str]) -> Option<Licence> {
    if take(words, "(") {
        let licence = either(words)?;
        return take(words, ")").then_some(licence);
    }
    let name = name(words)?;
    match take(words, "WITH") {
        true => Some(Licence::One(format!("{name} WITH {}", self::name(words)?))),
        false => Some(Licence::One(name.to_string())),
    }
}

fn name<'a>(words: &mut &[&'a str]) -> Option<&'a str> {
    let (first, rest) = words.split_first()?;
    if ["OR", "AND", "WITH", "(", ")"].contains(first) {
        return None;
    }
    *words = rest;
    Some(first)
}

fn take(words: &mut &[&str], word: &str) -> bool {
    match words.split_first() {
        Some((first, rest)) if *first == word => {
            *words = rest;
            true
        }
        _ => false,
    }
}

mod tests {
    use super::*;

    #[test]
    fn and_binds_closer_than_or() {
        let met = |text: &str, allowed: &[&str]| Licence::parse(text).map(|licence| licence.is_met_by(allowed));
        assert_eq!(met("MIT OR A AND B", &["MIT"]), Some(true));
        assert_eq!(met("(MIT OR A) AND B", &["MIT"]), Some(false));
        assert_eq!(met("Apache-2.0 / MIT", &["MIT"]), Some(true));
        assert_eq!(met("Apache-2.0 WITH LLVM-exception", &["Apache-2.0"]), Some(false));
        assert_eq!(
            met("Apache-2.0 WITH LLVM-exception", &["Apache-2.0 WITH LLVM-exception"]),
            Some(true)
        );
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in ["", "MIT OR", "(MIT", "MIT)", "OR MIT", "MIT Apache-2.0", "MIT WITH"] {
            assert_eq!(Licence::parse(text), None, "{text}");
        }
    }
}
