use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn file(path: &str) -> &'static str {
    files()
        .iter()
        .find(|(p, _)| *p == path)
        .map(|(_, text)| *text)
        .unwrap_or_default()
}

/// The names of the file, as they are written.
fn names(text: &str) -> Vec<String> {
    let (lines, broken) = crate::catalogue::csv_fields(text);
    assert_eq!(broken, 0);
    assert!(lines.iter().all(|fields| fields.len() == 1));
    lines.into_iter().map(|mut fields| fields.remove(0)).skip(1).collect()
}

#[test]
fn every_file_of_the_folders_is_embedded() {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            match entry.path().is_dir() {
                true => walk(&entry.path(), root, found),
                false => {
                    let path = entry.path();
                    found.insert(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
                }
            }
        }
    }
    for (project, files) in [("spotify", files()), ("music", music_files()), ("shop", shop_files())] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("projects").join(project);
        let mut found = BTreeSet::new();
        walk(&root, &root, &mut found);
        let embedded: BTreeSet<String> = files.iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(embedded, found, "{project}");
        assert_eq!(embedded.len(), files.len(), "{project}");
    }
}

#[test]
fn the_names_of_the_open_project_are_written_as_people_write_them() {
    let text = music_files()
        .iter()
        .find(|(path, _)| *path == MUSIC_NAMES_FILE)
        .unwrap()
        .1;
    assert!(text.starts_with('\u{feff}'), "there is no mark at its beginning");
    let names = names(text.trim_start_matches('\u{feff}'));
    let all: BTreeSet<&String> = names.iter().collect();
    assert_eq!(all.len(), names.len(), "a name is there twice");
    let catalogue = Catalogue::full();
    let known: BTreeSet<&str> = catalogue.artists().iter().flat_map(|a| a.names()).collect();
    let odd = names.iter().filter(|name| !known.contains(name.as_str())).count();
    assert!(odd >= 15, "{odd} odd names of {}", names.len());
    let hangul = |name: &&String| name.chars().any(|c| ('가'..='힣').contains(&c));
    assert!(names.iter().filter(hangul).count() >= 30);
    for wanted in [" IVE ", "Girls’ Generation", "레이디가가", "Radiohaed", "Nirvana"] {
        assert!(names.iter().any(|name| name == wanted), "there is no `{wanted}`");
    }
}

#[test]
fn the_names_are_the_catalogues_and_three_more_and_some_are_written_oddly() {
    let catalogue = Catalogue::embedded();
    let fold = |name: &str| name.trim().to_lowercase();
    let known: BTreeMap<String, &str> = catalogue
        .artists()
        .iter()
        .map(|a| (fold(&a.name), a.name.as_str()))
        .collect();
    let names = names(file(NAMES_FILE));
    let folded: BTreeSet<String> = names.iter().map(|n| fold(n)).collect();
    assert_eq!(folded.len(), names.len(), "a name is there twice");
    let unknown: Vec<&String> = names.iter().filter(|n| !known.contains_key(&fold(n))).collect();
    assert_eq!(unknown, ["Radiohaed", "Beyonce", "The Paper Lantern Society"]);
    assert_eq!(
        names.len() - unknown.len(),
        known.len(),
        "a name of the catalogue is missing"
    );
    let odd = names
        .iter()
        .filter(|n| known.get(&fold(n)).is_some_and(|k| k != n))
        .count();
    assert!((5..=20).contains(&odd), "{odd} odd names");
    assert!(names.iter().any(|n| n.trim() != n));
}

#[test]
fn the_names_of_another_catalogue_come_back_as_they_are() {
    let catalogue = Catalogue::embedded();
    let written = names(&names_csv(&catalogue));
    let wanted: Vec<String> = catalogue.artists().iter().map(|a| a.name.clone()).collect();
    assert_eq!(written, wanted);
}

#[test]
fn every_asset_says_what_it_is_who_owns_it_and_what_must_hold() {
    let all = files().iter().chain(music_files());
    let assets: Vec<&(&str, &str)> = all.filter(|(path, _)| path.starts_with("assets/")).collect();
    assert_eq!(assets.len(), 9 + 36);
    for (path, text) in assets {
        let name = path.trim_start_matches("assets/").replace('/', ".");
        let name = name.trim_end_matches(".yaml").trim_end_matches(".sql");
        assert!(text.contains(&format!("asset: {name}\n")), "{path}");
        // What is optional, or only leads to others, may have nothing that must hold.
        for key in ["description: ", "owner: ", "write: { mode: replace"] {
            assert!(text.contains(key), "{path} has no {key}");
        }
    }
}

#[test]
fn no_secret_and_no_simulated_server_is_written_in_a_file() {
    for (path, text) in files().iter().chain(music_files()) {
        assert!(
            !text.contains("segue-demo-secret") && !text.contains("127.0.0.1"),
            "{path}"
        );
    }
    assert!(file("connections/spotify.yaml").contains("${secret:SPOTIFY_CLIENT_SECRET}"));
}
