//! Chats for tests: the music project's as it is checked in, and a small one.

use segue_diag::Diagnostic;
use segue_spec::model::Chat;
use segue_spec::{Files, check};
use std::sync::OnceLock;

const MUSIC: &str = include_str!("../../segue-demo/projects/music/chats/music.yaml");

const TABLES: [(&str, &str); 4] = [
    (
        "assets/artists.sql",
        "/* asset: music.artists\n   find: { id: artist_id, name: name, aliases: aliases, popularity: popularity } */\nselect '1' as artist_id, 'x' as name, null as aliases, 1 as popularity, 1 as listeners, '' as image_url, '' as url, '' as spotify_id",
    ),
    (
        "assets/genres.sql",
        "/* asset: music.artist_genres */ select '1' as artist_id, 'pop' as genre, 'x' as source",
    ),
    (
        "assets/tracks.sql",
        "/* asset: music.top_tracks */ select '1' as artist_id, 1 as rank, 'x' as name, '' as url, 'x' as source",
    ),
    (
        "assets/related.sql",
        "/* asset: music.related_artists */ select '1' as artist_id, '2' as related_id, 1 as rank, 0.5 as distance, 'x' as reason",
    ),
];

/// The chat of this text, over the tables of the music project.
pub fn chat(text: &str) -> Chat {
    let mut files = Files::new();
    files.insert("segue.yaml", "format: 1\nproject: music\n");
    files.insert("chats/chat.yaml", text);
    for (path, text) in TABLES {
        files.insert(path, text);
    }
    let (project, found) = check(&files, &[]);
    let wrong: Vec<String> = found
        .iter()
        .map(|d: &Diagnostic| format!("{:?} {}", d.span, d.message))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let chats = project.expect("there is a segue.yaml").chats;
    chats.into_values().next().expect("it is a chat")
}

/// The music project's chat.
pub fn music() -> &'static Chat {
    static CHAT: OnceLock<Chat> = OnceLock::new();
    CHAT.get_or_init(|| chat(MUSIC))
}

/// A chat that speaks only of numbers and says little.
pub fn small() -> Chat {
    chat(
        "chat: small
languages: [en, de]
fallback: en
resolve: { artist: { in: music.artists } }
greeting:
  match: hello
  answer: [ { text: { en: Hello, de: Hallo } } ]
intents:
  - intent: about
    match: \"{artist}\"
    queries: { it: 'select name, url from music.artists where artist_id = $artist_id' }
    answer:
      - text: '{{ it[0].name }}'
      - quick_replies:
          - { title: '{{ row.name }}', each: it, say: 'hello {{ row.name }}' }
  - intent: all
    match: { en: everything, de: alles }
    queries: { all: 'select artist_id as id, name, url from music.artists' }
    answer:
      - cards:
          each: all
          title: '{{ row.name }}'
          url: '{{ row.url }}'
          buttons:
            - { title: About, ask: about, id: '{{ row.id }}' }
            - { title: Open, url: '{{ row.url }}' }
            - { title: All, ask: all }
sentences:
  several: Which {{ text }}?
  nearest: Not {{ text }}, but near.
  unknown: Nobody is called {{ text }}.
  nothing: Nothing is known of {{ text }}.
  too_long: { en: 'At most {{ most }}.' }
",
    )
}
