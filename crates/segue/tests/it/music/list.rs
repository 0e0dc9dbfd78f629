//! Test 1: a long list of names as people write them. Nearly all are resolved, or listed with who may be meant; none is resolved wrongly.

use super::rows;
use super::world::{World, everyone};
use segue_demo::catalogue::Artist;
use std::collections::{BTreeMap, HashMap};

const MOST: usize = 560;

/// An artist's name as somebody may write it; which way, the place in the list says.
fn written(place: usize, artist: &Artist) -> String {
    let name = artist.name.clone();
    match place % 10 {
        1 => name.to_lowercase(),
        2 => name.to_uppercase(),
        3 => format!(" {name}  "),
        4 => name.replace('\'', "’"),
        5 => {
            let hangul = |alias: &&str| alias.chars().any(|c| ('가'..='힣').contains(&c));
            artist.names().find(hangul).map_or(name.to_lowercase(), str::to_string)
        }
        6 if name.contains('&') => name.replace('&', "and"),
        6 => name.strip_prefix("The ").unwrap_or(&name).to_string(),
        7 => without_a_letter(&name),
        8 => format!("\u{feff}{name}"),
        9 => name.replace(' ', ""),
        _ => name,
    }
}

/// Without the letter in the middle, if the name is long enough to be known all the same.
fn without_a_letter(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let middle = letters.len() / 2;
    if letters.len() >= 9 && letters[middle].is_ascii_alphabetic() {
        letters.remove(middle);
    }
    letters.into_iter().collect()
}

#[test]
fn test_1_nearly_all_names_are_resolved_or_listed_and_none_wrongly() {
    let everyone = everyone();
    let mut meant: HashMap<String, &Artist> = HashMap::new();
    let mut names = Vec::new();
    for (place, artist) in everyone.artists().iter().take(MOST).enumerate() {
        let name = written(place, artist);
        if !meant.contains_key(&name) {
            meant.insert(name.clone(), artist);
            names.push(name);
        }
    }
    assert!(names.len() >= 556, "{} names", names.len());
    let world = World::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    world.project.ok(&[
        "run",
        "+music.resolved_names",
        "+music.ambiguous_names",
        "+music.unresolved_names",
    ]);

    // As JSON: a name may hold anything.
    let table = |statement: &str| -> Vec<BTreeMap<String, serde_json::Value>> {
        let answer = world.project.ok(&["sql", "--format", "json-lines", statement]);
        answer
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let text =
        |row: &BTreeMap<String, serde_json::Value>, column: &str| row[column].as_str().unwrap_or_default().to_string();
    let mut settled = 0;
    let mut wrong = Vec::new();
    let resolved = "select r.name, r.artist_name, i.spotify_id from music.resolved_names r join music.identities i on i.artist_id = r.artist_id";
    for row in table(resolved) {
        let artist = meant[&text(&row, "name")];
        // Where nothing links to Spotify and another there has the same name, the artist has no id of it.
        let is_right = match text(&row, "spotify_id") {
            id if id.is_empty() => artist.names().any(|name| name == text(&row, "artist_name")),
            id => id == artist.id,
        };
        settled += usize::from(is_right);
        if !is_right {
            wrong.push(format!("{} is not {}", text(&row, "name"), text(&row, "artist_name")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    let mut candidates: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in table("select name, spotify_id from music.ambiguous_names") {
        candidates
            .entry(text(&row, "name"))
            .or_default()
            .push(text(&row, "spotify_id"));
    }
    settled += candidates
        .iter()
        .filter(|(name, ids)| ids.contains(&meant[*name].id))
        .count();
    let rest = rows(&world, "select name from music.unresolved_names");
    assert!(
        settled * 100 >= names.len() * 99,
        "{settled} of {} names are resolved or listed; not {rest:?}",
        names.len()
    );
    let unsaid = rows(
        &world,
        "select name from music.unresolved_names where coalesce(reason, '') = ''",
    );
    assert!(unsaid.is_empty(), "{unsaid:?}");
}
