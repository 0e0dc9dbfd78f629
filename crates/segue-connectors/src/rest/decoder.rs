//! What a copy says of how its answers are written, as the form that they are read by.

use super::copy::{Decoder, DecoderSettings, Format};
use crate::forms::{self, Form};
use crate::json::Path;
use crate::json::path::Step;
use segue_core::{Error, Kind, Result};

/// The form of a copy's answers. `records`: their path; it says whether a large answer can be read part by part.
///
/// # Errors
/// `Invalid` for what does not go together.
pub fn form(decoder: Option<&Decoder>, records: &Path, has_parents: bool) -> Result<Form> {
    let settings = match decoder {
        None => DecoderSettings::default(),
        Some(Decoder::Format(format)) => DecoderSettings {
            format: *format,
            ..DecoderSettings::default()
        },
        Some(Decoder::Full(settings)) => settings.clone(),
    };
    let invalid = |what: &str, hint: &str| Err(Error::new(Kind::Invalid, what).hint(hint));
    let delimiter = match settings.delimiter.as_bytes() {
        [one] if !b"\"\r\n".contains(one) => *one,
        _ => {
            return invalid(
                "`decoder.delimiter` is not one character of ASCII",
                "write `;`, or \"\\t\" for a tabulator",
            );
        }
    };
    let steps = records.steps().unwrap_or_default();
    let split = match (settings.stream, settings.format) {
        (false, _) => None,
        (true, Format::Xml) => {
            return invalid(
                "`decoder.stream` does not go with `format: xml`",
                "raise the connection's max_body",
            );
        }
        (true, Format::Json) => {
            let is_plain =
                matches!(steps.split_last(), Some((Step::All, way)) if way.iter().all(|s| matches!(s, Step::Name(_))));
            if !is_plain || has_parents {
                return invalid(
                    "`decoder.stream` wants records in one list, without `parent`",
                    "write a path of names with one `[*]` at its end: `$.data.items[*]`",
                );
            }
            Some(steps[..steps.len() - 1].to_vec())
        }
        (true, Format::JsonLines | Format::Csv) => Some(Vec::new()),
    };
    let member = settings.member.as_deref().map(glob::Pattern::new).transpose();
    Ok(Form {
        format: match settings.format {
            Format::Json => forms::Format::Json,
            Format::JsonLines => forms::Format::JsonLines,
            Format::Csv => forms::Format::Csv,
            Format::Xml => forms::Format::Xml,
        },
        delimiter,
        has_header: settings.header,
        lists: settings.lists.into_iter().collect(),
        member: member.map_err(|e| Error::new(Kind::Invalid, "`decoder.member` cannot be read").caused_by(e))?,
        split,
        max_size: settings.max_size.bytes(),
    })
}
