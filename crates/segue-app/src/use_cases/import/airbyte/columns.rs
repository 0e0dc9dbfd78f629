//! What rows have: schemas and transformations in the words of `columns:`.

use super::Manifest;
use super::tree::{Part, Res};
use super::words::{Scope, Step, inside, json_path, path};
use segue_connectors::columns::named;
use segue_spec::name::column_name;
use serde_json::{Map, Value, json};

/// The columns of a stream; without any that are declared, they are found out from the answers.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Each by its name: what it says, and the field that it is of.
    all: Vec<(String, Map<String, Value>, String)>,
    is_declared: bool,
}

impl Columns {
    /// Those of a stream's schema, after its transformations.
    ///
    /// # Errors
    /// Where records are changed by code of the connector's own.
    pub fn of(manifest: &Manifest<'_>, stream: &Part, scope: &Scope) -> Res<Columns> {
        let mut columns = Columns::default();
        if let Some(loader) = stream.own("schema_loader") {
            let loaders = if loader.items().is_empty() {
                vec![loader]
            } else {
                loader.items()
            };
            for loader in loaders {
                columns.load(manifest, &loader)?;
            }
        }
        columns.is_declared = !columns.all.is_empty();
        for change in stream.own("transformations").iter().flat_map(Part::items) {
            columns.change(manifest, &change, scope)?;
        }
        Ok(columns)
    }

    fn load(&mut self, manifest: &Manifest<'_>, loader: &Part) -> Res<()> {
        if loader.is_custom() {
            manifest.differs(
                loader,
                "a schema by code of the connector's own is left out: the columns are found out from the answers",
            );
            return Ok(());
        }
        match loader.kind().as_str() {
            "InlineSchemaLoader" => {}
            "" if loader.own("schema").is_some() => {}
            kind => {
                let what = if kind.is_empty() { "a schema in a file" } else { kind };
                manifest.differs(
                    loader,
                    format!("{what} is left out: the columns are found out from the answers"),
                );
                return Ok(());
            }
        }
        let Some(schema) = loader.own("schema") else {
            return Ok(());
        };
        for (field, property) in schema.own("properties").iter().flat_map(Part::entries) {
            let of = type_of(&property);
            self.add(&field, of);
        }
        Ok(())
    }

    /// A column of this field; one that is there gets the type.
    fn add(&mut self, field: &str, of: Option<&str>) {
        if let Some((_, spec, _)) = self.all.iter_mut().find(|(_, _, known)| known == field) {
            spec.extend(of.map(|of| ("type".to_string(), of.into())));
            return;
        }
        let name = self.free(field);
        let mut spec = Map::new();
        if name != field {
            spec.insert("path".into(), json_path(&[Step::Name(field.to_string())]).into());
        }
        spec.extend(of.map(|of| ("type".to_string(), of.into())));
        self.all.push((name, spec, field.to_string()));
    }

    fn free(&self, field: &str) -> String {
        let mut name = named(field);
        if column_name(&name).is_err() {
            name = format!("source{name}");
        }
        while self.all.iter().any(|(known, ..)| *known == name) {
            name.push_str("_2");
        }
        name
    }

    fn change(&mut self, manifest: &Manifest<'_>, change: &Part, scope: &Scope) -> Res<()> {
        if change.is_custom() {
            return Err(change.stop("records are changed by code of the connector's own"));
        }
        if let Some(condition) = change
            .own("condition")
            .filter(|c| c.text().is_some_and(|t| !t.trim().is_empty()))
        {
            manifest.differs(&condition, "what is done to some records alone is left out");
            return Ok(());
        }
        match change.kind().as_str() {
            "AddFields" => {
                for field in change.own("fields").iter().flat_map(Part::items) {
                    if let Err(stop) = self.field(manifest, &field, scope) {
                        manifest.differs_at(&stop);
                    }
                }
            }
            "RemoveFields" => {
                for pointer in change.own("field_pointers").iter().flat_map(Part::items) {
                    let steps: Vec<String> = pointer.items().iter().filter_map(Part::text).collect();
                    match steps.as_slice() {
                        [one] if self.is_declared && !one.contains('*') => {
                            self.all.retain(|(_, _, field)| field != one)
                        }
                        _ => manifest.differs(&pointer, format!("`{}` is not removed", steps.join("."))),
                    }
                }
            }
            // Columns have such names in any case.
            "KeysToLower" | "KeysToSnakeCase" if !self.is_declared => {}
            "KeysToLower" => self.rename(str::to_lowercase),
            "KeysToSnakeCase" => self.rename(snake),
            other => manifest.differs(change, format!("{other} is left out: records are as they come")),
        }
        manifest.unasked(change);
        Ok(())
    }

    fn rename(&mut self, by: impl Fn(&str) -> String) {
        for at in 0..self.all.len() {
            let field = self.all[at].2.clone();
            let name = named(&by(&field));
            if self.all.iter().any(|(known, ..)| *known == name) {
                continue;
            }
            let (known, spec, _) = &mut self.all[at];
            *known = name;
            spec.entry("path".to_string())
                .or_insert_with(|| json_path(&[Step::Name(field)]).into());
        }
    }

    fn field(&mut self, manifest: &Manifest<'_>, field: &Part, scope: &Scope) -> Res<()> {
        let steps: Vec<String> = field
            .own("path")
            .iter()
            .flat_map(Part::items)
            .filter_map(|p| p.text())
            .collect();
        let [name] = steps.as_slice() else {
            return Err(field.stop(format!("the field `{}` inside of another is left out", steps.join("."))));
        };
        if !self.is_declared {
            // A label is a column in any case.
            if scope
                .slice
                .iter()
                .any(|(of, ours)| of == name && ours.starts_with("each."))
            {
                return Ok(());
            }
            return Err(field.stop(format!(
                "the field `{name}` is left out: the columns are found out from the answers"
            )));
        }
        let of = match field.text_of("value_type").as_deref() {
            Some("string") => Some("string"),
            Some("number") => Some("float64"),
            Some("integer") => Some("int64"),
            Some("boolean") => Some("bool"),
            _ => None,
        };
        let value = field.needs("value")?;
        let text = value.text().unwrap_or_default();
        let mut spec = Map::new();
        match inside(&text).and_then(path) {
            Some((root, steps)) if root == "record" && !steps.is_empty() => {
                spec.insert("path".into(), json_path(&steps).into());
            }
            _ => {
                let words = manifest
                    .words(&value, scope)
                    .map_err(|stop| value.stop(format!("the field `{name}` is left out: {}", stop.why)))?;
                // Columns are no settings: what is in the environment does not get there.
                if words.contains("${") || words.contains("record") {
                    return Err(value.stop(format!(
                        "the field `{name}` is left out: `{}` has no like here",
                        text.trim()
                    )));
                }
                spec.insert("value".into(), words.into());
            }
        }
        let known = self.all.iter().position(|(_, _, field)| field == name);
        let own = match known {
            Some(at) => self.all[at].0.clone(),
            None => self.free(name),
        };
        let before = known.and_then(|at| self.all[at].1.get("type").cloned());
        spec.extend(of.map(Value::from).or(before).map(|of| ("type".to_string(), of)));
        match known {
            Some(at) => self.all[at].1 = spec,
            None => self.all.push((own, spec, name.clone())),
        }
        Ok(())
    }

    /// The column that a field becomes. Where columns are declared and it is not among them, it becomes one.
    pub fn column(&mut self, field: &str, of: Option<&str>) -> String {
        if !self.is_declared {
            return named(field);
        }
        self.add(field, of);
        let found = self.all.iter().find(|(_, _, known)| known == field);
        found.map(|(name, ..)| name.clone()).unwrap_or_else(|| named(field))
    }

    /// The column that holds a label.
    pub fn label(&mut self, name: &str) -> String {
        if self.is_declared {
            let spec = json!({ "value": format!("{{{{ each.{name} }}}}"), "type": "string", "required": true });
            let Value::Object(spec) = spec else {
                return name.to_string();
            };
            match self.all.iter_mut().find(|(known, ..)| known == name) {
                Some((_, known, _)) => *known = spec,
                None => self.all.insert(0, (name.to_string(), spec, name.to_string())),
            }
        }
        name.to_string()
    }

    /// Whether they are declared.
    pub fn is_declared(&self) -> bool {
        self.is_declared
    }

    /// The `columns:` of a copy; `None`: they are found out.
    pub fn written(&self) -> Option<Value> {
        let all = self
            .all
            .iter()
            .map(|(name, spec, _)| (name.clone(), Value::Object(spec.clone())));
        self.is_declared.then(|| Value::Object(all.collect()))
    }
}

/// The type of a property, if it has one alone.
fn type_of(property: &Part) -> Option<&'static str> {
    let of = property.own("type")?;
    let mut all: Vec<String> = match of.text() {
        Some(one) => vec![one],
        None => of.items().iter().filter_map(Part::text).collect(),
    };
    // `null` in quotes and without.
    all.retain(|of| of != "null");
    all.dedup();
    match all.as_slice() {
        [one] => match one.as_str() {
            "string" => Some("string"),
            "integer" => Some("int64"),
            "number" => Some("float64"),
            "boolean" => Some("bool"),
            "object" | "array" => Some("json"),
            _ => None,
        },
        [] => None,
        _ => Some("json"),
    }
}

/// `topTracks` as `top_tracks`.
fn snake(text: &str) -> String {
    let mut out = String::new();
    let mut before = '_';
    for c in text.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        before = c;
        out.extend(c.to_lowercase());
    }
    out
}
