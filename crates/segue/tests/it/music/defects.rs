//! The defects of the reference application, each a test.

use super::world::World;
use super::{number, rows};
use crate::support::{Project, Server};
use segue_demo::{Options, Service};
use std::collections::BTreeSet;

#[test]
fn d1_related_artists_keeps_the_nearest_ones_and_not_one_of_them() {
    let world = World::usual();
    let artists = number(&world, "select count(*) from music.artists");
    let most = (artists - 1).min(10);
    let few = format!(
        "select count(*) from (select p.artist_id from music.artist_profiles p
           left join music.related_artists r on r.artist_id = p.artist_id group by p.artist_id having count(r.related_id) <> {most})"
    );
    assert_eq!(number(&world, &few), 0, "somebody with a profile has not all of them");
    let different = number(&world, "select count(distinct related_id) from music.related_artists");
    assert!(
        different > artists / 2,
        "{different} of {artists} are related to somebody"
    );
    // The first is the nearest of all, by the rule that is written down, worked out once more.
    let unsorted = "select count(*) from music.related_artists a join music.related_artists b
        on b.artist_id = a.artist_id and b.rank = a.rank + 1 where b.distance < a.distance";
    assert_eq!(number(&world, unsorted), 0);
    let wrong = "with far as (
          select p.artist_id, q.artist_id as other, array_distance(p.features, q.features) as distance
          from music.artist_profiles p join music.artist_profiles q on q.artist_id <> p.artist_id
        ),
        closest as (select artist_id, min(distance) as distance from far group by artist_id)
        select count(*) from closest f
        left join music.neighbours n on n.artist_id = f.artist_id and n.rank = 1
        where n.distance is null or abs(n.distance - f.distance) > 1e-9";
    assert_eq!(number(&world, wrong), 0, "the nearest neighbour is another");
}

#[test]
fn d2_artist_genres_keeps_every_genre() {
    let world = World::usual();
    let bts = rows(
        &world,
        "select g.genre from music.artist_genres g join music.artists a on a.artist_id = g.artist_id
         where a.name = 'BTS' order by g.genre",
    );
    for genre in ["k-pop", "k-pop boy group"] {
        assert!(bts.contains(&genre.to_string()), "{genre} is not among {bts:?}");
    }
    let twice =
        "select count(*) from (select 1 from music.artist_genres group by artist_id, genre having count(*) > 1)";
    assert_eq!(number(&world, twice), 0);
}

#[test]
fn d3_a_track_is_there_once_and_asked_for_once() {
    let world = World::usual();
    let twice =
        "select count(*) from (select 1 from music.top_tracks group by artist_id, track_id having count(*) > 1)";
    assert_eq!(number(&world, twice), 0);
    let twice =
        "select count(*) from (select 1 from music.track_features group by track_id, feature having count(*) > 1)";
    assert_eq!(number(&world, twice), 0);
    let tracks = number(
        &world,
        "select count(distinct spotify_track_id) from music.top_tracks where spotify_track_id is not null",
    );
    let asked = &world.server(Service::ReccoBeats).standin().stats().requests["audio_features"];
    assert_eq!(*asked, tracks.div_ceil(40), "40 tracks go into a request");
    let asked = &world.server(Service::Deezer).standin().stats().requests["tracks"];
    assert_eq!(
        *asked,
        number(&world, "select count(distinct id) from raw.deezer_top_tracks")
    );
}

#[test]
fn d5_every_market_is_asked_for_every_artist() {
    let standin = Server::start(Options::default());
    let project = Project::music(&standin);
    project.write("data/artists.csv", "name\nBTS\nRadiohead\nDaft Punk\n");
    let path = "assets/raw/top_tracks.yaml";
    project.edit(
        path,
        "for_each: { sql: \"select distinct id from raw.artists\" }",
        "for_each: { sql: \"select a.id, m.market from (select distinct id from raw.artists) a cross join (values ('US'), ('CA')) as m(market)\" }",
    );
    project.edit(path, "market: US", "market: \"{{ each.market }}\"");
    project.edit(
        path,
        "    id:          { type: string, required: true }\n",
        "    market:      { value: \"{{ each.market }}\", type: string, required: true }\n    id:          { type: string, required: true }\n",
    );
    project.edit(path, "slice: [artist_id]", "slice: [artist_id, market]");
    project.edit(path, "key: [artist_id, id]", "key: [artist_id, market, id]");
    project.ok(&["run", "+raw.top_tracks"]);
    let answer = project
        .sql("select market, count(distinct artist_id) as artists from raw.top_tracks group by market order by market");
    assert_eq!(answer, "market,artists\nCA,3\nUS,3\n");
    let asked = standin.standin().recent();
    for market in ["market=US", "market=CA"] {
        assert_eq!(asked.iter().filter(|a| a.ends_with(market)).count(), 3, "{asked:?}");
    }
}

#[test]
fn d7_nobody_is_related_to_themselves() {
    let world = World::usual();
    for (table, other) in [("related_artists", "related_id"), ("neighbours", "neighbour_id")] {
        let itself = format!("select count(*) from music.{table} where artist_id = {other}");
        assert_eq!(number(&world, &itself), 0, "{table}");
    }
}

#[test]
fn d9_a_name_is_never_a_part_of_a_statement() {
    let world = World::usual();
    let count = || number(&world, "select count(*) from music.artists");
    let before = count();
    for text in [
        "'; DROP TABLE artists; --",
        "x' or '1'='1",
        "\\'; delete from music.artists; --",
    ] {
        let param = format!("text={text}");
        let asked = [
            "sql",
            "--format",
            "csv",
            "--param",
            &param,
            "select count(*) as n from resolve($text, 'music.artists')",
        ];
        let answer = world.project.ok(&asked).replace("\r\n", "\n");
        assert_eq!(answer, "n\n0\n", "{text}");
    }
    let girls = ["--json", "resolve", "music.artists", "Girls' Generation"];
    assert!(world.project.ok(&girls).contains("\"answer\":\"one\""));
    assert_eq!(count(), before);
}

#[test]
fn d15_tracks_are_one_fact_wherever_they_are_kept() {
    let world = World::usual();
    let results = rusqlite::Connection::open(world.project.file("results.db")).expect("the database is there");
    let mut statement = results
        .prepare("select artist_id, rank, track_id from top_tracks order by 1, 2")
        .expect("the table is there");
    let served: Vec<String> = statement
        .query_map([], |row| {
            let (artist, rank, track): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!("{artist},{rank},{track}"))
        })
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect();
    let kept = rows(
        &world,
        "select artist_id, rank, track_id from music.top_tracks order by 1, 2",
    );
    assert_eq!(served, kept);
    // Features are those of these very tracks, asked for after them.
    let strays = "select count(*) from music.track_features f
        left join music.top_tracks t on t.track_id = f.track_id where t.track_id is null";
    assert_eq!(number(&world, strays), 0);
    let asked: BTreeSet<String> = world.server(Service::Deezer).standin().recent().into_iter().collect();
    let tops = asked.iter().filter(|a| a.contains("/top?")).count() as u64;
    assert_eq!(
        tops,
        number(&world, "select count(distinct deezer_id) from music.deezer_ids")
    );
}

#[test]
fn test_4_all_genres_are_kept_as_a_set_and_the_earlier_version_stays() {
    let world = World::new(&["BTS", "aespa"]);
    world.project.ok(&["run"]);
    let version = |table: &str| {
        let sql = format!("select min(version) from system.commits where asset = '{table}' and state = 'committed'");
        number(&world, &sql)
    };
    let genres = || {
        rows(
            &world,
            "select artist_id, genre, source from music.artist_genres order by 1, 2",
        )
    };
    let first = genres();
    assert!(first.len() >= 4, "{first:?}");
    world.project.ok(&["run", "--again"]);
    assert_eq!(genres(), first, "the same day, the same rows");
    // Another answer is another version; the one before is still to be read.
    world.names(&["BTS", "aespa", "Radiohead"]);
    world.project.ok(&["run"]);
    assert!(genres().len() > first.len());
    for (table, before) in [
        ("music.artist_genres", first.len() as u64),
        ("raw.musicbrainz_artists", 2),
    ] {
        let (schema, name) = table.split_once('.').expect("a schema");
        let earlier = format!("select count(*) from {schema}.\"{name}@{}\"", version(table));
        assert_eq!(number(&world, &earlier), before, "{table}");
    }
}
