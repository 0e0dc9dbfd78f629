/* asset: music.artist_genres
   description: All genres of each artist, each once, with where it comes from. What MusicBrainz calls a genre counts before tags.
   owner: data-engineering
   tags: [music]
   write: { mode: replace, key: [artist_id, genre], allow_empty: true }
   checks:
     - { unique: [artist_id, genre] }
     - { not_null: [artist_id, genre, source] }
     - { references: { column: artist_id, table: music.artists, to: artist_id } } */
with told as (
  select mbid as artist_id, unnest(genres) as genre, 'musicbrainz' as source, 1 as place from raw.musicbrainz_artists
  union all
  select a.artist_id, s.genre, 'spotify', 2
  from (select id, unnest(genres) as genre from raw.spotify_candidates) s
  join music.artists a on a.spotify_id = s.id
  union all
  select mbid, unnest(tags), 'musicbrainz tags', 3 from raw.musicbrainz_artists
),
ranked as (
  select
    t.artist_id, lower(trim(t.genre)) as genre, t.source,
    row_number() over (partition by t.artist_id, lower(trim(t.genre)) order by t.place, t.source) as place
  from told t
  join music.artists a on a.artist_id = t.artist_id
  where trim(t.genre) <> ''
)
select artist_id, genre, source
from ranked
where place = 1
