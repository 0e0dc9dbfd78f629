use crate::buckets::hash;
use crate::index::tests::{an_entry, entries, shown};
use crate::{Entry, Index};
use proptest::prelude::*;

fn bytes(index: &Index) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.snapshot(&mut bytes).expect("memory takes everything");
    bytes
}

fn restored(bytes: &[u8]) -> std::io::Result<Index> {
    let size = bytes.len() as u64;
    Index::restore(&mut &*bytes, size)
}

const KNOWN: &str = "
    a1: aespa | 에스파 = 80
    a2: The Beatles = 85
    a3: きゃりーぱみゅぱみゅ = 40
    a4: Кино
    a5: Sigur Rós | P!nk & Co. (Live)
    a6: 자전거 탄 풍경 = 20
";

#[test]
fn it_answers_as_before() {
    let mut index = Index::build("7", entries(KNOWN));
    index.put("8", entries("a4: Kino | Кино = 50\na7: Nirvana"));
    index.remove("9", ["a6"]);
    let again = restored(&bytes(&index)).expect("it is whole");
    assert_eq!((again.version(), again.len()), ("9", index.len()));
    for question in [
        "에스파",
        "beetles",
        "kyary pamyu pamyu",
        "кино",
        "pink and co",
        "자전거",
        "Nirvana",
        "x",
    ] {
        assert_eq!(again.resolve(question), index.resolve(question), "{question}");
    }
    // And it goes on from there.
    let mut again = again;
    let followed = again.follow("10", entries("a1: aespa | 에스파 = 80\na9: IU"));
    assert_eq!((followed.added, followed.removed), (1, 5));
    insta::assert_snapshot!(shown(&again.resolve("iu")), @"one; a9 IU: same");
}

#[test]
fn a_clone_follows_by_itself() {
    let index = Index::build("1", entries(KNOWN));
    let mut later = index.clone();
    later.remove("2", ["a1"]);
    assert_eq!(shown(&index.resolve("aespa")), "one; a1 aespa: same");
    assert_eq!(shown(&later.resolve("aespa")), "none");
}

#[test]
fn an_empty_index_is_one() {
    let empty = restored(&bytes(&Index::build("1", []))).expect("it is whole");
    assert!(empty.is_empty() && empty.resolve("x").candidates().is_empty());
}

/// How names are folded and read, and how an index lies in memory, is what a snapshot's format means: where this number is another one,
/// [`Index::FORMAT`] has to be, too, or an index that was kept would no longer find what it holds.
#[test]
fn another_index_is_another_format() {
    let bytes = bytes(&Index::build("1", entries(KNOWN)));
    let sum = hash(0, bytes.iter().map(|byte| u16::from(*byte)));
    insta::assert_snapshot!(format!("{}: {sum:08x} of {} bytes", Index::FORMAT, bytes.len()), @"2: 2a734d1d of 3774 bytes");
}

#[test]
fn what_is_cut_off_or_of_another_format_is_refused() {
    let whole = bytes(&Index::build("1", entries(KNOWN)));
    for end in 0..whole.len() {
        assert!(restored(&whole[..end]).is_err(), "{end} of {} bytes", whole.len());
    }
    let mut other = whole.clone();
    other[0] = other[0].wrapping_add(1);
    let refused = restored(&other).err().map(|e| e.to_string());
    insta::assert_snapshot!(refused.unwrap_or_default(), @"it is of another format");
    // More bytes are said to be there than there are.
    assert!(Index::restore(&mut &whole[..40], u64::MAX).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever it holds.
    #[test]
    fn every_index_comes_back(
        first in proptest::collection::vec(an_entry(), 0..8),
        more in proptest::collection::vec(an_entry(), 0..5),
        questions in proptest::collection::vec("[abc가나あい ]{0,8}", 1..4),
    ) {
        let mut index = Index::build("1", first);
        index.put("2", more);
        let again = restored(&bytes(&index)).expect("it is whole");
        let sorted = |index: &Index| {
            let mut all: Vec<Entry> = index.entries().collect();
            all.sort_by(|a, b| a.id.cmp(&b.id));
            all
        };
        prop_assert_eq!(sorted(&again), sorted(&index));
        for question in &questions {
            prop_assert_eq!(again.resolve(question), index.resolve(question));
        }
    }

    /// Bytes that somebody else changed: an error, or an index that answers something; never a panic, nor more memory than there are bytes.
    #[test]
    fn no_bytes_do_harm(at in any::<prop::sample::Index>(), byte in any::<u8>(), question in "[abcespa에스파か ]{0,8}") {
        let mut bytes = bytes(&Index::build("1", entries(KNOWN)));
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(index) = restored(&bytes) {
            let found = index.resolve(&question);
            prop_assert!(found.candidates().len() <= 10);
            prop_assert!(index.entries().count() == index.len());
        }
    }
}
