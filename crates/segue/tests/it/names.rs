//! Finding by name: what people type, what they are told, and that the index is that of the table whatever became of either.

use crate::support::Project;
use serde_json::Value;

const SPEC: &str = "format: 1\nproject: names\n";
const ARTISTS: &str = "asset: raw.artists
copy:
  from: files
  path: data/artists.csv
  columns: { id: { type: string }, name: { type: string }, also: { type: string }, popularity: { type: float64 } }
write: { mode: merge, key: [id], delete_missing: hard, max_deleted: 100% }
find: { id: id, name: name, aliases: also, popularity: popularity }
";
const CATALOGUE: &str = "id,name,also,popularity
a1,aespa,,80
a2,SHINee,,70
a3,Lady Gaga,,90
a4,Eminem,,92
a5,Guns N' Roses,,78
a6,Girls' Generation,소녀시대,66
a7,The Beatles,,85
b1,Nirvana,,82
b2,Nirvana,,30
";

fn project() -> Project {
    let project = Project::with(&[
        ("segue.yaml", SPEC),
        ("assets/raw/artists.yaml", ARTISTS),
        ("data/artists.csv", CATALOGUE),
    ]);
    project.ok(&["run"]);
    project
}

/// What a program is told: one, several or none, with the ids.
#[track_caller]
fn told(project: &Project, text: &str) -> String {
    let done = project.segue(&["--json", "resolve", "raw.artists", text]);
    let said: Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {}", done.text()));
    let answer = said["answer"].as_str().expect("an answer");
    assert_eq!(done.code, Some(if answer == "none" { 4 } else { 0 }), "{}", done.text());
    let ids = said["candidates"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|c| c["id"].as_str().expect("an id"));
    std::iter::once(answer).chain(ids).collect::<Vec<_>>().join(" ")
}

/// The files of indexes.
fn kept(project: &Project) -> Vec<String> {
    let names = project.read_dir(".segue/names");
    names.into_iter().filter(|name| name.ends_with(".names")).collect()
}

#[test]
fn what_people_ask_for_is_right_or_safe_in_one_turn() {
    let project = project();
    for (text, right) in [
        ("에스파", "one a1"),
        ("AESPA", "one a1"),
        (" aespa ", "one a1"),
        ("샤이니", "one a2"),
        ("shinee", "one a2"),
        ("SHINee", "one a2"),
        ("레이디가가", "one a3"),
        ("레이디 가가", "one a3"),
        ("에미넴", "one a4"),
        ("guns n roses", "one a5"),
        ("Girls' Generation", "one a6"),
        ("소녀시대", "one a6"),
        ("'; DROP TABLE artists; --", "none"),
        ("nirvana", "several b1 b2"),
        ("-x-", "none"),
        ("", "none"),
    ] {
        assert_eq!(told(&project, text), right, "{text}");
    }
}

#[test]
fn an_index_follows_its_table_and_is_never_believed_when_damaged() {
    let project = project();
    assert_eq!(told(&project, "beatles"), "one a7");
    let files = kept(&project);
    assert_eq!(files.len(), 1, "{files:?}");
    let path = format!(".segue/names/{}", files[0]);
    let first = std::fs::read(project.file(&path)).expect("it is kept");
    // What comes, changes and goes is found, found otherwise, and not found.
    let next = CATALOGUE
        .replace("a7,The Beatles,,85\n", "a8,Radiohead,라디오헤드,83\n")
        .replace("aespa,,", "aespa,에스파,");
    project.write("data/artists.csv", &next);
    project.ok(&["run"]);
    assert_eq!(told(&project, "beatles"), "none");
    assert_eq!(told(&project, "라디오헤드"), "one a8");
    assert_eq!(told(&project, "에스파"), "one a1");
    let second = std::fs::read(project.file(&path)).expect("it is kept");
    assert_ne!(first, second);
    // An old one, a cut one, another one, none: all the same.
    let cut = second[..second.len() / 2].to_vec();
    let mut other = second.clone();
    let middle = other.len() / 2;
    other[middle] ^= 0x10;
    for bytes in [first, cut, other, Vec::new()] {
        std::fs::write(project.file(&path), bytes).expect("can write");
        assert_eq!(told(&project, "radiohead"), "one a8");
        assert_eq!(told(&project, "beatles"), "none");
    }
    std::fs::remove_dir_all(project.file(".segue/names")).expect("it is there");
    assert_eq!(told(&project, "radiohead"), "one a8");
    project.ok(&["asset", "drop", "raw.artists", "--table-only", "--yes"]);
    assert_eq!(kept(&project), [""; 0]);
    project.segue(&["resolve", "raw.artists", "radiohead"]).ended(4);
    project.ok(&["run"]);
    assert_eq!(told(&project, "radiohead"), "one a8");
}

#[test]
fn sql_finds_by_name_in_questions_and_in_assets() {
    let project = project();
    project.write(
        "assets/music/asked.sql",
        "/* asset: music.asked\n   params: { who: { type: string, default: 에미넴 } } */\nselect id, name, reason, sure from resolve($who, 'raw.artists')\n",
    );
    project.ok(&["check"]);
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select * from music.asked"),
        "id,name,reason,sure\na4,Eminem,sound,true\n"
    );
    // The table that is looked in is an input: what changes in it computes the asset anew.
    project.write("data/artists.csv", &CATALOGUE.replace("a4,Eminem", "a4,Eminem (US)"));
    project.ok(&["run"]);
    assert_eq!(project.sql("select name from music.asked"), "name\nEminem (US)\n");
    let before = "select count(*) as n from resolve('eminem us', 'raw.\"artists@0\"') where reason = 'same'";
    assert_eq!(project.sql(before), "n\n0\n");
    let asked = project
        .segue(&[
            "sql",
            "--format",
            "csv",
            "--param",
            "text='; DROP TABLE artists; --",
            "select count(*) as n from resolve($text, 'raw.artists')",
        ])
        .ok();
    assert_eq!(asked.out.replace("\r\n", "\n"), "n\n0\n");
    // In the place of a column that is not there, of a table that says nothing, and of a call that cannot be meant, stands what is wrong.
    project.write(
        "assets/music/wrong.sql",
        "/* asset: music.wrong */\nselect r.nam from resolve('x', 'music.asked') r\n",
    );
    let checked = project.segue(&["check"]).ended(2).text();
    for wanted in ["SG0204", "SG1003", "music.asked"] {
        assert!(checked.contains(wanted), "{checked}");
    }
}

#[test]
fn what_was_and_what_is_gone_is_not_found() {
    let project = Project::with(&[("segue.yaml", SPEC), ("data/artists.csv", CATALOGUE)]);
    let history = ARTISTS.replace(
        "mode: merge, key: [id], delete_missing: hard, max_deleted: 100%",
        "mode: history, key: [id]",
    );
    project.write("assets/raw/artists.yaml", &history);
    project.ok(&["run"]);
    assert_eq!(told(&project, "eminem"), "one a4");
    project.write("data/artists.csv", &CATALOGUE.replace("Eminem", "Marshall Mathers"));
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select count(*) as n from raw.artists where id = 'a4'"),
        "n\n2\n"
    );
    assert_eq!(told(&project, "marshall mathers"), "one a4");
    assert_eq!(told(&project, "eminem"), "none");

    let project = Project::with(&[("segue.yaml", SPEC), ("data/artists.csv", CATALOGUE)]);
    project.write("assets/raw/artists.yaml", &ARTISTS.replace("hard", "soft"));
    project.ok(&["run"]);
    project.write("data/artists.csv", &CATALOGUE.replace("b2,Nirvana,,30\n", ""));
    project.ok(&["run"]);
    assert_eq!(told(&project, "nirvana"), "one b1");
}

#[test]
fn what_cannot_be_looked_in_is_told() {
    let project = project();
    let unknown = project.segue(&["resolve", "raw.artist", "x"]).ended(4).err;
    assert!(unknown.contains("did you mean `raw.artists`?"), "{unknown}");
    project.edit(
        "assets/raw/artists.yaml",
        "find: { id: id, name: name",
        "find: { id: id, name: popularity",
    );
    let wrong = project.segue(&["check"]).ended(2).text();
    assert!(wrong.contains("SG1001") && wrong.contains("a name is text"), "{wrong}");
    project.edit("assets/raw/artists.yaml", "find: {", "# {");
    let without = project.segue(&["resolve", "raw.artists", "eminem"]).ended(2).err;
    assert!(without.contains("SG1003"), "{without}");
    project.write(
        "assets/new.sql",
        "/* asset: music.new\n   find: { id: id, name: name } */\nselect 1 as id, 'x' as name\n",
    );
    let never = project.segue(&["resolve", "music.new", "x"]).ended(4).err;
    assert!(never.contains("segue run music.new"), "{never}");
}
