//! A manifest's tree: references followed, parameters handed down, and every place remembered.

use segue_spec::yaml::{Entry, Node, Scalar, Value};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

/// How many nodes a manifest may be with its references followed.
const MOST_NODES: usize = 500_000;

/// Why something cannot be translated, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Its bytes in the manifest.
    pub at: Range<usize>,
    /// Where it is in the tree: `streams[0].retriever.paginator`.
    pub place: String,
    /// Why.
    pub why: String,
}

/// What was translated, or why it cannot be.
pub type Res<T> = Result<T, Stop>;

/// Parameters that a component has from those around it.
type Parameters = Rc<Vec<(String, Node)>>;

/// A part of a manifest.
#[derive(Clone, Debug)]
pub struct Part {
    /// What is written.
    pub node: Node,
    /// Where it is in the tree.
    pub place: String,
    parameters: Parameters,
    /// The keys that somebody asked for.
    asked: RefCell<BTreeSet<String>>,
}

impl Part {
    /// One with nothing around it.
    pub fn root(node: Node, place: &str) -> Part {
        Part::below(node, place.to_string(), &Rc::default())
    }

    fn below(node: Node, place: String, around: &Parameters) -> Part {
        let own = node.get("$parameters").or_else(|| node.get("$options"));
        let parameters = match own.map(Node::entries) {
            Some(own) if !own.is_empty() => {
                let mut all: Vec<(String, Node)> = own.iter().map(|e| (e.key.clone(), e.value.clone())).collect();
                let others = around.iter().filter(|(name, _)| !own.iter().any(|e| e.key == *name));
                all.extend(others.cloned());
                Rc::new(all)
            }
            _ => around.clone(),
        };
        Part {
            node,
            place,
            parameters,
            asked: RefCell::default(),
        }
    }

    /// What stands under this key; where nothing does, the parameter of this name.
    pub fn get(&self, key: &str) -> Option<Part> {
        self.own(key).or_else(|| {
            let (_, node) = self.parameters.iter().find(|(name, _)| name == key)?;
            Some(Part::below(
                node.clone(),
                format!("{}.{key}", self.place),
                &self.parameters,
            ))
        })
    }

    /// What is written under this key, and no parameter.
    pub fn own(&self, key: &str) -> Option<Part> {
        self.asked.borrow_mut().insert(key.to_string());
        let node = self.node.get(key).filter(|node| !node.is_null())?;
        Some(Part::below(
            node.clone(),
            format!("{}.{key}", self.place),
            &self.parameters,
        ))
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Node> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, node)| node)
    }

    /// What must stand under this key.
    pub fn needs(&self, key: &str) -> Res<Part> {
        self.get(key).ok_or_else(|| self.stop(format!("`{key}` is missing")))
    }

    /// The text under this key.
    pub fn text_of(&self, key: &str) -> Option<String> {
        self.get(key)?.text()
    }

    /// The text, if it is one, or a number or a boolean as one.
    pub fn text(&self) -> Option<String> {
        let scalar = self.node.scalar()?;
        (!scalar.json.is_null()).then(|| scalar.text.clone())
    }

    /// The whole number, if it is one.
    pub fn whole(&self) -> Option<u64> {
        self.node.scalar()?.text.trim().parse().ok()
    }

    /// Whether `true` is written.
    pub fn is_true(&self) -> bool {
        self.node.scalar().is_some_and(|s| s.json == Json::Bool(true))
    }

    /// The kind of component that it says it is.
    pub fn kind(&self) -> String {
        self.own("type").and_then(|t| t.text()).unwrap_or_default()
    }

    /// The parts of a list.
    pub fn items(&self) -> Vec<Part> {
        let item =
            |(at, node): (usize, &Node)| Part::below(node.clone(), format!("{}[{at}]", self.place), &self.parameters);
        self.node.items().iter().enumerate().map(item).collect()
    }

    /// The entries of a mapping, each under its key.
    pub fn entries(&self) -> Vec<(String, Part)> {
        let of = |entry: &Entry| {
            let place = format!("{}.{}", self.place, entry.key);
            (
                entry.key.clone(),
                Part::below(entry.value.clone(), place, &self.parameters),
            )
        };
        self.node.entries().iter().map(of).collect()
    }

    /// Whether it is a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.node.value, Value::Mapping(_))
    }

    /// Whether it is code of a connector's own.
    pub fn is_custom(&self) -> bool {
        self.kind().starts_with("Custom") || self.own("class_name").is_some()
    }

    /// Stops at what is code of a connector's own.
    ///
    /// # Errors
    /// Where it is.
    pub fn no_code(&self) -> Res<()> {
        match self.is_custom() {
            true => Err(self.stop("it is code of the connector's own")),
            false => Ok(()),
        }
    }

    /// The keys that are written and that nobody asked for.
    pub fn unasked(&self) -> Vec<&Entry> {
        let asked = self.asked.borrow();
        let entries = self.node.entries().iter();
        entries
            .filter(|e| !asked.contains(&e.key) && !e.key.starts_with('$') && e.key != "type" && !e.value.is_null())
            .collect()
    }

    /// Why it cannot be translated.
    pub fn stop(&self, why: impl Into<String>) -> Stop {
        Stop {
            at: self.node.bytes.clone(),
            place: self.place.clone(),
            why: why.into(),
        }
    }
}

/// Follows references: `$ref: "#/definitions/x"` in a mapping, whose other keys win, and `"#/definitions/x"` in place of a value.
pub struct References<'r> {
    root: &'r Node,
    open: Vec<String>,
    nodes: usize,
}

impl<'r> References<'r> {
    /// Of this manifest.
    pub fn of(root: &'r Node) -> References<'r> {
        References {
            root,
            open: Vec::new(),
            nodes: 0,
        }
    }

    /// The same with its references followed.
    ///
    /// # Errors
    /// Where one leads nowhere, to itself, or to too much.
    pub fn follow(&mut self, node: &Node, place: &str) -> Res<Node> {
        let stop = |why: String| Stop {
            at: node.bytes.clone(),
            place: place.to_string(),
            why,
        };
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(stop(format!("its references lead to more than {MOST_NODES} nodes")));
        }
        let value = match &node.value {
            Value::Scalar(scalar) if is_reference(scalar) => return self.target(&scalar.text, node, place),
            Value::Scalar(_) => return Ok(node.clone()),
            Value::List(items) => {
                let items = items.iter().enumerate();
                let items: Res<Vec<Node>> = items
                    .map(|(at, item)| self.follow(item, &format!("{place}[{at}]")))
                    .collect();
                Value::List(items?)
            }
            Value::Mapping(entries) => {
                let mut own = Vec::new();
                for entry in entries.iter().filter(|e| e.key != "$ref") {
                    let value = self.follow(&entry.value, &format!("{place}.{}", entry.key))?;
                    own.push(Entry { value, ..entry.clone() });
                }
                let base = match node.get("$ref").and_then(Node::scalar) {
                    None => Vec::new(),
                    Some(target) => {
                        let base = self.target(&target.text, node, place)?;
                        match base.value {
                            Value::Mapping(entries) => entries,
                            _ if own.is_empty() => return Ok(base),
                            _ => {
                                return Err(stop(format!(
                                    "`{}` is no mapping, and keys stand beside it",
                                    target.text
                                )));
                            }
                        }
                    }
                };
                let mut all: Vec<Entry> = base
                    .into_iter()
                    .filter(|b| !own.iter().any(|o| o.key == b.key))
                    .collect();
                all.extend(own);
                Value::Mapping(all)
            }
        };
        Ok(Node {
            bytes: node.bytes.clone(),
            value,
        })
    }

    fn target(&mut self, text: &str, node: &Node, place: &str) -> Res<Node> {
        let stop = |why: String| Stop {
            at: node.bytes.clone(),
            place: place.to_string(),
            why,
        };
        if self.open.iter().any(|open| open == text) {
            return Err(stop(format!("`{text}` leads to itself")));
        }
        let steps = text.strip_prefix("#/").unwrap_or(text).split('/');
        let mut found = self.root;
        for step in steps {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match step.parse::<usize>() {
                Ok(at) if !found.items().is_empty() => found.items().get(at),
                _ => found.get(&step),
            };
            found = next.ok_or_else(|| stop(format!("`{text}` leads nowhere: there is no `{step}`")))?;
        }
        self.open.push(text.to_string());
        let followed = self.follow(found, place);
        self.open.pop();
        followed
    }
}

fn is_reference(scalar: &Scalar) -> bool {
    scalar.json.is_string() && scalar.text.starts_with("#/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        segue_spec::yaml::parse("m.yaml", text, &mut Vec::new())
            .root
            .expect("a tree")
    }

    fn followed(text: &str) -> Result<Json, String> {
        let root = tree(text);
        let streams = root.get("streams").expect("streams");
        let node = References::of(&root).follow(streams, "streams");
        node.map(|n| n.to_json())
            .map_err(|stop| format!("{}: {}", stop.place, stop.why))
    }

    #[test]
    fn references_are_followed_and_own_keys_win() {
        let text = "definitions:\n  base: { a: 1, b: { $ref: '#/definitions/inner' } }\n  inner: { c: 2 }\n  list: [x, y]\n\
                    streams: [ { $ref: '#/definitions/base', a: 3 }, '#/definitions/inner', '#/definitions/list/1' ]\n";
        assert_eq!(
            followed(text),
            Ok(serde_json::json!([{ "b": { "c": 2 }, "a": 3 }, { "c": 2 }, "y"]))
        );
    }

    #[test]
    fn references_that_lead_nowhere_or_to_themselves_say_so() {
        let nowhere = "definitions: { a: 1 }\nstreams: { x: { $ref: '#/definitions/b' } }\n";
        assert_eq!(
            followed(nowhere),
            Err("streams.x: `#/definitions/b` leads nowhere: there is no `b`".into())
        );
        let itself = "definitions: { a: { $ref: '#/definitions/b' }, b: { $ref: '#/definitions/a' } }\nstreams: { $ref: '#/definitions/a' }\n";
        assert_eq!(
            followed(itself),
            Err("streams: `#/definitions/a` leads to itself".into())
        );
    }

    #[test]
    fn parameters_go_down_and_the_nearest_wins() {
        let part = Part::root(
            tree(
                "$parameters: { name: outer, path: /x, url: u }\nretriever:\n  $parameters: { name: inner }\n  requester: { path: /own }\n",
            ),
            "streams[0]",
        );
        let requester = part
            .get("retriever")
            .and_then(|r| r.get("requester"))
            .expect("it is there");
        assert_eq!(requester.text_of("name").as_deref(), Some("inner"));
        assert_eq!(requester.text_of("path").as_deref(), Some("/own"));
        assert_eq!(requester.text_of("url").as_deref(), Some("u"));
        assert_eq!(requester.own("url").map(|p| p.place), None);
        assert_eq!(part.text_of("name").as_deref(), Some("outer"));
        let unasked: Vec<&str> = part.unasked().iter().map(|e| e.key.as_str()).collect();
        assert_eq!(unasked, Vec::<&str>::new());
        assert_eq!(requester.place, "streams[0].retriever.requester");
    }
}
