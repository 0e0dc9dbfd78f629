//! Files that are packed.

use super::*;
use segue_testkit::packed::{gzip, zip};
use std::io::Write;

const TEXT: &[u8] = b"a\n1\n2\n";
const READ: &str = "[a int32]\n1\n2\ndone";

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn one(name: &str, content: &[u8], copy: Value) -> String {
    let mut all = json!({ "path": "*" });
    all.as_object_mut().unwrap().extend(copy.as_object().unwrap().clone());
    read_files(&[(name, content)], all, &["a int32"], |_| {}).await
}

#[tokio::test]
async fn what_is_packed_is_unpacked_whatever_it_is_called() {
    for (name, packed) in [
        ("a.csv.gz", gzip(TEXT)),
        ("a.csv", gzip(TEXT)),
        ("a.csv.gz", TEXT.to_vec()),
        ("a.csv.gz", [gzip(b"a\n1\n"), gzip(b"2\n")].concat()),
        ("a.csv.zst", zstd(TEXT)),
        ("a.csv.zst", [zstd(b"a\n1\n"), zstd(b"2\n")].concat()),
        ("a.csv.bz2", bzip2(TEXT)),
        ("a.csv.bz2", [bzip2(b"a\n1\n"), bzip2(b"2\n")].concat()),
        ("a.csv.zip", zip(&[("inside", TEXT)], true)),
        (
            "a.zip",
            zip(&[("d/x.csv", TEXT), ("d/", b""), ("__MACOSX/._x.csv", b"junk")], false),
        ),
    ] {
        assert_eq!(one(name, &packed, json!({})).await, READ, "{name}");
    }
}

#[tokio::test]
async fn a_zip_holds_several_files() {
    let files: [(&str, &[u8]); 3] = [("a.csv", b"a\n1\n"), ("b.jsonl", b"{\"a\": 2}\nx\n"), ("c.dat", b"")];
    let said = one("z.zip", &zip(&files, true), json!({ "member": "[ab].*" })).await;
    assert_eq!(
        said,
        "[a int32]\n1\nrejected: z.zip/b.jsonl line 2: not JSON <- x\n[a int32]\n2\ndone"
    );
    let said = one("z.zip", &zip(&files, true), json!({})).await;
    assert!(
        said.ends_with("error bad_data[SG0311]: how the file z.zip/c.dat is written cannot be told from its name"),
        "{said}"
    );
    let said = one("z.zip", &zip(&files, true), json!({ "member": "*.xml" })).await;
    assert_eq!(said, "error bad_data[SG0312]: no file of the zip is like `*.xml`");
    let said = one("z.zip", &zip(&[], true), json!({})).await;
    assert_eq!(said, "error bad_data[SG0312]: there are no files in z.zip");
}

#[tokio::test]
async fn what_is_cut_damaged_or_a_bomb_is_said() {
    let rows: String = (0..20_000).map(|n| format!("{}\n", n * 7919 % 10_007)).collect();
    let text = format!("a\n{rows}");
    for (name, packed) in [
        ("a.csv.gz", gzip(text.as_bytes())),
        ("a.csv.zst", zstd(text.as_bytes())),
        ("a.csv.bz2", bzip2(text.as_bytes())),
        ("a.csv.zip", zip(&[("a.csv", text.as_bytes())], true)),
    ] {
        let cut = one(name, &packed[..packed.len() / 2], json!({})).await;
        let last = cut.lines().last().unwrap();
        assert_eq!(
            last,
            format!("error bad_data[SG0312]: the packed file {name} was cut off"),
            "{name}"
        );
        let mut damaged = packed.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xff);
        let said = one(name, &damaged, json!({})).await;
        assert!(
            said.lines().last().unwrap().starts_with("error bad_data[SG0312]"),
            "{name}: {said}"
        );
    }
    let bomb = vec![b'\n'; 4 << 20];
    for (name, packed) in [
        ("a.csv.gz", gzip(&bomb)),
        ("a.csv.zst", zstd(&bomb)),
        ("a.csv.bz2", bzip2(&bomb)),
        ("a.csv.zip", zip(&[("a.csv", &bomb)], true)),
    ] {
        let said = one(name, &packed, json!({ "max_size": "1MiB" })).await;
        assert!(
            said.contains("[SG0312]") && said.contains("is larger, unpacked, than is read"),
            "{name}: {said}"
        );
    }
}
