//! Records of JSON, JSON lines and XML, part by part into typed columns. What does not fit is set aside with its place, and the file goes on.

use super::input::Input;
use super::read::{BYTES, ROWS, Reading};
use super::settings::Format;
use crate::forms::{self, Form, Part, Parts, unpack};
use crate::json::decode::{Changes, Decoder, Given, Layout, Outcome};
use crate::json::find::{self, Broken, Lack};
use crate::json::infer::{self, Inference};
use crate::json::parse::Shape;
use crate::json::path::{Step, written};
use crate::json::{Found, Path};
use segue_core::source::{Column, Rejected};
use segue_core::{Error, Kind, Result, Type};
use std::collections::VecDeque;
use std::io::BufRead;
use std::sync::Arc;

/// The most that one record may have, and what stands around all of them, in bytes.
const RECORD: u64 = 16 << 20;
/// The most that a document may have that is read at once, in bytes.
const WHOLE: u64 = 64 << 20;
/// How many records and parts of them the columns are found out from.
const SAMPLE: (usize, usize) = (1_000, 10);

/// Reads a file to its end.
///
/// # Errors
/// `BadData` for what is not what it is said to be, and where a frozen schema does not fit; `Invalid` for `records` that cannot be read.
pub fn read(reading: &mut Reading<'_>, input: &Input) -> Result<()> {
    let text = input.text(reading.copy)?;
    let encoding = text.encoding();
    let mut member = unpack::member(Box::new(text));
    let way = Way::of(reading.copy.records.as_deref(), input)?;
    if input.format == Format::Json && reading.copy.records.is_none() {
        begins_with_list(&mut member, input)?;
    }
    let form = Arc::new(Form {
        format: way.format,
        delimiter: b',',
        has_header: false,
        lists: reading.copy.lists.iter().cloned().collect(),
        member: None,
        split: way.split.clone(),
        max_size: reading.copy.max_size.bytes(),
    });
    let most = if way.split.is_some() { RECORD } else { WHOLE };
    let mut file = Records {
        input,
        encoding,
        way,
        parts: form.parts_of(vec![member], most, input.subject.clone())?,
        ahead: VecDeque::new(),
        count: 0,
    };
    let columns = file.columns(reading)?;
    let layout = file.layout(reading, columns)?;
    file.decode(reading, layout)
}

/// A document whose records are not told is a list of them.
fn begins_with_list(member: &mut impl BufRead, input: &Input) -> Result<()> {
    let subject = &input.subject;
    let first = loop {
        let bytes = subject.told(member.fill_buf())?;
        let Some(first) = bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace()) else {
            if bytes.is_empty() {
                return Err(subject.not_of_its_form("is empty, and no JSON"));
            }
            let length = bytes.len();
            member.consume(length);
            continue;
        };
        break first;
    };
    match first {
        b'[' => Ok(()),
        b'{' => Err(subject.no_records("is an object, and nothing says where its records are").hint(
            "write `records: $.items[*]` with the way to them, or `records: $` where it is one record; where each line is a value, write `format: json_lines`",
        )),
        _ => Err(subject.not_of_its_form("is no JSON that has records")),
    }
}

/// Where the records are.
struct Way {
    format: forms::Format,
    /// The list that is read part by part.
    split: Option<Vec<Step>>,
    /// The records in a part.
    path: Path,
}

impl Way {
    fn of(records: Option<&str>, input: &Input) -> Result<Way> {
        let all = || Path::Plain(vec![Step::All]);
        let path = records.map(Path::parse).transpose()?;
        let names = |path: &Path| -> Option<Vec<Step>> {
            let steps = path.steps()?;
            let way = match steps.split_last() {
                Some((Step::All, way)) => way,
                _ => steps,
            };
            way.iter()
                .all(|step| matches!(step, Step::Name(_)))
                .then(|| way.to_vec())
        };
        match (input.format, path) {
            (Format::Json, path) => {
                let path = path.unwrap_or_else(all);
                let is_list = path.steps().is_some_and(|steps| steps.last() == Some(&Step::All));
                Ok(Way {
                    format: forms::Format::Json,
                    split: names(&path).filter(|_| is_list),
                    path,
                })
            }
            (Format::JsonLines, None) => Ok(Way {
                format: forms::Format::JsonLines,
                split: Some(Vec::new()),
                path: all(),
            }),
            (Format::Xml, Some(path)) => match names(&path) {
                Some(way) if !way.is_empty() => Ok(Way {
                    format: forms::Format::Xml,
                    split: Some(way),
                    path: all(),
                }),
                _ => Err(Error::new(Kind::Invalid, "`records` of XML is a way of names")
                    .hint("write the elements from the root down: `$.orders.order[*]`")),
            },
            (Format::Xml, None) => {
                let what = format!("nothing says which elements of {} are the records", input.name);
                Err(Error::new(Kind::Invalid, what).hint("write them from the root down: `records: $.orders.order[*]`"))
            }
            (_, Some(_)) => Err(Error::new(Kind::Invalid, "`records` says nothing of this `format`")
                .with("file", &input.name)
                .hint("leave it out: each line is a record")),
            (_, None) => Err(Error::bug("a file of no records is read for them")),
        }
    }
}

/// A file, as it is read.
struct Records<'a> {
    input: &'a Input,
    encoding: &'static str,
    way: Way,
    parts: Parts,
    /// Parts that were looked at already.
    ahead: VecDeque<(Part, Found)>,
    /// Records before the next part.
    count: u64,
}

impl Records<'_> {
    fn next(&mut self) -> Result<Option<(Part, Found)>> {
        match self.ahead.pop_front() {
            Some(part) => Ok(Some(part)),
            None => self.read(),
        }
    }

    /// The next part, and the records in it.
    fn read(&mut self) -> Result<Option<(Part, Found)>> {
        let Some((part, _)) = self.parts.next_part()? else {
            return Ok(None);
        };
        let found = match &self.way.path {
            Path::Plain(steps) => find::find(&part.bytes, steps, &[], None),
            Path::Full(path) => find::by_tree(path, &self.way.path.lead(), &part.bytes),
        };
        let subject = &self.input.subject;
        let found = found.map_err(|broken| match broken {
            Broken::Cut => subject.cut_off(""),
            Broken::NotJson(_) => subject.not_of_its_form(format!("is no JSON near record {}", self.count + 1)),
            Broken::Twice(_) => subject.not_of_its_form("has a key on the way to the records twice"),
        })?;
        if let Some(lack) = found.lack {
            return Err(self.lacks(lack));
        }
        if let ([(only, _)], Some(steps)) = (found.records.as_slice(), self.way.path.steps())
            && steps.last() != Some(&Step::All)
            && part.bytes.get(only.start) == Some(&b'[')
        {
            let path = written(steps);
            return Err(subject
                .no_records(format!("has a list at `{path}`"))
                .hint(format!("write `records: {path}[*]` for what is in it")));
        }
        Ok(Some((part, found)))
    }

    fn lacks(&self, lack: Lack) -> Error {
        let steps = self.way.path.lead();
        let taken = lack.taken.min(steps.len());
        let above = written(&steps[..taken]);
        let what = match (lack.found, steps.get(taken)) {
            (None | Some(Shape::Null), Some(_)) => format!("has no `{}`", written(&steps[..=taken])),
            (found, next) => {
                let wanted = match next {
                    Some(Step::Name(_)) => "an object",
                    _ => "an array",
                };
                let found = found.map_or("nothing", Shape::name);
                format!("has {found} at `{above}`, where {wanted} belongs")
            }
        };
        self.input.subject.no_records(what)
    }

    /// The columns: those that are known, or those of the first records.
    fn columns(&mut self, reading: &mut Reading<'_>) -> Result<Vec<Column>> {
        let is_found_out = reading.columns.is_none() || !reading.untyped.is_empty();
        while is_found_out && self.ahead.len() < SAMPLE.1 && self.looked_at() < SAMPLE.0 {
            let Some(part) = self.read()? else { break };
            self.ahead.push_back(part);
        }
        let columns = match &reading.columns {
            Some(columns) => columns.clone(),
            None => {
                let mut inference = Inference::new(reading.request.schema.nested.clone());
                for record in self.sample() {
                    if let Ok(text) = std::str::from_utf8(record) {
                        inference.look(text);
                    }
                }
                inference.columns()?
            }
        };
        let mut columns = reading.with_given(columns)?;
        if !reading.untyped.is_empty() {
            let is_untyped = |c: &&mut Column| reading.untyped.contains(&c.name);
            let untyped: Vec<Column> = columns
                .iter()
                .filter(|c| reading.untyped.contains(&c.name))
                .cloned()
                .collect();
            let untyped: Vec<&Column> = untyped.iter().collect();
            let types = match self.way.format {
                // Texts that are numbers are numbers, as in a table.
                forms::Format::Xml => vec![Type::String; untyped.len()],
                _ => infer::types_of(&untyped, &reading.request.schema.nested, self.sample())?,
            };
            for (column, of) in columns.iter_mut().filter(is_untyped).zip(types) {
                column.of = of;
            }
            if self.looked_at() > 0 {
                reading.untyped.clear();
            }
        }
        Ok(columns)
    }

    fn looked_at(&self) -> usize {
        self.ahead.iter().map(|(_, found)| found.records.len()).sum()
    }

    fn sample(&self) -> impl Iterator<Item = &[u8]> {
        let parts = self.ahead.iter();
        let records = parts.flat_map(|(part, found)| {
            let records = found.records.iter();
            records.map(move |(at, _)| &part.bytes[at.clone()])
        });
        records.take(SAMPLE.0)
    }

    fn layout(&self, reading: &Reading<'_>, columns: Vec<Column>) -> Result<Arc<Layout>> {
        let schema = &reading.request.schema;
        let changes = Changes {
            declared: schema.declared,
            new_column: schema.on_new_column,
            type_change: schema.on_type_change,
            nested: schema.nested.clone(),
        };
        let layout = Layout::new(columns, &|c| c.value.is_some(), changes)?;
        Ok(Arc::new(layout.of_texts(self.way.format == forms::Format::Xml)))
    }

    fn decode(&mut self, reading: &mut Reading<'_>, mut layout: Arc<Layout>) -> Result<()> {
        let mut rows = Rows::new(layout.clone());
        let (mut nulls, mut dropped) = (0u64, 0u64);
        while let Some((part, found)) = self.next()? {
            reading.go_on()?;
            reading.count(part.bytes.len() as u64, found.records.len() as u64);
            for (line, raw) in &part.told.broken {
                let reason = format!("{} line {line}: not JSON", self.input.name);
                rows.rejected.push(reading.aside(reason, None, raw));
            }
            for (at, (range, _)) in found.records.iter().enumerate() {
                if reading.left == 0 {
                    break;
                }
                self.count += 1;
                let raw = &part.bytes[range.clone()];
                if raw == b"null" {
                    nulls += 1;
                    continue;
                }
                rows.bytes += raw.len();
                let place = match part.told.lines.get(at) {
                    Some(line) => format!("line {line}"),
                    None => format!("record {}", self.count),
                };
                while let Some(columns) = self.record(reading, &layout, &mut rows, raw, &place)? {
                    dropped += rows.hand_out(reading, &layout)?;
                    layout = self.layout(reading, columns)?;
                    rows = Rows::new(layout.clone());
                }
                if rows.are_enough() {
                    dropped += rows.hand_out(reading, &layout)?;
                }
            }
            if reading.left == 0 {
                break;
            }
        }
        dropped += rows.hand_out(reading, &layout)?;
        // What has no record shows no columns.
        if self.count > 0 || reading.columns.is_some() {
            reading.columns = Some(layout.columns().to_vec());
        }
        if nulls > 0 {
            reading.note(format!(
                "{nulls} records of {} are null and were passed over",
                self.input.name
            ))?;
        }
        reading.dropped(dropped, &self.input.name)
    }

    /// One record into the columns; the columns that it needs instead, where it needs others.
    fn record(
        &self,
        reading: &mut Reading<'_>,
        layout: &Layout,
        rows: &mut Rows,
        raw: &[u8],
        place: &str,
    ) -> Result<Option<Vec<Column>>> {
        let mut given = |at: usize| match layout.columns().get(at) {
            Some(column) => match column.value.as_deref() {
                Some("") if column.of != Type::String => Given::Nothing,
                Some(text) => Given::Text(text),
                None => Given::Nothing,
            },
            None => Given::Nothing,
        };
        match rows.decoder.record(raw, &mut given) {
            Outcome::Taken => reading.took(1),
            Outcome::Rejected { reason, path } => {
                let reason = match reason.strip_prefix("not UTF-8") {
                    Some(_) if self.encoding != "UTF-8" => format!("not {}", self.encoding),
                    _ => reason,
                };
                let reason = format!("{} {place}: {reason}", self.input.name);
                let path = Some(path).filter(|path| path != "$");
                rows.rejected.push(reading.aside(reason, path, raw));
            }
            Outcome::Widen(columns) => return Ok(Some(columns)),
            Outcome::Frozen(what) => {
                let what = format!(
                    "{place} of {} does not fit, and the schema is frozen: {what}",
                    self.input.name
                );
                return Err(Error::new(Kind::BadData, what)
                    .code(segue_diag::SCHEMA_FROZEN)
                    .hint("say on_new_column or on_type_change: evolve, quarantine or drop_value"));
            }
        }
        Ok(None)
    }
}

/// Rows and records that wait to be handed out.
struct Rows {
    decoder: Decoder,
    rejected: Vec<Rejected>,
    bytes: usize,
}

impl Rows {
    fn new(layout: Arc<Layout>) -> Rows {
        Rows {
            decoder: Decoder::new(layout),
            rejected: Vec::new(),
            bytes: 0,
        }
    }

    fn are_enough(&self) -> bool {
        self.decoder.rows() >= ROWS || self.bytes >= BYTES || self.rejected.len() >= ROWS
    }

    /// Hands them out. Gives how many values were left out of them.
    fn hand_out(&mut self, reading: &Reading<'_>, layout: &Arc<Layout>) -> Result<u64> {
        let ready = std::mem::replace(self, Rows::new(layout.clone()));
        let decoded = ready.decoder.finish()?;
        reading.hand_out(Some(decoded.batch), ready.rejected)?;
        Ok(decoded.dropped)
    }
}
