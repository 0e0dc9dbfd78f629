//! Fifty mistakes in one project, found in one go, and nothing else.
//!
//! Each stands on a line that says so: `!!SG0107` at its end, in a comment of the file's own language.

use super::{lines, run};
use segue_diag::{Diagnostic, Text};
use std::collections::BTreeSet;

const PROJECT: [(&str, &str); 37] = [
    (
        "segue.yaml",
        "format: 1
project: planted
timezone: Asia/Soul # !!SG0113
pools: { small: 2 } # !!SG0129
environments:
  dev: { lake: ./lake, engine: trino } # !!SG0129
  prod: { lake: \"s3://me:hunter2@bucket/music\", state: prod.db } # !!SG0118 !!SG0129
default_environment: prd # !!SG0140
",
    ),
    (
        "connections/api.yaml",
        "connection: api\nkind: rest\nbase_url: ${env:API_URL:-https://api.example.com}\n",
    ),
    (
        "connections/shop.yaml",
        "connection: shop
kind: rest
base_url: shop.example.com # !!SG0142
auth: { bearer: { token: hunter2 } } # !!SG0117
limits: { rate: 10 per second, concurrency: 1000 } # !!SG0112 !!SG0111
timeout: ${evn:TIMEOUT} # !!SG0119
",
    ),
    (
        "connections/api2.yaml",
        "connection: api # !!SG0124\nkind: sqlite\npath: x.db\n",
    ),
    ("connections/queue.yaml", "connection: queue\nkind: kafka # !!SG0126\n"),
    ("connections/out.yaml", "connection: out\nkind: sqlite\npath: out.db\n"),
    // Right ones, which the others read.
    (
        "assets/raw/artists.yaml",
        "asset: raw.artists
copy:
  from: api
  request: { get: /artists }
  records: $.items[*]
  columns:
    id: { type: string, required: true }
    name: { type: string }
    popularity: { type: int32 }
",
    ),
    (
        "assets/raw/plays.yaml",
        "asset: raw.plays
copy:
  from: api
  request: { get: /plays }
  records: $.items[*]
  columns:
    artist_id: { type: string }
    played_at: { type: timestamp }
    seconds: { type: float64 }
write: { mode: append }
",
    ),
    // Files that cannot be read, and are known by name all the same.
    (
        "assets/raw/tabs.yaml",
        "asset: raw.tabs\ncopy:\n\tfrom: api # !!SG0102\n",
    ),
    (
        "assets/raw/broken.yaml",
        "asset: raw.broken\ncopy: { from: api, records: [ } # !!SG0101\nowner: me\n",
    ),
    (
        "assets/raw/two.yaml",
        "asset: raw.two\ncopy: { from: files, path: data/*.csv }\n--- # !!SG0104\nasset: raw.three\n",
    ),
    (
        "assets/reads_broken.sql",
        "/* asset: mart.fine */\nselect b.x, t.y, d.z from raw.broken b, raw.tabs t, raw.two d\n",
    ),
    // Shapes.
    (
        "assets/raw/shapes.yaml",
        "asset: raw.shapes
ownr: me # !!SG0107
tags: nightly # !!SG0109
tags: [nightly] # !!SG0106
on_partial: waits # !!SG0110
schedule: { cron: \"30 6 * * *\" } # !!SG0129
max_parked: 120% # !!SG0112
copy:
  from: api
  request: { get: /shapes }
  records: $.items[ # !!SG0135
  errors: [ { status: 403 } ] # !!SG0108
  columns:
    id: { type: integer } # !!SG0114
    first name: { type: string } # !!SG0115
",
    ),
    (
        "assets/raw/nothing.yaml",
        "asset: raw.nothing # !!SG0108\ndescription: It does not say how.\n",
    ),
    (
        "assets/raw/upper.yaml",
        "asset: Raw.Upper # !!SG0115\ncopy: { from: files, path: x.csv }\n",
    ),
    (
        "assets/raw/artists_again.yaml",
        "asset: raw.artists # !!SG0123\ncopy: { from: files, path: x.csv }\n",
    ),
    (
        "assets/raw/elsewhere.yaml",
        "asset: raw.elsewhere\ncopy: { from: spotfy, request: { get: /x }, records: $ } # !!SG0125\n",
    ),
    (
        "assets/raw/from_out.yaml",
        "asset: raw.from_out\ncopy: { from: out } # !!SG0138\n",
    ),
    ("assets/raw/extension.yml", "asset: raw.extension # !!SG0137\n"),
    ("jobs/nightly.yaml", "job: nightly # !!SG0129\n"),
    // Settings that must fit each other.
    (
        "assets/raw/tracks.yaml",
        "asset: raw.tracks
copy:
  from: api
  for_each: { sql: \"select idd from raw.artists\" } # !!SG0204 !!SG0131
  request: { get: \"/artists/{{ each.id }/tracks\" } # !!SG0133
  records: $.tracks[*]
  columns:
    artist_id: { value: \"{{ eech.id }}\" } # !!SG0134
    id: { type: string }
",
    ),
    (
        "assets/raw/albums.yaml",
        "asset: raw.albums
copy:
  from: api
  for_each: { sql: \"select id, name from raw.artists\" }
  request: { get: \"/artists/{{ each.naem }}/albums\" } # !!SG0134
  records: $.albums[*]
  columns:
    artist_id: { value: \"{{ each.id }}\" }
    id: { type: string }
  slice: [artist] # !!SG0130
write: { mode: merge } # !!SG0132
checks:
  - { unique: [id], on_failure: quarantine } # !!SG0136
  - { between: { column: popularity, min: 10, max: 1 } } # !!SG0130 !!SG0136
  - { references: { column: id, table: raw.artist, to: id } } # !!SG0128
  - { row: \"artist_id <> idd\" } # !!SG0204
  - { not_null: id, unique: id } # !!SG0120
",
    ),
    (
        "assets/raw/changes.yaml",
        "asset: raw.changes\ncopy:\n  from: files\n  path: x.csv\n  position: { column: at, lag: 1h } # !!SG0129 !!SG0132 !!SG0132\n  keep_raw: 30d # !!SG0129\n",
    ),
    (
        "assets/raw/old.yaml",
        "asset: raw.old\nrenamed_from: raw.plays # !!SG0141\ncopy: { from: files, path: x.csv }\n",
    ),
    (
        "assets/serving/artists.yaml",
        "asset: serving.artists\ncopy: { from: lake, table: raw.artists }\ninto: { connection: out, table: artists }\n",
    ),
    // SQL.
    (
        "assets/mart/profiles.sql",
        "/* asset: mart.profiles
   params: { market: { type: string } } # !!SG0206
   write: { key: [id] } */
with best as (
  select id, name, rank() over (order by popularity desc) as place from raw.artists
)
select
  b.id,
  b.nam, -- !!SG0204
  p.secs, -- !!SG0204
  name as name
from best b
join raw.play p2 on p2.artist_id = b.id -- !!SG0203
join raw.plays p on p.artist_id = b.id
where b.place <= $top -- !!SG0205
",
    ),
    (
        "assets/mart/daily.sql",
        "/* asset: mart.daily
   range: { by: day, input: raw.plays.played_at, output: daay, start: 2024-13-01 } */ -- !!SG0130 !!SG0113
select date_trunc('day', played_at) as day, sum(seconds) as seconds
from raw.plays -- !!SG0207
where played_at >= $from
group by 1
",
    ),
    (
        "assets/mart/names.sql",
        "/* asset: mart.names */
select a.id, a.name, count(*), -- !!SG0213
  p.artist_id as id -- !!SG0208
from raw.artists a join raw.plays p on p.artist_id = a.id
group by a.id, a.name, p.artist_id
",
    ),
    (
        "assets/mart/alias.sql",
        "/* asset: mart.alias */\nselect artists.id, b.id as other from raw.artists a -- !!SG0209 !!SG0209\n",
    ),
    (
        "assets/mart/both.sql",
        "/* asset: mart.both */\nselect id from raw.artists a join raw.artists b on a.id = b.id -- !!SG0212\n",
    ),
    (
        "assets/mart/comma.sql",
        "/* asset: mart.comma */\nselect id,\n  from raw.artists where -- !!SG0201\n",
    ),
    (
        "assets/mart/insert.sql",
        "/* asset: mart.insert */\ninsert into raw.artists select 1 -- !!SG0202\n",
    ),
    ("assets/mart/empty.sql", "/* asset: mart.empty */ -- !!SG0210\n"),
    (
        "assets/mart/template.sql",
        "/* asset: mart.template */\nselect id from raw.artists where name = '{{ x }}' and id = {{ id }} -- !!SG0211\n",
    ),
    (
        "assets/mart/into.sql",
        "/* asset: mart.into */\nselect id from serving.artists -- !!SG0203\n",
    ),
    ("assets/mart/bare.sql", "select 1 -- !!SG0139\n"),
    (
        "assets/mart/circle.sql",
        "/* asset: mart.circle */\nselect id from mart.circle -- !!SG0127\n",
    ),
];

/// What is planted: file, line, code.
fn planted() -> Vec<(String, usize, String)> {
    let mut all = Vec::new();
    for (path, text) in PROJECT {
        for (i, line) in text.lines().enumerate() {
            all.extend(
                line.split("!!")
                    .skip(1)
                    .map(|code| (path.to_string(), i + 1, code.trim().to_string())),
            );
        }
    }
    all.sort();
    all
}

fn place(d: &Diagnostic, text: &str) -> (String, usize, String) {
    let span = d.span.as_ref().unwrap();
    (
        span.file.clone(),
        text[..span.bytes.start].matches('\n').count() + 1,
        d.code.to_string(),
    )
}

#[test]
fn all_planted_mistakes_are_found_and_no_others() {
    let planted = planted();
    let kinds: BTreeSet<&str> = planted.iter().map(|(_, _, code)| code.as_str()).collect();
    let sql = planted.iter().filter(|(_, _, code)| code.starts_with("SG02")).count();
    assert!(
        planted.len() >= 50 && kinds.len() >= 35 && sql >= 15,
        "{} of {} kinds, {sql} in SQL",
        planted.len(),
        kinds.len()
    );
    let (_, found, files) = run(&PROJECT);
    let mut places: Vec<_> = found
        .iter()
        .map(|d| place(d, files.text(&d.span.as_ref().unwrap().file).unwrap()))
        .collect();
    places.sort();
    let missed: Vec<_> = planted.iter().filter(|p| !places.contains(p)).collect();
    let wrong: Vec<_> = places.iter().filter(|p| !planted.contains(p)).collect();
    assert!(
        missed.is_empty() && wrong.is_empty(),
        "missed: {missed:#?}\nfalse: {wrong:#?}\n{}",
        lines(&found, &files)
    );
    assert_eq!(places, planted);
    insta::assert_snapshot!(lines(&found, &files), @r#"
    SG0209 assets/mart/alias.sql:2 `artists`: no table here is called `artists` — here are: `a`
    SG0209 assets/mart/alias.sql:2 `b`: no table here is called `b` — here are: `a`
    SG0139 assets/mart/bare.sql:1 `select 1 -- !!SG0139`: assets/mart/bare.sql has no header — begin the file with `/* asset: schema.table */`
    SG0212 assets/mart/both.sql:2 `id`: more than one table here has a column `id` — write the table's name or alias before it
    SG0127 assets/mart/circle.sql:2 `mart.circle`: `mart.circle` reads itself — break the circle: one of them must do without the other
    SG0201 assets/mart/comma.sql:3 ``: expected an expression, found EOF
    SG0130 assets/mart/daily.sql:2 `daay`: the asset has no column `daay` — did you mean `day`?
    SG0113 assets/mart/daily.sql:2 `2024-13-01`: `2024-13-01` is no day or time: write `2024-01-01` or `2024-01-01T06:00`
    SG0207 assets/mart/daily.sql:4 `raw.plays`: `raw.plays` is the input of the range, and is read here without `played_at < $to` — bound it in the `where` of the very `select` that reads it, so that a range reads its own rows only
    SG0210 assets/mart/empty.sql:1 ``: there is no statement — write a `select` after the header
    SG0202 assets/mart/insert.sql:2 `insert`: `insert` is no query — an asset is the answer of one `select`; how its rows are written is said by `write:`
    SG0203 assets/mart/into.sql:2 `serving.artists`: `serving.artists` is not in the lake: it is written into `out` — read the asset that it is made from
    SG0213 assets/mart/names.sql:2 `count`: column 3 of the answer has no name — give it one: `… as name`
    SG0208 assets/mart/names.sql:3 `id`: two columns of the answer are called `id` — give one of them another name, or leave it out
    SG0206 assets/mart/profiles.sql:2 `market`: nothing takes the parameter `market` — leave it out
    SG0204 assets/mart/profiles.sql:9 `nam`: `b` has no column `nam` — did you mean `name`?
    SG0204 assets/mart/profiles.sql:10 `secs`: `p` has no column `secs` — there are: `artist_id`, `played_at`, `seconds`
    SG0203 assets/mart/profiles.sql:13 `raw.play`: there is no table `raw.play` — did you mean `raw.plays`?
    SG0205 assets/mart/profiles.sql:15 `$top`: there is no parameter `$top` — declare it: `params: { top: { type: string } }`
    SG0211 assets/mart/template.sql:2 `{{`: SQL is never a template — SQL takes parameters: `$from`, `$to`, and those that `params:` declares
    SG0134 assets/raw/albums.yaml:5 `each.naem`: the `for_each` has no column `naem` — did you mean `name`?
    SG0130 assets/raw/albums.yaml:10 `artist`: the asset has no column `artist` — there are: `artist_id`, `id`
    SG0132 assets/raw/albums.yaml:11 `merge`: `merge` without `key`: nothing says which rows are the same — write `key:` with the columns in which no two rows are equal
    SG0136 assets/raw/albums.yaml:13 `quarantine`: `unique` does not judge each row by itself, so that no row can be set aside — write `on_failure: fail` or `warn`
    SG0136 assets/raw/albums.yaml:14 `{ column: popularity, min: 10, max: 1 }`: nothing lies between 10 and 1 — `min` is the smaller one
    SG0130 assets/raw/albums.yaml:14 `popularity`: the asset has no column `popularity` — there are: `artist_id`, `id`
    SG0128 assets/raw/albums.yaml:15 `raw.artist`: there is no asset `raw.artist` — did you mean `raw.artists`?
    SG0204 assets/raw/albums.yaml:16 `idd`: there is no column `idd` — did you mean `id`?
    SG0120 assets/raw/albums.yaml:17 `unique`: `not_null` and `unique` cannot stand beside each other — write exactly one of `not_null`, `unique`, `between`, `accepted`, `matches`, `references`, `row`, `sql`, `row_count`
    SG0123 assets/raw/artists_again.yaml:1 `raw.artists`: there are two assets `raw.artists` — give one of them another name
    SG0101 assets/raw/broken.yaml:2 `}`: this is not YAML: while parsing a node, did not find expected node content — YAML could not be read any further; what follows in this file has not been looked at
    SG0129 assets/raw/changes.yaml:5 `position`: `position` of a copy from files is not acted on by this version — leave it out: files are read as a whole
    SG0132 assets/raw/changes.yaml:5 `position`: `position` with `replace`: what was read before would be replaced by what is new — write `write: { mode: append }`, or `merge` with a `key`
    SG0132 assets/raw/changes.yaml:5 `1h`: `lag` without `key`: rows that are read twice would be there twice — write `write: { mode: merge, key: [...] }`
    SG0129 assets/raw/changes.yaml:6 `keep_raw`: `keep_raw` of a copy from files is not acted on by this version — leave it out: files are read as a whole
    SG0125 assets/raw/elsewhere.yaml:2 `spotfy`: there is no connection `spotfy` — there are: `api`, `out`, `queue`, `shop`, `files`, `lake`
    SG0137 assets/raw/extension.yml:1 `asset: raw.extension # !!SG0137`: assets/raw/extension.yml is not read: the files of a project end in `.yaml` — rename it
    SG0138 assets/raw/from_out.yaml:2 `out`: rows cannot be read from a connection of kind `sqlite` — read from another connection, or from `files`
    SG0108 assets/raw/nothing.yaml:1 `raw.nothing`: this file does not say how the asset is made — write `copy:` to read rows from somewhere, or put SQL into a file that ends in `.sql`
    SG0141 assets/raw/old.yaml:2 `raw.plays`: `raw.plays` is still an asset, so that nothing was renamed from it — remove the old file, or leave `renamed_from` out
    SG0107 assets/raw/shapes.yaml:2 `ownr`: there is no key `ownr` here — did you mean `owner`?
    SG0109 assets/raw/shapes.yaml:3 `nightly`: `tags` wants a list, not the text `nightly`
    SG0106 assets/raw/shapes.yaml:4 `tags`: the key `tags` stands here twice — keep one of them
    SG0110 assets/raw/shapes.yaml:5 `waits`: `on_partial` cannot be `waits` — did you mean `wait`?
    SG0129 assets/raw/shapes.yaml:6 `schedule`: `schedule` is not acted on by this version — leave it out
    SG0112 assets/raw/shapes.yaml:7 `120%`: `120%` is no share: write `20%`, from `0%` to `100%`
    SG0135 assets/raw/shapes.yaml:11 `$.items[`: `$.items[` is no JSONPath: it cannot be read from `[` on — a path begins with `$`: `$.items[*].id`
    SG0108 assets/raw/shapes.yaml:12 `{ status: 403 }`: `errors` lacks the key `then` — write `then:` with `closed`, `ignore`, `fail`, `retry`, `park` or `quarantine`
    SG0114 assets/raw/shapes.yaml:14 `integer`: there is no type `integer`; did you mean `int32`?
    SG0115 assets/raw/shapes.yaml:15 `first name`: `first name` is no name of a column: letters, digits and `_`, not beginning with a digit
    SG0102 assets/raw/tabs.yaml:3 `	`: a tab stands where YAML wants spaces — write spaces; most editors can turn tabs into spaces
    SG0131 assets/raw/tracks.yaml:4 `for_each`: `for_each` without `slice`: no column says to which element a row belongs — name the columns that hold the element: `slice: [artist_id]`
    SG0204 assets/raw/tracks.yaml:4 `idd`: there is no column `idd` — did you mean `id`?
    SG0133 assets/raw/tracks.yaml:5 `"/artists/{{ each.id }/tracks"`: the template cannot be read at `}`: unexpected `}`, expected end of variable block — a template looks like `{{ each.id }}`
    SG0134 assets/raw/tracks.yaml:8 `eech.id`: a template knows no `eech` — did you mean `each`?
    SG0104 assets/raw/two.yaml:3 `---`: assets/raw/two.yaml holds more than one document — write each into a file of its own
    SG0115 assets/raw/upper.yaml:1 `Raw.Upper`: `Raw` is no name: lower-case letters, digits and `_`, not beginning with a digit
    SG0124 connections/api2.yaml:1 `api`: there are two connections `api` — give one of them another name
    SG0126 connections/queue.yaml:2 `kafka`: there is no connector `kafka` — this version knows `rest`, `sqlite`
    SG0142 connections/shop.yaml:3 `shop.example.com`: `shop.example.com` is no URL: it begins with `https://` or `http://`
    SG0117 connections/shop.yaml:4 `hunter2`: `token` is a secret, and is written out — write `${secret:NAME}` and keep the value in the environment, in `.env` or in `secrets/NAME`
    SG0112 connections/shop.yaml:5 `10 per second`: `10 per second` is no rate: write `10/s`, `600/m`, `1000/h`
    SG0111 connections/shop.yaml:5 `1000`: `concurrency` is 1000, beyond its bounds — write a whole number from 1 to 256
    SG0119 connections/shop.yaml:6 `${evn:TIMEOUT}`: `evn` is no place that a reference is taken from — did you mean `${env:…}`?
    SG0129 jobs/nightly.yaml:1 `job: nightly # !!SG0129`: jobs/ is not acted on by this version — move the file out of the project until it is
    SG0113 segue.yaml:3 `Asia/Soul`: there is no time zone `Asia/Soul` — did you mean `Asia/Seoul`?
    SG0129 segue.yaml:4 `pools`: `pools` is not acted on by this version — leave it out
    SG0129 segue.yaml:6 `trino`: the engine `trino` is not acted on by this version — this version knows `local`
    SG0129 segue.yaml:7 `s3`: a lake in an object store (`s3://…`) is not acted on by this version — name a folder: `./lake`
    SG0118 segue.yaml:7 `me:hunter2`: `lake` holds a password — write `${secret:NAME}` in its place
    SG0140 segue.yaml:8 `prd`: there is no environment `prd` — did you mean `prod`?
    "#);
}
