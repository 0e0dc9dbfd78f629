//! JSON lines.

use super::value;
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use std::collections::HashSet;
use std::io::{Result, Write};

/// The columns' names as JSON. A name that comes twice gets a number, because an object has each name once.
pub fn names(schema: &Schema) -> Vec<String> {
    let mut used: HashSet<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
    let mut seen = HashSet::new();
    let unique = |name: &String| {
        if seen.insert(name.clone()) {
            return name.clone();
        }
        let mut number = 2;
        loop {
            let other = format!("{name}_{number}");
            if used.insert(other.clone()) {
                return other;
            }
            number += 1;
        }
    };
    schema
        .fields()
        .iter()
        .map(|f| f.name())
        .map(unique)
        .map(|name| {
            let mut json = String::new();
            value::quoted(&mut json, &name);
            json
        })
        .collect()
}

/// The rows, one object a line.
pub fn batch(batch: &RecordBatch, names: &[String], out: &mut dyn Write) -> Result<()> {
    let schema = batch.schema();
    let mut line = String::new();
    for row in 0..batch.num_rows() {
        line.clear();
        line.push('{');
        for (at, (column, field)) in batch.columns().iter().zip(schema.fields()).enumerate() {
            if at > 0 {
                line.push(',');
            }
            line.push_str(&names[at]);
            line.push(':');
            value::json(&mut line, column, field, row);
        }
        line.push_str("}\n");
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}
