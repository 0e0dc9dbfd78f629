//! Templates: what a request is filled in with, and what must not stand where.

use super::asked::{Asked, Body};
use super::copy::Request;
use crate::http::sign::percent_encoded;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value as Filled};
use segue_core::source::{Column, ReadRequest, SliceBatch};
use segue_core::{Error, Kind, Result, Slice};
use serde_json::{Map, Value};
use std::sync::Arc;
use url::Url;

/// How much work one template may be.
const FUEL: u64 = 50_000;

/// A copy's templates, read once.
pub struct Templates {
    path: Environment<'static>,
    text: Environment<'static>,
    query: Vec<(String, Vec<String>)>,
    headers: Vec<(String, String)>,
    body: Written,
    values: Vec<(usize, String)>,
}

/// A body as it is written.
enum Written {
    None,
    Json(Tree),
    Form(Vec<(String, String)>),
}

/// JSON whose texts may be templates.
enum Tree {
    Plain(Value),
    /// The name of a template.
    Text(String),
    /// An expression whose value stands there as it is.
    Value(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Templates {
    /// Reads the templates of a request, and of the columns that have one.
    ///
    /// # Errors
    /// `Invalid` for one that cannot be read.
    pub fn new(request: &Request) -> Result<Templates> {
        let mut path = environment();
        path.set_formatter(|out, _, value| {
            let text = plain_text(value)?;
            if text.is_empty() || text == "." || text == ".." {
                let why = format!("{} cannot stand in a path", crate::json::quoted(&text));
                return Err(minijinja::Error::new(ErrorKind::InvalidOperation, why));
            }
            Ok(out.write_str(&percent_encoded(&text))?)
        });
        path.add_template_owned("path", request.path().to_string())
            .map_err(|e| unreadable(request.path(), e))?;
        let mut text = environment();
        text.set_formatter(|out, _, value| Ok(out.write_str(&plain_text(value)?)?));
        let mut query = Vec::new();
        for (name, value) in &request.query {
            let items = match value {
                Value::Array(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            let mut names = Vec::new();
            for (i, item) in items.iter().enumerate() {
                let template = format!("query {name} {i}");
                add(&mut text, &template, &scalar(item))?;
                names.push(template);
            }
            query.push((name.clone(), names));
        }
        let mut headers = Vec::new();
        for (name, value) in &request.headers {
            let template = format!("header {name}");
            add(&mut text, &template, value)?;
            headers.push((name.clone(), template));
        }
        let body = body(request, &mut text)?;
        Ok(Templates {
            path,
            text,
            query,
            headers,
            body,
            values: Vec::new(),
        })
    }

    /// Reads the templates of the columns that have one.
    ///
    /// # Errors
    /// `Invalid` for one that cannot be read.
    pub fn with_columns(mut self, columns: &[Column]) -> Result<Templates> {
        for (i, column) in columns.iter().enumerate() {
            if let Some(value) = &column.value {
                let template = format!("column {}", column.name);
                add(&mut self.text, &template, value)?;
                self.values.push((i, template));
            }
        }
        Ok(self)
    }

    /// The first request of these slices.
    ///
    /// # Errors
    /// `Invalid` when a template names what is not there, or puts in what cannot stand in a URL.
    pub fn request(&self, base: &Url, words: &Words) -> Result<Asked> {
        let path = render(&self.path, "path", words)?;
        let address = format!(
            "{}/{}",
            base.as_str().trim_end_matches('/'),
            path.trim_start_matches('/')
        );
        let mut url = Url::parse(&address)
            .map_err(|e| Error::new(Kind::Invalid, "the request's path makes no URL").caused_by(e))?;
        if url.origin() != base.origin() {
            return Err(Error::new(Kind::Invalid, "the request's path leads to another server"));
        }
        for (name, templates) in &self.query {
            for template in templates {
                let value = render(&self.text, template, words)?;
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let headers = self
            .headers
            .iter()
            .map(|(name, template)| Ok((name.clone(), render(&self.text, template, words)?)));
        let headers = headers.collect::<Result<_>>()?;
        let body = match &self.body {
            Written::None => None,
            Written::Json(tree) => Some(Body::Json(tree.filled(&self.text, words)?)),
            Written::Form(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(n, t)| Ok((n.clone(), render(&self.text, t, words)?)));
                Some(Body::Form(pairs.collect::<Result<_>>()?))
            }
        };
        Ok(Asked { url, headers, body })
    }

    /// The values of the columns that have a template, by the column's index.
    ///
    /// # Errors
    /// `Invalid` when a template names what is not there.
    pub fn values(&self, words: &Words) -> Result<Vec<(usize, String)>> {
        self.values
            .iter()
            .map(|(i, template)| Ok((*i, render(&self.text, template, words)?)))
            .collect()
    }
}

/// The body that a request says; at most one.
fn body(request: &Request, text: &mut Environment<'static>) -> Result<Written> {
    let said = [
        request.json.is_some(),
        request.form.is_some(),
        request.graphql.is_some(),
    ];
    if said.iter().filter(|s| **s).count() > 1 {
        let what = "`request` wants at most one of json, form and graphql";
        return Err(Error::new(Kind::Invalid, what));
    }
    if request.get.is_some() && said.contains(&true) {
        let error = Error::new(Kind::Invalid, "a request with `get` has no body");
        return Err(error.hint("write `post:` in place of `get:`"));
    }
    let mut count = 0;
    if let Some(json) = &request.json {
        return Ok(Written::Json(tree(json, text, &mut count)?));
    }
    if let Some(form) = &request.form {
        let pairs = form.iter().map(|(name, value)| {
            let template = format!("form {name}");
            add(text, &template, &scalar(value))?;
            Ok((name.clone(), template))
        });
        return Ok(Written::Form(pairs.collect::<Result<_>>()?));
    }
    let Some(graphql) = &request.graphql else {
        return Ok(Written::None);
    };
    // A query is sent as it is written: what differs are its variables.
    let mut fields = vec![("query".to_string(), Tree::Plain(graphql.query.as_str().into()))];
    let variables = match &graphql.variables {
        Some(variables) => tree(variables, text, &mut count)?,
        None => Tree::Object(Vec::new()),
    };
    fields.push(("variables".to_string(), variables));
    let operation = graphql.operation.as_deref();
    fields.extend(operation.map(|name| ("operationName".to_string(), Tree::Plain(name.into()))));
    Ok(Written::Json(Tree::Object(fields)))
}

fn tree(value: &Value, text: &mut Environment<'static>, count: &mut usize) -> Result<Tree> {
    Ok(match value {
        Value::String(written) if is_template(written) => match alone(written) {
            Some(expression) => {
                text.compile_expression(expression)
                    .map_err(|e| unreadable(expression, e))?;
                Tree::Value(expression.to_string())
            }
            None => {
                *count += 1;
                let name = format!("body {count}");
                add(text, &name, written)?;
                Tree::Text(name)
            }
        },
        Value::Array(items) => Tree::List(items.iter().map(|v| tree(v, text, count)).collect::<Result<_>>()?),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(n, v)| Ok((n.clone(), tree(v, text, count)?)));
            Tree::Object(fields.collect::<Result<_>>()?)
        }
        plain => Tree::Plain(plain.clone()),
    })
}

fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The expression of a text that is one and nothing else.
fn alone(text: &str) -> Option<&str> {
    let inside = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inside.contains("{{") && !inside.contains("}}")).then(|| inside.trim_matches('-').trim())
}

impl Tree {
    fn filled(&self, text: &Environment<'static>, words: &Words) -> Result<Value> {
        Ok(match self {
            Tree::Plain(value) => value.clone(),
            Tree::Text(name) => Value::String(render(text, name, words)?),
            Tree::Value(expression) => {
                let read = text
                    .compile_expression(expression)
                    .map_err(|e| unreadable(expression, e))?;
                let value = read.eval(&words.0).and_then(|value| match value.is_undefined() {
                    true => Err(minijinja::Error::new(
                        ErrorKind::UndefinedError,
                        format!("`{expression}` is undefined"),
                    )),
                    false => Ok(value),
                });
                let value = value.map_err(|e| not_filled(&e, "body"))?;
                as_json(&value)
                    .ok_or_else(|| Error::new(Kind::Invalid, format!("`{expression}` is nothing that JSON has")))?
            }
            Tree::List(items) => Value::Array(items.iter().map(|i| i.filled(text, words)).collect::<Result<_>>()?),
            Tree::Object(fields) => {
                let fields = fields.iter().map(|(n, f)| Ok((n.clone(), f.filled(text, words)?)));
                Value::Object(fields.collect::<Result<_>>()?)
            }
        })
    }
}

/// What templates and expressions may name.
#[derive(Clone)]
pub struct Words(Filled);

impl Words {
    /// For these slices: `each` for one, `batch` where several go into one request; `params` always.
    pub fn new(slices: &[&Slice], batch: Option<&SliceBatch>, common: &Common, extra: &Extra) -> Words {
        let mut words = common.0.clone();
        words.extend(Map::clone(&extra.0));
        match batch {
            None => {
                let each = slices.first().map(|s| Map::clone(&s.values)).unwrap_or_default();
                words.insert("each".into(), Value::Object(each));
            }
            Some(batch) => {
                let mut joined: Map<String, Value> = Map::new();
                for name in slices.first().iter().flat_map(|s| s.values.keys()) {
                    let mut parts: Vec<String> = Vec::new();
                    for part in slices.iter().filter_map(|s| s.values.get(name)).map(scalar) {
                        if !parts.contains(&part) {
                            parts.push(part);
                        }
                    }
                    joined.insert(name.clone(), Value::String(parts.join(&batch.join)));
                }
                words.insert("batch".into(), Value::Object(joined));
            }
        }
        Words(filled(&Value::Object(words)))
    }
}

/// What one request is filled in with beside its slices: the window, the parents, the export.
#[derive(Clone, Debug, Default)]
pub struct Extra(Arc<Map<String, Value>>);

impl Extra {
    /// These words.
    pub fn new(words: Map<String, Value>) -> Extra {
        Extra(Arc::new(words))
    }

    /// With one more.
    pub fn with(&self, name: &str, value: Value) -> Extra {
        let mut words = Map::clone(&self.0);
        words.insert(name.to_string(), value);
        Extra::new(words)
    }
}

/// What is the same for all slices of a read.
#[derive(Clone)]
pub struct Common(Map<String, Value>);

impl Common {
    /// From the read's request; `position`: from where it reads on.
    pub fn new(request: &ReadRequest, position: Option<Value>) -> Common {
        let mut words = Map::new();
        words.insert("params".into(), Value::Object(request.params.clone()));
        let value = position.map(|value| ("value".to_string(), value));
        words.insert("position".into(), Value::Object(value.into_iter().collect()));
        Common(words)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
}

/// An expression over `record` and the words, evaluated for each record.
pub struct Expression {
    environment: Environment<'static>,
    text: String,
}

impl Expression {
    /// Reads it.
    ///
    /// # Errors
    /// `Invalid` when it cannot be read.
    pub fn new(text: &str) -> Result<Expression> {
        let environment = environment();
        environment.compile_expression(text).map_err(|e| unreadable(text, e))?;
        Ok(Expression {
            environment,
            text: text.to_string(),
        })
    }

    /// Which of the records meet it; an error says why one cannot be judged.
    ///
    /// # Errors
    /// `Bug` when it can no longer be read.
    pub fn judge(&self, records: &[Value], words: &Words) -> Result<Vec<std::result::Result<bool, String>>> {
        let expression = self
            .environment
            .compile_expression(&self.text)
            .map_err(|e| unreadable(&self.text, e))?;
        let judge = |record: &Value| {
            let record = minijinja::context! { record => filled(record), ..words.0.clone() };
            expression.eval(record).map(|v| v.is_true()).map_err(|e| detail(&e))
        };
        Ok(records.iter().map(judge).collect())
    }
}

fn add(environment: &mut Environment<'static>, name: &str, text: &str) -> Result<()> {
    environment
        .add_template_owned(name.to_string(), text.to_string())
        .map_err(|e| unreadable(text, e))
}

fn render(environment: &Environment<'static>, name: &str, words: &Words) -> Result<String> {
    let template = environment
        .get_template(name)
        .map_err(|e| Error::bug("a template is gone").caused_by(e))?;
    template.render(&words.0).map_err(|e| {
        let at = name.split(' ').take(2).collect::<Vec<_>>().join(" ");
        not_filled(&e, &at)
    })
}

fn not_filled(error: &minijinja::Error, at: &str) -> Error {
    Error::new(Kind::Invalid, format!("the template cannot be filled in: {}", detail(error)))
        .with("template", at)
        .hint("`each` has the columns of the for_each, `batch` the joined ones where `batch:` is set, `params` the run's parameters; there are `parent`, `window`, `position` and `job` where the copy has them")
}

fn unreadable(text: &str, error: minijinja::Error) -> Error {
    Error::new(Kind::Invalid, format!("`{text}` cannot be read: {}", detail(&error)))
}

fn detail(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_string)
}

/// A value as text; null is no text, and neither is a list.
fn plain_text(value: &Filled) -> std::result::Result<String, minijinja::Error> {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        other => Err(minijinja::Error::new(
            ErrorKind::InvalidOperation,
            format!("{other} is no text"),
        )),
    }
}

/// A JSON value as templates see it.
fn filled(value: &Value) -> Filled {
    match value {
        Value::Null => Filled::from(()),
        Value::Bool(value) => Filled::from(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), ..) => Filled::from(whole),
            (None, Some(whole), _) => Filled::from(whole),
            (None, None, float) => Filled::from(float.unwrap_or_default()),
        },
        Value::String(text) => Filled::from(text.as_str()),
        Value::Array(items) => Filled::from(items.iter().map(filled).collect::<Vec<_>>()),
        Value::Object(fields) => Filled::from_pairs(fields.iter().map(|(name, value)| (name.as_str(), filled(value)))),
    }
}

/// What a template sees as JSON; `None` for what JSON does not have.
fn as_json(value: &Filled) -> Option<Value> {
    use minijinja::value::ValueKind;
    Some(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match (i64::try_from(value.clone()), u64::try_from(value.clone())) {
            (Ok(whole), _) if value.is_integer() => whole.into(),
            (_, Ok(whole)) if value.is_integer() => whole.into(),
            _ => serde_json::Number::from_f64(f64::try_from(value.clone()).ok()?)?.into(),
        },
        ValueKind::String => Value::String(value.to_string()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().ok()?;
            Value::Array(items.map(|item| as_json(&item)).collect::<Option<_>>()?)
        }
        ValueKind::Map => {
            let keys = value.try_iter().ok()?;
            let field = |key: Filled| Some((key.to_string(), as_json(&value.get_item(&key).ok()?)?));
            Value::Object(keys.map(field).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// A plain JSON value as text.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
