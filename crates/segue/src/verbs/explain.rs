//! `segue explain SG0104`

use crate::out::Out;
use segue_core::{Error, Kind, Result};

pub fn run(code: &str, out: &Out) -> Result<u8> {
    let page = segue_diag::page(code).ok_or_else(|| {
        let pages = segue_diag::pages();
        let near = segue_diag::closest(code, pages.iter().map(|(c, _)| c.as_str()));
        let hint = near.map_or(
            "codes look like SG0104 and stand in front of each mistake".to_string(),
            |c| format!("did you mean `{c}`?"),
        );
        Error::new(Kind::NotFound, format!("there is no code `{code}`")).hint(hint)
    })?;
    out.value(&serde_json::json!({ "code": code.to_uppercase(), "page": page }));
    out.line(page.trim_end());
    Ok(0)
}
