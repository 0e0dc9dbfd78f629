//! What every source promises, asked of this one.

use super::*;
use async_trait::async_trait;
use segue_testkit::conformance::source::{Harness, Served, check, twins};

/// More than what lies in sockets and channels between here and there.
const MANY: u64 = 150_000;

struct Servers;

struct Table {
    bed: Bed,
    request: Value,
}

#[async_trait]
impl Harness for Servers {
    fn rows(&self) -> u64 {
        MANY
    }

    async fn serve(&self) -> Result<Box<dyn Served>> {
        let (user, password) = LOGIN;
        let bed = Bed::new(&format!(
            "do $$ begin create role {user} login password '{password}'; exception when duplicate_object or unique_violation then end $$;
             create table many as select i::int8 as id, repeat('x', 200) as name, date '2024-01-01' + (i % 9)::int as day
                 from generate_series(0, {MANY} - 1) as i;
             grant select on many to {user}"
        ))
        .await;
        Ok(Box::new(Table {
            bed,
            request: json!({ "table": "public.many" }),
        }))
    }
}

impl Table {
    fn as_ada(&self, port: u16) -> Result<Arc<dyn Source>> {
        let mut settings = self.bed.settings();
        (settings["user"], settings["password"]) = (json!(LOGIN.0), json!(LOGIN.1));
        settings["port"] = json!(port);
        source(settings)
    }

    async fn queries(&self) -> bool {
        let sql = "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state = 'active'";
        !self.bed.client.query(sql, &[]).await.unwrap().is_empty()
    }
}

#[async_trait]
impl Served for Table {
    fn source(&self) -> Result<Arc<dyn Source>> {
        self.as_ada(self.bed.server.port())
    }

    fn request(&self) -> ReadRequest {
        let columns = [("id", Type::Int64), ("name", Type::String), ("day", Type::Date)].map(|(name, of)| Column {
            name: name.into(),
            of,
            required: false,
            path: None,
            value: None,
        });
        let schema = ReadSchema {
            columns: Some(columns.to_vec()),
            declared: true,
            ..ReadSchema::default()
        };
        request(self.request.clone(), schema)
    }

    fn slow(&self) -> ReadRequest {
        let query = "select i::int8 as id, repeat('x', 1000) || pg_sleep(0.01)::text as name, date '2024-01-01' as day
            from generate_series(1, 100000) as i";
        ReadRequest {
            copy: json!({ "query": query }),
            ..self.request()
        }
    }

    fn gone(&self) -> Result<Arc<dyn Source>> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        self.as_ada(free.local_addr().unwrap().port())
    }

    fn name(&self) -> &str {
        "public.many"
    }

    fn secrets(&self) -> Vec<String> {
        vec![LOGIN.1.into()]
    }

    async fn is_at_work(&self) -> bool {
        self.queries().await
    }

    async fn is_through(&self) -> bool {
        !self.queries().await
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
