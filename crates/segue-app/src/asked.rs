//! Whether what somebody asks a run to do can have any effect: parameters that something takes, and ranges where there are some.

use crate::app::App;
use crate::use_cases::run::RunRequest;
use segue_core::{Error, Kind, Result};
use segue_diag::{SQL_UNKNOWN_PARAMETER, closest};
use segue_spec::model::Asset;
use segue_work::params::{no_such_value, of_word};
use std::collections::BTreeMap;

/// Refuses a request with a parameter that no chosen asset takes, or takes as another type, and one that names ranges where no chosen
/// asset has any.
///
/// # Errors
/// `Invalid` for these, and for words that mean nothing.
pub(crate) fn judge(app: &App, request: &RunRequest) -> Result<()> {
    let chosen = app.selected(&request.selector)?;
    for (name, word) in words(&request.params)? {
        let takers: Vec<&&Asset> = chosen.iter().filter(|a| a.params.contains_key(&name)).collect();
        if takers.is_empty() {
            return Err(nobody_takes(app, &chosen, &name));
        }
        for asset in takers {
            let ty = &asset.params[&name].ty;
            if of_word(ty, &word).is_none() {
                return Err(no_such_value(asset.name.as_str(), &name, ty, &word));
            }
        }
    }
    let ranged = chosen.iter().any(|a| a.range.is_some());
    if !ranged && (request.from.is_some() || request.to.is_some()) {
        let message = match &chosen[..] {
            [one] => format!(
                "{} is not computed by ranges, so that no span of it can be chosen",
                one.name
            ),
            _ => "none of the chosen assets is computed by ranges, so that no span of them can be chosen".to_string(),
        };
        return Err(Error::new(Kind::Invalid, message)
            .hint("choose an asset with a `range:`; `segue run --again` reads the others anew"));
    }
    Ok(())
}

/// `NAME=VALUE` words as what is written on both sides. What a value is, its declared type says.
///
/// # Errors
/// `Invalid` for a word without `=`, and a name given twice.
pub(crate) fn words(given: &[String]) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for word in given {
        let Some((name, text)) = word.split_once('=').filter(|(n, _)| !n.trim().is_empty()) else {
            return Err(
                Error::new(Kind::Invalid, format!("`{word}` is not a parameter")).hint("write --param NAME=VALUE")
            );
        };
        let name = name.trim();
        if all.insert(name.to_string(), text.to_string()).is_some() {
            return Err(Error::new(
                Kind::Invalid,
                format!("the parameter `{name}` is given twice"),
            ));
        }
    }
    Ok(all)
}

fn nobody_takes(app: &App, chosen: &[&Asset], name: &str) -> Error {
    let error = Error::new(Kind::Invalid, format!("no chosen asset takes the parameter `{name}`"));
    let error = error.code(SQL_UNKNOWN_PARAMETER);
    let declared = chosen.iter().flat_map(|a| a.params.keys().map(String::as_str));
    if let Some(near) = closest(name, declared) {
        return error.hint(format!("did you mean `{near}`?"));
    }
    match app.project.assets.values().find(|a| a.params.contains_key(name)) {
        Some(other) => error.hint(format!("{} takes it, and is not chosen", other.name)),
        None => error.hint("an asset declares what it takes: `params: { NAME: { type: string } }`"),
    }
}
