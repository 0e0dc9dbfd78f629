//! Object stores: S3, Google Cloud Storage and Azure, as places for files and as targets of exports.
//!
//! In reading order: what connection files say ([`settings`]), the bucket as a place ([`bucket`]), how it is asked ([`wire`]) and what its
//! errors mean ([`errors`]).

pub(crate) mod bucket;
pub(crate) mod errors;
pub(crate) mod settings;
pub(crate) mod wire;

use crate::connector::{Connector, Deps, schema_of};
use crate::files::export::{self, Export};
use crate::files::{Files, FilesCopy};
use bucket::Bucket;
use segue_core::Result;
use segue_core::sink::Sink;
use segue_core::source::Source;
use std::sync::Arc;

/// S3, and what speaks like it.
pub static S3: Connector = Connector {
    kind: "s3",
    about: "Files in a bucket of Amazon S3, or of a server that speaks like it.",
    connection_schema: schema_of::<settings::S3>,
    copy_schema: schema_of::<FilesCopy>,
    into_schema: Some(export::schema),
    source: Some(|settings, deps| read(settings.read::<settings::S3>(&deps.connection)?.open(&deps)?, deps)),
    sink: Some(|settings, deps| write(settings.read::<settings::S3>(&deps.connection)?.open(&deps)?, deps)),
};

/// Google Cloud Storage.
pub static GCS: Connector = Connector {
    kind: "gcs",
    about: "Files in a bucket of Google Cloud Storage.",
    connection_schema: schema_of::<settings::Gcs>,
    copy_schema: schema_of::<FilesCopy>,
    into_schema: Some(export::schema),
    source: Some(|settings, deps| read(settings.read::<settings::Gcs>(&deps.connection)?.open(&deps)?, deps)),
    sink: Some(|settings, deps| write(settings.read::<settings::Gcs>(&deps.connection)?.open(&deps)?, deps)),
};

/// Azure Blob Storage.
pub static AZURE: Connector = Connector {
    kind: "azure",
    about: "Files in a container of Azure Blob Storage or Data Lake Storage.",
    connection_schema: schema_of::<settings::Azure>,
    copy_schema: schema_of::<FilesCopy>,
    into_schema: Some(export::schema),
    source: Some(|settings, deps| read(settings.read::<settings::Azure>(&deps.connection)?.open(&deps)?, deps)),
    sink: Some(|settings, deps| write(settings.read::<settings::Azure>(&deps.connection)?.open(&deps)?, deps)),
};

fn read(bucket: Bucket, deps: Deps) -> Result<Arc<dyn Source>> {
    Ok(Arc::new(Files::of(Arc::new(bucket), deps.staging_dir)))
}

fn write(bucket: Bucket, deps: Deps) -> Result<Arc<dyn Sink>> {
    Ok(Arc::new(Export::into_bucket(bucket, &deps)))
}

#[cfg(test)]
mod tests;
