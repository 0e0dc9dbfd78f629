//! CSV as RFC 4180 has it: commas, lines that end in CR LF, quotes where they are needed.

use super::value;
use arrow_array::{Array, RecordBatch};
use arrow_schema::Schema;
use std::io::{Result, Write};

/// The line of names.
pub fn head(schema: &Schema, out: &mut dyn Write) -> Result<()> {
    let mut line = String::new();
    for (at, field) in schema.fields().iter().enumerate() {
        if at > 0 {
            line.push(',');
        }
        cell(&mut line, field.name());
    }
    line.push_str("\r\n");
    out.write_all(line.as_bytes())
}

/// The rows. Null is nothing between the commas and the empty text is `""`; the only column of a row is never nothing, because
/// readers leave empty lines out.
pub fn batch(batch: &RecordBatch, out: &mut dyn Write) -> Result<()> {
    let schema = batch.schema();
    let (mut line, mut text) = (String::new(), String::new());
    for row in 0..batch.num_rows() {
        line.clear();
        for (at, (column, field)) in batch.columns().iter().zip(schema.fields()).enumerate() {
            if at > 0 {
                line.push(',');
            }
            if column.is_null(row) {
                if batch.num_columns() == 1 {
                    line.push_str("\"\"");
                }
                continue;
            }
            text.clear();
            value::text(&mut text, column, field, row);
            cell(&mut line, &text);
        }
        line.push_str("\r\n");
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}

fn cell(line: &mut String, text: &str) {
    let is_plain = !text.is_empty() && !text.contains([',', '"', '\r', '\n']) && text.trim() == text;
    if is_plain {
        line.push_str(text);
    } else {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    }
}
