//! What a `copy:` from a REST connection says, beside the keys that all copies have.

mod stages;

pub use stages::*;

use super::onward::Written as Position;
use schemars::JsonSchema;
use segue_spec::units::Size;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is asked, and where the records stand in the answers.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "dependentRequired" = { "newest_first": ["position"] },
    "x-at-most-one" = [["newest_first", "parents"], ["newest_first", "windows"], ["newest_first", "export"]],
))]
pub struct RestCopy {
    /// What is asked.
    pub request: Request,
    /// How the next page is asked for. Without it there is one page a slice.
    #[serde(default)]
    pub paginate: Option<Paginate>,
    /// What answers are written in; JSON without it. What is packed with gzip or zip is unpacked in any case.
    #[serde(default)]
    pub decoder: Option<Decoder>,
    /// Where the records stand in an answer.
    pub records: Records,
    /// What an answer other than success means; the first rule that fits decides.
    #[serde(default)]
    pub errors: Vec<ErrorRule>,
    /// What it covers when the server says to come back later than `max_wait`.
    #[serde(default)]
    pub retry_after: RetryAfter,
    /// Requests whose records the requests of this copy are made for, the outermost first. All of it is one slice: where each parent is to be
    /// remembered by itself, make the parents an asset, and use `for_each`.
    #[serde(default)]
    pub parents: Vec<ParentLevel>,
    /// Stretches of time that are asked for one after the other.
    #[serde(default)]
    pub windows: Option<Windows>,
    /// The server prepares an answer, which is looked after and downloaded.
    #[serde(default)]
    pub export: Option<Export>,
    /// Whether the server gives the newest records first: with `position` no other page is asked for once all of one is known.
    #[serde(default)]
    pub newest_first: bool,
    /// By which column it is read onwards. It is a key that all copies have.
    #[serde(default)]
    #[schemars(skip)]
    pub position: Option<Position>,
}

/// What is asked; exactly one of `get` and `post` says how. All of it are templates with `each`, `batch` and `params`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["get"] }, { "required": ["post"] }],
    "x-at-most-one" = [["json", "form", "graphql"], ["get", "json"], ["get", "form"], ["get", "graphql"]],
))]
pub struct Request {
    /// The path behind the connection's `base_url`. What a template puts into it is percent-encoded.
    #[serde(default)]
    #[schemars(extend("format" = "template"))]
    pub get: Option<String>,
    /// The path behind the connection's `base_url`, which is asked by a POST with a body. It is asked again like any other where it is not
    /// answered, so it must be one that reads.
    #[serde(default)]
    #[schemars(extend("format" = "template"))]
    pub post: Option<String>,
    /// The query's parameters; a list repeats its parameter.
    #[serde(default)]
    #[schemars(schema_with = "query_schema")]
    pub query: BTreeMap<String, Value>,
    /// Further headers.
    #[serde(default)]
    #[schemars(schema_with = "templates_schema")]
    pub headers: BTreeMap<String, String>,
    /// A body of JSON. A text in it that is one `{{ … }}` and nothing else keeps the kind of its value: a number stays one.
    #[serde(default)]
    #[schemars(schema_with = "json_schema")]
    pub json: Option<Value>,
    /// A body that is a form.
    #[serde(default)]
    #[schemars(schema_with = "form_schema")]
    pub form: Option<BTreeMap<String, Value>>,
    /// A query of GraphQL as the body. An answer with `errors` fails its slice, whatever its status.
    #[serde(default)]
    pub graphql: Option<Graphql>,
}

impl Request {
    /// One that asks for this path and nothing else.
    pub fn of_path(path: &str) -> Request {
        Request {
            get: Some(path.to_string()),
            post: None,
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            json: None,
            form: None,
            graphql: None,
        }
    }

    /// The path, whichever way it is asked.
    pub fn path(&self) -> &str {
        self.get.as_deref().or(self.post.as_deref()).unwrap_or_default()
    }
}

/// A query of GraphQL.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Graphql {
    /// The query, with `$names` for what differs.
    pub query: String,
    /// What the names stand for. Parameters of `paginate` go here without `in`.
    #[serde(default)]
    #[schemars(schema_with = "json_schema")]
    pub variables: Option<Value>,
    /// The operation, of a query that has several.
    #[serde(default)]
    pub operation: Option<String>,
}

/// What answers are written in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Decoder {
    /// Its name alone.
    Format(Format),
    /// With what else is to be known of it.
    Full(DecoderSettings),
}

/// A way in which records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON value.
    #[default]
    Json,
    /// A JSON value a line: `records` begin at `$[*]`.
    JsonLines,
    /// A table, whose rows are objects of texts: `records: $[*]`. A value becomes what its column is; an empty field is null.
    Csv,
    /// XML, whose values are texts: an element is an object of its attributes (`@name`) and elements, or its text where it has nothing else.
    /// Elements of one name beside each other are a list.
    Xml,
}

/// What answers are written in, and how they are read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecoderSettings {
    /// What it is.
    #[serde(default)]
    pub format: Format,
    /// What stands between the fields of CSV.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// Whether the first line of CSV has the columns' names; without them, they are `column_1`, `column_2` and so on.
    #[serde(default = "yes")]
    pub header: bool,
    /// Elements of XML that are a list also where there is one of them.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Which files of a zip are read: `*.csv`. Without it, all, one after the other.
    #[serde(default)]
    pub member: Option<String>,
    /// Whether answers are too large for memory: they are written to disk as they come, and read part by part. The connection's `max_body` is
    /// then what one record, and what stands around all of them, may have.
    #[serde(default)]
    pub stream: bool,
    /// The most that an answer may have with `stream`, as it comes and unpacked.
    #[serde(default = "max_size")]
    pub max_size: Size,
}

impl Default for DecoderSettings {
    fn default() -> DecoderSettings {
        DecoderSettings {
            format: Format::default(),
            delimiter: comma(),
            header: yes(),
            lists: Vec::new(),
            member: None,
            stream: false,
            max_size: max_size(),
        }
    }
}

/// How the next page is asked for; exactly one of `next_link`, `link_header`, `offset`, `page`, `cursor` and `last_record`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["next_link"] }, { "required": ["link_header"] }, { "required": ["offset"] }, { "required": ["page"] },
    { "required": ["cursor"] }, { "required": ["last_record"] }
]))]
pub struct Paginate {
    /// Where the answer has the URL of the next page: a JSONPath (`$.next`), or `{ header: … }`. No URL: it was the last.
    #[serde(default)]
    pub next_link: Option<Place>,
    /// The relation of the next page in the answer's `Link` header: `next`.
    #[serde(default)]
    pub link_header: Option<String>,
    /// By the number of records to leave out.
    #[serde(default)]
    pub offset: Option<Offset>,
    /// By the page's number.
    #[serde(default)]
    pub page: Option<PageNumber>,
    /// By a mark that each answer has for the next.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// By a value of the last record of the page before: its id, or its time.
    #[serde(default)]
    pub last_record: Option<LastRecord>,
    /// The most pages of one slice. What would come after is left out, and said.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_pages: Option<u64>,
    /// When a page is asked for once more with half of its records: the server says that it was too many. Where `paginate` gives a size.
    #[serde(default)]
    pub reduce: Option<Reduce>,
}

/// A place in an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Place {
    /// In its body, by a JSONPath.
    Path(#[schemars(extend("format" = "jsonpath"))] String),
    /// In a header.
    Header(HeaderPlace),
}

/// A header of an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderPlace {
    /// Its name.
    pub header: String,
}

/// Where a parameter goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum In {
    /// Into the query.
    #[default]
    Query,
    /// Into a header.
    Header,
    /// Into the body: a field of the form or of the JSON (`page.after` for one that is inside of another).
    Body,
}

/// When a page is asked for with fewer records.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reduce {
    /// The status by which the server says so, one or several.
    pub status: Statuses,
    /// Text that the answer's body must hold.
    #[serde(default)]
    pub body: Option<String>,
    /// No page is asked for with fewer.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub least: u64,
}

/// By the number of records to leave out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// The parameter that carries it.
    #[serde(default = "offset")]
    pub param: String,
    /// The parameter that carries the limit.
    #[serde(default = "limit")]
    pub limit_param: String,
    /// The records of a full page. A page with fewer is the last, unless `total` says otherwise; where the answer itself has a next page,
    /// `has_more` or a larger `total`, the slice fails: the server gives fewer than it is asked for.
    #[schemars(range(min = 1))]
    pub limit: u64,
    /// Where the answer says how many there are in all (`$.total`). With it a short page is not taken for the last.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub total: Option<String>,
    /// Where the parameters go; with `graphql`, into its variables.
    #[serde(default, rename = "in")]
    pub place: Option<In>,
    /// How it goes on where the server gives no more than so many for one question.
    #[serde(default)]
    pub cap: Option<Cap>,
}

/// How it goes on where a server gives no more than so many records for one question: from the last record, with the offset at 0 again.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// The most that it gives.
    #[schemars(range(min = 1))]
    pub at: u64,
    /// The parameter that says after which record it begins; the answers must be in the order of its value.
    pub param: String,
    /// The value of a record that it carries.
    #[schemars(extend("format" = "jsonpath"))]
    pub path: String,
}

/// By the page's number.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageNumber {
    /// The parameter that carries it.
    #[serde(default = "page")]
    pub param: String,
    /// The first page's number.
    #[serde(default = "one")]
    pub start: u64,
    /// The parameter that carries the records of a full page.
    #[serde(default)]
    pub size_param: Option<String>,
    /// The records of a full page. A page with fewer is the last; without it, only an empty page is. Where the answer itself has a next
    /// page, `has_more` or a larger `total`, a short page fails the slice.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub size: Option<u64>,
    /// Where the answer says how many pages there are. With it neither a short page nor an empty one is taken for the last.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub total_pages: Option<String>,
    /// Where the answer says, by `true`, that there are more. With it nothing else tells the last page.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub has_more: Option<String>,
    /// Where the parameters go; with `graphql`, into its variables.
    #[serde(default, rename = "in")]
    pub place: Option<In>,
}

/// By a mark that each answer has for the next.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The parameter that carries it.
    #[serde(default = "cursor")]
    pub param: String,
    /// Where the answer has it: a JSONPath, or `{ header: … }`. No mark: it was the last page.
    pub path: Place,
    /// Where the answer says, by `false`, that there are no more, although it has a mark.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub has_more: Option<String>,
    /// The parameter that carries the records of a page.
    #[serde(default)]
    pub size_param: Option<String>,
    /// The records of a page.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub size: Option<u64>,
    /// Where the parameters go; with `graphql`, into its variables.
    #[serde(default, rename = "in")]
    pub place: Option<In>,
}

/// By a value of the last record of the page before.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LastRecord {
    /// The parameter that carries it.
    pub param: String,
    /// The value, below the record.
    #[schemars(extend("format" = "jsonpath"))]
    pub path: String,
    /// The parameter that carries the records of a page.
    #[serde(default)]
    pub size_param: Option<String>,
    /// The records of a full page. A page with fewer is the last; without it, only an empty page is.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub size: Option<u64>,
    /// Where the answer says, by `true`, that there are more. With it nothing else tells the last page.
    #[serde(default)]
    #[schemars(extend("format" = "jsonpath"))]
    pub has_more: Option<String>,
    /// Where the parameters go; with `graphql`, into its variables.
    #[serde(default, rename = "in")]
    pub place: Option<In>,
}

/// Where the records stand in an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Records {
    /// A JSONPath: `$.items[*]`. An answer without `items`, or with `null` or anything but an array there, fails its slice; an empty
    /// array is an answer without records. The values of an object are `$.items.*`.
    Path(#[schemars(extend("format" = "jsonpath"))] String),
    /// A JSONPath, with what else belongs to a record.
    Full(FullRecords),
}

/// Where the records stand in an answer, and what else belongs to them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullRecords {
    /// A JSONPath: `$.artists[*].genres[*]`.
    #[schemars(extend("format" = "jsonpath"))]
    pub path: String,
    /// What it means when an answer has nothing there, or `null`.
    #[serde(default)]
    pub missing: Missing,
    /// Whether an object that stands where the list should is the one record there is: for a path that ends in `[*]`.
    #[serde(default)]
    pub single: bool,
    /// Columns whose values stand above the record, each with its path from the top. Where both paths go through a list with `[*]`,
    /// the same element is meant.
    #[serde(default)]
    #[schemars(schema_with = "paths_schema")]
    pub parent: BTreeMap<String, String>,
    /// Of a slice's records, only those that meet a condition.
    #[serde(default)]
    pub pick: Option<Pick>,
}

/// What an answer means that has nothing, or `null`, where the records should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The slice fails: many servers answer so when something is wrong, and its old rows would be gone.
    #[default]
    Fail,
    /// There are no records: the server leaves the list out where it is empty.
    Empty,
}

/// Of a slice's records, only the first that meet a condition.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// The condition on `record`, with `each` and `params`.
    #[serde(rename = "where")]
    #[schemars(extend("format" = "expression"))]
    pub condition: String,
    /// How many are taken.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub first: u64,
    /// What becomes of a slice without any.
    #[serde(default)]
    pub none: PickNone,
}

/// What becomes of a slice of whose records none is picked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PickNone {
    /// The candidates go to quarantine.
    #[default]
    Quarantine,
    /// It has no rows.
    Ignore,
    /// It fails.
    Fail,
}

/// What an answer means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The answer's status, one or several.
    pub status: Statuses,
    /// Text that the answer's body must hold.
    #[serde(default)]
    pub body: Option<String>,
    /// What it means.
    pub then: Then,
}

/// One status or several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Statuses {
    /// One.
    One(#[schemars(range(min = 100, max = 599))] u16),
    /// Several.
    Several(Vec<u16>),
}

impl Statuses {
    /// Whether this status is among them.
    pub fn has(&self, status: u16) -> bool {
        match self {
            Statuses::One(one) => *one == status,
            Statuses::Several(all) => all.contains(&status),
        }
    }
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The slice is not ours to read; it is asked again like a done one.
    Closed,
    /// There is nothing (more) to read.
    Ignore,
    /// The slice fails.
    Fail,
    /// Ask again, as if the server were busy.
    Retry,
    /// The slice goes on at the next run.
    Park,
    /// The answer goes to quarantine, and the slice is done.
    Quarantine,
}

/// What it covers when the server says to come back later.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryAfter {
    /// What is not asked until then.
    #[serde(default)]
    pub blocks: Blocks,
}

/// What is not asked until a time that the server said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Blocks {
    /// Everything of the account.
    #[default]
    Connection,
    /// This path, with whatever stands in its templates.
    Endpoint,
    /// This slice.
    Slice,
}

const MAX_SIZE: &str = "16GiB";

fn max_size() -> Size {
    MAX_SIZE.parse().expect("a constant that is tested")
}
fn comma() -> String {
    ",".into()
}
fn yes() -> bool {
    true
}
fn one() -> u64 {
    1
}
fn offset() -> String {
    "offset".into()
}
fn limit() -> String {
    "limit".into()
}
fn page() -> String {
    "page".into()
}
fn cursor() -> String {
    "cursor".into()
}

fn query_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let scalar = serde_json::json!({ "type": ["string", "number", "boolean"], "format": "template" });
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": { "anyOf": [scalar, { "type": "array", "items": scalar }] },
    })
}

fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["object", "array"] })
}

fn form_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let scalar = serde_json::json!({ "type": ["string", "number", "boolean"], "format": "template" });
    schemars::json_schema!({ "type": "object", "additionalProperties": scalar })
}

fn templates_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "additionalProperties": { "type": "string", "format": "template" } })
}

fn paths_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": { "type": "string", "format": "jsonpath" },
        "propertyNames": { "format": "column-name" },
    })
}
