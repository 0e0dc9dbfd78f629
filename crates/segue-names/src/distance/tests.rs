use super::{edit_distance, jamo_distance, within};
use proptest::prelude::*;

#[test]
fn one_error_of_each_kind_is_one() {
    for (a, b, errors) in [
        ("eminem", "eminem", 0),
        ("eminem", "eminm", 1),
        ("eminem", "emminem", 1),
        ("eminem", "emimem", 1),
        ("eminem", "emniem", 1),
        ("eminem", "", 6),
        ("abc", "cab", 2),
        ("에스파", "에스피", 1),
        ("에스파", "엣파", 2),
    ] {
        assert_eq!(edit_distance(a, b), errors, "{a} {b}");
        assert_eq!(edit_distance(b, a), errors, "{b} {a}");
    }
}

#[test]
fn hangul_is_counted_in_keys() {
    for (a, b, errors) in [
        ("에스파", "에스피", 1),
        ("에스파", "엣파", 1),
        ("샤이니", "샤니이", 1 + 1),
        ("강산에", "강산애", 1),
        ("과자", "고ㅏ자", 0),
        ("aespa", "aespq", 1),
    ] {
        assert_eq!(jamo_distance(a, b), errors, "{a} {b}");
    }
}

proptest! {
    #[test]
    fn the_band_says_what_the_whole_table_says(a in "[abc]{0,9}", b in "[abc]{0,9}", most in 0usize..=3) {
        let units = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        let whole = edit_distance(&a, &b);
        prop_assert_eq!(within(&units(&a), &units(&b), most), Some(whole).filter(|w| *w <= most));
    }
}
