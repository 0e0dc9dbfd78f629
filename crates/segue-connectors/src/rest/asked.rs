//! What a page is asked with, and how a parameter gets to its place in it.

use super::copy::In;
use crate::http::{Call, Content};
use segue_core::{Error, Kind, Result};
use serde_json::{Map, Value};
use url::Url;

/// A request that pages differ in.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is asked.
    pub url: Url,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// What it holds.
    pub body: Option<Body>,
}

/// What a request holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// JSON.
    Json(Value),
    /// A form.
    Form(Vec<(String, String)>),
}

impl Asked {
    /// As it is sent, with what does not differ.
    ///
    /// # Errors
    /// `Bug` where the body cannot be written.
    pub fn call(&self, like: &Call) -> Result<Call> {
        let body = match &self.body {
            None => None,
            Some(Body::Json(value)) => Some(Content::json(value)?),
            Some(Body::Form(pairs)) => Some(Content::form(pairs)),
        };
        Ok(Call {
            url: self.url.clone(),
            headers: self.headers.clone(),
            body,
            ..like.clone()
        })
    }

    /// A text by which it is told apart from others.
    pub fn text(&self) -> String {
        format!("{}\n{:?}\n{:?}", self.url, self.headers, self.body)
    }

    /// Sets a parameter, whatever it was.
    ///
    /// # Errors
    /// `Invalid` where the request has no such place.
    pub fn set(&mut self, place: In, name: &str, value: Value) -> Result<()> {
        match place {
            In::Query => set_query(&mut self.url, name, &text(&value)),
            In::Header => {
                self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                self.headers.push((name.to_string(), text(&value)));
            }
            In::Body => match &mut self.body {
                Some(Body::Form(pairs)) => {
                    pairs.retain(|(n, _)| n != name);
                    pairs.push((name.to_string(), text(&value)));
                }
                Some(Body::Json(tree)) => set_field(tree, name, value)?,
                None => {
                    let error = Error::new(
                        Kind::Invalid,
                        "`paginate` puts a parameter into the body, and there is none",
                    );
                    return Err(error.hint("give the request `json`, `form` or `graphql`, or say `in: query`"));
                }
            },
        }
        Ok(())
    }
}

/// Sets a field, with objects on the way to it: `page.after`, or as a path `$.page.after`.
fn set_field(tree: &mut Value, name: &str, value: Value) -> Result<()> {
    let mut place = tree;
    let name = name.strip_prefix("$.").unwrap_or(name);
    for step in name.split('.') {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let fields = place.as_object_mut().ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                format!("`{name}` of the body is below something that is no object"),
            )
        })?;
        place = fields.entry(step.to_string()).or_insert(Value::Null);
    }
    *place = value;
    Ok(())
}

fn set_query(url: &mut Url, name: &str, value: &str) {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(n, _)| n != name)
        .map(|(n, v)| (n.into(), v.into()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
}

fn text(value: &Value) -> String {
    super::template::scalar(value)
}
