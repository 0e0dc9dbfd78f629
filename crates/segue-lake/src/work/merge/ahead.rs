//! Reading on one core what is written on another one.

use arrow_array::RecordBatch;
use futures::{StreamExt, stream};
use segue_core::{Batches, Error, Result, meter};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The same rows, read by a task of their own, up to two batches ahead.
pub(super) fn read_ahead(mut rows: Batches) -> Batches {
    let (send, receive) = mpsc::channel(2);
    let reading = meter::spawn(async move {
        while let Some(batch) = rows.next().await {
            // Nobody wants more.
            if send.send(batch).await.is_err() {
                break;
            }
        }
    });
    let next = |(mut receive, mut reading): (mpsc::Receiver<Result<RecordBatch>>, Option<JoinHandle<()>>)| async move {
        if let Some(batch) = receive.recv().await {
            return Some((batch, (receive, reading)));
        }
        // Were the reader broken off, the rows would not be all.
        let ended = reading.take()?.await;
        let broken = ended.err()?;
        let error = Error::bug("a file was not read to its end").caused_by(broken);
        Some((Err(error), (receive, None)))
    };
    stream::unfold((receive, Some(reading)), next).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{ArrayRef, Int64Array};
    use futures::TryStreamExt;
    use segue_core::Kind;
    use std::sync::Arc;

    fn batch(number: i64) -> RecordBatch {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![number]));
        RecordBatch::try_from_iter([("n", column)]).unwrap()
    }

    #[tokio::test]
    async fn all_rows_come_in_their_order_and_then_the_error() {
        let refused = Error::new(Kind::Unavailable, "the disk is gone");
        let rows = (0..10).map(|n| Ok(batch(n))).chain([Err(refused)]);
        let mut rows = read_ahead(stream::iter(rows).boxed());
        for n in 0..10 {
            assert_eq!(rows.try_next().await.unwrap(), Some(batch(n)));
        }
        assert_eq!(rows.try_next().await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(rows.try_next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_reader_that_breaks_off_is_an_error_and_no_end() {
        let rows = stream::iter(0..3).map(|n| match n {
            2 => panic!("broken"),
            n => Ok(batch(n)),
        });
        let mut rows = read_ahead(rows.boxed());
        assert!(rows.try_next().await.is_ok_and(|b| b.is_some()));
        assert!(rows.try_next().await.is_ok_and(|b| b.is_some()));
        let error = rows.try_next().await.unwrap_err();
        assert!(error.to_text().contains("not read to its end"), "{}", error.to_text());
    }
}
