//! Records as they are told apart.

use super::*;
use proptest::prelude::*;

/// Hands out so many bytes at once.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(buffer.len());
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

/// `LINE: [field] "quoted"`, one record a line.
fn records(text: &str, at_once: usize) -> String {
    let mut scanner = Scanner::new(Slowly(text.as_bytes(), at_once), b',', b'"');
    let mut all = Vec::new();
    loop {
        match scanner.next() {
            Ok(None) => return all.join("\n"),
            Ok(Some(record)) => {
                let fields: Vec<String> = (0..record.len())
                    .filter_map(|at| record.get(at))
                    .map(|(field, is_quoted)| {
                        let text = String::from_utf8_lossy(&field)
                            .replace('\n', "\\n")
                            .replace('\r', "\\r");
                        if is_quoted {
                            format!("\"{text}\"")
                        } else {
                            format!("[{text}]")
                        }
                    })
                    .collect();
                let fault = record.fault.map(|f| format!("! {f}: ")).unwrap_or_default();
                all.push(format!("{}: {fault}{}", record.line, fields.join(" ")));
            }
            Err(stop) => {
                all.push(format!("{stop:?}"));
                return all.join("\n");
            }
        }
    }
}

#[test]
fn quotes_are_told_from_none() {
    let text = "\u{feff}a,\"\",\r\n\r\n\"x\r\ny\",\"say \"\"hi\"\"\"\r5\" pipe,\" q \"\n\n,\n\"end\"";
    insta::assert_snapshot!(records(text, 1_000), @r#"
    1: [a] "" []
    3: "x\r\ny" "say "hi""
    5: [5" pipe] " q "
    7: [] []
    8: "end"
    "#);
    for at_once in 1..9 {
        assert_eq!(records(text, at_once), records(text, 1_000), "{at_once}");
    }
}

#[test]
fn garbled_quotes_are_said_and_open_ones_end_it() {
    insta::assert_snapshot!(records("1,\"a\"b,\"c\"\n2,\"a\" ,x\n3,ok\n", 7), @r#"
    1: ! text after a closing quote: [1]
    2: ! text after a closing quote: [2]
    3: [3] [ok]
    "#);
    for (text, stop) in [
        ("a,b\n1,\"open\n2,x\n", "1: [a] [b]\nQuote(2, \"is never closed\")"),
        ("a,\"", "Quote(1, \"is never closed\")"),
        // The quote that closes it is one that opens another field.
        (
            "1,\"open\n2,x\n3,\"y\"\n",
            "Quote(1, \"is closed lines later, with text behind\")",
        ),
        (
            "1,\"a\"b,\"c\nd\",2\n",
            "Quote(1, \"is closed with text behind, and another one is not\")",
        ),
    ] {
        assert_eq!(records(text, 3), stop, "{text}");
    }
}

#[test]
fn a_record_has_an_end() {
    let text = "x".repeat(RECORD + BUFFER * 2);
    assert_eq!(records(&text, usize::MAX), "Long(1)");
    assert_eq!(records(&format!("\n\"{text}"), usize::MAX), "Open(2)");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What another program writes comes back as it was, whatever is quoted and however it arrives.
    #[test]
    fn what_is_written_comes_back(rows in proptest::collection::vec(proptest::collection::vec("[ab\",\r\n é]{0,6}", 2..4), 0..6), all: bool, at_once in 1usize..20) {
        let style = if all { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
        let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(style).from_writer(Vec::new());
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let mut scanner = Scanner::new(Slowly(&text, at_once), b',', b'"');
        let mut back: Vec<Vec<String>> = Vec::new();
        while let Some(record) = scanner.next().unwrap() {
            prop_assert!(record.fault.is_none());
            back.push((0..record.len()).map(|at| String::from_utf8(record.get(at).unwrap().0.into_owned()).unwrap()).collect());
        }
        prop_assert_eq!(back, rows);
    }

    /// Whatever the bytes are, no byte of theirs is in two records, and it does not matter how they arrive.
    #[test]
    fn no_bytes_are_too_wild(text in "[a\",\r\n]{0,30}", at_once in 1usize..8) {
        let whole = records(&text, usize::MAX);
        prop_assert_eq!(records(&text, at_once), whole);
        let mut scanner = Scanner::new(text.as_bytes(), b',', b'"');
        let mut length = 0;
        while let Ok(Some(record)) = scanner.next() {
            length += record.raw.len();
        }
        prop_assert!(length <= text.len());
    }
}
