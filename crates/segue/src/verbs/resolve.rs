//! `segue resolve ASSET TEXT`

use crate::out::{Columns, Out};
use crate::verbs::check::count;
use segue_app::App;
use segue_app::names::{Answer, Candidate, Reason};
use segue_core::{Ctx, Kind, Result};
use serde_json::{Value, json};

pub async fn run(app: &App, asset: &str, text: &str, ctx: &Ctx, out: &Out) -> Result<u8> {
    let meant = segue_app::resolve(app, asset, text, ctx).await?;
    let candidates = meant.answer.candidates();
    let (answer, heading) = match &meant.answer {
        Answer::One(_) => ("one", "this is meant:"),
        Answer::Several(_) => ("several", "this may be meant:"),
        Answer::None(nearest) if nearest.is_empty() => ("none", "nothing is known by that name"),
        Answer::None(_) => ("none", "nothing is known by that name; the nearest:"),
    };
    out.value(&json!({
        "asset": meant.asset,
        "version": meant.version,
        "text": text,
        "answer": answer,
        "candidates": candidates.iter().map(value).collect::<Vec<_>>(),
    }));
    out.line(heading);
    if !candidates.is_empty() {
        out.line(table(candidates));
    }
    Ok(match answer {
        "none" => Kind::NotFound.exit_code(),
        _ => 0,
    })
}

fn value(found: &Candidate) -> Value {
    let errors = match found.reason {
        Reason::Typing(errors) => Some(errors),
        _ => None,
    };
    json!({
        "id": found.id,
        "name": found.name,
        "alias": found.alias,
        "reason": found.reason.word(),
        "errors": errors,
        "score": found.score,
        "popularity": found.popularity,
    })
}

fn table(candidates: &[Candidate]) -> String {
    let mut columns = Columns::new(["id", "name", "also called", "why", "score", "popularity"]);
    for found in candidates {
        let why = match found.reason {
            Reason::Same => "that name".to_string(),
            Reason::Typing(errors) => count(usize::from(errors), "typing error"),
            Reason::Sound => "sounds alike".to_string(),
            Reason::Begins => "begins so".to_string(),
            Reason::Word => "has the word".to_string(),
        };
        columns.row([
            found.id.clone(),
            found.name.clone(),
            found.alias.clone().unwrap_or_default(),
            why,
            found.score.to_string(),
            found.popularity.map(|known| known.to_string()).unwrap_or_default(),
        ]);
    }
    columns.to_string().trim_end().to_string()
}
