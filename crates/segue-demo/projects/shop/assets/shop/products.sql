/* asset: shop.products
   description: What can be asked for, with what people think of it.
   owner: shop
   write: { mode: replace, key: [sku] }
   find: { id: sku, name: name, aliases: also, popularity: sold } */
with rated as (
  select sku, round(avg(stars), 1) as rating, count(*) as reviews from raw.reviews group by sku
)
select
  p.sku,
  p.name,
  string_to_array(p.also, ';') as also,
  p.category,
  p.price,
  p.stock,
  p.sold,
  p.image_url,
  p.url,
  r.rating,
  coalesce(r.reviews, 0) as reviews
from raw.products p left join rated r on r.sku = p.sku
