/* asset: music.artists
   description: The artists with all of their names, ids and links, and how well known they are. What a name may mean is looked for here.
   owner: data-engineering
   tags: [music]
   find: { id: artist_id, name: name, aliases: aliases, popularity: popularity }
   write: { mode: replace, key: [artist_id] }
   checks:
     - { unique: [artist_id] }
     - { not_null: [artist_id, name, aliases] }
     - { between: { column: popularity, min: 0, max: 100 } } */
with called as (
  select artist_id, name as called from music.identities
  union all
  select artist_id, sort_name from music.identities
  union all
  select mbid, name from raw.musicbrainz_artists
  union all
  select mbid, unnest(aliases) from raw.musicbrainz_artists
  union all
  select d.artist_id, a.name from music.deezer_ids d join raw.deezer_artists a on a.deezer_id = d.deezer_id
),
other_names as (
  select c.artist_id, array_sort(array_agg(distinct c.called)) as aliases
  from called c
  join music.identities i on i.artist_id = c.artist_id
  where c.called <> '' and c.called <> i.name
  group by c.artist_id
),
pictures as (
  select id as spotify_id, min(image_url) as image_url from raw.spotify_candidates group by id
),
put_together as (
  select
    i.artist_id, i.name, o.aliases, i.note, i.country, i.kind,
    i.musicbrainz_id, i.spotify_id, i.spotify_id_by, d.deezer_id, d.found_by as deezer_id_by,
    l.listeners, l.listens, f.fans,
    coalesce(p.image_url, f.picture_url) as image_url,
    case when p.image_url is not null then 'spotify' when f.picture_url is not null then 'deezer' end as image_source,
    case
      when i.spotify_id is not null then 'https://open.spotify.com/artist/' || i.spotify_id
      when f.url is not null then f.url
      when i.musicbrainz_id is not null then 'https://musicbrainz.org/artist/' || i.musicbrainz_id
    end as url,
    -- How far up somebody is among those that are counted.
    case when l.listeners is not null
         then percent_rank() over (partition by l.listeners is not null order by l.listeners) end as listened,
    case when f.fans is not null then percent_rank() over (partition by f.fans is not null order by f.fans) end as liked
  from music.identities i
  left join other_names o on o.artist_id = i.artist_id
  left join music.deezer_ids d on d.artist_id = i.artist_id
  left join (select deezer_id, min(fans) as fans, min(url) as url, min(picture_url) as picture_url from raw.deezer_artists group by deezer_id) f
    on f.deezer_id = d.deezer_id
  left join raw.listenbrainz_listeners l on l.mbid = i.musicbrainz_id
  left join pictures p on p.spotify_id = i.spotify_id
)
select
  artist_id, name, coalesce(aliases, array_remove(make_array(''), '')) as aliases,
  cast(round(100 * coalesce(listened, liked)) as int) as popularity,
  case when listened is not null then 'listenbrainz' when liked is not null then 'deezer' end as popularity_source,
  coalesce(listeners, fans) as listeners, listens, fans,
  image_url, image_source, url,
  spotify_id, spotify_id_by, musicbrainz_id, deezer_id, deezer_id_by,
  note, country, kind
from put_together
