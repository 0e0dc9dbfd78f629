/* asset: shop.similar_products
   description: Of each product, the five of its category that cost nearly the same; rank 1 is the nearest.
   owner: shop
   write: { mode: replace, key: [sku, rank] }
   checks: [ { row: "sku <> other_sku", name: never_itself } ] */
with pairs as (
  select
    a.sku as sku,
    b.sku as other_sku,
    cast(b.price as double) - cast(a.price as double) as difference,
    row_number() over (partition by a.sku order by abs(cast(b.price as double) - cast(a.price as double)), b.sku) as rank
  from shop.products a join shop.products b on b.category = a.category and b.sku <> a.sku
)
select sku, other_sku, rank, difference from pairs where rank <= 5
