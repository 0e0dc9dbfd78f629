//! The open music project: dirty names to similar artists, whichever of its sources are there. Each defect of the reference application that
//! must not come again (D1 and so on), and each of its acceptance tests, is a test of that name here or in a module below.

mod adapter;
mod backfill;
mod defects;
mod down;
mod faults;
mod golden;
mod list;
mod world;

use world::{TWELVE, World};

/// The rows of a query's answer, without its header.
fn rows(world: &World, statement: &str) -> Vec<String> {
    let answer = world.project.sql(statement);
    answer.lines().skip(1).map(str::to_string).collect()
}

/// The one number that a query answers.
#[track_caller]
fn number(world: &World, statement: &str) -> u64 {
    let answer = rows(world, statement);
    let one = answer.first().unwrap_or_else(|| panic!("no answer to {statement}"));
    one.parse().unwrap_or_else(|e| panic!("{one}: {e}"))
}

#[test]
fn the_project_has_no_mistakes_and_a_second_run_asks_nothing() {
    let world = World::usual();
    world.project.ok(&["check"]);
    let before = world.requests();
    let done = world.project.segue(&["run"]).ok();
    assert_eq!(world.requests(), before, "{}", done.text());
    let changed = "select coalesce(sum(rows_changed), 0) as n from system.steps
        where run = (select id from system.runs order by started_at desc limit 1)";
    assert_eq!(number(&world, changed), 0, "{}", done.text());
}

/// Whom each of the twelve names means.
const MEANT: [(&str, &str); 11] = [
    ("에스파", "aespa"),
    ("AESPA", "aespa"),
    (" aespa ", "aespa"),
    ("샤이니", "SHINee"),
    ("shinee", "SHINee"),
    ("SHINee", "SHINee"),
    ("레이디가가", "Lady Gaga"),
    ("레이디 가가", "Lady Gaga"),
    ("에미넴", "Eminem"),
    ("guns n roses", "Guns N' Roses"),
    ("Girls' Generation", "Girls' Generation"),
];

#[test]
fn test_2_twelve_names_are_right_or_safe_in_one_turn() {
    let world = World::usual();
    for (asked, meant) in MEANT {
        let done = world.project.segue(&["--json", "resolve", "music.artists", asked]).ok();
        let said: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
        assert_eq!(said["answer"], "one", "{asked}: {}", done.out);
        assert_eq!(said["candidates"][0]["name"], meant, "{asked}");
    }
    let done = world.project.segue(&["resolve", "music.artists", TWELVE[11]]).ended(4);
    assert!(done.text().contains("nothing is known by that name"), "{}", done.text());
    // As they were collected, too: each name of the file is an artist, several, or listed with the reason.
    for (asked, meant) in MEANT {
        let sql = format!(
            "select artist_name from music.resolved_names where name = '{}'",
            asked.replace('\'', "''")
        );
        assert_eq!(rows(&world, &sql), [meant], "{asked}");
    }
    let reasons = rows(&world, "select name from music.unresolved_names order by name");
    assert_eq!(reasons, [TWELVE[11], "The Paper Lantern Society"]);
}

#[test]
fn several_of_one_name_stay_several_with_what_tells_them_apart() {
    let world = World::usual();
    let nirvana = rows(
        &world,
        "select candidate_name, note from music.ambiguous_names where name = 'Nirvana' order by note",
    );
    assert_eq!(
        nirvana,
        [
            "Nirvana,1960s British psychedelic band",
            "Nirvana,1980s–1990s US grunge band"
        ]
    );
    assert_eq!(
        number(
            &world,
            "select count(*) from music.resolved_names where name = 'Nirvana'"
        ),
        0
    );
    // Whoever asks for it has the choice.
    let done = world
        .project
        .segue(&["--json", "resolve", "music.artists", "nirvana"])
        .ok();
    let said: serde_json::Value = serde_json::from_str(&done.out).expect("JSON");
    assert_eq!(said["answer"], "several", "{}", done.out);
    assert_eq!(said["candidates"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_artist_has_its_names_ids_and_links_and_says_where_they_come_from() {
    let world = World::usual();
    let artist = rows(
        &world,
        "select name, spotify_id, array_has(aliases, '에스파') as hangul, url, popularity_source, deezer_id_by,
           listeners > 0 as heard, popularity between 0 and 100 as known
         from music.artists where name = 'aespa'",
    );
    let id = "1NeONVtLW4EOPQuwmEPkwm";
    let url = format!("https://open.spotify.com/artist/{id}");
    assert_eq!(
        artist,
        [format!("aespa,{id},true,{url},listenbrainz,musicbrainz,true,true")]
    );
    assert_eq!(
        number(
            &world,
            "select count(*) from music.artists where musicbrainz_id is null"
        ),
        0
    );
    // Who is written in another script elsewhere is called as Spotify shows it.
    assert_eq!(
        rows(
            &world,
            "select name from music.artists where array_has(aliases, '아이유')"
        ),
        ["IU"]
    );
    // What Spotify does not tell a new application is told by others, and each value says by whom.
    let sources = rows(&world, "select distinct source from music.top_tracks order by source");
    assert_eq!(sources, ["deezer"]);
    let features = rows(
        &world,
        "select source, count(distinct feature) > 1 as several, bool_and(fetched_at is not null) as dated
         from music.track_features group by source order by source",
    );
    assert_eq!(features, ["deezer,true,true", "reccobeats,true,true"]);
    let genres = rows(
        &world,
        "select distinct source from music.artist_genres order by source",
    );
    assert!(genres.contains(&"musicbrainz".to_string()), "{genres:?}");
}

#[test]
fn who_is_related_says_why() {
    let world = World::usual();
    let unsaid = "select count(*) from music.related_artists where reason = '' or reason is null";
    assert_eq!(number(&world, unsaid), 0);
    let told = rows(
        &world,
        "select bool_or(reason like '%shares %') as genres, bool_or(reason like '%sounds alike: %') as sound,
           bool_or(reason like '%the same people listen%') as listeners from music.related_artists",
    );
    assert_eq!(told, ["true,true,true"]);
    let wrong = "select count(*) from music.related_artists r
        where listening is not null and (listening <= 0 or listening > 1) or sound_distance < 0";
    assert_eq!(number(&world, wrong), 0);
}

#[test]
fn the_same_tables_are_in_sqlite_and_by_one_connection_in_postgresql() {
    let world = World::usual();
    let tables = ["artists", "artist_genres", "top_tracks", "related_artists"];
    let results = rusqlite::Connection::open(world.project.file("results.db")).expect("the database is there");
    let in_lake: Vec<u64> = tables
        .iter()
        .map(|table| number(&world, &format!("select count(*) from music.{table}")))
        .collect();
    for (table, lake) in tables.iter().zip(&in_lake) {
        let count: i64 = results
            .query_row(&format!("select count(*) from {table}"), [], |row| row.get(0))
            .expect("the table is there");
        assert!(count > 0 && count.unsigned_abs() == *lake, "{table}: {count} of {lake}");
    }
    let server = segue_testkit::postgres::Postgres::shared();
    server.sql("postgres", "create database music");
    // A project of its own: what was published stays where it is.
    let other = World::new(&["BTS", "aespa"]);
    other.project.write(
        "connections/results.yaml",
        &format!(
            "connection: results\nkind: postgres\nhost: 127.0.0.1\nport: {}\ndatabase: music\nuser: {}\n",
            server.port(),
            segue_testkit::postgres::USER
        ),
    );
    other.project.ok(&["run"]);
    for table in tables {
        let counted = server.sql("music", &format!("select count(*) > 0 from {table}"));
        assert_eq!(counted, "t", "{table}");
    }
}
