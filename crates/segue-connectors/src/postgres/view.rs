//! Rows of a query of ours, as they are asked for: what a table would be, what lies staged.

use super::errors::failed;
use super::marks::asked;
use super::rows::{Rows, Source};
use super::session::{Begin, Sessions};
use super::source::REPLACED;
use super::types::written_as;
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use segue_core::engine::Relation;
use segue_core::{Batches, Ctx, Error, Kind, Result, Type, align};
use std::any::Any;
use std::sync::Arc;
use tokio::sync::mpsc::{self, Sender};

/// Batches that wait to be taken.
const WAITING: usize = 2;

/// A query whose columns are called `c0`, `c1` …, of the types that this sink would have made.
pub(super) struct View {
    pub sessions: Sessions,
    pub schema: SchemaRef,
    pub query: String,
    pub doing: String,
    /// Tells whether the table is still what was asked for, asked in the moment that is read.
    pub still: Option<String>,
    pub ctx: Ctx,
}

#[async_trait]
impl Relation for View {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    async fn scan(&self, columns: Option<&[usize]>) -> Result<Batches> {
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let columns = columns.unwrap_or(&all).to_vec();
        let schema = self
            .schema
            .project(&columns)
            .map_err(|e| Error::bug("a projection of columns that are not there").caused_by(e))?;
        let sources = columns.iter().map(|at| {
            let field = self.schema.field(*at);
            Ok(Source {
                place: format!("c{at}"),
                name: field.name().clone(),
                reading: written_as(&Type::of(field)?),
                required: !field.is_nullable(),
            })
        });
        let reading = Reading {
            sessions: self.sessions.clone(),
            sources: sources.collect::<Result<_>>()?,
            schema: Arc::new(schema),
            query: self.query.clone(),
            doing: self.doing.clone(),
            still: self.still.clone(),
            ctx: self.ctx.clone(),
        };
        let (out, rows) = mpsc::channel(WAITING);
        let meter = self.ctx.meter.clone();
        tokio::spawn(meter.measure(async move {
            if let Err(error) = reading.read(&out).await {
                let _nobody_listens_any_more = out.send(Err(error)).await;
            }
        }));
        Ok(stream::unfold(rows, |mut rows| async move { Some((rows.recv().await?, rows)) }).boxed())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// One scan.
struct Reading {
    sessions: Sessions,
    sources: Vec<Source>,
    schema: SchemaRef,
    query: String,
    doing: String,
    still: Option<String>,
    ctx: Ctx,
}

impl Reading {
    async fn read(&self, out: &Sender<Result<RecordBatch>>) -> Result<()> {
        let client = self.sessions.begin(Begin::ToLook, &self.ctx).await?;
        let asked: Vec<String> = self.sources.iter().map(|s| s.reading.cast.of(&s.place)).collect();
        // A row has a column at least, so that rows can be counted when none is asked for.
        let asked = if asked.is_empty() {
            "true".into()
        } else {
            asked.join(", ")
        };
        let sql = format!(
            "copy (select {asked} from ({}) q) to stdout (format binary)",
            self.query
        );
        let ended = tokio::select! {
            ended = self.rows(&client, &sql, out) => ended,
            () = out.closed() => Err(Error::new(Kind::Cancelled, "nobody takes the rows any more")),
            () = self.ctx.cancel.cancelled() => Err(Error::new(Kind::Cancelled, "stopped, as asked")),
        };
        match ended {
            Ok(()) => {
                self.sessions.roll_back(client).await;
                Ok(())
            }
            Err(error) => {
                self.sessions.door.cancel(&client).await;
                Err(error)
            }
        }
    }

    async fn rows(&self, client: &tokio_postgres::Client, sql: &str, out: &Sender<Result<RecordBatch>>) -> Result<()> {
        if let Some(still) = &self.still {
            let answer = asked(client, still, &[], &self.doing).await?;
            if !answer.first().is_some_and(|row| row.get(0)) {
                let what = format!("cannot {}: it has been written meanwhile", self.doing);
                return Err(Error::new(Kind::Unavailable, what).hint("the next try reads what is there then"));
            }
        }
        let counted = [Source {
            place: "true".into(),
            name: "counted".into(),
            reading: written_as(&Type::Bool),
            required: true,
        }];
        let sources = if self.sources.is_empty() {
            &counted[..]
        } else {
            &self.sources
        };
        let mut messages = Box::pin(client.copy_out(sql).await.map_err(failed(&self.doing))?);
        let mut rows = Rows::of(sources);
        while let Some(message) = messages.next().await {
            rows.take(&message.map_err(failed(&self.doing))?)?;
            if rows.is_full() {
                self.hand_on(&mut rows, out).await?;
            }
        }
        rows.end()?;
        let replaced = asked(client, REPLACED, &[], &self.doing).await?;
        if replaced.first().is_none_or(|row| row.get::<_, i64>(0) > 0) {
            let what = format!("cannot {}: it was emptied or replaced just then", self.doing);
            return Err(Error::new(Kind::Unavailable, what).hint("the next try reads what is there then"));
        }
        self.hand_on(&mut rows, out).await
    }

    async fn hand_on(&self, rows: &mut Rows<'_>, out: &Sender<Result<RecordBatch>>) -> Result<()> {
        let (batch, aside) = rows.hand_on()?;
        if let Some(row) = aside.first() {
            return Err(Error::new(
                Kind::BadData,
                format!(
                    "column `{}` of the table holds something else: {}",
                    row.path.as_deref().unwrap_or_default(),
                    row.reason
                ),
            )
            .hint("another program wrote it; correct it there, or let a replace of the whole table do so"));
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = match self.sources.is_empty() {
            true => batch
                .project(&[])
                .map_err(|e| Error::bug("rows without columns").caused_by(e))?,
            false => align::align(&batch, &self.schema)?,
        };
        out.send(Ok(batch))
            .await
            .map_err(|_| Error::new(Kind::Cancelled, "nobody takes the rows any more"))
    }
}
