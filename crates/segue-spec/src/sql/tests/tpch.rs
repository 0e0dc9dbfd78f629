//! The queries of TPC-H over tables whose columns are all known: whatever is reported here is false.

use super::super::{Catalog, Table, Wanted, parse_query, resolve_query};
use crate::name::AssetName;

const TABLES: [(&str, &str); 8] = [
    (
        "t.part",
        "p_partkey p_name p_mfgr p_brand p_type p_size p_container p_retailprice p_comment",
    ),
    (
        "t.supplier",
        "s_suppkey s_name s_address s_nationkey s_phone s_acctbal s_comment",
    ),
    (
        "t.partsupp",
        "ps_partkey ps_suppkey ps_availqty ps_supplycost ps_comment",
    ),
    (
        "t.customer",
        "c_custkey c_name c_address c_nationkey c_phone c_acctbal c_mktsegment c_comment",
    ),
    (
        "t.orders",
        "o_orderkey o_custkey o_orderstatus o_totalprice o_orderdate o_orderpriority o_clerk o_shippriority o_comment",
    ),
    (
        "t.lineitem",
        "l_orderkey l_partkey l_suppkey l_linenumber l_quantity l_extendedprice l_discount l_tax l_returnflag l_linestatus l_shipdate l_commitdate l_receiptdate l_shipinstruct l_shipmode l_comment",
    ),
    ("t.nation", "n_nationkey n_name n_regionkey n_comment"),
    ("t.region", "r_regionkey r_name r_comment"),
];

struct Tpch;

impl Catalog for Tpch {
    fn table(&self, name: &AssetName) -> Table {
        let found = TABLES.iter().find(|(n, _)| *n == name.as_str());
        found.map_or(Table::Missing, |(_, columns)| {
            Table::Lake(Some(columns.split(' ').map(str::to_string).collect()))
        })
    }

    fn names(&self) -> Vec<&str> {
        TABLES.iter().map(|(n, _)| *n).collect()
    }
}

const QUERIES: [(&str, &str); 22] = [
    (
        "l_returnflag, l_linestatus, sum_qty, sum_base_price, sum_disc_price, avg_qty, count_order",
        "select l_returnflag, l_linestatus, sum(l_quantity) as sum_qty, sum(l_extendedprice) as sum_base_price, sum(l_extendedprice * (1 - l_discount)) as sum_disc_price, avg(l_quantity) as avg_qty, count(*) as count_order from t.lineitem where l_shipdate <= date '1998-12-01' - interval '90' day group by l_returnflag, l_linestatus order by l_returnflag, l_linestatus",
    ),
    (
        "s_acctbal, s_name, n_name, p_partkey",
        "select s_acctbal, s_name, n_name, p_partkey from t.part, t.supplier, t.partsupp, t.nation, t.region where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size = 15 and p_type like '%BRASS' and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE' and ps_supplycost = (select min(ps_supplycost) from t.partsupp, t.supplier, t.nation, t.region where p_partkey = ps_partkey and s_suppkey = ps_suppkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey and r_name = 'EUROPE') order by s_acctbal desc, n_name, s_name, p_partkey limit 100",
    ),
    (
        "l_orderkey, revenue, o_orderdate, o_shippriority",
        "select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate, o_shippriority from t.customer, t.orders, t.lineitem where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < date '1995-03-15' group by l_orderkey, o_orderdate, o_shippriority order by revenue desc, o_orderdate limit 10",
    ),
    (
        "o_orderpriority, order_count",
        "select o_orderpriority, count(*) as order_count from t.orders where o_orderdate >= date '1993-07-01' and exists (select * from t.lineitem where l_orderkey = o_orderkey and l_commitdate < l_receiptdate) group by o_orderpriority order by o_orderpriority",
    ),
    (
        "n_name, revenue",
        "select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue from t.customer, t.orders, t.lineitem, t.supplier, t.nation, t.region where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey and c_nationkey = s_nationkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey group by n_name order by revenue desc",
    ),
    (
        "revenue",
        "select sum(l_extendedprice * l_discount) as revenue from t.lineitem where l_shipdate >= date '1994-01-01' and l_discount between 0.06 - 0.01 and 0.06 + 0.01 and l_quantity < 24",
    ),
    (
        "supp_nation, cust_nation, l_year, revenue",
        "select supp_nation, cust_nation, l_year, sum(volume) as revenue from (select n1.n_name as supp_nation, n2.n_name as cust_nation, extract(year from l_shipdate) as l_year, l_extendedprice * (1 - l_discount) as volume from t.supplier, t.lineitem, t.orders, t.customer, t.nation n1, t.nation n2 where s_suppkey = l_suppkey and o_orderkey = l_orderkey and c_custkey = o_custkey and s_nationkey = n1.n_nationkey and c_nationkey = n2.n_nationkey) as shipping group by supp_nation, cust_nation, l_year order by supp_nation, cust_nation, l_year",
    ),
    (
        "o_year, mkt_share",
        "select o_year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) as mkt_share from (select extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) as volume, n2.n_name as nation from t.part, t.supplier, t.lineitem, t.orders, t.customer, t.nation n1, t.nation n2, t.region where p_partkey = l_partkey and s_suppkey = l_suppkey and l_orderkey = o_orderkey and o_custkey = c_custkey and c_nationkey = n1.n_nationkey and n1.n_regionkey = r_regionkey and s_nationkey = n2.n_nationkey) as all_nations group by o_year order by o_year",
    ),
    (
        "nation, o_year, sum_profit",
        "select nation, o_year, sum(amount) as sum_profit from (select n_name as nation, extract(year from o_orderdate) as o_year, l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity as amount from t.part, t.supplier, t.lineitem, t.partsupp, t.orders, t.nation where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and ps_partkey = l_partkey and p_partkey = l_partkey and o_orderkey = l_orderkey and s_nationkey = n_nationkey and p_name like '%green%') as profit group by nation, o_year order by nation, o_year desc",
    ),
    (
        "c_custkey, c_name, revenue, c_acctbal",
        "select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal from t.customer, t.orders, t.lineitem, t.nation where c_custkey = o_custkey and l_orderkey = o_orderkey and l_returnflag = 'R' and c_nationkey = n_nationkey group by c_custkey, c_name, c_acctbal, c_phone, n_name order by revenue desc limit 20",
    ),
    (
        "ps_partkey, value",
        "select ps_partkey, sum(ps_supplycost * ps_availqty) as value from t.partsupp, t.supplier, t.nation where ps_suppkey = s_suppkey and s_nationkey = n_nationkey group by ps_partkey having sum(ps_supplycost * ps_availqty) > (select sum(ps_supplycost * ps_availqty) * 0.0001 from t.partsupp, t.supplier, t.nation where ps_suppkey = s_suppkey and s_nationkey = n_nationkey and n_name = 'GERMANY') order by value desc",
    ),
    (
        "l_shipmode, high_line_count",
        "select l_shipmode, sum(case when o_orderpriority = '1-URGENT' or o_orderpriority = '2-HIGH' then 1 else 0 end) as high_line_count from t.orders, t.lineitem where o_orderkey = l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate group by l_shipmode order by l_shipmode",
    ),
    (
        "c_count, custdist",
        "select c_count, count(*) as custdist from (select c_custkey, count(o_orderkey) from t.customer left outer join t.orders on c_custkey = o_custkey and o_comment not like '%special%requests%' group by c_custkey) as c_orders (c_custkey, c_count) group by c_count order by custdist desc, c_count desc",
    ),
    (
        "promo_revenue",
        "select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end) / sum(l_extendedprice * (1 - l_discount)) as promo_revenue from t.lineitem, t.part where l_partkey = p_partkey and l_shipdate >= date '1995-09-01'",
    ),
    (
        "s_suppkey, s_name, total_revenue",
        "with revenue0 (supplier_no, total_revenue) as (select l_suppkey, sum(l_extendedprice * (1 - l_discount)) from t.lineitem where l_shipdate >= date '1996-01-01' group by l_suppkey) select s_suppkey, s_name, total_revenue from t.supplier, revenue0 where s_suppkey = supplier_no and total_revenue = (select max(total_revenue) from revenue0) order by s_suppkey",
    ),
    (
        "p_brand, p_type, p_size, supplier_cnt",
        "select p_brand, p_type, p_size, count(distinct ps_suppkey) as supplier_cnt from t.partsupp, t.part where p_partkey = ps_partkey and p_brand <> 'Brand#45' and p_size in (49, 14, 23) and ps_suppkey not in (select s_suppkey from t.supplier where s_comment like '%Customer%Complaints%') group by p_brand, p_type, p_size order by supplier_cnt desc, p_brand, p_type, p_size",
    ),
    (
        "avg_yearly",
        "select sum(l_extendedprice) / 7.0 as avg_yearly from t.lineitem, t.part where p_partkey = l_partkey and p_brand = 'Brand#23' and l_quantity < (select 0.2 * avg(l_quantity) from t.lineitem where l_partkey = p_partkey)",
    ),
    (
        "c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, quantity",
        "select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) as quantity from t.customer, t.orders, t.lineitem where o_orderkey in (select l_orderkey from t.lineitem group by l_orderkey having sum(l_quantity) > 300) and c_custkey = o_custkey and o_orderkey = l_orderkey group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice order by o_totalprice desc, o_orderdate limit 100",
    ),
    (
        "revenue",
        "select sum(l_extendedprice * (1 - l_discount)) as revenue from t.lineitem, t.part where (p_partkey = l_partkey and p_brand = 'Brand#12' and p_container in ('SM CASE', 'SM BOX') and l_quantity >= 1 and l_quantity <= 1 + 10 and p_size between 1 and 5 and l_shipmode in ('AIR', 'AIR REG') and l_shipinstruct = 'DELIVER IN PERSON') or (p_partkey = l_partkey and p_brand = 'Brand#23')",
    ),
    (
        "s_name, s_address",
        "select s_name, s_address from t.supplier, t.nation where s_suppkey in (select ps_suppkey from t.partsupp where ps_partkey in (select p_partkey from t.part where p_name like 'forest%') and ps_availqty > (select 0.5 * sum(l_quantity) from t.lineitem where l_partkey = ps_partkey and l_suppkey = ps_suppkey)) and s_nationkey = n_nationkey order by s_name",
    ),
    (
        "s_name, numwait",
        "select s_name, count(*) as numwait from t.supplier, t.lineitem l1, t.orders, t.nation where s_suppkey = l1.l_suppkey and o_orderkey = l1.l_orderkey and o_orderstatus = 'F' and l1.l_receiptdate > l1.l_commitdate and exists (select * from t.lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <> l1.l_suppkey) and not exists (select * from t.lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_suppkey <> l1.l_suppkey) and s_nationkey = n_nationkey group by s_name order by numwait desc, s_name limit 100",
    ),
    (
        "cntrycode, numcust, totacctbal",
        "select cntrycode, count(*) as numcust, sum(c_acctbal) as totacctbal from (select substring(c_phone from 1 for 2) as cntrycode, c_acctbal from t.customer where substring(c_phone from 1 for 2) in ('13', '31') and c_acctbal > (select avg(c_acctbal) from t.customer where c_acctbal > 0.00) and not exists (select * from t.orders where o_custkey = c_custkey)) as custsale group by cntrycode order by cntrycode",
    ),
];

#[test]
fn nothing_is_reported_and_every_column_is_known() {
    for (i, (columns, query)) in QUERIES.iter().enumerate() {
        let statement = parse_query(query).unwrap_or_else(|m| panic!("query {}: {m:?}", i + 1));
        let answer = resolve_query(
            &statement,
            &Tpch,
            Wanted {
                table: true,
                bounded: None,
            },
        );
        assert_eq!(answer.mistakes, [], "query {}", i + 1);
        assert_eq!(
            answer.columns.map(|c| c.join(", ")).as_deref(),
            Some(*columns),
            "query {}",
            i + 1
        );
    }
}

#[test]
fn every_column_that_is_misspelt_is_reported_where_it_stands() {
    let mut planted = 0;
    for (_, query) in QUERIES {
        // Each word that is a column's name names a column, but where it gives one.
        let words = query.match_indices(|c: char| c.is_ascii_lowercase()).map(|(at, _)| at);
        let starts = words.filter(|at| {
            *at == 0 || !query.as_bytes()[at - 1].is_ascii_alphanumeric() && query.as_bytes()[at - 1] != b'_'
        });
        for at in starts {
            let word: &str = query[at..]
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .next()
                .unwrap_or("");
            let is_column = TABLES.iter().any(|(_, columns)| columns.split(' ').any(|c| c == word));
            let named = query[..at].ends_with(" as ") || query[..at].ends_with("c_orders (");
            if !is_column || named {
                continue;
            }
            let broken = format!("{}x{}", &query[..at + word.len()], &query[at + word.len()..]);
            let statement = parse_query(&broken).unwrap();
            let answer = resolve_query(&statement, &Tpch, Wanted::default());
            let place = at..at + word.len() + 1;
            assert!(
                answer.mistakes.iter().any(|m| m.bytes == place),
                "{broken}: {:?}",
                answer.mistakes
            );
            planted += 1;
        }
    }
    assert!(planted > 300, "{planted}");
}
