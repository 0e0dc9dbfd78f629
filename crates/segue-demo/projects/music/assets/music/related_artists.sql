/* asset: music.related_artists
   description: >
     The ten artists that are most alike, for each artist, and why. Distance is from 0 to 1: six tenths of it is how they sound, a quarter
     which genres they have, the rest who listens to both. What nobody knows counts as far.
   owner: data-science
   tags: [music]
   write: { mode: replace, key: [artist_id, rank], allow_empty: true }
   checks:
     - { unique: [artist_id, related_id] }
     - { row: "artist_id <> related_id", name: never_itself }
     - { between: { column: rank, min: 1, max: 10 } }
     - { between: { column: distance, min: 0, max: 1 } }
     - { not_null: [reason] }
     - { references: { column: related_id, table: music.artists, to: artist_id } } */
with listened as (
  select s.mbid as artist_id, s.related_mbid as related_id, cast(s.score as double) / max(s.score) over (partition by s.mbid) as listening
  from raw.listenbrainz_similar s
  where s.score > 0
),
-- Nothing is computed from what Spotify alone says.
open_genres as (
  select distinct artist_id, genre from music.artist_genres where source <> 'spotify'
),
genre_counts as (
  select artist_id, count(*) as genres from open_genres group by artist_id
),
common as (
  select
    a.artist_id, b.artist_id as related_id, count(*) as shared,
    array_sort(array_agg(a.genre)) as shared_genres
  from open_genres a
  join open_genres b on b.genre = a.genre and b.artist_id <> a.artist_id
  group by a.artist_id, b.artist_id
),
alike_in_genres as (
  select
    c.artist_id, c.related_id, c.shared_genres,
    cast(c.shared as double) / (x.genres + y.genres - c.shared) as genres,
    row_number() over (
      partition by c.artist_id order by cast(c.shared as double) / (x.genres + y.genres - c.shared) desc, c.related_id
    ) as place
  from common c
  join genre_counts x on x.artist_id = c.artist_id
  join genre_counts y on y.artist_id = c.related_id
),
candidates as (
  select artist_id, neighbour_id as related_id from music.neighbours
  union
  select artist_id, related_id from listened
  union
  select artist_id, related_id from alike_in_genres where place <= 30
),
compared as (
  select
    c.artist_id, c.related_id,
    sqrt(
      power(p.danceability_01 - q.danceability_01, 2) + power(p.energy_01 - q.energy_01, 2) + power(p.loudness_01 - q.loudness_01, 2)
      + power(p.speechiness_01 - q.speechiness_01, 2) + power(p.acousticness_01 - q.acousticness_01, 2)
      + power(p.instrumentalness_01 - q.instrumentalness_01, 2)
    ) as sound_distance,
    g.shared_genres, g.genres, l.listening,
    array_to_string(make_array(
      case when abs(p.danceability_01 - q.danceability_01) < 0.05 then 'danceability' end,
      case when abs(p.energy_01 - q.energy_01) < 0.05 then 'energy' end,
      case when abs(p.loudness_01 - q.loudness_01) < 0.05 then 'loudness' end,
      case when abs(p.speechiness_01 - q.speechiness_01) < 0.05 then 'speechiness' end,
      case when abs(p.acousticness_01 - q.acousticness_01) < 0.05 then 'acousticness' end,
      case when abs(p.instrumentalness_01 - q.instrumentalness_01) < 0.05 then 'instrumentalness' end
    ), ', ') as alike_in
  from candidates c
  join music.artists a on a.artist_id = c.artist_id
  join music.artists b on b.artist_id = c.related_id
  left join music.artist_profiles p on p.artist_id = c.artist_id
  left join music.artist_profiles q on q.artist_id = c.related_id
  left join alike_in_genres g on g.artist_id = c.artist_id and g.related_id = c.related_id
  left join listened l on l.artist_id = c.artist_id and l.related_id = c.related_id
  where c.artist_id <> c.related_id
),
weighed as (
  select
    *,
    0.6 * coalesce(least(sound_distance / sqrt(6.0), 1.0), 1.0)
      + 0.25 * (1.0 - coalesce(genres, 0.0))
      + 0.15 * (1.0 - coalesce(listening, 0.0)) as distance
  from compared
),
ranked as (
  select *, row_number() over (partition by artist_id order by distance, related_id) as rank
  from weighed
)
select
  artist_id, related_id, cast(rank as int) as rank, distance,
  coalesce(nullif(concat_ws('; ',
    case when alike_in <> '' then 'sounds alike: ' || alike_in end,
    case when shared_genres is not null then 'shares ' || array_to_string(shared_genres, ', ') end,
    case when listening > 0 then 'the same people listen' end
  ), ''), 'sounds most alike of all') as reason,
  nullif(alike_in, '') as alike_in, shared_genres, listening, sound_distance
from ranked
where rank <= 10
