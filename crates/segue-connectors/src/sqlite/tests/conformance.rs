//! What every sink promises, asked of this one.

use super::*;
use segue_testkit::conformance::sink::{Ability, Harness, Keeps, Place, Rule, check, twins};

struct Files;

struct Folder(TempDir);

#[async_trait]
impl Harness for Files {
    async fn place(&self) -> Result<Box<dyn Place>> {
        Ok(Box::new(Folder(tempfile::tempdir().unwrap())))
    }

    fn lacks(&self) -> &'static [Ability] {
        &[Ability::OldVersions, Ability::Companions, Ability::Passes]
    }

    fn keeps(&self, of: &Type, value: &str) -> Keeps {
        match (of, value) {
            (Type::Float32 | Type::Float64, "NaN") => Keeps::Refuses,
            (Type::Float32 | Type::Float64, "-0.0") => Keeps::As("0.0"),
            _ => Keeps::Whole,
        }
    }
}

#[async_trait]
impl Place for Folder {
    async fn open(&self) -> Result<Arc<dyn Sink>> {
        sink_at(self.0.path(), "app.db")
    }

    fn connection(&self) -> Option<String> {
        Some("app".into())
    }

    async fn ids(&self, target: &Target) -> Result<Option<Vec<i64>>> {
        let db = Connection::open(self.0.path().join("app.db")).unwrap();
        let Ok(mut select) = db.prepare(&format!("select id from {}", file::quoted(&target.place)?)) else {
            return Ok(None);
        };
        let ids = select.query_map([], |r| r.get::<_, Option<i64>>(0)).unwrap();
        Ok(Some(ids.filter_map(|id| id.unwrap()).collect()))
    }

    async fn forbid(&self, target: &Target, rule: Rule) -> Result<()> {
        let db = Connection::open(self.0.path().join("app.db")).unwrap();
        let table = file::quoted(&target.place)?;
        let sql = match rule {
            Rule::UniqueName => format!("create unique index one_name on {table} (name)"),
            Rule::AmountFromZero => {
                let trigger = |on: &str| {
                    format!(
                        "create trigger low_{on} before {on} on {table} when new.amount < 0 begin select raise(abort, 'it is below zero'); end;"
                    )
                };
                trigger("insert") + &trigger("update")
            }
        };
        db.execute_batch(&sql).unwrap();
        Ok(())
    }

    async fn write(&self, target: &Target, rows: &RecordBatch) -> Result<()> {
        let db = Connection::open(self.0.path().join("app.db")).unwrap();
        let columns = table::columns_of(&rows.schema(), None)?;
        let quoted = columns.iter().map(|c| c.quoted.clone());
        let mut insert = table::insert_into(&db, &file::quoted(&target.place)?, quoted)?;
        for row in 0..rows.num_rows() {
            table::insert_row(&mut insert, &columns, rows, row, [])?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_what_every_sink_promises() {
    check(&Files).await.expect_held();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_promise_is_caught() {
    twins::check(&Files).await.expect_held();
}
