//! Tables that were loaded before, for as long as they are the newest: two questions to the store instead of reading a log again.

use crate::errors::storage;
use crate::table::Table;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parking_lot::Mutex;
use segue_core::Result;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The most tables that are remembered.
const MOST_TABLES: usize = 64;

/// Tables by their places.
#[derive(Default)]
pub(crate) struct Loaded(Mutex<HashMap<String, (ObjectMeta, Arc<Table>)>>);

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loaded({})", self.0.lock().len())
    }
}

fn entry_of(version: u64) -> Path {
    Path::from(format!("_delta_log/{version:020}.json"))
}

impl Loaded {
    /// The table at this place, if it was loaded before and is still at its newest version. That its entry in the log is the very same
    /// file tells a table from one that was made anew at its place.
    pub async fn get(&self, place: &str, store: &dyn ObjectStore) -> Result<Option<Arc<Table>>> {
        let Some((proof, table)) = self.0.lock().get(place).cloned() else {
            return Ok(None);
        };
        let same = match head(store, table.version()).await? {
            Some(found) => {
                (found.size, found.last_modified, &found.e_tag) == (proof.size, proof.last_modified, &proof.e_tag)
            }
            None => false,
        };
        if same && head(store, table.version() + 1).await?.is_none() {
            return Ok(Some(table));
        }
        self.0.lock().remove(place);
        Ok(None)
    }

    /// Remembers a table at its newest version.
    pub async fn put(&self, place: &str, store: &dyn ObjectStore, table: &Arc<Table>) -> Result<()> {
        if let Some(proof) = head(store, table.version()).await? {
            let mut all = self.0.lock();
            if all.len() >= MOST_TABLES {
                all.clear();
            }
            all.insert(place.to_string(), (proof, table.clone()));
        }
        Ok(())
    }
}

/// What the store says of an entry of a log; `None` where there is none.
async fn head(store: &dyn ObjectStore, version: u64) -> Result<Option<ObjectMeta>> {
    match store.head(&entry_of(version)).await {
        Ok(found) => Ok(Some(found)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(e) => Err(storage(e, format!("cannot look for entry {version} of a log"))),
    }
}
