//! Whether what somebody asks a run to do can have any effect: parameters that something takes, and ranges where there are some.

use crate::app::App;
use crate::use_cases::run::RunRequest;
use crate::use_cases::sql::params;
use segue_core::{Error, Kind, Result};
use segue_diag::{SQL_UNKNOWN_PARAMETER, closest};
use segue_spec::model::Asset;
use segue_spec::types::Type;
use serde_json::Value;

/// Refuses a request with a parameter that no chosen asset takes, or takes as another type, and one that names ranges where no chosen
/// asset has any.
///
/// # Errors
/// `Invalid` for these, and for words that mean nothing.
pub fn judge(app: &App, request: &RunRequest) -> Result<()> {
    let chosen = app.selected(&request.selector)?;
    for (name, value) in params(&request.params)? {
        let takers: Vec<&&Asset> = chosen.iter().filter(|a| a.params.contains_key(&name)).collect();
        if takers.is_empty() {
            return Err(nobody_takes(app, &chosen, &name));
        }
        for asset in takers {
            let ty = &asset.params[&name].ty;
            if !fits(ty, &value) {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
                let message = format!(
                    "the parameter `{name}` of {} is of type {ty}, and `{value}` is not",
                    asset.name
                );
                return Err(Error::new(Kind::Invalid, message).hint("give another value, or change its `type:`"));
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

/// A text takes any word: `5` on the command line may be one.
fn fits(ty: &Type, value: &Value) -> bool {
    matches!(ty, Type::String) || value.is_null() || ty.takes(value)
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
