//! Each type by its values, with the server as the judge of what they are.

use super::*;

#[tokio::test]
async fn every_type_of_the_server_comes_exactly() {
    let bed = Bed::new(
        "create type mood as enum ('sad', 'so so'); create domain grade as int check (value between 1 and 6);
         create type point2 as (x int, y text);
         create table t (
           b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, n numeric, n2 numeric(12, 3), big numeric(60, 2), m money,
           t text, v varchar(5), c char(2), by bytea, u uuid, j json, jb jsonb, d date, ti time, tz timetz, ts timestamp, tstz timestamptz,
           iv interval, bi bit(3), inet inet, mac macaddr, r int4range, mr tstzmultirange, tv tsvector, mood mood, g grade, p point2,
           pt point, ia int4[], tt text[][], na inet[], pa point2[], x xml);
         insert into t values (
           true, -32768, 2147483647, 9223372036854775807, 4294967295, 1.1, 'NaN', 123456789012345678901234567890.123456789, -0.001, 0.05, '$1,234.56',
           'é', 'ab', 'ab', '\\x00ff', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{\"a\" : 1}', '{\"a\" : 1}', '2024-02-29', '23:59:59.999999', '12:00:00+02',
           '2024-02-29 12:00:00.000001', '2024-02-29 12:00:00+09', '1 mon 2 days 03:04:05.6', b'101', '10.0.0.0/8', '08:00:2b:01:02:03', '[1,5)',
           '{[2024-01-01 00:00+00, 2024-01-02 00:00+00)}', 'a fat cat', 'so so', 3, row(1, 'z'), '(1.5,2)', '{1,null,3}', '{{a,b},{c,null}}',
           '{1.2.3.4,::1}', array[row(1,'q')::point2], '<a/>')",
    )
    .await;
    let text = bed.read(json!({ "table": "t" })).await;
    let mut lines = text.lines();
    let (types, values) = (lines.next().unwrap(), lines.next().unwrap());
    let both: Vec<String> = types
        .split(", ")
        .zip(values.split(" | "))
        .map(|(of, value)| format!("{of}: {value}"))
        .collect();
    insta::assert_snapshot!(both.join("\n"), @r#"
    b bool: true
    i2 int16: -32768
    i4 int32: 2147483647
    i8 int64: 9223372036854775807
    o int64: 4294967295
    f4 float32: 1.1
    f8 float64: NaN
    n string: 123456789012345678901234567890.123456789
    n2 decimal(12,3): -0.001
    big string: 0.05
    m string: 1234.56
    t string: é
    v string: ab
    c string: ab
    by binary: 00ff
    u uuid: a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
    j json: {"a" : 1}
    jb json: {"a": 1}
    d date: 2024-02-29
    ti time: 86399999999
    tz string: 12:00:00+02
    ts local_timestamp: 2024-02-29T12:00:00.000001
    tstz timestamp: 2024-02-29T03:00:00Z
    iv string: P1M2DT3H4M5.6S
    bi string: 101
    inet string: 10.0.0.0/8
    mac string: 08:00:2b:01:02:03
    r string: [1,5)
    mr string: {["2024-01-01 00:00:00+00","2024-01-02 00:00:00+00")}
    tv string: 'a' 'cat' 'fat'
    mood string: so so
    g int32: 3
    p json: {"x":1,"y":"z"}
    pt string: (1.5,2)
    ia list<int32>: [1, , 3]
    tt list<list<string>>: [[a, b], [c, ]]
    na list<string>: [1.2.3.4/32, ::1/128]
    pa json: [{"x":1,"y":"q"}]
    x string: <a/>
    "#);
    assert_eq!(lines.next(), Some("done"));
}

#[tokio::test]
async fn what_no_type_here_keeps_is_set_aside_with_its_row() {
    let bed = Bed::new(
        "create table t (id int, d date, ts timestamptz, ti time, a int4[]);
         insert into t values (1, '2024-01-01', '2024-01-01', '10:00', '{1}'), (2, 'infinity', null, null, null), (3, null, '-infinity', null, null),
           (4, null, null, '24:00', null), (5, null, null, null, '{{1,2},{3,4}}'), (6, null, null, null, '[0:1]={7,8}'),
           (7, '12345-01-01', null, null, null), (8, '4000-01-01 BC', null, null, '{}')",
    )
    .await;
    insta::assert_snapshot!(bed.read(json!({ "table": "t" })).await, @r#"
    aside: expected date, found infinity at d: {"id":"2","d":"\\x7fffffff","ts":null,"ti":null,"a":null}
    aside: expected timestamp, found -infinity at ts: {"id":"3","d":null,"ts":"\\x8000000000000000","ti":null,"a":null}
    aside: expected time, found 24:00:00 at ti: {"id":"4","d":null,"ts":null,"ti":"\\x000000141dd76000","a":null}
    aside: expected an array with 1 dimensions, found one with 2 at a: {"id":"5","d":null,"ts":null,"ti":null,"a":"\\x000000020000000000000017000000020000000100000002000000010000000400000001000000040000000200000004000000030000000400000004"}
    aside: an array whose first element is number 0, not 1 at a: {"id":"6","d":null,"ts":null,"ti":null,"a":"\\x000000010000000000000017000000020000000000000004000000070000000400000008"}
    aside: a date beyond the years -9999 to 9999 at d: {"id":"7","d":"\\x0039a782","ts":null,"ti":null,"a":null}
    id int32, d date, ts timestamp, ti time, a list<int32>
    1 | 2024-01-01 | 2024-01-01T00:00:00Z | 36000000000 | [1]
    8 | -3999-01-01 | null | null | []
    done
    "#);
}

#[tokio::test]
async fn text_that_is_not_utf8_ends_the_read() {
    let bed = Bed::new("select 1").await;
    bed.sql("create database odd encoding 'SQL_ASCII' template template0")
        .await;
    let odd = client(&bed.server, "odd").await;
    odd.batch_execute("create table t (id int, said text)").await.unwrap();
    odd.batch_execute("insert into t values (1, 'plain'), (2, convert_from('\\xff'::bytea, 'SQL_ASCII'))")
        .await
        .unwrap();
    let mut settings = bed.settings();
    settings["database"] = json!("odd");
    let request = request(json!({ "table": "t" }), ReadSchema::default());
    insta::assert_snapshot!(told(&source(settings).unwrap(), request, &bed.ctx).await, @r#"error BadData: cannot read public.t: invalid byte sequence for encoding "UTF8": 0xff (sqlstate: 22021)"#);
}

/// How many digits of it stand behind the point is the locale's: to `C` two do, to that of the won none.
#[tokio::test]
async fn money_is_read_by_the_locale_of_the_database() {
    let bed = Bed::new("").await;
    bed.sql(&format!("alter database {} set lc_monetary = 'C.utf8'", bed.database))
        .await;
    let query = json!({ "query": "select current_setting('lc_monetary') as locale, '12.34'::money as paid" });
    insta::assert_snapshot!(bed.read(query).await, @r"
    locale string, paid string
    C.utf8 | 12.34
    done
    ");
}

#[tokio::test]
async fn what_json_does_not_tell_of_a_value_is_set_aside() {
    let bed = Bed::new(
        "create type item as (note json, numbers int[]); create domain entry as item; create type bill as (items item[], last entry);
         create table t (id int, b bill, a item[]);
         insert into t values
           (1, row(array[row('{\"a\" : null}', '{1,null}'), null]::item[], row('[null]', '{}')::item), '{}'),
           (2, row(array[row('{}', '[0:0]={1}')]::item[], null), null), (3, row(array[row('null', null)]::item[], null), null),
           (4, row(null, row('null', null)::item), null), (5, row('[5:5]={\"(,)\"}', null), null), (6, null, '[0:1]={NULL,NULL}'), (7, null, array[null]::item[])",
    )
    .await;
    insta::assert_snapshot!(bed.read(json!({ "table": "t" })).await, @r#"
    aside: expected what JSON tells in full, found ("{""({},[0:0]={1})""}",) at b: {"id":"2","b":"(\"{\"\"({},[0:0]={1})\"\"}\",)","a":null}
    aside: expected what JSON tells in full, found ("{""(null,)""}",) at b: {"id":"3","b":"(\"{\"\"(null,)\"\"}\",)","a":null}
    aside: expected what JSON tells in full, found (,"(null,)") at b: {"id":"4","b":"(,\"(null,)\")","a":null}
    aside: expected what JSON tells in full, found ("[5:5]={""(,)""}",) at b: {"id":"5","b":"(\"[5:5]={\"\"(,)\"\"}\",)","a":null}
    aside: expected what JSON tells in full, found [0:1]={NULL,NULL} at a: {"id":"6","b":null,"a":"[0:1]={NULL,NULL}"}
    id int32, b json, a json
    1 | {"items":[{"note":{"a" : null},"numbers":[1,null]},null],"last":{"note":[null],"numbers":[]}} | []
    7 | null | [null]
    done
    "#);
}
