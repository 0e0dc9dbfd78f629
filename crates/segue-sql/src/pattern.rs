//! Regular expressions, as this engine reads them.

use arrow_array::StringArray;
use datafusion::arrow::compute::regexp_is_match_scalar;

/// What is wrong with a regular expression; `None` for one that can be matched.
pub fn pattern_mistake(pattern: &str) -> Option<String> {
    let refused = regexp_is_match_scalar(&StringArray::from(vec![""]), pattern, None).err()?;
    let words = refused.to_string();
    // Its other lines draw the pattern again.
    let why = words.lines().find_map(|line| line.trim().strip_prefix("error: "));
    Some(why.unwrap_or("it cannot be compiled").to_string())
}

#[cfg(test)]
mod tests {
    use super::pattern_mistake;

    #[test]
    fn a_pattern_that_cannot_be_matched_says_why() {
        assert_eq!(pattern_mistake("^[a-z]+$"), None);
        assert_eq!(pattern_mistake("("), Some("unclosed group".into()));
    }
}
