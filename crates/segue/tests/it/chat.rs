//! Chats: what people ask, in their words and scripts, and what they are told; nothing that they type is anything but a name.

use crate::support::{Done, Project};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

/// The music project's chat, over tables of the shapes that it relies on.
const CHAT: &str = include_str!("../../../segue-demo/projects/music/chats/music.yaml");

const ARTISTS: &str = "artist_id,name,aliases,popularity,listeners,image_url,url
a01,aespa,에스파,88,3100,https://img.example/a01.jpg,https://open.example/a01
a02,SHINee,샤이니;シャイニー,74,900,https://img.example/a02.jpg,https://open.example/a02
a03,Lady Gaga,레이디 가가,92,5200,https://img.example/a03.jpg,https://open.example/a03
a04,Eminem,에미넴;Slim Shady,93,5600,https://img.example/a04.jpg,https://open.example/a04
a05,Guns N' Roses,건즈 앤 로지스,80,2700,https://img.example/a05.jpg,https://open.example/a05
a06,Girls' Generation,소녀시대;SNSD,76,1200,https://img.example/a06.jpg,https://open.example/a06
a07,The Beatles,비틀즈;ビートルズ,90,4800,https://img.example/a07.jpg,https://open.example/a07
a08,Nirvana,너바나,86,4100,https://img.example/a08.jpg,https://open.example/a08
a09,Nirvana,,31,40,https://img.example/a09.jpg,https://open.example/a09
a10,IVE,아이브,85,2000,https://img.example/a10.jpg,https://open.example/a10
a11,ITZY,있지,79,1500,,https://open.example/a11
a12,백예린,Yerin Baek,70,700,https://img.example/a12.jpg,
a13,아이유,IU,87,2600,https://img.example/a13.jpg,https://open.example/a13
a14,방탄소년단,BTS,95,6000,https://img.example/a14.jpg,https://open.example/a14
a15,블랙핑크,BLACKPINK,94,5800,https://img.example/a15.jpg,https://open.example/a15
a16,레드벨벳,Red Velvet,78,1400,https://img.example/a16.jpg,https://open.example/a16
a17,뉴진스,NewJeans,86,3000,https://img.example/a17.jpg,https://open.example/a17
a18,세븐틴,SEVENTEEN,84,2200,https://img.example/a18.jpg,https://open.example/a18
a19,혁오,HYUKOH,66,500,https://img.example/a19.jpg,https://open.example/a19
a20,잔나비,Jannabi,65,480,https://img.example/a20.jpg,https://open.example/a20
a21,악뮤,AKMU;악동뮤지션,72,800,https://img.example/a21.jpg,https://open.example/a21
a22,볼빨간사춘기,BOL4,68,600,https://img.example/a22.jpg,https://open.example/a22
a23,Radiohead,라디오헤드,84,3900,https://img.example/a23.jpg,https://open.example/a23
a24,Björk,비요크,70,1300,https://img.example/a24.jpg,https://open.example/a24
a25,Queen,퀸,89,4500,https://img.example/a25.jpg,https://open.example/a25
a26,Coldplay,콜드플레이,91,5000,https://img.example/a26.jpg,https://open.example/a26
a27,Oasis,오아시스,82,3000,https://img.example/a27.jpg,https://open.example/a27
a28,Daft Punk,다프트 펑크,83,3600,https://img.example/a28.jpg,https://open.example/a28
a29,Taylor Swift,테일러 스위프트,99,7000,https://img.example/a29.jpg,https://open.example/a29
a30,Bruno Mars,브루노 마스,93,5400,https://img.example/a30.jpg,https://open.example/a30
a31,Billie Eilish,빌리 아일리시,94,5700,https://img.example/a31.jpg,https://open.example/a31
a32,Michael Jackson,마이클 잭슨,88,4700,https://img.example/a32.jpg,https://open.example/a32
a33,Janet Jackson,자넷 잭슨,70,1100,https://img.example/a33.jpg,https://open.example/a33
a34,Portishead,포티쉐드,62,900,https://img.example/a34.jpg,https://open.example/a34
a35,Massive Attack,매시브 어택,69,1300,https://img.example/a35.jpg,https://open.example/a35
a36,Pink Floyd,핑크 플로이드,85,3800,https://img.example/a36.jpg,https://open.example/a36
a37,Metallica,메탈리카,86,3700,https://img.example/a37.jpg,https://open.example/a37
a38,Sigur Rós,시규어 로스,61,700,https://img.example/a38.jpg,https://open.example/a38
a39,초아,,,,,
a40,Like Mike,,55,300,https://img.example/a40.jpg,https://open.example/a40
";
const GENRES: &str = "artist_id,genre,source
a01,k-pop,musicbrainz
a01,k-pop,spotify
a01,dance pop,musicbrainz
a02,k-pop,musicbrainz
a08,grunge,musicbrainz
a09,psychedelic pop,musicbrainz
a10,k-pop,musicbrainz
a10,dance pop,musicbrainz
a11,k-pop,musicbrainz
a23,art rock,musicbrainz
";
const TRACKS: &str = "artist_id,rank,name,url,source
a01,1,Supernova,https://open.example/t1,deezer
a01,2,Whiplash,,deezer
a08,1,Come as You Are,https://open.example/t3,deezer
";
const RELATED: &str = "artist_id,related_id,rank,distance,reason
a01,a10,1,0.08,
a01,a11,2,0.11,similar sound
a01,a13,3,0.30,
a08,a09,1,0.50,similar sound
";

fn project() -> Project {
    let copy = |name: &str, columns: &str| {
        format!("asset: raw.{name}\ncopy: {{ from: files, path: data/{name}.csv, columns: {{ {columns} }} }}\n")
    };
    let text = |names: &str| -> String {
        let each = names.split(' ').map(|name| format!("{name}: {{ type: string }}"));
        each.collect::<Vec<_>>().join(", ")
    };
    let artists = format!(
        "{}, popularity: {{ type: float64 }}, listeners: {{ type: int64 }}, {}",
        text("artist_id name aliases"),
        text("image_url url")
    );
    let ranked = |names: &str| format!("{}, rank: {{ type: int32 }}", text(names));
    let related = format!(
        "{}, distance: {{ type: float64 }}",
        ranked("artist_id related_id reason")
    );
    let all_of = |name: &str| format!("/* asset: music.{name} */\nselect * from raw.{name}\n");
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: music\n"),
        ("chats/music.yaml", CHAT),
        ("data/artists.csv", ARTISTS),
        ("data/artist_genres.csv", GENRES),
        ("data/top_tracks.csv", TRACKS),
        ("data/related_artists.csv", RELATED),
        ("assets/raw/artists.yaml", &copy("artists", &artists)),
        (
            "assets/raw/artist_genres.yaml",
            &copy("artist_genres", &text("artist_id genre source")),
        ),
        (
            "assets/raw/top_tracks.yaml",
            &copy("top_tracks", &ranked("artist_id name url source")),
        ),
        ("assets/raw/related_artists.yaml", &copy("related_artists", &related)),
        (
            "assets/music/artists.sql",
            "/* asset: music.artists\n   find: { id: artist_id, name: name, aliases: aliases, popularity: popularity } */\nselect artist_id, name, string_to_array(aliases, ';') as aliases, popularity, listeners, image_url, url,\n  cast(null as varchar) as spotify_id, cast(null as varchar) as musicbrainz_id, cast(null as varchar) as deezer_id\nfrom raw.artists\n",
        ),
        ("assets/music/artist_genres.sql", &all_of("artist_genres")),
        ("assets/music/top_tracks.sql", &all_of("top_tracks")),
        ("assets/music/related_artists.sql", &all_of("related_artists")),
    ])
}

fn built() -> Project {
    let project = project();
    project.ok(&["check"]);
    project.ok(&["run"]);
    project
}

/// Says these lines in one conversation; what was written.
fn conversation(project: &Project, args: &[&str], lines: &[&str]) -> Done {
    let mut command = project.command(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    stdin.write_all(text.as_bytes()).expect("it reads");
    drop(stdin);
    Done::of(child.wait_with_output().expect("it ends"))
}

/// The answer to each of these messages, as a program reads it.
#[track_caller]
fn answers(project: &Project, language: &str, messages: &[&str]) -> Vec<Value> {
    let done = conversation(project, &["--json", "chat", "music", "--language", language], messages).ok();
    assert_eq!(done.err, "", "nothing is remarked");
    let all: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(all.len(), messages.len(), "one message, one answer:\n{}", done.out);
    all.iter().for_each(showable);
    all
}

/// Every channel can show it.
#[track_caller]
fn showable(answer: &Value) {
    let blocks = answer["blocks"].as_array().expect("a list");
    assert!(!blocks.is_empty() && blocks.len() <= 10, "{answer}");
    let short = |value: &Value, most: usize| {
        let text = value.as_str().expect("a text");
        assert!(!text.trim().is_empty() && text.chars().count() <= most, "{text:?}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    };
    for block in blocks {
        if block["text"].is_string() {
            short(&block["text"], 2_000);
        }
        for card in block["cards"].as_array().into_iter().flatten() {
            short(&card["title"], 80);
            for key in ["image", "url"] {
                let address = card[key].as_str();
                assert!(address.is_none_or(|a| a.starts_with("https://")), "{card}");
            }
        }
        for reply in block["quick_replies"].as_array().into_iter().flatten() {
            short(&reply["title"], 20);
            short(&reply["payload"], 1_000);
        }
    }
}

/// `answered a01`, `several a08 a09`, `unknown`.
fn told(answer: &Value) -> String {
    let outcome = answer["outcome"].as_str().expect("an outcome");
    if let Some(id) = answer["about"]["id"].as_str() {
        return format!("{outcome} {id}");
    }
    let replies = answer["blocks"].as_array().into_iter().flatten();
    let replies = replies.filter_map(|block| block["quick_replies"].as_array()).flatten();
    let ids = replies.filter_map(|reply| reply["payload"].as_str()?.split_once("artist:"));
    std::iter::once(outcome)
        .chain(ids.map(|(_, id)| id))
        .collect::<Vec<_>>()
        .join(" ")
}

/// All texts of an answer.
fn text(answer: &Value) -> String {
    answer["blocks"].to_string()
}

#[test]
fn what_people_ask_for_is_right_or_safe_in_one_turn() {
    let project = built();
    let asked = [
        ("에스파", "answered a01"),
        ("AESPA", "answered a01"),
        (" aespa ", "answered a01"),
        ("샤이니", "answered a02"),
        ("shinee", "answered a02"),
        ("SHINee", "answered a02"),
        ("레이디가가", "answered a03"),
        ("레이디 가가", "answered a03"),
        ("에미넴", "answered a04"),
        ("guns n roses", "answered a05"),
        ("Girls' Generation", "answered a06"),
        ("'; DROP TABLE artists; --", "unknown"),
        ("nirvana", "several a08 a09"),
        ("Like Mike", "answered a40"),
        ("에스파의 장르 알려줘", "answered a01"),
        ("artists similar to 에스파?", "answered a01"),
        ("genres of nirvana", "several a08 a09"),
        ("genres artist:a09", "answered a09"),
        ("artist:gone", "unknown"),
        ("artist:' or 1=1 --", "unknown"),
        ("없는가수이름입니다", "unknown"),
    ];
    for (language, asked) in [("ko", &asked[..]), ("en", &asked[..12])] {
        let messages: Vec<&str> = asked.iter().map(|(message, _)| *message).collect();
        let all = answers(&project, language, &messages);
        for ((message, wanted), answer) in asked.iter().zip(&all) {
            assert_eq!(told(answer), *wanted, "{message}: {answer}");
            assert_eq!(answer["language"], language);
        }
    }
    // D9: what somebody types is the value of a parameter, and the tables are what they were.
    assert_eq!(project.sql("select count(*) as n from music.artists"), "n\n40\n");
}

#[test]
fn genres_tracks_and_similar_artists_are_told_with_why() {
    let project = built();
    let all = answers(
        &project,
        "ko",
        &[
            "에스파",
            "에스파 장르",
            "에스파 인기곡",
            "에스파랑 비슷한 가수",
            "초아",
            "초아 장르",
            "초아 인기곡",
            "초아와 비슷한 가수",
            "ITZY",
        ],
    );
    let card = &all[0]["blocks"][0]["cards"][0];
    assert_eq!(card["title"], "aespa");
    assert_eq!(card["subtitle"], "k-pop, dance pop");
    assert_eq!(card["image"], "https://img.example/a01.jpg");
    assert_eq!(
        all[1]["blocks"][0]["text"],
        "aespa의 장르를 알려 드릴게요: k-pop, dance pop"
    );
    let tracks = all[2]["blocks"][1]["cards"].as_array().expect("cards");
    assert_eq!(tracks[0]["title"], "1. Supernova");
    assert_eq!(
        (&tracks[1]["title"], tracks[1].get("url")),
        (&Value::from("2. Whiplash"), None)
    );
    let similar = all[3]["blocks"][1]["cards"].as_array().expect("cards");
    assert_eq!(
        (similar[0]["title"].as_str(), similar[0]["subtitle"].as_str()),
        (Some("IVE"), Some("같은 장르: dance pop, k-pop"))
    );
    assert_eq!(similar[1]["subtitle"], "같은 장르: k-pop · 소리가 비슷해요");
    // No picture, no genre in common, and no reason: nothing stands in their place.
    assert_eq!(similar[1].get("image"), None);
    assert_eq!(similar[2].get("subtitle"), None);
    assert_eq!(similar[2]["buttons"][0]["payload"], "artist:a13");
    // Somebody of whom nothing is known but the name.
    assert_eq!(
        all[4]["blocks"][0]["cards"][0].as_object().map(|card| card.len()),
        Some(1),
        "{}",
        all[4]
    );
    for (at, wanted) in [
        (5, "초아의 장르는 아직"),
        (6, "초아의 인기곡은 아직"),
        (7, "초아 같은 가수는 아직"),
    ] {
        assert!(text(&all[at]).contains(wanted), "{}", all[at]);
    }
    assert_eq!(all[8]["blocks"][0]["cards"][0].get("image"), None);
    let english = answers(
        &project,
        "en",
        &["similar to aespa", "top tracks of aespa", "genres of 초아"],
    );
    assert_eq!(
        english[0]["blocks"][1]["cards"][0]["subtitle"],
        "both are dance pop, k-pop"
    );
    assert_eq!(english[1]["blocks"][0]["text"], "The top tracks of aespa:");
    assert_eq!(english[2]["blocks"][0]["text"], "No genres are known for 초아 yet.");
}

#[test]
fn the_language_is_that_of_the_question() {
    let project = built();
    for (message, language) in [
        ("에스파", "ko"),
        ("aespa", "en"),
        ("aespa 장르", "ko"),
        ("genres of 에스파", "en"),
        ("안녕", "ko"),
        ("hello", "en"),
        ("", "ko"),
    ] {
        let done = project.segue(&["--json", "chat", "music", message]).ok();
        let answer: Value = serde_json::from_str(&done.out).expect("JSON");
        assert_eq!(answer["language"], language, "{message}");
    }
    // A conversation stays in the language that it is in, where a name alone says nothing else.
    let done = conversation(
        &project,
        &["--json", "chat", "music"],
        &["안녕하세요", "aespa", "genres of aespa", "shinee", "샤이니"],
    )
    .ok();
    let spoken: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let spoken: Vec<&str> = spoken.iter().filter_map(|answer| answer["language"].as_str()).collect();
    assert_eq!(spoken, ["ko", "ko", "en", "en", "ko"]);
}

#[test]
fn what_is_offered_is_chosen_by_its_number() {
    let project = built();
    let done = conversation(&project, &["chat", "music"], &["genres of nirvana", "2", "9"]).ok();
    assert_eq!(done.err, "");
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "Several artists may be meant by “nirvana”. Which one is it?",
            "",
            "  1  Nirvana · grunge",
            "  2  Nirvana · psychedelic pop",
            "The genres of Nirvana: psychedelic pop",
            "",
        ]
    );
    // A number that nothing has is what somebody says.
    assert!(done.out.contains("“9”"), "{}", done.out);
    let once = project.ok(&["chat", "music", "nirvana"]);
    assert!(once.contains("> Nirvana · grunge   artist:a08\n"), "{once}");
    let chosen = project.ok(&["chat", "music", "artist:a09"]);
    assert!(chosen.starts_with("Nirvana\n  psychedelic pop\n"), "{chosen}");
}

#[test]
fn hostile_messages_are_answered_safely() {
    let project = built();
    let long = "가".repeat(3_500);
    let words = "a ".repeat(600);
    let marks = "\u{202e}\u{200b}\u{200f}aespa\u{202c}\u{feff}";
    let messages = [
        long.as_str(),
        words.as_str(),
        "",
        "   ",
        "\u{200b}\u{202e}",
        "🎵🎤👩\u{200d}🎤",
        marks,
        "{{ artist.name }}",
        "{% for i in range(100000) %}x{% endfor %}",
        "$artist_id",
        "aespa' or '1'='1",
        "\u{1b}[2J\u{1b}]0;x\u{7}",
        "--help",
        "../../etc/passwd",
        "genres artist:",
        "artist:${secret:X}",
    ];
    let all = answers(&project, "en", &messages);
    let outcomes: Vec<&str> = all.iter().filter_map(|answer| answer["outcome"].as_str()).collect();
    assert_eq!(
        outcomes[..5],
        ["too_long", "too_long", "answered", "answered", "answered"]
    );
    assert_eq!(
        told(&all[6]),
        "answered a01",
        "marks that nobody sees are no part of a name"
    );
    for answer in &all[7..] {
        assert_ne!(answer["outcome"], "too_long", "{answer}");
    }
    assert!(text(&all[7]).contains("{{ artist.name }}"), "{}", all[7]);
    assert!(!all[11].to_string().contains("\\u001b"), "{}", all[11]);
    let hyphen = project.segue(&["--json", "chat", "music", "-x-"]).ok();
    assert!(hyphen.out.contains("\"outcome\""), "{}", hyphen.out);
}

#[test]
fn what_cannot_be_answered_is_told() {
    let project = project();
    let never = project.segue(&["chat", "music", "에스파"]).ended(4).err;
    assert!(
        never.contains("music.artists has no table") && never.contains("segue run music.artists"),
        "{never}"
    );
    project.ok(&["run", "+music.artists"]);
    let half = project.segue(&["chat", "music", "에스파"]).ended(2).err;
    assert!(half.contains("segue run music.") && half.contains("about"), "{half}");
    let other = project.segue(&["chat", "musik", "x"]).ended(4).err;
    assert!(
        other.contains("SG1111") && other.contains("did you mean `music`?"),
        "{other}"
    );
    let french = project.segue(&["chat", "music", "x", "--language", "fr"]).ended(2).err;
    assert!(french.contains("SG1112"), "{french}");
    // A mistake in the chat's file takes the chat away, and is told at its place; the rest of the project works.
    project.edit("chats/music.yaml", "attribute=\"genre\"", "attribute=\"genr\"");
    let wrong = project.segue(&["check"]).ended(2).out;
    assert!(
        wrong.contains("SG0134") && wrong.contains("did you mean `genre`?"),
        "{wrong}"
    );
    let gone = project.segue(&["chat", "music", "x"]).ended(4).err;
    assert!(gone.contains("SG1111") && gone.contains("chats/music.yaml"), "{gone}");
    project.ok(&["sql", "select count(*) from music.artists"]);
}

#[test]
fn a_query_that_takes_too_long_ends() {
    let project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: slow\n"),
        (
            "chats/slow.yaml",
            "chat: slow\nlanguages: [en]\ntimeout: 5ms\ngreeting:\n  queries: { it: \"select count(*) as n from generate_series(1, 100000000000)\" }\n  answer: [ { text: \"{{ it[0].n }}\" } ]\nintents: [ { intent: big, match: big, queries: { it: \"select repeat('x', 900000) as x from generate_series(1, 5)\" }, answer: [ { text: \"{{ it[0].x }}\" } ] } ]\nsentences: { several: s, nearest: n, unknown: u, nothing: no, too_long: t }\n",
        ),
    ]);
    let slow = project.segue(&["chat", "slow", ""]).ended(6).err;
    assert!(slow.contains("SG1113") && slow.contains("longer than 5ms"), "{slow}");
    project.edit("chats/slow.yaml", "timeout: 5ms", "timeout: 1m");
    let big = project.segue(&["chat", "slow", "big"]).ended(2).err;
    assert!(big.contains("SG1113") && big.contains("bytes"), "{big}");
}

#[test]
fn a_shop_is_asked_the_same_way() {
    let project = Project::empty();
    project.ok(&["init", ".", "--example", "shop"]);
    let checked = project.ok(&["check"]);
    assert_eq!(checked, "4 assets and 1 chat checked: nothing is wrong\n");
    project.ok(&["run"]);
    let asked = [
        "OSLO lamp",
        "월넛 책상",
        "is the copper wall lamp in stock?",
        "how much is the hammock",
        "do you have the hammock",
        "nimbus headphones",
        "something like the cast iron pan 28",
        "rain gauge",
        "reviews of rain gauge",
        "best sellers",
        "'; DROP TABLE products; --",
        "bambo cutting bord",
    ];
    let done = conversation(&project, &["--json", "chat", "shop", "--language", "en"], &asked).ok();
    assert_eq!(done.err, "");
    let all: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(all.len(), asked.len());
    all.iter().for_each(showable);
    assert_eq!(all[0]["about"]["id"], "LA-001");
    assert_eq!(all[1]["about"]["name"], "Walnut Standing Desk");
    assert_eq!(all[2]["blocks"][0]["text"], "Sold out.");
    assert_eq!(all[3]["blocks"][0]["text"], "Hammock costs €79.00.");
    assert_eq!(all[4]["blocks"][0]["text"], "I cannot see how many we have.");
    assert_eq!(all[5]["outcome"], "several");
    assert!(text(&all[5]).contains("Nimbus Headphones · €149.00"), "{}", all[5]);
    let similar = all[6]["blocks"][1]["cards"].as_array().expect("cards");
    assert_eq!(similar.len(), 3);
    assert!(
        similar[0]["subtitle"]
            .as_str()
            .is_some_and(|s| s.contains("cheaper") || s.contains("dearer")),
        "{}",
        all[6]
    );
    let rain = &all[7]["blocks"][0]["cards"][0];
    assert_eq!((rain.get("image"), rain.get("url")), (None, None));
    assert_eq!(rain["subtitle"], "€11.90 · Garden");
    assert_eq!(all[8]["blocks"][0]["text"], "Nobody has written about Rain Gauge yet.");
    assert_eq!(all[9]["blocks"][0]["cards"].as_array().map(Vec::len), Some(5));
    assert_eq!(all[10]["outcome"], "unknown");
    assert_eq!(all[11]["about"]["name"], "Bamboo Cutting Board", "{}", all[11]);
    assert_eq!(project.sql("select count(*) as n from shop.products"), "n\n60\n");
    // The same by its other language.
    let korean = project.ok(&["chat", "shop", "오슬로 조명 가격"]);
    assert_eq!(korean, "Oslo Desk Lamp의 가격: €49.90\n");
}
