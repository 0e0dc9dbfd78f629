//! A first read that is cut off goes on behind what counts, and in the end nothing is missing and nothing is as it was.

use super::*;
use std::collections::BTreeSet;

/// What is there of a table, as a step keeps it.
#[derive(Default)]
struct Kept {
    /// The rows by their key, which comes first.
    rows: BTreeMap<String, String>,
    position: Option<Value>,
    /// How many rows counted so far.
    counted: usize,
    /// How many rows came by the last read.
    came: usize,
}

/// A table that is merged by its key, in ranges of it.
fn keyed(table: &str, column: &str, streams: usize) -> Value {
    let position = json!({ "column": column, "resume": "key", "may_repeat": true });
    json!({ "table": table, "streams": streams, "position": position })
}

impl Kept {
    /// Reads on, up to so many points behind which it may go on, or to the end. What came behind the last of them does not count.
    async fn read(&mut self, bed: &Bed, copy: &Value, by: &[&str], points: usize) -> Result<bool> {
        let mut request = request(copy.clone(), ReadSchema::default());
        request.from = self.position.clone();
        request.merged_by = by.iter().map(|name| name.to_string()).collect();
        let mut reads = bed.source().read(request, &bed.ctx).await?;
        let (mut coming, mut said, mut met) = (Vec::new(), None, 0);
        self.came = 0;
        while let Some(read) = reads.next().await {
            let is_done = matches!(read, Ok(Read::Done { .. }));
            match read? {
                Read::Rows { batch, .. } => {
                    self.came += batch.num_rows();
                    coming.extend(rows(&batch));
                }
                Read::Position(position) => said = Some(position),
                Read::Reached { .. } | Read::Done { .. } => {
                    self.counted += coming.len();
                    let key = |row: &str| row.split(" | ").take(by.len().max(1)).collect::<Vec<_>>().join(" | ");
                    self.rows.extend(coming.drain(..).map(|row: String| (key(&row), row)));
                    self.position = Some(said.take().expect("it says how far"));
                    met += 1;
                    if is_done || met == points {
                        return Ok(is_done);
                    }
                }
                Read::Note(_) => {}
                other => panic!("{other:?}"),
            }
        }
        panic!("it ends without a word");
    }

    fn unfinished(&self) -> Option<&Value> {
        self.position.as_ref()?.get("unfinished")
    }

    /// Compares with what is at the source: every row is as it is there, and what is here besides was deleted there after it was read.
    async fn compare(&self, bed: &Bed, columns: &str, deleted: &BTreeSet<String>) {
        let asked = format!("select concat_ws(' | ', {columns}) from t");
        let there = bed.client.query(&asked, &[]).await.unwrap();
        let there: BTreeSet<String> = there.iter().map(|row| row.get(0)).collect();
        let here: BTreeSet<String> = self.rows.values().cloned().collect();
        let missing: Vec<_> = there.difference(&here).take(5).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        let left: BTreeSet<&str> = here
            .difference(&there)
            .map(|row| row.split(" | ").next().unwrap())
            .collect();
        let known: BTreeSet<&str> = deleted.iter().map(String::as_str).collect();
        assert!(left.is_subset(&known), "others: {:?}", left.difference(&known));
    }
}

/// Six parts of a megabyte each.
const TABLE: &str = "create table t (id int primary key, n int8, pad text);
    insert into t select i, i, repeat('x', 1000) from generate_series(1, 6000) i";

#[tokio::test]
async fn what_is_read_stays_and_what_changed_meanwhile_is_caught_up_with() {
    let bed = Bed::new(TABLE).await;
    let late = bed.other().await;
    late.batch_execute("begin; insert into t values (-1, 1, 'late'); update t set n = 0 where id = 7")
        .await
        .unwrap();
    let (copy, mut kept) = (keyed("t", "n", 1), Kept::default());
    assert!(!kept.read(&bed, &copy, &["id"], 2).await.unwrap());
    let first = kept.position.clone().unwrap();
    let unfinished = &first["unfinished"];
    assert_eq!(
        (&unfinished["key"], &unfinished["types"], &unfinished["parts_read"]),
        (&json!(["id"]), &json!(["integer"]), &json!(2))
    );
    let after: usize = unfinished["after"][0].as_str().unwrap().parse().unwrap();
    assert_eq!(kept.rows.len(), after, "all rows up to the key, and no other");
    let parts = unfinished["parts"].as_u64().unwrap();
    assert!((6..=9).contains(&parts), "{parts} parts");
    assert!(
        first["value"] == json!("6000") && first["version"] == json!(2),
        "{first}"
    );
    // Who does not know of such a position does not take it for another.
    let shown = segue_core::source::Unfinished::of(&first).unwrap().to_string();
    assert_eq!(
        shown,
        format!("its first read was cut off: 2 of {parts} parts are there, up to id = {after}")
    );
    // Rows that are there already, and rows that are not, are changed, deleted, moved and new; and the late one comes.
    bed.sql(
        "update t set n = 70000 where id in (1, 5999); delete from t where id in (2, 5998); insert into t values (0, 8, ''), (10000, 8, '');
         update t set id = -3 where id = 3; update t set id = -5997 where id = 5997; update t set id = 20000 where id = 4",
    )
    .await;
    late.batch_execute("commit").await.unwrap();
    assert!(kept.read(&bed, &copy, &["id"], usize::MAX).await.unwrap());
    assert_eq!(kept.unfinished(), None);
    // The rest, and of those before what is another now: 1, 0, -1, -3, -5997 and 7.
    let rest: i64 = {
        let rest = format!("select count(*) from t where id > {after}");
        bed.client.query_one(&rest, &[]).await.unwrap().get(0)
    };
    assert_eq!(kept.came as i64, rest + 6);
    let deleted = BTreeSet::from(["2".to_string(), "3".into(), "4".into()]);
    kept.compare(&bed, "id, n, pad", &deleted).await;
    // From here on it is read as every other.
    assert!(kept.read(&bed, &copy, &["id"], 1).await.unwrap());
    assert_eq!(kept.came, 0);
    bed.sql("insert into t values (-9, 1, '')").await;
    assert!(kept.read(&bed, &copy, &["id"], 1).await.unwrap());
    assert_eq!(kept.came, 1);
}

/// A read that is not cut off is of one moment, and owes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_cut_each_row_comes_once() {
    let bed = Bed::new(TABLE).await;
    for streams in [1, 3] {
        let (copy, mut kept) = (keyed("t", "n", streams), Kept::default());
        assert!(kept.read(&bed, &copy, &["id"], usize::MAX).await.unwrap());
        assert_eq!((kept.came, kept.unfinished()), (6000, None));
        kept.compare(&bed, "id, n, pad", &BTreeSet::new()).await;
    }
    // Where nothing may count before the end, it is read in one.
    let mut kept = Kept::default();
    assert!(kept.read(&bed, &keyed("t", "n", 1), &[], 1).await.unwrap());
    assert_eq!(kept.came, 6000);
    // And a read that was cut off before ends so as well.
    let (copy, mut kept) = (keyed("t", "n", 1), Kept::default());
    assert!(!kept.read(&bed, &copy, &["id"], 3).await.unwrap());
    assert!(kept.read(&bed, &copy, &[], 1).await.unwrap());
    assert!(kept.came < 5000, "{} rows came", kept.came);
    kept.compare(&bed, "id, n, pad", &BTreeSet::new()).await;
}

/// Keys of several columns, in an order that only the server knows, with what another way of writing values would bend.
#[tokio::test]
async fn keys_of_any_type_are_compared_by_the_server() {
    let bed = Bed::new("select 1").await;
    for (columns, key, names) in [
        (
            "region text collate \"en-x-icu\", at timestamptz",
            "(array['it''s', 'a\\b', 'Ä', 'a', 'B', 'z'])[i % 6 + 1], '2024-01-01Z'::timestamptz + i * interval '1 microsecond'",
            vec!["region", "at"],
        ),
        ("a numeric, b char(9)", "i / 7.0, 'x ' || i", vec!["a", "b"]),
        ("v bit(20)", "i::bit(20)", vec!["v"]),
        ("u uuid", "md5(i::text)::uuid", vec!["u"]),
        (
            "f float8, d date",
            "(i % 100) / 3.0, '0044-03-15 BC'::date + i",
            vec!["f", "d"],
        ),
    ] {
        let key_names = names.join(", ");
        // In another order than that of the columns.
        bed.sql(&format!(
            "drop table if exists t; create table t ({columns}, n int8 default 1, pad text default repeat('y', 1000), primary key ({key_names}));
             insert into t select {key} from generate_series(1, 3000) i"
        ))
        .await;
        let (mut kept, mut cuts) = (Kept::default(), 0);
        // Each read is cut off behind the first point.
        while !kept.read(&bed, &keyed("t", "n", 1), &names, 1).await.unwrap() {
            cuts += 1;
        }
        assert!(cuts >= 3, "{columns}: {cuts} cuts");
        assert_eq!(kept.unfinished(), None, "{columns}");
        let all = onward(
            &bed.source(),
            &bed.ctx,
            merged(json!({ "table": "t" }), "n", None),
            None,
        )
        .await;
        let all: BTreeSet<String> = all.unwrap().0.into_iter().collect();
        let seen: BTreeSet<String> = kept.rows.into_values().collect();
        let both = all.intersection(&seen).count();
        // None counted twice.
        assert_eq!(
            (all.len(), seen.len(), both, kept.counted),
            (3000, 3000, 3000, 3000),
            "{columns}"
        );
    }
}

#[tokio::test]
async fn a_partitioned_table_goes_on_too() {
    let bed = Bed::new(
        "create table t (id int primary key, n int8, pad text) partition by range (id);
         create table t1 partition of t for values from (0) to (2000); create table t2 partition of t for values from (2000) to (9000);
         insert into t select i, i, repeat('x', 1000) from generate_series(1, 4000) i",
    )
    .await;
    let (copy, mut kept) = (keyed("t", "n", 1), Kept::default());
    assert!(!kept.read(&bed, &copy, &["id"], 3).await.unwrap());
    // One that is new has rows that are older than the first read.
    bed.sql("create table before (like t including all); insert into before values (-5, 1, ''); alter table t attach partition before for values from (-10) to (0)")
        .await;
    assert!(kept.read(&bed, &copy, &["id"], usize::MAX).await.unwrap());
    kept.compare(&bed, "id, n, pad", &BTreeSet::new()).await;
    assert!(kept.came < 3000, "{} rows came", kept.came);
}

/// Many write while it is read, cut off and read on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_cuts_at_once_lose_nothing() {
    let bed = Bed::new(TABLE).await;
    let seed = u64::from(std::process::id()) ^ 0x51ed_270b;
    println!("seed {seed}");
    let random = |mut from: u64| {
        move |most: u64| {
            from ^= from << 13;
            from ^= from >> 7;
            from ^= from << 17;
            from % most
        }
    };
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut writers = Vec::new();
    for who in 1..=4_u64 {
        let (client, stop) = (bed.other().await, stop.clone());
        let mut next = random(seed.wrapping_mul(who) | 1);
        writers.push(tokio::spawn(async move {
            let (mut deleted, mut at) = (BTreeSet::new(), 0);
            while !stop.load(Ordering::Relaxed) {
                at += 1;
                // Each writer has rows of its own, so that none waits for another.
                let mine = (next(1500) * 4 + who) as i64;
                let new = 10_000 * who as i64 + at;
                let (sql, gone) = match next(4) {
                    0 => (format!("insert into t values ({new}, {at}, 'new')"), None),
                    1 => (format!("delete from t where id = {mine}"), Some(mine)),
                    2 => (format!("update t set id = {new} where id = {mine}"), Some(mine)),
                    _ => (format!("update t set n = n + 1 where id = {mine}"), None),
                };
                let is_lost = next(8) == 0;
                client.batch_execute(&format!("begin; {sql}")).await.unwrap();
                if next(4) == 0 {
                    tokio::time::sleep(Duration::from_millis(next(30))).await;
                }
                let end = if is_lost { "rollback" } else { "commit" };
                client.batch_execute(end).await.unwrap();
                if !is_lost {
                    deleted.extend(gone.map(|id| id.to_string()));
                }
            }
            deleted
        }));
    }
    let (copy, mut kept, mut cuts) = (keyed("t", "n", 2), Kept::default(), 0);
    let mut next = random(seed | 1);
    // The first cuts come as early as can be: how many points there are is the server's sample to say.
    while !kept
        .read(&bed, &copy, &["id"], if cuts < 2 { 1 } else { next(3) as usize + 1 })
        .await
        .unwrap()
    {
        cuts += 1;
    }
    assert!(cuts >= 2, "seed {seed}: {cuts} cuts show nothing");
    stop.store(true, Ordering::Relaxed);
    let mut deleted = BTreeSet::new();
    for writer in writers {
        deleted.extend(writer.await.unwrap());
    }
    assert!(kept.read(&bed, &copy, &["id"], usize::MAX).await.unwrap());
    assert!(deleted.len() > 10, "seed {seed}: nobody wrote");
    kept.compare(&bed, "id, n, pad", &deleted).await;
}

/// The server is killed in the middle, and knows which transactions it had seen end.
#[tokio::test]
async fn a_server_that_dies_costs_the_part_that_was_under_way() {
    let server = tokio::task::spawn_blocking(|| Postgres::start(&["autovacuum=off"]))
        .await
        .unwrap();
    let mut bed = Bed {
        client: client(&server, "postgres").await,
        server: Arc::new(server),
        database: "postgres".into(),
        ctx: Ctx::new("dev", Arc::new(SystemClock::default())),
    };
    bed.sql(TABLE).await;
    bed.sql("update t set n = 5 where id = 6; checkpoint").await;
    let (copy, mut kept) = (keyed("t", "n", 1), Kept::default());
    let mut again = request(copy.clone(), ReadSchema::default());
    again.merged_by = vec!["id".into()];
    assert!(!kept.read(&bed, &copy, &["id"], 2).await.unwrap());
    let mut reads = bed.source().read(again, &bed.ctx).await.unwrap();
    let Some(Ok(_)) = reads.next().await else {
        panic!("nothing comes")
    };
    let mut server = Arc::into_inner(bed.server).expect("nobody else has it");
    let server = tokio::task::spawn_blocking(move || {
        server.kill();
        server.run();
        server
    });
    bed.server = Arc::new(server.await.unwrap());
    let mut last = None;
    while let Some(read) = reads.next().await {
        last = Some(read);
    }
    assert!(matches!(last, Some(Err(_))), "{last:?}");
    bed.client = client(&bed.server, "postgres").await;
    bed.sql("update t set n = 9 where id in (10, 5000)").await;
    let had = kept.rows.len();
    assert!(kept.read(&bed, &copy, &["id"], usize::MAX).await.unwrap());
    assert_eq!(kept.came, 6000 - had + 1);
    kept.compare(&bed, "id, n, pad", &BTreeSet::new()).await;
}

#[tokio::test]
async fn where_the_key_does_not_lead_on_it_is_said() {
    let bed = Bed::new(&format!("{TABLE}; create table keyless (id int, n int8); create table other (id int, b int, n int8, primary key (b, id))")).await;
    let mut said = Vec::new();
    for (table, by) in [("keyless", ["id"]), ("other", ["id"]), ("t", ["n"])] {
        said.push(shown(
            &Kept::default()
                .read(&bed, &keyed(table, "n", 1), &by, 1)
                .await
                .unwrap_err(),
        ));
    }
    // What was read is of that key, and of no `lag:`.
    let mut kept = Kept::default();
    kept.read(&bed, &keyed("t", "n", 1), &["id"], 1).await.unwrap();
    bed.sql("alter table t alter id type int8").await;
    said.push(shown(
        &kept.read(&bed, &keyed("t", "n", 1), &["id"], 1).await.unwrap_err(),
    ));
    bed.sql("alter table t alter id type int").await;
    let mut copy = keyed("t", "n", 1);
    copy["position"]["lag"] = json!("1h");
    said.push(shown(&kept.read(&bed, &copy, &["id"], 1).await.unwrap_err()));
    insta::assert_snapshot!(said.join("\n"), @r"
    error Unsupported[SG0379]: a first read cannot go on by the key after a cut: public.keyless has no primary key
    error Unsupported[SG0379]: a first read cannot go on by the key after a cut: the primary key of public.other is (b, id), and rows are merged by (id)
    error Unsupported[SG0379]: a first read cannot go on by the key after a cut: the primary key of public.t is (id), and rows are merged by (n)
    error Conflict[SG0371]: the first read of public.t was cut off, and its primary key is another now
    error Conflict[SG0371]: the first read of public.t was cut off, and does not go on with a `lag:`
    ");
}
