//! What another program may have switched on, and this version would read wrongly, is refused as a whole.

use super::bed::{Bed, sales};
use crate::table::TABLE_PROPERTY;
use insta::assert_snapshot;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use segue_core::sink::Change;
use serde_json::{Value, json};

/// A table by another program: its first entry, with the id of the target.
async fn by_another(bed: &Bed, protocol: Value, partitions: Value, file: Value) {
    let schema = json!({"type": "struct", "fields": [
        {"name": "id", "type": "long", "nullable": true, "metadata": {}},
        {"name": "city", "type": "string", "nullable": true, "metadata": {}},
    ]});
    let metadata = json!({
        "id": "b1e1b1c4-0000-4000-8000-000000000000", "format": {"provider": "parquet", "options": {}},
        "schemaString": schema.to_string(), "partitionColumns": partitions, "createdTime": 0,
        "configuration": {TABLE_PROPERTY: bed.target.table.to_string()},
    });
    let lines = [
        json!({"protocol": protocol}),
        json!({"metaData": metadata}),
        json!({"add": file}),
    ];
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    let store = bed.lake.store_of(&bed.target.place);
    let path = Path::from("_delta_log/00000000000000000000.json");
    store.put(&path, text.join("\n").into()).await.unwrap();
}

#[tokio::test]
async fn partitions_are_refused() {
    let bed = Bed::memory();
    let file = json!({"path": "city=a/part-0.parquet", "size": 1, "partitionValues": {"city": "a"},
                      "modificationTime": 0, "dataChange": true});
    by_another(
        &bed,
        json!({"minReaderVersion": 1, "minWriterVersion": 2}),
        json!(["city"]),
        file,
    )
    .await;
    assert_snapshot!(bed.rows().await, @r"
    error[SG0402]: raw.sales has partitions, which this version does not read
      hint: another program changed the table; let it write the table without that feature
      more: segue explain SG0402
    ");
    let staged = vec![bed.stage(&sales(&[(1, "a", 0, None)])).await];
    let refused = bed.work_out(&Change::ReplaceTable, &staged, sales(&[]).schema()).await;
    assert_eq!(refused.unwrap_err().error_code().map(|c| c.as_str()), Some("SG0402"));
}

#[tokio::test]
async fn deletion_vectors_are_refused() {
    let bed = Bed::memory();
    let file = json!({"path": "part-0.parquet", "size": 1, "partitionValues": {}, "modificationTime": 0, "dataChange": true,
                      "stats": "{\"numRecords\":2}",
                      "deletionVector": {"storageType": "u", "pathOrInlineDv": "vBn[lx{q8@P<9BNH/isA", "offset": 1,
                                         "sizeInBytes": 36, "cardinality": 1}});
    let protocol = json!({"minReaderVersion": 3, "minWriterVersion": 7,
                          "readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]});
    by_another(&bed, protocol, json!([]), file).await;
    assert_snapshot!(bed.rows().await, @r"
    error[SG0402]: raw.sales has deletion vectors, which this version does not read
      hint: another program changed the table; let it write the table without that feature
      more: segue explain SG0402
    ");
}
