//! Who there is, and who is written how. The catalogue and every comparison here are made without a look at how names are found.

use segue_names::{Entry, Index};
use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// An artist of `catalogue.csv`.
pub struct Artist {
    pub id: String,
    pub name: String,
    /// What the index is told beside the name: as incomplete as it is in the open databases.
    pub aliases: Vec<String>,
    pub popularity: Option<f64>,
    /// How Koreans write the name. The index is not told.
    pub hangul: Option<String>,
    /// Another way to write the name in Latin letters. The index is not told.
    pub latin: Option<String>,
}

/// By what somebody is written so; the first is the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    Name,
    Alias,
    /// A spelling in another script that the index does not know.
    Spelling,
}

/// All artists, and whom each written name belongs to.
pub struct Catalogue {
    pub artists: Vec<Artist>,
    written: HashMap<String, Vec<(usize, By)>>,
}

impl Catalogue {
    /// The one that is checked in.
    pub fn load() -> Catalogue {
        let mut rows = rows(include_str!("catalogue.csv")).into_iter();
        let head = rows.next().expect("a first line");
        assert_eq!(head, ["id", "name", "popularity", "aliases", "hangul", "latin"]);
        let artists: Vec<Artist> = rows.map(artist).collect();
        let mut written: HashMap<String, Vec<(usize, By)>> = HashMap::new();
        for (at, artist) in artists.iter().enumerate() {
            let aliases = artist.aliases.iter().map(|alias| (alias, By::Alias));
            let spellings = artist.hangul.iter().chain(&artist.latin);
            let spellings = spellings.map(|spelling| (spelling, By::Spelling));
            for (text, by) in std::iter::once((&artist.name, By::Name))
                .chain(aliases)
                .chain(spellings)
            {
                for form in forms(text) {
                    written.entry(form).or_default().push((at, by));
                }
            }
        }
        Catalogue { artists, written }
    }

    /// The index over it: names and aliases, and nothing else.
    pub fn index(&self) -> Index {
        let entry = |artist: &Artist| Entry {
            id: artist.id.clone(),
            name: artist.name.clone(),
            aliases: artist.aliases.clone(),
            popularity: artist.popularity,
        };
        Index::build("1", self.artists.iter().map(entry))
    }

    /// Everybody whose name, alias or spelling this is, but for case, accents, spaces, punctuation and the article; each once.
    pub fn carriers(&self, text: &str) -> Vec<(usize, By)> {
        let mut found: Vec<(usize, By)> = forms(text)
            .iter()
            .filter_map(|form| self.written.get(form))
            .flatten()
            .copied()
            .collect();
        // Equal artists lie side by side, what is strongest first.
        found.sort_unstable();
        found.dedup_by_key(|(at, _)| *at);
        found
    }

    /// Where in `artists` this id is.
    pub fn at(&self, id: &str) -> Option<usize> {
        self.artists.iter().position(|artist| artist.id == id)
    }
}

fn artist(row: Vec<String>) -> Artist {
    let [id, name, popularity, aliases, hangul, latin] = <[String; 6]>::try_from(row).expect("six fields a row");
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Artist {
        aliases: list(&aliases),
        popularity: some(popularity).map(|number| number.parse().expect("a number")),
        hangul: some(hangul),
        latin: some(latin),
        id,
        name,
    }
}

/// What stands between ` | `.
pub fn list(text: &str) -> Vec<String> {
    let parts = text.split(" | ").map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_string).collect()
}

/// A text with nothing in it but lower-case letters and digits; where it has none of them, its signs.
pub fn fold(text: &str) -> String {
    let letters: String = text
        .nfkd()
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect();
    if !letters.is_empty() {
        return letters;
    }
    let around = "\"'`´‘’“”„«»「」\u{feff}\u{200b}";
    text.nfkc()
        .filter(|c| !c.is_whitespace() && !around.contains(*c))
        .collect()
}

/// A text's fold, and that of it without the article.
fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![fold(text)];
    let plain: String = text.nfkc().collect();
    let trimmed = plain.trim_matches(|c: char| !c.is_alphanumeric());
    let lower = trimmed.to_lowercase();
    // Folding "İ" and its like makes texts longer; then the places are not the same, and there is no article.
    if lower.len() == trimmed.len() {
        if let Some(rest) = lower.strip_prefix("the ") {
            forms.push(fold(rest));
        } else if let Some(rest) = lower.strip_suffix(", the") {
            forms.push(fold(rest));
        }
    }
    forms.retain(|form| !form.is_empty());
    forms
}

/// Fields of CSV, where those with commas or quotes stand in double quotes.
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            c => field.push(c),
        }
    }
    assert!(
        !quoted && row.is_empty() && field.is_empty(),
        "the file ends with a line end"
    );
    rows
}

#[test]
fn the_catalogue_is_what_it_says() {
    let catalogue = Catalogue::load();
    let artists = &catalogue.artists;
    let is_korean = |artist: &&Artist| {
        let mut texts = artist.aliases.iter().chain([&artist.name]);
        texts.any(|text| text.chars().any(|c| ('가'..='힣').contains(&c)))
    };
    assert!(artists.len() >= 1_200, "{} artists", artists.len());
    assert!(artists.iter().filter(is_korean).count() >= 350);
    let mut ids: Vec<&str> = artists.iter().map(|artist| artist.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), artists.len(), "an id is there twice");
    for artist in artists {
        let known: Vec<String> = artist
            .aliases
            .iter()
            .chain([&artist.name])
            .map(|text| fold(text))
            .collect();
        for spelling in artist.hangul.iter().chain(&artist.latin) {
            assert!(
                !known.contains(&fold(spelling)),
                "the index is told {spelling}, of {}",
                artist.name
            );
        }
    }
}

#[test]
fn equal_but_for_what_does_not_count() {
    assert_eq!(fold("\u{feff}The  Sigur Rós!"), "thesigurros");
    assert_eq!(fold("ＡＢＢＡ"), "abba");
    assert_eq!(fold("\"!!!\""), "!!!");
    assert_eq!(forms("“Beatles, The”"), ["beatlesthe", "beatles"]);
    assert_eq!(forms("The The"), ["thethe", "the"]);
    assert_eq!(rows("a,\"b, \"\"c\"\"\",\n"), [["a", "b, \"c\"", ""]]);
    let catalogue = Catalogue::load();
    let named = |text: &str| -> Vec<(&str, By)> {
        let carriers = catalogue.carriers(text).into_iter();
        carriers
            .map(|(at, by)| (catalogue.artists[at].id.as_str(), by))
            .collect()
    };
    let nirvana = named("nirvana");
    assert_eq!(nirvana.len(), 2, "{nirvana:?}");
    assert!(nirvana.iter().all(|(_, by)| *by == By::Name), "{nirvana:?}");
    assert_eq!(named("eagles"), named("The Eagles"));
    assert_eq!(named("!!!").len(), 1);
    assert_eq!(named("nobody is called this"), []);
}
