/* asset: music.track_features
   description: What a track sounds like, a row a value, each with where it comes from and when. What ReccoBeats does not tell Deezer may.
   owner: data-engineering
   tags: [music]
   write: { mode: replace, key: [track_id, feature], allow_empty: true }
   checks:
     - { unique: [track_id, feature] }
     - { not_null: [track_id, feature, value, source] } */
with tracks as (
  select track_id, min(spotify_track_id) as spotify_track_id, min(deezer_track_id) as deezer_track_id
  from music.top_tracks
  group by track_id
),
reccobeats as (
  select t.track_id, f.*
  from tracks t
  join raw.reccobeats_features f on f.href = 'https://open.spotify.com/track/' || t.spotify_track_id
),
deezer as (
  select t.track_id, d.bpm, d.gain, d.fetched_at
  from tracks t
  join raw.deezer_tracks d on d.track_id = t.deezer_track_id
),
told as (
  select track_id, 'danceability' as feature, danceability as value, 'reccobeats' as source, fetched_at, 1 as place from reccobeats
  union all select track_id, 'energy', energy, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'loudness', loudness, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'speechiness', speechiness, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'acousticness', acousticness, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'instrumentalness', instrumentalness, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'liveness', liveness, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'valence', valence, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'tempo', tempo, 'reccobeats', fetched_at, 1 from reccobeats
  union all select track_id, 'tempo', nullif(bpm, 0), 'deezer', fetched_at, 2 from deezer
  union all select track_id, 'loudness', -15 - nullif(gain, 0), 'deezer', fetched_at, 2 from deezer
),
ranked as (
  select *, row_number() over (partition by track_id, feature order by place) as again
  from told
  where value is not null
)
select track_id, feature, value, source, fetched_at
from ranked
where again = 1
