//! Files in a bucket, both ways, and a Parquet file beside the project, as a person sees them.

use crate::support::{Done, Project};
use segue_testkit::moto::Moto;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

const SECRET: &str = "wJalrXUtnFEMI-not-a-key";

/// Puts an object into moto, which lets anybody.
fn put(moto: &Moto, path: &str, body: &str) {
    let address = moto.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).expect("moto is there");
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + body).as_bytes()).expect("moto listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("moto answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// What another program reads from a Parquet file, sorted by `id`.
fn read_by_pyarrow(python: &str, place: &str) -> String {
    let script = "import sys, io, boto3, pyarrow.parquet as pq\n\
        def of_bucket(place):\n    \
            _, _, host, bucket, key = place.split('/', 4)\n    \
            store = boto3.client('s3', endpoint_url='http://' + host, region_name='us-east-1', aws_access_key_id='AKIDEXAMPLE', aws_secret_access_key='x')\n    \
            return store.get_object(Bucket=bucket, Key=key)['Body'].read()\n\
        place = sys.argv[1]\n\
        data = of_bucket(place) if place.startswith('http') else open(place, 'rb').read()\n\
        table = pq.read_table(io.BytesIO(data)).sort_by('id')\n\
        print([str(f.type) for f in table.schema], [' '.join(str(v) for v in row.values()) for row in table.to_pylist()])";
    let done = Command::new(python).args(["-c", script, place]).output();
    Done::of(done.expect("Python starts")).ok().out.trim().to_string()
}

fn python() -> Option<String> {
    std::env::var("SEGUE_TEST_PYTHON").ok()
}

fn project(url: &str) -> Project {
    let mut project = Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        (
            "connections/shop.yaml",
            "connection: shop\nkind: s3\nbucket: shop\nendpoint: ${env:S3_URL}\naccess_key_id: ${env:S3_KEY}\nsecret_access_key: ${secret:S3_SECRET}\ntries: 1\n",
        ),
        (
            "assets/raw/orders.yaml",
            "asset: raw.orders\ncopy:\n  from: shop\n  path: orders/*.csv\n  columns:\n    id: { type: int64, required: true }\n    name: { type: string }\n    at: { type: timestamp }\nwrite: { mode: replace, key: [id] }\n",
        ),
        (
            "assets/out/orders.yaml",
            "asset: out.orders\ncopy: { from: lake, sql: \"select id, name, at from raw.orders where id < 100\" }\ninto: { connection: shop, path: exports/orders.parquet }\n",
        ),
    ]);
    project.set("S3_URL", url);
    project.set("S3_KEY", "AKIDEXAMPLE");
    project.set("S3_SECRET", SECRET);
    project
}

#[test]
fn files_of_a_bucket_go_into_the_lake_and_a_table_back_into_it() {
    let Some(moto) = Moto::start("that buckets are read and written") else {
        return;
    };
    put(&moto, "shop", "");
    put(
        &moto,
        "shop/orders/1.csv",
        "id,name,at\n1,ann,2026-11-30T08:00:00Z\n2,\"b, b\",\n",
    );
    put(
        &moto,
        "shop/orders/2.csv",
        "id,name,at\n3,이브,2026-11-30T09:00:00Z\n100,out,\n",
    );
    put(&moto, "shop/orders/readme.txt", "not a table");
    put(&moto, "shop/orders/old/", "");
    let project = project(&moto.url());
    project.ok(&["check"]);
    let told = project.ok(&["connection", "test", "shop"]);
    assert!(told.contains("files below s3://shop"), "{told}");
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select count(*) as n, sum(id) as s from raw.orders"),
        "n,s\n4,106\n"
    );
    let object = format!("{}/shop/exports/orders.parquet", moto.url());
    let python = python().expect("moto has one");
    let expected = "['int64', 'string', 'timestamp[us, tz=UTC]'] ['1 ann 2026-11-30 08:00:00+00:00', '2 b, b None', '3 이브 2026-11-30 09:00:00+00:00']";
    let read = read_by_pyarrow(&python, &object);
    assert_eq!(read, expected);

    // Nothing new: nothing is written. Something new: the file is another one.
    let before = project.ok(&[
        "sql",
        "--format",
        "csv",
        "select n from system.commits where asset = 'out.orders'",
    ]);
    project.ok(&["run"]);
    let after = project.ok(&[
        "sql",
        "--format",
        "csv",
        "select n from system.commits where asset = 'out.orders'",
    ]);
    assert_eq!(before, after);
    put(&moto, "shop/orders/3.csv", "id,name,at\n4,new,\n");
    project.ok(&["run", "--again"]);
    assert!(read_by_pyarrow(&python, &object).contains("'4 new None'"));

    // Another project, which knows nothing of the file, leaves it as it is; and what knew of it can be made to know again.
    let other = self::project(&moto.url());
    other.ok(&["run", "raw.orders"]);
    let refused = other.segue(&["run", "out.orders"]);
    assert_ne!(refused.code, Some(0), "{}", refused.text());
    assert!(refused.text().contains("does not know"), "{}", refused.text());
    std::fs::remove_dir_all(project.file(".segue")).expect("there is a state");
    let rebuilt = project.ok(&["--json", "state", "rebuild"]);
    assert!(
        rebuilt.contains("out.orders") && rebuilt.contains("raw.orders"),
        "{rebuilt}"
    );
    project.ok(&["run"]);
    assert!(read_by_pyarrow(&python, &object).contains("'4 new None'"));
}

#[test]
fn what_is_wrong_with_a_bucket_is_said_without_its_secret() {
    let Some(moto) = Moto::start("that errors of buckets tell no secret") else {
        return;
    };
    let project = project(&moto.url());
    let done = project.segue(&["connection", "test", "shop"]).ended(4);
    assert!(
        done.text().contains("SG0332") && !done.text().contains(SECRET),
        "{}",
        done.text()
    );
    let nowhere = self::project("http://127.0.0.1:1");
    for args in [&["connection", "test", "shop"][..], &["run", "raw.orders"]] {
        let done = nowhere.segue(args).ended(6);
        assert!(!done.text().contains(SECRET), "{}", done.text());
        assert!(done.text().contains("cannot be reached"), "{}", done.text());
    }
    let clear = self::project("http://minio.example.com:9000");
    let done = clear.segue(&["connection", "test", "shop"]).ended(2);
    assert!(
        done.text().contains("SG0333") && done.text().contains("in the clear"),
        "{}",
        done.text()
    );
    let written = self::project(&moto.url());
    written.edit("connections/shop.yaml", "${secret:S3_SECRET}", SECRET);
    let done = written.segue(&["check"]).ended(2);
    assert!(
        done.text().contains("is a secret") || done.text().contains("secret"),
        "{}",
        done.text()
    );
}

fn exporting(mode: &str) -> Project {
    Project::with(&[
        ("segue.yaml", "format: 1\nproject: shop\n"),
        ("names.csv", "id,name\n1,ann\n2,bob\n"),
        (
            "assets/raw/names.yaml",
            "asset: raw.names\ncopy: { from: files, path: names.csv, columns: { id: { type: int64, required: true }, name: { type: string } } }\nwrite: { mode: replace, key: [id] }\n",
        ),
        (
            "assets/out/names.yaml",
            &format!(
                "asset: out.names\ncopy: {{ from: lake, table: raw.names }}\ninto: {{ connection: files, path: exports/names.parquet }}\n{mode}"
            ),
        ),
    ])
}

#[test]
fn a_table_is_exported_beside_the_project() {
    let project = exporting("");
    project.ok(&["run"]);
    assert_eq!(project.read_dir("exports"), ["names.parquet"]);
    if let Some(python) = python() {
        let path = project.file("exports/names.parquet");
        let read = read_by_pyarrow(&python, &path.display().to_string());
        assert_eq!(read, "['int64', 'string'] ['1 ann', '2 bob']");
    }
    let first = std::fs::read(project.file("exports/names.parquet")).expect("the file is there");
    project.ok(&["run", "--again"]);
    let second = std::fs::read(project.file("exports/names.parquet")).expect("the file is there");
    assert!(first == second, "equal rows wrote the file anew");
    project.write("names.csv", "id,name\n1,ann\n3,eve\n");
    project.ok(&["run", "--again"]);
    let third = std::fs::read(project.file("exports/names.parquet")).expect("the file is there");
    assert!(first != third);
    // Not overwritten by an asset that does not know it, and gone with its own.
    project.ok(&["asset", "drop", "out.names", "--table-only", "--yes"]);
    assert_eq!(project.read_dir("exports"), Vec::<String>::new());
    project.write("exports/names.parquet", "another program's");
    let refused = project.segue(&["run", "out.names"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.text().contains("SG0342"), "{}", refused.text());
    assert_eq!(project.read("exports/names.parquet"), "another program's");
}

/// Killed just before and just after the file is put in place: the same run again finishes it, once.
#[test]
fn a_kill_leaves_the_file_before_or_after() {
    for fault in ["commit.prepared:2:kill", "commit.sql:1:kill", "sql.staged:1:kill"] {
        let project = exporting("");
        let mut killed = project.command(&["run"]);
        let output = killed.env("SEGUE_FAULT", fault).output().expect("the binary starts");
        assert!(
            !output.status.success(),
            "{fault} was not met: {}",
            Done::of(output).text()
        );
        project.ok(&["run"]);
        assert_eq!(project.read_dir("exports"), ["names.parquet"], "{fault}");
        project.ok(&["run"]);
    }
}

#[test]
fn what_a_file_cannot_take_is_refused_before_anything_runs() {
    for (what, code) in [
        ("write: { mode: append }", "SG0340"),
        ("write: { mode: merge, key: [id] }", "SG0340"),
        ("write: { mode: delete_insert, key: [id] }", "SG0340"),
        ("write: { mode: history, key: [id] }", "SG0340"),
    ] {
        let project = exporting(what);
        let done = project.segue(&["check"]).ended(2);
        assert!(done.text().contains(code), "{what}: {}", done.text());
    }
    for (path, code) in [
        ("../names.parquet", "SG0341"),
        ("exports/names.csv", "SG0341"),
        ("exports/*.parquet", "SG0341"),
    ] {
        let project = exporting("");
        project.edit("assets/out/names.yaml", "exports/names.parquet", path);
        let done = project.segue(&["check"]).ended(2);
        assert!(done.text().contains(code), "{path}: {}", done.text());
    }
    let project = exporting("");
    project.write(
        "assets/out/again.yaml",
        "asset: out.again\ncopy: { from: lake, table: raw.names }\ninto: { connection: files, path: exports/Names.parquet }\n",
    );
    let done = project.segue(&["check"]).ended(2);
    assert!(done.text().contains("already"), "{}", done.text());
    let project = exporting("");
    project.edit("assets/out/names.yaml", "connection: files", "connection: lake");
    project.segue(&["check"]).ended(2);
}
