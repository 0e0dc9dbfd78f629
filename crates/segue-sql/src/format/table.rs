//! A table for people.

use super::{Options, Written, unwritten, value};
use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use futures::StreamExt;
use segue_core::engine::Answer;
use segue_diag::Result;
use std::io::Write;

/// How many rows decide how wide the columns are. Later ones that are wider stick out.
const MEASURED_ROWS: usize = 1_000;

/// Writes rows side by side, with a note below of how many there are.
pub async fn write(answer: Answer, out: &mut (dyn Write + Send), options: &Options) -> Result<Written> {
    let mut page = Page::new(&answer.schema, options);
    let (mut rows, mut count, mut more) = (answer.rows, 0u64, false);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let left = options.rows.map_or(u64::MAX, |most| most - count);
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(batch.num_rows());
        more = take < batch.num_rows();
        page.rows(&batch.slice(0, take), out).map_err(unwritten)?;
        count += take as u64;
        if more {
            break;
        }
    }
    // Dropping the rows ends the query: what nobody sees is not computed.
    drop(rows);
    page.end(out).map_err(unwritten)?;
    let note = match (count, more) {
        (1, false) => "(1 row)".to_string(),
        (count, false) => format!("({count} rows)"),
        (count, true) => format!("(the first {count} rows; there are more)"),
    };
    writeln!(out, "{note}").and_then(|()| out.flush()).map_err(unwritten)?;
    Ok(Written { rows: count, more })
}

/// What was not written yet, and how wide it is.
struct Page {
    schema: SchemaRef,
    cell: usize,
    widths: Vec<usize>,
    /// The rows that decide the widths; `None` once they are written.
    waiting: Option<Vec<Vec<String>>>,
}

impl Page {
    fn new(schema: &SchemaRef, options: &Options) -> Page {
        Page {
            schema: schema.clone(),
            cell: options.cell.max(1),
            widths: schema
                .fields()
                .iter()
                .map(|f| width(&shown(f.name(), usize::MAX)))
                .collect(),
            waiting: Some(Vec::new()),
        }
    }

    fn rows(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> std::io::Result<()> {
        for row in 0..batch.num_rows() {
            let cells = self.cells(batch, row);
            match &mut self.waiting {
                None => self.line(&cells, out)?,
                Some(waiting) => {
                    for (width_now, cell) in self.widths.iter_mut().zip(&cells) {
                        *width_now = width(cell).max(*width_now);
                    }
                    waiting.push(cells);
                    if waiting.len() == MEASURED_ROWS {
                        self.end(out)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn cells(&self, batch: &RecordBatch, row: usize) -> Vec<String> {
        let schema = batch.schema();
        let cell = |(column, field): (&arrow_array::ArrayRef, &std::sync::Arc<arrow_schema::Field>)| {
            if column.is_null(row) {
                return "null".to_string();
            }
            let mut text = String::new();
            value::text(&mut text, column, field, row);
            shown(&text, self.cell)
        };
        batch.columns().iter().zip(schema.fields()).map(cell).collect()
    }

    /// Writes what waits, below the names.
    fn end(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        let Some(waiting) = self.waiting.take() else {
            return Ok(());
        };
        let names: Vec<String> = self
            .schema
            .fields()
            .iter()
            .map(|f| shown(f.name(), usize::MAX))
            .collect();
        let padded: Vec<String> = names
            .iter()
            .zip(&self.widths)
            .map(|(name, wide)| pad(name, *wide, false))
            .collect();
        writeln!(out, "{}", format!(" {}", padded.join(" | ")).trim_end())?;
        let rules: Vec<String> = self.widths.iter().map(|wide| "-".repeat(wide + 2)).collect();
        writeln!(out, "{}", rules.join("+"))?;
        for cells in &waiting {
            self.line(cells, out)?;
        }
        Ok(())
    }

    fn line(&self, cells: &[String], out: &mut dyn Write) -> std::io::Result<()> {
        let padded: Vec<String> = cells
            .iter()
            .zip(&self.widths)
            .zip(self.schema.fields())
            .map(|((cell, wide), field)| pad(cell, *wide, field.data_type().is_numeric()))
            .collect();
        writeln!(out, "{}", format!(" {}", padded.join(" | ")).trim_end())
    }
}

/// The text on one line, without anything that a terminal would act on, and cut where it is longer.
fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == most {
            shown.pop();
            shown.push('…');
            break;
        }
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

fn pad(text: &str, wide: usize, to_the_right: bool) -> String {
    let space = " ".repeat(wide.saturating_sub(width(text)));
    if to_the_right {
        format!("{space}{text}")
    } else {
        format!("{text}{space}")
    }
}

/// How many columns of a terminal the text takes: Korean, Chinese, Japanese and pictures take two, marks on other letters none.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| match u32::from(c) {
            0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
            0x1100..=0x115F
            | 0x2E80..=0x303E
            | 0x3041..=0xA4CF
            | 0xAC00..=0xD7A3
            | 0xF900..=0xFAFF
            | 0xFE30..=0xFE6F
            | 0xFF00..=0xFF60
            | 0xFFE0..=0xFFE6
            | 0x1F300..=0x1F64F
            | 0x1F900..=0x1F9FF
            | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}
