/* asset: music.artist_profiles
   description: What an artist sounds like; six features of the ten most popular tracks that have any, each from 0 (the least of all those tracks) to 1 (the most).
   owner: data-science
   tags: [music]
   write: { mode: replace, key: [artist_id] }
   checks:
     - { unique: [artist_id] }
     - { between: { column: tracks_used, min: 1, max: 10 } }
     - { row: "array_length(features) = 6", name: six_features }
     - { references: { column: artist_id, table: raw.artists, to: id } }
     # An artist without any track that has features has no profile. That is right, and worth saying.
     - name: artists_without_features
       on_failure: warn
       sql: >
         select a.id, a.name
         from raw.artists a
         where not exists (
           select 1 from raw.top_tracks t join raw.audio_features f on f.id = t.id where t.artist_id = a.id
         ) */
with ranked as (
  select
    t.artist_id, t.simulated,
    f.danceability, f.energy, f.loudness, f.speechiness, f.acousticness, f.instrumentalness,
    row_number() over (partition by t.artist_id order by t.popularity desc, t.id) as place
  from raw.top_tracks t
  join raw.audio_features f on f.id = t.id
),
chosen as (
  select * from ranked where place <= 10
),
bounds as (
  select
    min(danceability) as danceability_min, max(danceability) as danceability_max,
    min(energy) as energy_min, max(energy) as energy_max,
    min(loudness) as loudness_min, max(loudness) as loudness_max,
    min(speechiness) as speechiness_min, max(speechiness) as speechiness_max,
    min(acousticness) as acousticness_min, max(acousticness) as acousticness_max,
    min(instrumentalness) as instrumentalness_min, max(instrumentalness) as instrumentalness_max
  from chosen
),
-- Summed as decimals: floating point would give another last digit each time the rows come in another order.
means as (
  select
    artist_id,
    count(*) as tracks_used,
    bool_or(coalesce(simulated, false)) as simulated,
    cast(avg(cast(danceability as decimal(20, 12))) as double) as danceability,
    cast(avg(cast(energy as decimal(20, 12))) as double) as energy,
    cast(avg(cast(loudness as decimal(20, 12))) as double) as loudness,
    cast(avg(cast(speechiness as decimal(20, 12))) as double) as speechiness,
    cast(avg(cast(acousticness as decimal(20, 12))) as double) as acousticness,
    cast(avg(cast(instrumentalness as decimal(20, 12))) as double) as instrumentalness
  from chosen
  group by artist_id
)
select
  m.artist_id,
  m.tracks_used,
  m.simulated,
  m.danceability, m.energy, m.loudness, m.speechiness, m.acousticness, m.instrumentalness,
  make_array(
    case when danceability_max > danceability_min
         then (m.danceability - danceability_min) / (danceability_max - danceability_min) else 0.0 end,
    case when energy_max > energy_min
         then (m.energy - energy_min) / (energy_max - energy_min) else 0.0 end,
    case when loudness_max > loudness_min
         then (m.loudness - loudness_min) / (loudness_max - loudness_min) else 0.0 end,
    case when speechiness_max > speechiness_min
         then (m.speechiness - speechiness_min) / (speechiness_max - speechiness_min) else 0.0 end,
    case when acousticness_max > acousticness_min
         then (m.acousticness - acousticness_min) / (acousticness_max - acousticness_min) else 0.0 end,
    case when instrumentalness_max > instrumentalness_min
         then (m.instrumentalness - instrumentalness_min) / (instrumentalness_max - instrumentalness_min) else 0.0 end
  ) as features
from means m
cross join bounds
