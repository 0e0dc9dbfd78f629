//! References between the table and others (foreign keys): what a change breaks is refused, and what was broken before is left alone.
//!
//! SQLite itself would look at them row by row while rows are on their way, and would delete rows of other tables where a reference says
//! so. Therefore it is told not to ([`super::file`]), and they are looked at here, before a change and when it is done.

use super::errors::failed;
use rusqlite::{Connection, ErrorCode, params};
use segue_core::{Error, Kind, Result};
use segue_diag as codes;

const DOING: &str = "look at the references between tables";

/// What is broken in the table `?1`: a row of it and the reference that it breaks, and how often. Rows of a table without row ids are not
/// told apart, and are counted: one that breaks where another is mended in the same commit is not seen.
const BROKEN: &str = "select \"table\" as child, rowid as id, parent, fkid as reference, count(*) as many
    from pragma_foreign_key_check(?1, 'main') group by 1, 2, 3, 4";

/// The tables that refer to the one that changes, that one included where it refers to any.
pub(super) struct References {
    tables: Vec<Referring>,
}

struct Referring {
    name: String,
    /// Whether its references could be looked at before: SQLite refuses those to columns that are no key.
    readable: bool,
}

impl References {
    /// Those of the table at this place, with what of them is broken now as a temporary table.
    pub fn before(db: &Connection, place: &str) -> Result<References> {
        let mut found = db
            .prepare(
                "select m.name from main.sqlite_master m where m.type = 'table' and exists (
                   select 1 from pragma_foreign_key_list(m.name, 'main') f
                   where m.name = $1 collate nocase or f.\"table\" = $1 collate nocase)",
            )
            .map_err(failed(DOING))?;
        let names = found.query_map([place], |r| r.get(0)).map_err(failed(DOING))?;
        let names: Vec<String> = names.collect::<rusqlite::Result<_>>().map_err(failed(DOING))?;
        let mut tables = Vec::with_capacity(names.len());
        if !names.is_empty() {
            db.execute_batch(
                "drop table if exists temp.segue_broken; create temp table segue_broken (child, id, parent, reference, many)",
            )
            .map_err(failed(DOING))?;
        }
        for name in names {
            let readable = match db.execute(&format!("insert into temp.segue_broken {BROKEN}"), [&name]) {
                Ok(_) => true,
                // A reference to columns that are no key.
                Err(e) if e.sqlite_error_code() == Some(ErrorCode::Unknown) => false,
                Err(e) => return Err(failed(DOING)(e)),
            };
            tables.push(Referring { name, readable });
        }
        Ok(References { tables })
    }

    /// Refuses what is broken and was not.
    ///
    /// # Errors
    /// `BadData` naming both tables.
    pub fn refuse_broken(&self, db: &Connection) -> Result<()> {
        for table in self.tables.iter().filter(|t| t.readable) {
            let broken = db.query_row(
                &format!(
                    "select coalesce(sum(now.many - coalesce(b.many, 0)), 0), min(now.parent)
                     from ({BROKEN}) now left join temp.segue_broken b
                       on b.child is now.child and b.id is now.id and b.parent is now.parent and b.reference is now.reference
                     where now.many > coalesce(b.many, 0)"
                ),
                params![table.name],
                |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Option<String>>(1)?)),
            );
            let (count, parent) = broken.map_err(failed(DOING))?;
            if let (1.., Some(parent)) = (count, parent) {
                let what = format!(
                    "{count} rows of the table `{}` would refer to rows of `{parent}` that are not there",
                    table.name
                );
                return Err(Error::new(Kind::BadData, what)
                    .code(codes::SQLITE_CONSTRAINT)
                    .hint("delete or change those rows first, or take the reference away; nothing was changed"));
            }
        }
        Ok(())
    }
}
