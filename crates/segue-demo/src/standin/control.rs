//! The stand-in's own controls: stats, recent requests, faults, reset. They are not counted and never limited.

use super::reply::Reply;
use super::request::Request;
use super::{Fault, FaultKind, Server};
use segue_diag::{Error, Kind};
use serde_json::{Value, json};

impl Server {
    /// Answers `/_control/{what}`.
    pub(super) fn control(&self, what: &str, request: &Request<'_>) -> Reply {
        let mut gate = self.gate.lock();
        match (request.method, what) {
            ("GET", "stats") => Reply::json(200, &json!(gate.stats())),
            ("GET", "recent") => Reply::json(200, &json!(gate.recent())),
            ("GET", "faults") => Reply::json(200, &json!({ "faults": gate.faults.list() })),
            ("POST", "faults") => match orders(request.body) {
                Ok(orders) => {
                    for order in orders {
                        match order {
                            Order::Set(fault) => gate.faults.set(fault),
                            Order::Clear(Some(kind)) => gate.faults.clear(kind),
                            Order::Clear(None) => FaultKind::ALL.into_iter().for_each(|kind| gate.faults.clear(kind)),
                        }
                    }
                    Reply::json(200, &json!({ "faults": gate.faults.list() }))
                }
                Err(error) => Reply::json(400, &json!({ "error": error.message(), "hint": error.hint_text() })),
            },
            ("POST", "reset") => {
                gate.reset();
                Reply::json(200, &json!(gate.stats()))
            }
            _ => {
                let hint = "GET stats, recent, faults; POST faults, reset";
                Reply::json(404, &json!({ "error": "there is no such control", "hint": hint }))
            }
        }
    }
}

enum Order {
    Set(Fault),
    /// One fault, or all.
    Clear(Option<FaultKind>),
}

/// `{"name": "slow", "every": 5, "ms": 20}`, `{"name": "slow", "off": true}`, `{"name": "all", "off": true}`, `"slow=every:5,ms:20"`,
/// or a list of such. All are understood before one is carried out.
fn orders(body: &[u8]) -> Result<Vec<Order>, Error> {
    let value: Value = serde_json::from_slice(body).map_err(|e| {
        Error::new(Kind::Invalid, format!("this is not JSON: {e}")).hint("send `{\"name\": \"slow\", \"every\": 5}`")
    })?;
    let mut orders = Vec::new();
    for value in value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice) {
        let name = value.get("name").and_then(Value::as_str);
        match (value, value.get("off"), name) {
            (Value::String(text), _, _) => orders.extend(Fault::parse(text)?.into_iter().map(Order::Set)),
            (_, Some(Value::Bool(true)), Some("all")) => orders.push(Order::Clear(None)),
            (_, Some(Value::Bool(true)), Some(name)) => orders.push(Order::Clear(Some(name.parse()?))),
            _ => orders.extend(Fault::of_json(value)?.into_iter().map(Order::Set)),
        }
    }
    Ok(orders)
}
