//! What a table is called, as SQL names it.

use segue_core::{Error, Kind, Result};

/// The longest name that the server keeps whole, in bytes; it cuts longer ones.
const LONGEST: usize = 63;

/// A table by its schema and its name. Invariant: each is one that the server keeps whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub schema: String,
    pub name: String,
}

impl Place {
    /// Reads `orders`, `public.orders` or `"Sales"."Order"`: as in SQL, capitals count only between quotes.
    ///
    /// # Errors
    /// `Invalid` for what is no name.
    pub fn parse(text: &str, default_schema: &str) -> Result<Place> {
        let parts = parts(text)
            .ok_or_else(|| refused(text, "write `orders`, `public.orders`, or names between double quotes"))?;
        let (schema, name) = match <[String; 2]>::try_from(parts) {
            Ok([schema, name]) => (schema, name),
            Err(parts) => match <[String; 1]>::try_from(parts) {
                Ok([name]) => (default_schema.to_string(), name),
                Err(_) => {
                    return Err(refused(
                        text,
                        "a table has a schema and a name, and nothing before them",
                    ));
                }
            },
        };
        Place::of(&schema, &name)
    }

    /// The table of this name in this schema, both as the server keeps them.
    ///
    /// # Errors
    /// `Invalid` for names that are empty, too long, or hold a NUL.
    pub fn of(schema: &str, name: &str) -> Result<Place> {
        for part in [schema, name] {
            checked(part)?;
        }
        Ok(Place {
            schema: schema.to_string(),
            name: name.to_string(),
        })
    }

    /// For SQL.
    pub fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// A name as SQL takes it, whatever stands in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The name, if the server keeps it as it is.
///
/// # Errors
/// `Invalid` when it does not.
pub(super) fn checked(name: &str) -> Result<&str> {
    match name {
        "" => Err(refused(name, "a name has at least one letter")),
        _ if name.contains('\0') => Err(refused(name, "a name holds no NUL")),
        _ if name.len() > LONGEST => Err(refused(
            name,
            "PostgreSQL keeps 63 bytes of a name, and would cut the rest off",
        )),
        _ => Ok(name),
    }
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(
        Kind::Invalid,
        format!("`{}` cannot be a name in PostgreSQL", name.escape_debug()),
    )
    .hint(why)
}

/// The names that are joined by points.
fn parts(text: &str) -> Option<Vec<String>> {
    let (mut all, mut rest) = (Vec::new(), text.trim());
    loop {
        let after;
        if let Some(inside) = rest.strip_prefix('"') {
            let (name, left) = between_quotes(inside)?;
            all.push(name);
            after = left;
        } else {
            let end = rest.find('.').unwrap_or(rest.len());
            let name = &rest[..end];
            let is_plain = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
            if name.is_empty() || !name.chars().all(is_plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            all.push(name.to_ascii_lowercase());
            after = &rest[end..];
        }
        match after.strip_prefix('.') {
            Some(more) => rest = more,
            None if after.is_empty() => return Some(all),
            None => return None,
        }
    }
}

/// The name up to the closing quote, and what stands behind it.
fn between_quotes(text: &str) -> Option<(String, &str)> {
    let (mut name, mut rest) = (String::new(), text);
    loop {
        let at = rest.find('"')?;
        name.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match Place::parse(text, "public") {
            Ok(place) => place.quoted(),
            Err(e) => format!("{} ({})", e.message(), e.hint_text().unwrap_or("")),
        }
    }

    #[test]
    fn names_are_read_as_sql_reads_them() {
        assert_eq!(read("orders"), r#""public"."orders""#);
        assert_eq!(read("Sales.Orders"), r#""sales"."orders""#);
        assert_eq!(read(r#""Sales"."Or.der ""x""""#), r#""Sales"."Or.der ""x""""#);
        assert_eq!(read("Ünïcode_1$"), r#""public"."Ünïcode_1$""#);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "a b", "a.", ".a", "1a", "a.b.c", "\"a", "a;drop table b", "\"\""] {
            assert!(Place::parse(text, "public").is_err(), "{text}");
        }
        assert!(Place::parse(&"x".repeat(64), "public").is_err());
        assert!(Place::parse(&"x".repeat(63), "public").is_ok());
    }
}
