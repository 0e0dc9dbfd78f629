use super::*;
use segue_diag::Kind;

const SQL: &str = "select ä, nmae\nfrom raw.\"odd name\" t\nwhere t.x = 1";

fn found(line: u64, column: u64) -> &'static str {
    let error = Error::new(Kind::Invalid, "x").with(AT, Place { line, column }.text());
    &SQL[locate(&error, SQL).unwrap()]
}

#[test]
fn columns_count_characters_and_ranges_bytes() {
    assert_eq!(found(1, 11), "nmae");
    assert_eq!(found(1, 8), "ä");
    assert_eq!(found(2, 6), "raw.\"odd name\"");
    assert_eq!(found(3, 7), "t.x");
    assert_eq!(found(3, 11), "=");
}

#[test]
fn a_place_behind_the_text_is_its_end() {
    assert_eq!(found(3, 400), "");
    assert_eq!(found(90, 1), "");
}

#[test]
fn the_place_of_a_byte_is_where_it_was() {
    for byte in (0..SQL.len()).filter(|b| SQL.is_char_boundary(*b) && SQL.as_bytes()[*b] != b'\n') {
        assert_eq!(Place::of(SQL, byte).byte(SQL), byte);
    }
}

#[test]
fn an_error_without_a_place_has_none() {
    assert_eq!(locate(&Error::new(Kind::Invalid, "line 3, column 4"), SQL), None);
    assert_eq!(Place::find("nothing here"), None);
    assert_eq!(
        Place::find("Expected: x at Line: 12, Column: 3"),
        Some(Place { line: 12, column: 3 })
    );
}
