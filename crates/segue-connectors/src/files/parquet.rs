//! Parquet, row group by row group. A column whose type is another than the file's is read value by value, as text is: what does not fit is
//! set aside with its row, and the file goes on.

mod values;

use super::input::Input;
use super::read::{ROWS, Reading};
use super::shape;
use crate::columns::{self, named};
use crate::forms::Subject;
use crate::json::quoted;
use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use ::parquet::basic::Type as Physical;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use segue_core::source::{Column, OnChange, Rejected};
use segue_core::{Error, Result};
use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::sync::Arc;
use values::Values;

/// Reads a file to its end.
///
/// # Errors
/// `BadData` for what is no Parquet, and where a frozen schema does not fit.
pub fn read(reading: &mut Reading<'_>, input: &Input) -> Result<()> {
    let builder = opened(input)?;
    let file_schema = builder.schema().clone();
    let plan = Plan::of(reading, input, &file_schema)?;
    let wanted: Vec<usize> = plan.wanted();
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let bytes: i64 = builder
        .metadata()
        .row_groups()
        .iter()
        .map(|g| g.compressed_size())
        .sum();
    let rows = builder.metadata().file_metadata().num_rows();
    let limit = usize::try_from(reading.left).unwrap_or(usize::MAX);
    let batches = builder.with_projection(mask).with_batch_size(ROWS).with_limit(limit);
    let batches = batches.build().map_err(|e| broken(&input.subject, e))?;
    // What is set aside is not among the rows that are wanted: then a few more would be read from another file.
    let (mut row, mut dropped) = (0u64, 0u64);
    let is_cut = u64::try_from(rows).is_ok_and(|rows| rows > reading.left);
    for batch in batches {
        reading.go_on()?;
        let batch = batch.map_err(|e| broken(&input.subject, e))?;
        let count = batch.num_rows() as u64;
        let share = bytes.max(0) as u64 * count / (rows.max(1) as u64);
        reading.count(share, count);
        dropped += plan.hand_out(reading, input, &batch, &wanted, row)?;
        row += count;
    }
    if is_cut {
        reading.left = 0;
    }
    reading.columns = Some(plan.columns);
    reading.dropped(dropped, &input.name)
}

fn broken(subject: &Subject, why: impl fmt::Display) -> Error {
    subject.not_of_its_form(format!("cannot be read as Parquet, or was cut off: {why}"))
}

/// The file, with its types as Parquet has them: what another program noted of its own is not looked at.
fn opened(input: &Input) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let failed = |e: ::parquet::errors::ParquetError| broken(&input.subject, e);
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(input.file()?, options).map_err(failed)?;
    // Times of the old kind are kept in nanoseconds, in which not every day has a place: they are read in microseconds.
    let old: HashSet<String> = builder
        .parquet_schema()
        .columns()
        .iter()
        .filter(|column| column.physical_type() == Physical::INT96 && column.path().parts().len() == 1)
        .map(|column| column.name().to_string())
        .collect();
    if old.is_empty() {
        return Ok(builder);
    }
    let fields = builder
        .schema()
        .fields()
        .iter()
        .map(|field| match old.contains(field.name()) {
            true => {
                let of = DataType::Timestamp(TimeUnit::Microsecond, None);
                Arc::new(field.as_ref().clone().with_data_type(of))
            }
            false => field.clone(),
        });
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ParquetRecordBatchReaderBuilder::try_new_with_options(input.file()?, options).map_err(failed)
}

/// How a file's columns become the table's.
struct Plan {
    columns: Vec<Column>,
    /// The file's column of each; `None`: the file lacks it, or its value is told otherwise.
    places: Vec<Option<usize>>,
    /// Columns of the file that the table does not have, and no row may have a value in.
    aliens: Vec<(usize, String)>,
}

impl Plan {
    fn of(reading: &mut Reading<'_>, input: &Input, schema: &SchemaRef) -> Result<Plan> {
        let request = reading.request;
        let name = &input.name;
        let columns = match &reading.columns {
            Some(columns) => columns.clone(),
            None => found_out(input, schema)?,
        };
        let mut columns = reading.with_given(columns)?;
        let declared = request.schema.declared;
        let fields = schema.fields();
        let place = |c: &Column| {
            let exact = fields.iter().position(|f| f.name() == shape::field(c));
            exact.or_else(|| fields.iter().position(|f| !declared && named(f.name()) == c.name))
        };
        let mut places: Vec<Option<usize>> = columns.iter().map(|c| place(c).filter(|_| c.value.is_none())).collect();
        let taken: HashSet<usize> = places.iter().copied().flatten().collect();
        let mut aliens = Vec::new();
        let new: Vec<usize> = (0..fields.len())
            .filter(|at| !declared && !taken.contains(at))
            .collect();
        if let Some(first) = new.first() {
            match request.schema.on_new_column {
                OnChange::Evolve => {
                    for at in &new {
                        let column = column_of(input, &fields[*at])?;
                        if let Some(other) = columns.iter().find(|c| c.name == column.name) {
                            return Err(shape::alike(
                                name,
                                shape::field(other),
                                fields[*at].name(),
                                &column.name,
                            ));
                        }
                        columns.push(column);
                        places.push(Some(*at));
                    }
                }
                OnChange::Freeze => return Err(shape::frozen(name, fields[*first].name())),
                OnChange::Quarantine => {
                    aliens = new.iter().map(|at| (*at, fields[*at].name().clone())).collect();
                }
                OnChange::DropValue => {
                    let names: Vec<&str> = new.iter().map(|at| fields[*at].name().as_str()).collect();
                    reading.note(format!(
                        "columns of {name} were left out, as `drop_value` says: {}",
                        names.join(", ")
                    ))?;
                }
            }
        }
        let lacks = |(column, place): (&Column, &Option<usize>)| {
            (place.is_none() && column.value.is_none()).then(|| column.clone())
        };
        let lacking: Vec<Column> = columns.iter().zip(&places).filter_map(lacks).collect();
        if let Some(first) = lacking.first() {
            let may_lack = !declared
                && request.schema.on_new_column == OnChange::Evolve
                && !taken.is_empty()
                && lacking.iter().all(|c| !c.required);
            if !may_lack {
                return Err(lacks_column(input, schema, shape::field(first)));
            }
            let names: Vec<&str> = lacking.iter().map(|c| c.name.as_str()).collect();
            reading.note(format!(
                "{name} lacks columns of the table, which are empty there: {}",
                names.join(", ")
            ))?;
        }
        for (column, place) in columns.iter_mut().zip(&places) {
            let Some(at) = place else { continue };
            if reading.untyped.contains(&column.name) {
                column.of = values::type_of(&fields[*at])?;
                reading.untyped.retain(|name| *name != column.name);
            } else if !declared && request.schema.on_type_change == OnChange::Evolve {
                let have = values::type_of(&fields[*at])?;
                column.of = column.of.common(&have).unwrap_or_else(|| column.of.clone());
            }
        }
        Ok(Plan {
            columns,
            places,
            aliens,
        })
    }

    /// The columns of the file that are read, in its order.
    fn wanted(&self) -> Vec<usize> {
        let places = self.places.iter().copied().flatten();
        let mut all: Vec<usize> = places.chain(self.aliens.iter().map(|(at, _)| *at)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Rows of the file as rows of the table. Gives how many values were left out.
    fn hand_out(
        &self,
        reading: &mut Reading<'_>,
        input: &Input,
        batch: &RecordBatch,
        wanted: &[usize],
        before: u64,
    ) -> Result<u64> {
        let rows = batch.num_rows();
        let of_file = |place: usize| wanted.binary_search(&place).ok();
        // The first thing that is wrong with each row.
        let mut wrong: Vec<Option<(String, String)>> = vec![None; rows];
        for (at, name) in &self.aliens {
            let Some(values) = of_file(*at).map(|at| batch.column(at)) else {
                continue;
            };
            for (row, wrong) in wrong.iter_mut().enumerate() {
                if values.is_valid(row) && wrong.is_none() {
                    *wrong = Some(("a column that the table does not have".into(), name.clone()));
                }
            }
        }
        let mut dropped = 0;
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(self.columns.len());
        for (column, place) in self.columns.iter().zip(&self.places) {
            let array = match (place.and_then(of_file), &column.value) {
                (Some(at), _) => {
                    let values = Values::of(batch.column(at), batch.schema_ref().field(at), column)?;
                    dropped += values.settle(reading.request, column, &input.name, before, &mut wrong)?;
                    values.array
                }
                (None, Some(value)) => values::constant(column, value, rows, &mut wrong)?,
                (None, None) => new_null_array(&column.of.arrow(), rows),
            };
            if column.required {
                let empty = wrong.iter_mut().enumerate().filter(|(row, _)| array.is_null(*row));
                for (_, wrong) in empty {
                    wrong.get_or_insert_with(|| ("required, and it is empty".into(), column.name.clone()));
                }
            }
            arrays.push(array);
        }
        let mut rejected: Vec<Rejected> = Vec::new();
        for (row, wrong) in wrong.iter().enumerate() {
            if let Some((reason, path)) = wrong {
                let reason = format!("{} row {}: {reason}", input.name, before + row as u64 + 1);
                rejected.push(reading.aside(reason, Some(path.clone()), raw(batch, row)?.as_bytes()));
            }
        }
        let taken = self.taken(arrays, rows, &wrong)?;
        reading.took(taken.num_rows() as u64);
        reading.hand_out(Some(taken), rejected)?;
        Ok(dropped)
    }

    /// The rows with which nothing is wrong.
    fn taken(&self, arrays: Vec<ArrayRef>, rows: usize, wrong: &[Option<(String, String)>]) -> Result<RecordBatch> {
        let bug = |e: arrow_schema::ArrowError| Error::bug("columns do not make a batch").caused_by(e);
        // A column that is required may be empty where its row is left out.
        let nullable: Vec<Field> = self.columns.iter().map(|c| c.of.field(&c.name, true)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let all = RecordBatch::try_new_with_options(Arc::new(Schema::new(nullable)), arrays, &options).map_err(bug)?;
        let all = match wrong.iter().any(Option::is_some) {
            false => all,
            true => {
                let right = BooleanArray::from(wrong.iter().map(Option::is_none).collect::<Vec<bool>>());
                arrow_select::filter::filter_record_batch(&all, &right).map_err(bug)?
            }
        };
        let options = RecordBatchOptions::new().with_row_count(Some(all.num_rows()));
        let schema = columns::schema(&self.columns);
        RecordBatch::try_new_with_options(schema, all.columns().to_vec(), &options).map_err(bug)
    }
}

/// A row as JSON writes it, each value as text.
fn raw(batch: &RecordBatch, row: usize) -> Result<String> {
    let options = FormatOptions::new();
    let mut fields = Vec::new();
    for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let text = match values.is_null(row) {
            true => "null".to_string(),
            false => {
                let format = ArrayFormatter::try_new(values, &options);
                let format = format.map_err(|e| Error::bug("a value cannot be shown").caused_by(e))?;
                quoted(&format.value(row).to_string())
            }
        };
        fields.push(format!("{}:{text}", quoted(field.name())));
    }
    Ok(format!("{{{}}}", fields.join(",")))
}

/// The columns of a file of which nobody declared any.
fn found_out(input: &Input, schema: &SchemaRef) -> Result<Vec<Column>> {
    let fields = schema.fields();
    shape::few_enough(&input.name, fields.len())?;
    let mut columns: Vec<Column> = Vec::with_capacity(fields.len());
    for field in fields {
        let column = column_of(input, field)?;
        if let Some(other) = columns.iter().find(|c| c.name == column.name) {
            let other = shape::field(other);
            return Err(shape::alike(&input.name, other, field.name(), &column.name));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn column_of(input: &Input, field: &Field) -> Result<Column> {
    let name = named(field.name());
    let of = values::type_of(field).map_err(|e| {
        e.with("file", &input.name)
            .hint("declare the columns that you want under `columns:`, without this one")
    })?;
    Ok(Column {
        path: (name != *field.name()).then(|| field.name().clone()),
        name,
        of,
        required: false,
        value: None,
    })
}

fn lacks_column(input: &Input, schema: &SchemaRef, wanted: &str) -> Error {
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let hint = match segue_diag::closest(wanted, names.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("it has: {}", columns::short(&names.join(", "))),
    };
    shape::unusable(&input.name, &format!("lacks the column {}", quoted(wanted))).hint(hint)
}
