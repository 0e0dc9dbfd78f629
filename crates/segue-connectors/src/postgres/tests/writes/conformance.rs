//! What every sink promises, asked of this one, with the server as the judge of what is there.

use super::*;
use async_trait::async_trait;
use segue_core::wire::{Wire, WireRows};
use segue_testkit::conformance::sink::{Ability, Harness, Keeps, Place, Rule, check, twins};

struct Databases;

struct Database(Bed);

#[async_trait]
impl Harness for Databases {
    async fn place(&self) -> Result<Box<dyn Place>> {
        Ok(Box::new(Database(Bed::new("").await)))
    }

    fn lacks(&self) -> &'static [Ability] {
        &[Ability::OldVersions, Ability::Companions]
    }

    fn keeps(&self, of: &Type, value: &str) -> Keeps {
        match of {
            Type::String if value.contains('\0') => Keeps::Refuses,
            _ => Keeps::Whole,
        }
    }
}

#[async_trait]
impl Place for Database {
    async fn open(&self) -> Result<Arc<dyn Sink>> {
        Ok(sink(self.0.settings()))
    }

    fn connection(&self) -> Option<String> {
        Some("app".into())
    }

    fn named(&self, name: &str) -> String {
        place::quoted(name)
    }

    async fn ids(&self, target: &Target) -> Result<Option<Vec<i64>>> {
        let place = place::Place::parse(&target.place, "public")?.quoted();
        let found = self
            .0
            .client
            .query("select to_regclass($1::text) is not null", &[&place])
            .await
            .unwrap();
        if !found[0].get::<_, bool>(0) {
            return Ok(None);
        }
        let ids = self
            .0
            .client
            .query(&format!("select id::int8 from {place}"), &[])
            .await
            .unwrap();
        Ok(Some(ids.iter().filter_map(|row| row.get(0)).collect()))
    }

    async fn forbid(&self, target: &Target, rule: Rule) -> Result<()> {
        let table = place::Place::parse(&target.place, "public")?.quoted();
        let sql = match rule {
            Rule::UniqueName => format!("create unique index one_name on {table} (name)"),
            Rule::AmountFromZero => format!(
                "create function from_zero() returns trigger language plpgsql as $$ begin
                     if new.amount < 0 then raise exception 'it is below zero'; end if; return new; end $$;
                 create trigger from_zero before insert or update on {table} for each row execute function from_zero()"
            ),
        };
        self.0.client.batch_execute(&sql).await.unwrap();
        Ok(())
    }

    fn in_wire(&self, rows: &RecordBatch) -> Result<Option<(Wire, WireRows)>> {
        let fields = rows.schema().fields().clone();
        let columns = fields.iter().map(|field| {
            let of = Type::of(field)?.postgres();
            Ok(json!({ "name": field.name(), "type": of }))
        });
        let wire = Wire {
            schema: rows.schema(),
            columns: Value::Array(columns.collect::<Result<_>>()?),
            key: Vec::new(),
        };
        let mut bytes = bytes::BytesMut::new();
        encode::rows(rows, None, &mut bytes)?;
        let rows = WireRows {
            rows: rows.num_rows() as u64,
            bytes: bytes.to_vec(),
        };
        Ok(Some((wire, rows)))
    }

    async fn write(&self, target: &Target, rows: &RecordBatch) -> Result<()> {
        let place = place::Place::parse(&target.place, "public")?.quoted();
        let names: Vec<String> = rows.schema().fields().iter().map(|f| place::quoted(f.name())).collect();
        let mut out = bytes::BytesMut::new();
        encode::head(&mut out);
        encode::rows(rows, None, &mut out)?;
        encode::tail(&mut out);
        let copy = format!("copy {place} ({}) from stdin (format binary)", names.join(", "));
        let mut to = Box::pin(self.0.client.copy_in(&copy).await.unwrap());
        futures::SinkExt::send(&mut to, out.freeze()).await.unwrap();
        to.as_mut().finish().await.unwrap();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_sink_promises() {
    check(&Databases).await.expect_held();
}

/// Of what the other sinks lack; the rest is shown with them.
#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_promise_of_passing_rows_is_caught() {
    let of_passing = |case: &segue_testkit::conformance::sink::Case| case.needs.contains(&Ability::Passes);
    twins::check_for(&Databases, of_passing).await.expect_held();
}
