//! Did you mean …?

/// The candidate that was most likely meant by `word`, if one is near enough to be worth saying.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = match length {
        0..=2 => 1,
        3..=5 => 2,
        n => n / 3,
    };
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        // Each letter too many or too few is one step already.
        .filter(|c| c.chars().count().abs_diff(length) <= limit)
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}
