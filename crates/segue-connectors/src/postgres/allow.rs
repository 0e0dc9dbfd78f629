//! What of the staged rows a table takes: nothing is narrowed, nothing is bent, keys are keys, and rows are where they are said to be.

use super::change::{Column, Prepared};
use super::staging::{DELETES, Piece};
use super::target::{self, Table, read};
use segue_core::sink::{Change, Target};
use segue_core::{Error, Kind, Result, Type};
use segue_diag as codes;

/// How the staged values of a column become those of one that somebody else declared.
pub(super) struct Taken {
    /// A value as the column would have it. The server says itself what is no value of the type.
    pub value: String,
    /// The condition under which it is another one there; `None` where each is as it is.
    pub bent: Option<String>,
}

impl Prepared<'_> {
    /// Refuses types that would be narrowed, and values that a column of somebody else's would bend.
    pub async fn check_types(&self) -> Result<()> {
        self.check_columns().await?;
        match self.found.as_ref().filter(|_| !self.created) {
            Some(table) => self.check_bent(table).await,
            None => Ok(()),
        }
    }

    /// Refuses types that would be narrowed, and columns that a table of somebody else's does not have.
    pub async fn check_columns(&self) -> Result<()> {
        let own: Vec<String> = self.change.own_columns().iter().map(|f| f.name().clone()).collect();
        for piece in &self.pieces {
            for field in piece.columns.fields() {
                if own.contains(field.name()) {
                    return Err(Error::new(
                        Kind::BadData,
                        format!(
                            "column `{}` is filled by the write mode itself, and the rows have one too",
                            field.name()
                        ),
                    )
                    .hint("give it another name in the asset"));
                }
                if self.schema.field_with_name(field.name()).is_err() {
                    return Err(Error::new(
                        Kind::BadData,
                        format!("column `{}` is not in the table", field.name()),
                    ));
                }
            }
            let columns = self.columns.iter().zip(self.schema.fields());
            for (column, wanted) in columns.filter(|(c, _)| !own.contains(&c.name)) {
                self.check_column(piece, column, wanted.is_nullable()).await?;
            }
        }
        match self.found.as_ref().filter(|_| !self.created) {
            Some(table) => {
                let comes = |name: &str| {
                    own.iter().any(|o| o == name) || self.columns.iter().any(|c| c.comes && c.name == name)
                };
                target::check_foreign(table, &self.schema, comes)
            }
            None => Ok(()),
        }
    }

    async fn check_column(&self, piece: &Piece, column: &Column, nullable: bool) -> Result<()> {
        let there = piece.place()?.quoted();
        let Ok(field) = piece.columns.field_with_name(&column.name) else {
            return match nullable || self.count(&format!("select count(*) from {there}")).await? == 0 {
                true => Ok(()),
                false => Err(Error::new(
                    Kind::BadData,
                    format!("column `{}` is required, and does not come", column.name),
                )),
            };
        };
        let have = Type::of(field)?;
        let values = |condition: &str| format!("select count(*) from {there} where {} {condition}", column.quoted);
        if !nullable && field.is_nullable() {
            let deleting = if piece.deletes {
                format!("is null and not {DELETES}")
            } else {
                "is null".into()
            };
            let empty = self.count(&values(&deleting)).await?;
            if empty > 0 {
                return Err(Error::new(
                    Kind::BadData,
                    format!("column `{}` is required and has {empty} empty values", column.name),
                ));
            }
        }
        let is_vector =
            matches!((&have, &column.of), (Type::List(of), Type::Vector(_)) if of.widens_to(&Type::Float64));
        if let (true, Type::Vector(many)) = (is_vector, &column.of) {
            let other = format!(
                "is not null and (pg_catalog.cardinality({0}) <> {many} or pg_catalog.array_position({0}, null) is not null)",
                column.quoted
            );
            return match self.count(&values(&other)).await? {
                0 => Ok(()),
                _ => Err(Error::new(
                    Kind::BadData,
                    format!(
                        "column `{}` has a vector of another length, or with an empty value, where {many} are needed",
                        column.name
                    ),
                )),
            };
        }
        if have.widens_to(&column.of) || self.count(&values("is not null")).await? == 0 {
            return Ok(());
        }
        Err(Error::new(
            Kind::BadData,
            format!(
                "column `{}` is {have} and the table has {}: a value could change",
                column.name, column.of
            ),
        )
        .hint("cast it in the SQL, or change the column's type; widening is done by itself, narrowing never"))
    }

    /// Refuses values that would not be the same in a column that somebody else declared.
    async fn check_bent(&self, table: &Table) -> Result<()> {
        for column in self.columns.iter().filter(|c| c.comes) {
            for piece in &self.pieces {
                let Some(taken) = taken(table, column, piece)? else {
                    continue;
                };
                let bent = self.count(&taken.asked(piece)?).await?;
                if bent > 0 && taken.bent.is_some() {
                    return Err(Error::new(
                        Kind::BadData,
                        format!(
                            "{bent} values of column `{}` would be changed by the table {}, whose column is {}",
                            column.name,
                            table.place.quoted(),
                            column.declared
                        ),
                    )
                    .code(codes::POSTGRES_VALUE)
                    .hint("round or cut them in the SQL, or give the table's column a wider type"));
                }
            }
        }
        Ok(())
    }

    /// Refuses null and doubled keys, and rows outside of what is replaced.
    pub async fn check_rows(&self, target: &Target) -> Result<()> {
        let bad = |count: u64, what: String| match count {
            0 => Ok(()),
            count => Err(Error::new(
                Kind::BadData,
                format!("{count} rows for {} {what}", target.name),
            )),
        };
        if self.pieces.is_empty() {
            return Ok(());
        }
        match self.change {
            Change::Append | Change::ReplaceTable => Ok(()),
            Change::Merge { key, .. } | Change::DeleteInsert { key } | Change::History { key, .. } => {
                let at: Vec<String> = key
                    .iter()
                    .map(|k| self.at(k).map(|at| format!("c{at}")))
                    .collect::<Result<_>>()?;
                let keys = at.join(", ");
                let incoming = self.incoming()?;
                let nulls: Vec<String> = at.iter().map(|c| format!("{c} is null")).collect();
                let empty = self
                    .count(&format!(
                        "select count(*) from {incoming} i where {}",
                        nulls.join(" or ")
                    ))
                    .await?;
                bad(empty, format!("have an empty key ({})", key.join(", ")))?;
                if matches!(self.change, Change::DeleteInsert { .. }) {
                    return Ok(());
                }
                let doubled = self
                    .count(&format!(
                        "select coalesce(sum(n), 0)::int8 from (select count(*) as n from {incoming} i group by {keys} having count(*) > 1) k"
                    ))
                    .await?;
                bad(doubled, format!("share a key ({}) with another", key.join(", ")))
            }
            Change::ReplaceSlices { columns, .. } => bad(
                self.outside().await?,
                format!("belong to other slices ({})", columns.join(", ")),
            ),
            Change::ReplaceRanges { column, .. } => {
                bad(self.outside().await?, format!("lie outside the ranges of {column}"))
            }
        }
    }

    async fn outside(&self) -> Result<u64> {
        let Some(parts) = self.parts()? else { return Ok(0) };
        let inside = self.in_part(&|at| format!("i.c{at}"))?;
        self.count(&format!(
            "select count(*) from {} i where not exists (select from {parts} where {inside})",
            self.incoming()?
        ))
        .await
    }
}

/// How a column's values in this piece become those of the table; `None` where they are of its very type.
pub(super) fn taken(table: &Table, column: &Column, piece: &Piece) -> Result<Option<Taken>> {
    let Ok(field) = piece.columns.field_with_name(&column.name) else {
        return Ok(None);
    };
    let of = Type::of(field)?;
    let Some(there) = table.column(&column.name) else {
        return Ok(None);
    };
    let lies = piece.declared(field)?;
    if lies == column.declared {
        return Ok(None);
    }
    let came = read(&column.quoted, &lies, &of);
    let value = there.take(&came, &of, &table.place);
    let both = there.both(&came, &of, &table.place);
    let bent = both.map(|(came, kept)| format!("{came} is distinct from {kept}"));
    Ok(Some(Taken { value, bent }))
}

impl Taken {
    /// The question how many values of the piece would be bent, or are there where none can be.
    pub fn asked(&self, piece: &Piece) -> Result<String> {
        let there = piece.place()?.quoted();
        Ok(match &self.bent {
            None => format!("select count({}) from {there}", self.value),
            Some(bent) => format!("select count(*) from {there} where {bent}"),
        })
    }
}
