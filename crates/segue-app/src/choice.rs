//! Tables of a source, chosen by patterns.

use segue_core::source::Offered;
use segue_core::{Error, Kind, Result};
use segue_diag::NO_SUCH_TABLES;
use segue_spec::tables::TablePattern;

/// Which tables are meant; all where no pattern is given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    pub wanted: Vec<TablePattern>,
    pub except: Vec<TablePattern>,
}

impl Choice {
    /// The choice that these words are.
    ///
    /// # Errors
    /// `Invalid` for a word that is no pattern.
    pub fn parse(wanted: &[String], except: &[String]) -> Result<Choice> {
        let patterns = |words: &[String]| -> Result<Vec<TablePattern>> {
            let read = |word: &String| {
                word.parse().map_err(|why| {
                    Error::new(Kind::Invalid, why)
                        .hint("write `public.*`, `public.orders`, or `orders` for whichever schema; put odd names in double quotes")
                })
            };
            words.iter().map(read).collect()
        };
        Ok(Choice {
            wanted: patterns(wanted)?,
            except: patterns(except)?,
        })
    }

    pub fn takes(&self, table: &Offered) -> bool {
        let is_of = |all: &[TablePattern]| all.iter().any(|p| p.matches(&table.schema, &table.table));
        (self.wanted.is_empty() || is_of(&self.wanted)) && !is_of(&self.except)
    }

    /// Refuses a pattern that means nothing of what is there: it is most likely written wrong.
    ///
    /// # Errors
    /// `NotFound`, with what is most like it.
    pub fn means_something(&self, there: &[Offered], place: &str) -> Result<()> {
        for pattern in &self.wanted {
            if !there.iter().any(|t| pattern.matches(&t.schema, &t.table)) {
                return Err(nothing(pattern, there, place));
            }
        }
        match there.is_empty() || there.iter().any(|t| self.takes(t)) {
            true => Ok(()),
            false => {
                let error = Error::new(Kind::NotFound, format!("no table of {place} is left to copy"));
                Err(error
                    .code(NO_SUCH_TABLES)
                    .hint("every one that is wanted is left out again"))
            }
        }
    }
}

fn nothing(pattern: &TablePattern, there: &[Offered], place: &str) -> Error {
    let error = Error::new(Kind::NotFound, format!("no table of {place} is like `{pattern}`")).code(NO_SUCH_TABLES);
    if there.is_empty() {
        return error.hint("there is no table that this user may read");
    }
    let written = pattern.as_str();
    // With capitals as they are, or only the schema is another: what is nearest then.
    let same = there.iter().find(|t| {
        let lower = format!("{}.{}", t.schema, t.table).to_lowercase();
        let table = written.rsplit_once('.').map_or(written, |(_, table)| table);
        lower == written.to_lowercase() || (!table.contains('*') && t.table.to_lowercase() == table.to_lowercase())
    });
    let names = there.iter().map(|t| t.name.as_str());
    if let Some(near) = same
        .map(|t| t.name.as_str())
        .or_else(|| segue_diag::closest(written, names))
    {
        return error.hint(format!("did you mean `{near}`?"));
    }
    let mut schemas: Vec<&str> = there.iter().map(|t| t.schema.as_str()).collect();
    schemas.dedup();
    let near = written
        .split_once('.')
        .and_then(|(schema, rest)| Some((segue_diag::closest(schema, schemas.iter().copied())?, rest)))
        .filter(|(near, _)| !written.starts_with(near));
    match near {
        Some((schema, rest)) => error.hint(format!("did you mean `{schema}.{rest}`?")),
        None => {
            let first: Vec<&str> = there.iter().take(5).map(|t| t.name.as_str()).collect();
            let more = if there.len() > first.len() { ", …" } else { "" };
            error.hint(format!("there are: `{}`{more}", first.join("`, `")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(wanted: &[&str], except: &[&str]) -> String {
        let there: Vec<Offered> = [("public", "orders"), ("public", "Items"), ("sales", "totals")]
            .iter()
            .map(|(schema, table)| Offered {
                name: format!("{schema}.{table}"),
                schema: schema.to_string(),
                table: table.to_string(),
                key: Vec::new(),
            })
            .collect();
        let words = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let choice = match Choice::parse(&words(wanted), &words(except)) {
            Ok(choice) => choice,
            Err(error) => return error.to_text(),
        };
        match choice.means_something(&there, "shop") {
            Ok(()) => {
                let taken = there.iter().filter(|t| choice.takes(t)).map(|t| t.name.as_str());
                taken.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_text(),
        }
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused_with_what_is_near() {
        let all = [
            told(&[], &["*.Items"]),
            told(&["public.*", "totals"], &[]),
            told(&["public.items"], &[]),
            told(&["publik.*"], &[]),
            told(&["shop.orders"], &[]),
            told(&["public.ordrs"], &[]),
            told(&["x.*"], &[]),
            told(&["public.*"], &["public.*"]),
            told(&["a.b.c"], &[]),
        ];
        insta::assert_snapshot!(all.join("\n"), @r##"
        public.orders sales.totals
        public.orders public.Items sales.totals
        error[SG0706]: no table of shop is like `public.items`
          hint: did you mean `public.Items`?
          more: segue explain SG0706
        error[SG0706]: no table of shop is like `publik.*`
          hint: did you mean `public.*`?
          more: segue explain SG0706
        error[SG0706]: no table of shop is like `shop.orders`
          hint: did you mean `public.orders`?
          more: segue explain SG0706
        error[SG0706]: no table of shop is like `public.ordrs`
          hint: did you mean `public.orders`?
          more: segue explain SG0706
        error[SG0706]: no table of shop is like `x.*`
          hint: there are: `public.orders`, `public.Items`, `sales.totals`
          more: segue explain SG0706
        error[SG0706]: no table of shop is left to copy
          hint: every one that is wanted is left out again
          more: segue explain SG0706
        error: `a.b.c` is no pattern of tables: it has more parts than `schema.table`
          hint: write `public.*`, `public.orders`, or `orders` for whichever schema; put odd names in double quotes
        "##);
    }
}
