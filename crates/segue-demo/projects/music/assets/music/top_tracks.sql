/* asset: music.top_tracks
   description: The ten tracks of each artist that are heard most. Spotify's own list where we may ask for it, Deezer's otherwise.
   owner: data-engineering
   tags: [music]
   write: { mode: replace, key: [artist_id, rank], allow_empty: true }
   checks:
     - { unique: [artist_id, rank] }
     - { unique: [artist_id, track_id] }
     - { between: { column: rank, min: 1, max: 10 } }
     - { not_null: [artist_id, track_id, name, source] }
     - { references: { column: artist_id, table: music.artists, to: artist_id } } */
with on_spotify as (
  select isrc, min(id) as id, min(url) as url from raw.spotify_tracks group by isrc
),
told as (
  select
    a.artist_id, 'spotify' as source, t.popularity, t.id as tie,
    coalesce(nullif(t.isrc, ''), 'spotify:' || t.id) as track_id,
    t.name, t.url, nullif(t.isrc, '') as isrc, t.id as spotify_track_id, cast(null as varchar) as deezer_track_id
  from music.artists a
  join raw.spotify_top_tracks t on t.spotify_id = a.spotify_id
  union all
  select
    a.artist_id, 'deezer', t.popularity, cast(t.id as varchar),
    coalesce(nullif(d.isrc, ''), 'deezer:' || cast(t.id as varchar)),
    t.name, coalesce(s.url, t.url), nullif(d.isrc, ''), s.id, cast(t.id as varchar)
  from music.artists a
  join raw.deezer_top_tracks t on t.deezer_id = a.deezer_id
  left join raw.deezer_tracks d on d.track_id = cast(t.id as varchar)
  left join on_spotify s on s.isrc = d.isrc
),
-- A recording that is there on two releases is one track.
once as (
  select *, row_number() over (partition by artist_id, source, track_id order by popularity desc nulls last, tie) as again
  from told
),
chosen as (
  select *, dense_rank() over (partition by artist_id order by case source when 'spotify' then 1 else 2 end) as place
  from once
  where again = 1
),
ranked as (
  select *, row_number() over (partition by artist_id order by popularity desc nulls last, tie) as rank
  from chosen
  where place = 1
)
select artist_id, cast(rank as int) as rank, track_id, name, url, isrc, spotify_track_id, deezer_track_id, source
from ranked
where rank <= 10
