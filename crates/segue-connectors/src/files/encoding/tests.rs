//! Text that is not UTF-8.

use super::*;
use std::io::BufReader;

fn named(name: &str) -> Encoding {
    serde_json::from_value(name.into()).unwrap()
}

/// The text, with `{FF}` for what is none, and what it is read as; or the error.
fn read(bytes: &[u8], said: &str, declares: bool, at_once: usize) -> String {
    let source = BufReader::with_capacity(at_once.max(8), bytes);
    let mut text = match Text::of(source, named(said), declares, &Subject::File("a.txt".into())) {
        Ok(text) => text,
        Err(error) => return error.message().to_string(),
    };
    let mut all = Vec::new();
    text.read_to_end(&mut all).unwrap();
    let shown: Vec<String> = all
        .split(|b| *b == 0xFF)
        .map(|piece| String::from_utf8(piece.to_vec()).unwrap())
        .collect();
    format!("{}: {}", text.encoding(), shown.join("{FF}"))
}

fn utf16(text: &str, is_little: bool, with_mark: bool) -> Vec<u8> {
    let units = with_mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
    units
        .flat_map(|u| if is_little { u.to_le_bytes() } else { u.to_be_bytes() })
        .collect()
}

#[test]
fn a_mark_counts_whatever_is_said() {
    for said in ["auto", "utf-8", "euc-kr", "utf-16be"] {
        assert_eq!(
            read(&utf16("a,에스파😀\n", true, true), said, false, 3),
            "UTF-16LE: a,에스파😀\n"
        );
        assert_eq!(read("\u{feff}에스파".as_bytes(), said, false, 9), "UTF-8: 에스파");
    }
    assert_eq!(read(&utf16("에", false, true), "auto", false, 8), "UTF-16BE: 에");
}

#[test]
fn what_is_said_is_believed() {
    assert_eq!(read(&utf16("x에", true, false), "utf-16le", false, 8), "UTF-16LE: x에");
    assert_eq!(read(b"\xbf\xa1\xbd\xba\xc6\xc4", "euc-kr", false, 8), "EUC-KR: 에스파");
    assert_eq!(
        read(b"\x83\x65\x83\x58\x83\x67", "shift_jis", false, 8),
        "Shift_JIS: テスト"
    );
    assert_eq!(read(b"caf\xe9 \x80", "windows-1252", false, 8), "windows-1252: café €");
    assert_eq!(read(b"caf\xe9", "latin1", false, 8), "windows-1252: café");
    assert!(serde_json::from_value::<Encoding>("utf-7".into()).is_err());
    assert!(serde_json::from_value::<Encoding>("klingon".into()).is_err());
}

#[test]
fn what_is_no_text_is_not_made_up() {
    // A half of a pair without the other, and a lone byte at the end.
    let mut bytes = utf16("a", true, true);
    bytes.extend([0x00, 0xD8, b'b', 0, 0x41]);
    assert_eq!(read(&bytes, "auto", false, 8), "UTF-16LE: a{FF}b{FF}");
    assert_eq!(read(b"a\xff\xffb", "euc-kr", false, 8), "EUC-KR: a{FF}{FF}b");
    // UTF-8 is looked at by who reads it.
    assert_eq!(read(b"a\xffb", "auto", false, 8), "UTF-8: a{FF}b");
}

#[test]
fn what_cannot_be_told_is_said() {
    assert_eq!(
        read(&utf16("ab", true, false), "auto", false, 8),
        "the file a.txt looks like UTF-16LE without a byte order mark"
    );
    assert_eq!(
        read(&utf16("ab", false, false), "auto", false, 8),
        "the file a.txt looks like UTF-16BE without a byte order mark"
    );
    assert_eq!(
        read(&[0xFF, 0xFE, 0, 0, b'a', 0, 0, 0], "auto", false, 8),
        "the file a.txt is UTF-32, which is not read"
    );
    assert_eq!(read(b"", "auto", true, 8), "UTF-8: ");
    assert_eq!(read(b"a\0b", "auto", false, 8), "UTF-8: a\0b");
}

#[test]
fn xml_says_itself_what_it_is() {
    let korean = [
        &b"<?xml version='1.0' encoding=\"euc-kr\"?><a>"[..],
        b"\xbf\xa1",
        b"</a>",
    ]
    .concat();
    assert!(read(&korean, "auto", true, 1024).ends_with("<a>에</a>"));
    let source = BufReader::new(&korean[..]);
    let text = Text::of(source, named("auto"), false, &Subject::File("a.txt".into())).unwrap();
    assert_eq!(text.encoding(), "UTF-8", "only where it may say so");
    let unknown = b"<?xml version='1.0' encoding='x-none'?><a/>";
    assert_eq!(
        read(unknown, "auto", true, 1024),
        "the file a.txt says that it is encoded in `x-none`, which is not known"
    );
    let lies = b"<?xml version='1.0' encoding='utf-16'?><a/>";
    assert!(read(lies, "auto", true, 1024).starts_with("UTF-8: <?xml"));
}
