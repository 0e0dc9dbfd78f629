//! What every source promises, asked of this one: two slices, a hundred pages each.

use super::*;
use async_trait::async_trait;
use segue_testkit::conformance::source::{Ability, Harness, Served, check, twins};
use std::time::Duration;

const PAGE: u64 = 20;
const MANY: u64 = 4_000;

struct Servers;

struct Pages(Fixture);

/// A page of the slice `0` or `1`: each has half of the rows.
fn page(asked: &Asked) -> Reply {
    let number = |name| asked.param(name).and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    let (half, slice, from) = (MANY / 2, number("slice"), number("offset"));
    if asked.path.ends_with("/slow") {
        std::thread::sleep(Duration::from_millis(100));
        return Reply::json(json!([{ "id": from, "name": "slow" }]));
    }
    if asked.header("authorization") != Some("Bearer hush-hush") {
        return Reply::status(401, "who are you?");
    }
    let rows: Vec<Value> = (from..(from + PAGE).min(half))
        .map(|id| json!({ "id": slice * half + id, "name": "n".repeat(100) }))
        .collect();
    Reply::json(Value::Array(rows))
}

#[async_trait]
impl Harness for Servers {
    fn rows(&self) -> u64 {
        MANY
    }

    fn lacks(&self) -> &'static [Ability] {
        &[Ability::Discovers]
    }

    async fn serve(&self) -> Result<Box<dyn Served>> {
        let fixture = Fixture::new(|asked, _| page(asked)).await;
        Ok(Box::new(Pages(
            fixture.with("auth", json!({ "bearer": { "token": "hush-hush" } })),
        )))
    }
}

impl Pages {
    fn of(&self, path: &str, limit: u64) -> ReadRequest {
        let copy = json!({
            "request": { "get": path, "query": { "slice": "{{ each.id }}" } },
            "paginate": { "offset": { "limit": limit }, "max_pages": 10_000 },
            "records": "$[*]",
        });
        let columns = ["slice string = {{ each.id }}", "id int64", "name string"];
        for_each(request(copy, &columns), "slice", &["0", "1"])
    }
}

#[async_trait]
impl Served for Pages {
    fn source(&self) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.0.source()?))
    }

    fn gone(&self) -> Result<Arc<dyn Source>> {
        let mut settings = self.0.settings.clone();
        settings["base_url"] = json!("http://127.0.0.1:1/v1");
        let connection = RestConnection::read(ConnectionSettings::new(settings), "api")?;
        Ok(Arc::new(Rest::new(connection, &self.0.deps())?))
    }

    fn request(&self) -> ReadRequest {
        self.of("/many", PAGE)
    }

    fn slow(&self) -> ReadRequest {
        self.of("/slow", 1)
    }

    fn secrets(&self) -> Vec<String> {
        vec!["hush-hush".into()]
    }

    async fn is_at_work(&self) -> bool {
        let before = self.0.server.asked().len();
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.0.server.asked().len() > before
    }

    async fn is_through(&self) -> bool {
        self.0.server.asked().len() as u64 >= MANY / PAGE
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_source_promises() {
    check(&Servers).await.expect_held();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_promise_is_caught() {
    twins::check(&Servers).await.expect_held();
}
